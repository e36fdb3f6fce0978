//! `peer replay`: what a trace or a capture holds, through the receiver again.
//!
//! A trace without sound says which frames its packets held and not what was said in them: there a synthetic voice
//! speaks, in frames of the same lengths and with the same redundancy, so that every decision can be made again.

#![expect(clippy::print_stdout, reason = "the table is what it is run for")]
#![expect(clippy::print_stderr, reason = "a command line tells people what is wrong on stderr")]

mod args;
mod line;
mod recorded;
mod run;
mod wardrobe;

pub use args::ReplayArgs;
pub use run::run;
