//! One call after the other in the same processes: nothing is left behind.

use super::process_figures::figures;
use super::processes::{Peer, Switchboard, among_others};

const CALLS: usize = 100;

/// Calls until the figures of the first are taken: pools and caches have filled by then.
const WARM_UP: usize = 10;

/// What an allocator may keep to itself over ninety calls: a leak of one call's state (tens of KiB) would exceed it.
const SLACK_KIB: u64 = 3 * 1024;

#[test]
fn a_hundred_calls_in_a_row_leave_no_memory_no_sockets_and_no_threads_behind() {
    let _others = among_others();
    let switchboard = Switchboard::start();
    let ends = ["--input", "tone:440", "--output", "null", "--quiet"];
    let bob = Peer::answering("bob", &switchboard, &[&ends[..], &["--keep"]].concat());
    let url = switchboard.url();
    let mut alice = Peer::start(&[&["--id", "alice", "--server", &url], &ends[..]].concat());
    alice.wait_for("registered", |event| event["type"] == "registered");

    let mut early = Vec::new();
    for call in 1..=CALLS {
        alice.program.type_line("call bob");
        alice.next_state("connected");
        alice.wait_for_next("first_audio", super::processes::SOON, |event| event["type"] == "first_audio");
        alice.program.type_line("hangup");
        alice.wait_for_next("ended", super::processes::SOON, |event| {
            assert!(event["type"] != "error", "call {call}: {event}");
            event["type"] == "ended"
        });
        if call == WARM_UP {
            early = vec![
                figures(alice.program.pid()),
                figures(bob.program.pid()),
                figures(switchboard.program.pid()),
            ];
        }
    }
    let late = [figures(alice.program.pid()), figures(bob.program.pid()), figures(switchboard.program.pid())];
    for ((who, early), late) in ["alice", "bob", "switchboard"].iter().zip(early).zip(late) {
        eprintln!("{who} after {WARM_UP} calls: {early:?}; after {CALLS}: {late:?}");
        assert!(late.threads <= early.threads, "{who}: {early:?} {late:?}");
        assert!(late.sockets <= early.sockets, "{who}: {early:?} {late:?}");
        assert!(late.files <= early.files, "{who}: {early:?} {late:?}");
        assert!(late.resident_kib <= early.resident_kib + SLACK_KIB, "{who}: {early:?} {late:?}");
    }
    alice.program.type_line("quit");
    assert_eq!(alice.exit(), 0);
}
