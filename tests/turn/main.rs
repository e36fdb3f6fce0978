//! Real programs over real sockets: coturn beside our TURN client, coturn's load client and
//! turn-client-proto beside our relay, as a bare core and inside a switchboard.
//!
//! Everything stays on loopback. Without coturn these tests say that they are skipped, unless
//! `HANDSET_TEST_TOOLS=required` makes that a failure.
#![expect(clippy::disallowed_methods, reason = "real sockets need real time, and threads of their own")]
#![expect(clippy::print_stderr, reason = "says why a test is skipped")]

mod client;
mod coturn;
mod coturn_process;
#[cfg(feature = "switchboard")]
mod foreign_client;
mod relay;
#[cfg(feature = "switchboard")]
mod switchboard;

use std::process::Command;

/// Whether a program of coturn's is there; says so when it is not.
fn has(program: &str) -> bool {
    if Command::new(program).arg("-h").output().is_ok() {
        return true;
    }
    let required = std::env::var("HANDSET_TEST_TOOLS").is_ok_and(|value| value == "required");
    assert!(!required, "{program} is not installed");
    eprintln!("skipped: {program} is not installed");
    false
}
