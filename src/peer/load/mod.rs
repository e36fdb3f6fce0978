//! `peer load`: many whole calls in one process, to see how many a machine carries without a deadline missed.
//!
//! Each call has both of its ends here: encoder, jitter buffer, decoder, ICE, DTLS and SRTP, over UDP sockets of their
//! own on loopback. A few threads, one for each core, run all of them, each with one event loop; a call costs no thread.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command that prints a table, and what kept it from it"
)]

mod args;
mod end;
mod lane;
mod punctuality;
mod run;
mod talk;

pub use args::LoadArgs;
pub use run::run;
