//! `peer simulate`: one direction of a call over simulated networks, in virtual time.
//!
//! A synthetic voice is encoded once; its packets go through [`Stream`](crate::sim::Stream) and
//! [`Path`](crate::sim::Path) to a real receiver with the real decoder. An hour of a call takes seconds, and the same
//! seed gives the same call.

#![expect(clippy::print_stdout, reason = "the table is what it is run for")]
#![expect(clippy::print_stderr, reason = "a command line tells people what is wrong on stderr")]

mod args;
mod run;

pub use args::{NetworkArgs, SimulateArgs};
pub use run::run;
