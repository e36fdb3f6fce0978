use std::fmt::Write as _;

use super::*;
use crate::call::state::Step;

const EXPECTED: &str = include_str!("table.txt");

fn all_states() -> Vec<State> {
    vec![
        State::Dialing,
        State::Ringing,
        State::Connecting,
        State::Connected,
        State::Held(Hold::Us),
        State::Reconnecting(None),
        State::Reconnecting(Some(Hold::Us)),
        State::Ended(EndReason::Lost),
    ]
}

fn all_steps() -> Vec<Step> {
    vec![
        Step::Rings,
        Step::Answered,
        Step::PathUp,
        Step::PathLost,
        Step::HoldChanged(None),
        Step::HoldChanged(Some(Hold::Us)),
        Step::HoldChanged(Some(Hold::Both)),
        Step::End(EndReason::HungUp(Side::Them)),
    ]
}

#[test]
fn every_state_answers_every_step_as_the_table_says() {
    let mut table = String::new();
    for state in all_states() {
        let _ = writeln!(table, "{state:?}");
        for step in all_steps() {
            let after = state.after(step).map_or("-".to_owned(), |s| format!("{s:?}"));
            let _ = writeln!(table, "    {:<24} {after}", format!("{step:?}"));
        }
    }
    assert_eq!(table, EXPECTED, "if this is meant, put it into table.txt:\n{table}");
}

#[test]
fn an_ended_call_stays_ended() {
    for step in all_steps() {
        assert_eq!(State::Ended(EndReason::Lost).after(step), None);
    }
}

#[test]
fn every_reason_has_a_name_and_a_sentence() {
    for side in [Side::Us, Side::Them] {
        for reason in [
            EndReason::HungUp(side),
            EndReason::Busy(side),
            EndReason::Declined(side),
            EndReason::Unsupported(side),
            EndReason::Error(side),
        ] {
            assert!(!reason.name().is_empty() && reason.sentence().contains(' '));
        }
    }
}
