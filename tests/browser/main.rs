//! Real Chromium calls Chromium and native peers through a real switchboard; what is heard is measured.
//!
//! Needs Chromium, chromedriver, espeak-ng and sox. Where one is missing every test is reported as ignored, with the
//! reason; `HANDSET_REQUIRE_BROWSER=1` or `HANDSET_TEST_TOOLS=required` makes that a failure.
//! One browser test runs at a time: they measure sound in real time.

#![expect(clippy::disallowed_methods, reason = "drives real processes in real time")]
#![expect(clippy::print_stderr, reason = "says why a test is skipped")]

mod answering;
mod calling;
#[cfg(feature = "peer")]
#[path = "../turn/coturn_process.rs"]
mod coturn_process;
mod launch;
#[cfg(feature = "peer")]
mod native;
mod page;
#[cfg(feature = "peer")]
mod peer;
mod recorder;
#[cfg(feature = "peer")]
mod relayed;
mod speech;
mod stage;
mod switchboard;
mod trouble;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use stage::Stage;

/// What a test gives back: any error that can be shown will do.
type Outcome = Result<(), Failed>;

macro_rules! trials {
    ($($module:ident :: $test:ident),* $(,)?) => {
        vec![$(Trial::ignorable_test(
            concat!(stringify!($module), "::", stringify!($test)),
            || perform(|stage| Box::pin(async move { $module::$test(&stage).await })),
        )),*]
    };
}

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(1);
    #[cfg_attr(not(feature = "peer"), expect(unused_mut, reason = "more tests where there are peers"))]
    let mut trials = trials![
        calling::two_browsers_hear_each_others_speech_and_either_ends_the_call,
        calling::the_frame_length_that_a_page_asks_for_is_what_it_gets,
        calling::the_keyboard_alone_is_enough,
        calling::mute_and_hold_are_silence_for_the_other_side,
        answering::a_call_can_be_declined_and_the_caller_is_told,
        answering::a_third_caller_hears_busy,
        answering::a_caller_who_gives_up_stops_the_ringing,
        answering::two_who_call_each_other_at_once_are_in_one_call,
        trouble::a_refused_microphone_is_said_in_words_and_the_caller_still_listens,
        trouble::an_unplugged_microphone_is_said_and_taken_back,
        trouble::calling_nobody_or_oneself_is_one_clear_sentence,
        trouble::a_name_in_use_is_said_in_words,
        trouble::a_page_that_is_left_ends_its_call_and_frees_its_name,
        trouble::a_call_outlives_its_switchboard_and_is_known_to_the_next,
        trouble::a_phone_shows_everything_and_every_button_is_big_enough,
    ];
    #[cfg(feature = "peer")]
    trials.extend(trials![
        native::chromium_calls_a_peer_both_are_heard_and_the_browser_hangs_up,
        native::a_peer_calls_chromium_both_are_heard_and_the_peer_hangs_up,
        native::each_obeys_the_opus_settings_that_the_other_asks_for,
        native::a_browser_puts_a_peer_on_hold_and_takes_it_back,
        native::a_peer_that_calls_is_told_of_declined_and_busy,
        native::a_peer_that_dies_is_missed_by_the_browser,
        relayed::chromium_calls_a_peer_through_our_relay_and_both_are_heard,
        relayed::a_peer_calls_chromium_through_our_relay_and_both_are_heard,
        relayed::chromium_calls_a_peer_through_coturn_and_both_are_heard,
        relayed::a_peer_calls_chromium_through_coturn_and_both_are_heard,
    ]);
    let conclusion = libtest_mimic::run(&arguments, trials);
    Stage::close();
    conclusion.exit_code()
}

/// Runs one test on the stage, and clears it afterwards whatever happened.
fn perform(test: impl FnOnce(&'static Stage) -> stage::Scene) -> Result<Completion, Failed> {
    match Stage::open() {
        Ok(stage) => stage.perform(test(stage)).map(|()| Completion::Completed),
        Err(missing) if stage::browser_is_required() => Err(missing.into()),
        Err(missing) => {
            eprintln!("SKIPPED: {missing}");
            Ok(Completion::ignored_with(missing))
        }
    }
}
