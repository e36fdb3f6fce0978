//! One call after the other in the same processes: nothing is left behind.

use std::thread;
use std::time::{Duration, Instant};

use super::process_figures::figures;
use super::processes::{Peer, SOON, Switchboard, among_others};

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
        alice.wait_for_next("first_audio", SOON, |event| event["type"] == "first_audio");
        alice.program.type_line("hangup");
        alice.wait_for_next("ended", SOON, |event| {
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
    let programs = [&alice.program, &bob.program, &switchboard.program];
    for ((who, early), program) in ["alice", "bob", "switchboard"].iter().zip(early).zip(programs) {
        // The last call may not be cleared away yet.
        let limit = Instant::now() + SOON;
        loop {
            let late = figures(program.pid());
            let same = late.threads <= early.threads
                && late.sockets <= early.sockets
                && late.files <= early.files
                && late.resident_kib <= early.resident_kib + SLACK_KIB;
            if same {
                eprintln!("{who} after {WARM_UP} calls: {early:?}; after {CALLS}: {late:?}");
                break;
            }
            assert!(Instant::now() < limit, "{who} grew from {early:?} to {late:?}");
            thread::sleep(Duration::from_millis(50));
        }
    }
    alice.program.type_line("quit");
    assert_eq!(alice.exit(), 0);
}
