//! The relay's program in the kernel, run there for one packet at a time.
//!
//! Loading programs takes Linux 6.6, CAP_BPF and CAP_NET_ADMIN. Where they are missing these tests are reported as
//! ignored, with the reason: never as passed, and never as failed.

#![expect(clippy::disallowed_methods, reason = "the kernel has a clock of its own")]
#![expect(clippy::print_stderr, reason = "says why a test is skipped")]

#[path = "."]
mod net {
    #[path = "."]
    pub(crate) mod relay_server {
        #[path = "../../src/net/relay_server/kernel/mod.rs"]
        #[allow(
            dead_code,
            unreachable_pub,
            unused_imports,
            reason = "its shell and its unit tests are in the library"
        )]
        pub(crate) mod kernel;
    }
}

use handset::{ice, relay};
use libtest_mimic::{Arguments, Completion, Trial};
use net::relay_server::kernel::tests::{SCENES, missing};
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let missing = missing();
    let trials = SCENES.iter().map(|(name, scene)| {
        let missing = missing.clone();
        Trial::ignorable_test(*name, move || match missing {
            None => {
                scene();
                Ok(Completion::Completed)
            }
            Some(why) => {
                eprintln!("SKIPPED: {why}");
                Ok(Completion::ignored_with(why))
            }
        })
    });
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}
