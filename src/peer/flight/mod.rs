//! A receiver put through arrivals in virtual time and watched: what `peer simulate` and `peer replay` share.
//!
//! - [`Flight`]: the run; [`FlightLog`]: what it saw, pull by pull;
//! - [`Figures`]: the numbers of one run, a line of a table;
//! - [`Table`]: columns of text;
//! - [`Voice`]: Opus packets of a synthetic voice.

mod figures;
mod run;
mod table;
mod voice;

pub(super) use figures::{Figures, HEADINGS};
pub(super) use run::{Arrived, Flight, FlightLog};
pub(super) use table::Table;
pub(super) use voice::{Voice, speak};
