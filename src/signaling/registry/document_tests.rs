//! `docs/protocol.md` against the code: its examples are messages, its tables are true.

use std::fmt::Write;

use serde_json::Value;

use super::super::code::{CloseReason, ErrorCode};
use super::super::frame::Frame;
use super::super::limits::Limits;
use super::super::message::{ClientMessage, Message, ServerMessage};
use super::harness::Bench;
use super::session::{CallState, Side};
use super::switch::Registry;

const DOCUMENT: &str = include_str!("../../../docs/protocol.md");

/// The examples that are marked as `side`.
fn examples(side: &str) -> Vec<&'static str> {
    let mut found = Vec::new();
    for block in DOCUMENT.split("```json ").skip(1) {
        let (sides, rest) = block.split_once('\n').expect("a line with the sides");
        let (example, _) = rest.split_once("\n```").expect("an end of the block");
        if sides.split(' ').any(|marked| marked == side) {
            found.push(example);
        }
    }
    found
}

/// Every example of a side is a message, nothing in it is passed over, and every type has one.
fn check_examples<M: Message>(side: &str) {
    let examples = examples(side);
    let mut types = Vec::new();
    for example in &examples {
        let frame = Frame::<M>::parse(example, 10_000).unwrap_or_else(|error| panic!("{example}: {error}"));
        let written: Value = serde_json::from_str(&frame.to_text()).unwrap();
        let given: Value = serde_json::from_str(example).unwrap();
        assert_eq!(written, given, "the example says what the message holds, and no more");
        types.push(given["type"].as_str().unwrap().to_owned());
    }
    for kind in M::TYPES {
        assert!(types.iter().any(|found| found == kind), "no example of {kind} from the {side}");
    }
}

#[test]
fn every_message_has_an_example_and_every_example_is_a_message() {
    check_examples::<ClientMessage>("client");
    check_examples::<ServerMessage>("server");
}

/// The cells of the table rows whose first cell is `name` in backquotes.
fn row(name: &str) -> Vec<&'static str> {
    let start = format!("| `{name}` | ");
    let row =
        DOCUMENT.lines().find(|line| line.starts_with(&start)).unwrap_or_else(|| panic!("no row {name}"));
    row.trim_matches('|').split('|').map(str::trim).collect()
}

#[test]
fn every_error_and_every_close_reason_is_explained() {
    for code in ErrorCode::ALL {
        assert_eq!(row(code.as_str())[2] == "is over", code.ends_call(), "{code}");
    }
    for reason in CloseReason::ALL {
        let start = format!("| {} | `{reason}` | ", reason.code());
        assert!(DOCUMENT.lines().any(|line| line.starts_with(&start)), "{reason}");
    }
}

#[test]
fn the_limits_are_those_of_the_code() {
    let limits = Limits::default();
    let numbers = [
        ("frame_bytes", limits.frame_bytes),
        ("sdp_bytes", limits.sdp_bytes),
        ("candidate_bytes", limits.candidate_bytes),
        ("candidates_per_call", limits.candidates_per_call as usize),
        ("messages_per_second", limits.messages_per_second as usize),
        ("message_burst", limits.message_burst as usize),
        ("refused_messages", limits.refused_messages as usize),
        ("pending_calls_per_peer", limits.pending_calls_per_peer),
        ("calls_per_peer", limits.calls_per_peer),
        ("connections_per_address", limits.connections_per_address),
        ("registrations_per_second", limits.registrations_per_second as usize),
        ("registration_burst", limits.registration_burst as usize),
        ("registrations", limits.registrations),
        ("connections", limits.connections),
        ("queued_messages", limits.queued_messages),
        ("queued_bytes", limits.queued_bytes),
    ];
    for (name, value) in numbers {
        assert_eq!(row(name)[1], value.to_string(), "{name}");
    }
    for (name, value) in [
        ("pending_call_time", limits.pending_call_time),
        ("register_time", limits.register_time),
        ("idle_time", limits.idle_time),
    ] {
        assert_eq!(row(name)[1], format!("{} s", value.as_secs()), "{name}");
    }
}

/// The states in which a call can be, each with the messages that lead there.
const STATES: [(&str, &[(&str, &str)]); 5] = [
    ("offered", &[]),
    ("ringing", &[("bob", "ringing")]),
    ("live", &[("bob", "accept")]),
    ("caller updates", &[("bob", "accept"), ("alice", "update")]),
    ("callee updates", &[("bob", "accept"), ("bob", "update")]),
];

fn text(kind: &str) -> String {
    let rest = match kind {
        "accept" | "update" | "updated" => r#","sdp":"x""#,
        "decline" => r#","reason":"busy""#,
        "hangup" => r#","reason":"normal""#,
        "candidate" => r#","candidate":"x""#,
        _ => "",
    };
    format!(r#"{{"type":"{kind}","call":"c"{rest}}}"#)
}

/// What a message does in a state: the state after it, or the error.
fn outcome(leads: &[(&str, &str)], from: &str, kind: &str) -> String {
    let mut bench = Bench::new();
    let connections = [("alice", bench.register("alice")), ("bob", bench.register("bob"))];
    let connection = |name: &str| connections.iter().find(|(id, _)| *id == name).expect("one of two").1;
    bench.text(connection("alice"), r#"{"type":"call","call":"c","to":"bob","sdp":"x"}"#);
    for (who, kind) in leads {
        bench.text(connection(who), &text(kind));
    }
    let other = connection(if from == "alice" { "bob" } else { "alice" });
    bench.got(connection(from));
    bench.got(other);
    bench.text(connection(from), &text(kind));
    if let [error] = bench.read(connection(from)).as_slice() {
        assert!(bench.read(other).is_empty(), "a refused message reaches nobody");
        return format!("`{}`", error.split(' ').nth(1).expect("a code"));
    }
    assert!(bench.read(other)[0].starts_with(kind), "what isn't refused is passed on");
    state_of(&bench.registry).to_owned()
}

/// The state that call `c` is in.
fn state_of(registry: &Registry) -> &'static str {
    let call = registry.calls.get(&"c".parse().expect("an id"));
    match call.map(|call| call.state) {
        None => "over",
        Some(CallState::Offered) => "offered",
        Some(CallState::Ringing) => "ringing",
        Some(CallState::Live { updating: None }) => "live",
        Some(CallState::Live { updating: Some(Side::Caller) }) => "caller updates",
        Some(CallState::Live { updating: Some(Side::Callee) }) => "callee updates",
        Some(CallState::Claimed) => "claimed",
    }
}

#[test]
fn the_table_of_states_is_what_the_registry_does() {
    let mut table = String::from("| message | of the |");
    STATES.iter().for_each(|(state, _)| write!(table, " {state} |").unwrap());
    table.push_str("\n|---|---|---|---|---|---|---|\n");
    for kind in ["ringing", "accept", "decline", "candidate", "update", "updated", "hangup"] {
        for (from, side) in [("alice", "caller"), ("bob", "callee")] {
            write!(table, "| `{kind}` | {side} |").unwrap();
            for (_, leads) in STATES {
                write!(table, " {} |", outcome(leads, from, kind)).unwrap();
            }
            table.push('\n');
        }
    }
    assert!(DOCUMENT.contains(&table), "docs/protocol.md should hold this table:\n{table}");
}
