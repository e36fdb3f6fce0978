//! Calls that get through: real peers, a real switchboard and real coturn, on loopback and across address translators.
//!
//! The translators are network namespaces with nftables, which only root can make. Where they, coturn or nftables are
//! missing, the tests that need them are reported as ignored, with the reason; `HANDSET_TEST_TOOLS=required` makes a
//! missing program a failure. A machine that does not permit namespaces is never a failure, and never a pass.

#![expect(clippy::disallowed_methods, reason = "drives real processes in real time")]
#![expect(clippy::print_stderr, reason = "says why a test is skipped")]

mod by_kernel;
mod certificate;
mod coturn;
#[path = "../support/folder.rs"]
mod folder;
mod hidden;
mod laboratory;
mod nat;
mod programs;
mod relayed;
mod talk;
mod voice;
#[path = "../support/wav.rs"]
mod wav;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Completion, Failed, Trial};

/// Scenes at once. They share nothing but the processor.
const SCENES_AT_ONCE: usize = 4;

/// What a scene needs.
#[derive(Clone, Copy)]
enum Needs {
    Coturn,
    Laboratory,
    Namespaces,
    Kernel,
}

macro_rules! trials {
    ($needs:expr, $($module:ident :: $test:ident),* $(,)?) => {
        [$(Trial::ignorable_test(
            concat!(stringify!($module), "::", stringify!($test)),
            || perform($needs, $module::$test),
        )),*]
    };
}

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(SCENES_AT_ONCE);
    let mut trials = Vec::from(trials![
        Needs::Coturn,
        // The longest comes first: the others are played beside it.
        relayed::nonces_and_allocations_that_end_within_minutes_are_not_heard,
        relayed::over_udp_tcp_and_tls_with_a_static_password,
        relayed::over_the_relay_that_the_switchboard_brings_along,
        relayed::with_credentials_of_the_rest_scheme,
        relayed::wrong_and_expired_credentials_are_told_and_the_call_goes_on_without_the_relay,
        relayed::a_relay_that_is_restarted_is_asked_again,
    ]);
    trials.extend(trials![
        Needs::Laboratory,
        nat::two_cones_are_crossed_directly,
        nat::a_symmetric_translator_and_a_full_cone_are_crossed_directly,
        nat::two_symmetric_translators_need_the_relay,
        nat::where_udp_is_blocked_the_relay_is_reached_over_tcp,
        nat::where_all_but_port_443_is_blocked_the_relay_is_reached_over_tls,
        nat::ipv6_alone_is_enough,
        nat::two_translators_in_a_row_are_crossed,
        nat::a_translation_that_is_lost_in_a_call_is_made_anew,
        nat::an_interface_that_is_replaced_in_a_call_costs_a_moment,
        nat::a_switchboard_that_cannot_be_reached_is_not_missed_by_a_call,
    ]);
    trials.extend(trials![
        Needs::Kernel,
        by_kernel::a_call_between_two_homes_is_passed_on_by_the_kernel,
        by_kernel::a_change_in_the_network_is_not_heard,
        by_kernel::both_on_relayed_addresses_of_one_relay_hear_each_other,
    ]);
    trials.extend(trials![
        Needs::Namespaces,
        hidden::two_that_hide_their_addresses_find_each_other_over_ipv4,
        hidden::two_that_hide_their_addresses_find_each_other_over_ipv6,
    ]);
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn perform(needs: Needs, scene: fn()) -> Result<Completion, Failed> {
    let missing = match needs {
        Needs::Coturn => coturn::missing(),
        Needs::Laboratory => coturn::missing().or_else(laboratory::missing),
        Needs::Namespaces => laboratory::missing(),
        Needs::Kernel => coturn::missing().or_else(laboratory::missing).or_else(by_kernel::missing),
    };
    match missing {
        None => {
            scene();
            Ok(Completion::Completed)
        }
        Some(programs::Missing::Program(name)) if std::env::var("HANDSET_TEST_TOOLS").is_ok() => {
            Err(format!("{name} is not installed").into())
        }
        Some(missing) => {
            let why = missing.to_string();
            eprintln!("SKIPPED: {why}");
            Ok(Completion::ignored_with(why))
        }
    }
}
