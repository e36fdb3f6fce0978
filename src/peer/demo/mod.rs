//! `peer demo`: a whole call on this machine, between separate processes, shown as it happens and measured at the end.
//!
//! A switchboard and two peers, alice and bob, are started beside this process. Both speak a file and record what they
//! hear; their `--events` lines tell when what happened. What was said and what was heard then lie on one clock, and
//! [`measure`](crate::measure) says how late and how complete it arrived.
//!
//! ```text
//!   demo ─┬─ switchboard ──┐ WebSocket
//!         ├─ bob (answer) ─┤            said/*.wav ──► peer ══ UDP, DTLS-SRTP ══ peer ──► heard/*.wav
//!         └─ alice (call) ─┘            stdout of both: events, one JSON object a line
//! ```

#![expect(clippy::print_stdout, reason = "the demo is made to be read")]
#![expect(clippy::print_stderr, reason = "a command line tells people what is wrong on stderr")]

mod args;
mod child;
mod error;
mod live;
mod outcome;
mod report;
mod run;
mod speech;
mod timeline;
mod told;

pub use args::DemoArgs;
pub use run::run;
