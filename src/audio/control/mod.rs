//! What is sent: frame length, bitrate and redundancy, chosen from what the other side reports.
//!
//! - [`Policy`]: what a caller wants and what is fixed by hand;
//! - [`Abilities`]: what both sides understand;
//! - [`Plan`]: everything about what is sent, chosen as the one of greatest expected quality;
//! - [`Controller`]: takes reports in and gives plans out, without a clock of its own.

mod controller;
pub mod fuzz;
mod plan;
mod policy;
mod quality;

pub use controller::Controller;
pub use plan::{Abilities, Path, Plan};
pub use policy::Policy;
