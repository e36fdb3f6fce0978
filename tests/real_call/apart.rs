//! Pulling things apart while people talk.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::processes::{Peer, SOON, Switchboard, among_others, assert_media_goes_on, once_good};

const ENDS: [&str; 5] = ["--input", "tone:440", "--output", "null", "--quiet"];

/// What the other side may wait before it says that a peer is gone.
const NOTICED: Duration = Duration::from_secs(3);

fn in_call(switchboard: &Switchboard) -> [Peer; 2] {
    let mut bob = Peer::answering("bob", switchboard, &ENDS);
    let mut alice = Peer::calling("bob", "alice", switchboard, &ENDS);
    for peer in [&mut alice, &mut bob] {
        peer.wait_for("first_audio", |event| event["type"] == "first_audio");
    }
    [alice, bob]
}

#[test]
fn ctrl_c_hangs_up_properly_on_both_sides() {
    let _others = among_others();
    let switchboard = Switchboard::start();
    let [mut alice, mut bob] = in_call(&switchboard);
    alice.program.signal(Signal::INT);
    assert_eq!([alice.exit(), bob.exit()], [0, 0], "{}{}", alice.program.stderr(), bob.program.stderr());
    let ended = bob.wait_for("ended", |event| event["type"] == "ended");
    assert_eq!(ended["reason"], "hangup", "{ended}");
}

#[test]
fn a_call_goes_on_without_its_switchboard_and_the_peers_find_a_new_one() {
    let _others = among_others();
    let switchboard = Switchboard::start();
    let address = switchboard.address().to_owned();
    let [mut alice, mut bob] = in_call(&switchboard);
    drop(switchboard);
    for peer in [&mut alice, &mut bob] {
        peer.wait_for_next("notice that it is gone", SOON, |event| event["type"] == "switchboard_lost");
        assert_media_goes_on(peer);
    }
    let switchboard = Switchboard::listen(&address);
    for peer in [&mut alice, &mut bob] {
        peer.wait_for_next("registered again", SOON, |event| event["type"] == "registered");
    }
    assert_media_goes_on(&mut bob);
    alice.program.signal(Signal::INT);
    assert_eq!([alice.exit(), bob.exit()], [0, 0], "{}{}", alice.program.stderr(), bob.program.stderr());
    drop(switchboard);
}

#[test]
fn a_peer_that_is_killed_is_missed_within_three_seconds() {
    let _others = among_others();
    once_good(kill_one);
}

/// Kills one of two; finds fault with a notice that comes late.
fn kill_one() -> Result<(), String> {
    let switchboard = Switchboard::start();
    let [alice, mut bob] = in_call(&switchboard);
    alice.program.signal(Signal::KILL);
    let killed = Instant::now();
    bob.wait_for_next("word from the switchboard", SOON, |event| event["type"] == "away");
    let lost = bob.wait_for_next("silence", SOON, |event| event["state"] == "reconnecting");
    let took = killed.elapsed();
    let why = lost["detail"].as_str().unwrap_or_default();
    assert!(why.contains("nothing was heard of alice"), "it says why: {lost}");
    bob.program.signal(Signal::INT);
    assert_eq!(bob.exit(), 0);
    if took < NOTICED { Ok(()) } else { Err(format!("missed after {took:?}")) }
}

#[test]
fn a_switchboard_that_is_asked_to_end_says_goodbye() {
    let _others = among_others();
    let mut switchboard = Switchboard::start();
    let mut bob = Peer::answering("bob", &switchboard, &ENDS);
    switchboard.program.signal(Signal::TERM);
    assert_eq!(switchboard.program.exit(), 0);
    bob.wait_for_next("notice that it is gone", SOON, |event| event["type"] == "switchboard_lost");
}
