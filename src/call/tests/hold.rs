use super::*;
use crate::rtp::PayloadFormat;

fn hold<N: Network>(pair: &mut Pair<N>, party: Party, on: bool) {
    let now = pair.now();
    pair.of(party).set_hold(on, now);
    pair.collect();
}

#[test]
fn a_held_call_is_silent_and_resumes() {
    for party in BOTH {
        let mut pair = connected();
        hold(&mut pair, party, true);
        assert!(pair.run_until_both(SECOND, "held"));
        assert_eq!(pair.of(party).hold(), Some(Hold::Us));
        assert_eq!(pair.of(party.other()).hold(), Some(Hold::Them));
        pair.run_for(100 * MS);
        pair.talk_for(SECOND, b"speech");
        pair.run_for(100 * MS);
        assert_eq!((audio_heard(&mut pair, party), audio_heard(&mut pair, party.other())), (0, 0));

        hold(&mut pair, party, false);
        assert!(pair.run_until_both(SECOND, "connected"));
        // Who resumes waits for the answer before speaking.
        pair.run_for(100 * MS);
        pair.talk_for(SECOND, b"speech");
        pair.run_for(100 * MS);
        assert_eq!((audio_heard(&mut pair, party), audio_heard(&mut pair, party.other())), (100, 100));
    }
}

#[test]
fn who_holds_is_silent_at_once() {
    let mut pair = connected();
    let now = pair.now();
    pair.of(Party::Caller).set_hold(true, now);
    let frame = AudioFrame {
        payload: b"speech",
        format: PayloadFormat::Opus,
        timestamp: 0,
        captured_at: now,
        level_dbov: -20,
        starts_talk: true,
    };
    assert!(!pair.of(Party::Caller).send_audio(frame, now));
}

#[test]
fn both_may_hold_and_both_must_resume() {
    let mut pair = connected();
    hold(&mut pair, Party::Caller, true);
    pair.run_for(SECOND);
    hold(&mut pair, Party::Callee, true);
    pair.run_for(SECOND);
    for party in BOTH {
        assert_eq!(pair.of(party).hold(), Some(Hold::Both), "{party:?}");
    }
    hold(&mut pair, Party::Caller, false);
    pair.run_for(SECOND);
    assert_eq!(pair.of(Party::Caller).hold(), Some(Hold::Them));
    assert_eq!(pair.of(Party::Callee).hold(), Some(Hold::Us));
    hold(&mut pair, Party::Callee, false);
    assert!(pair.run_until_both(SECOND, "connected"));
}

#[test]
fn holds_that_cross_end_with_both_holding() {
    let mut pair = connected();
    hold(&mut pair, Party::Caller, true);
    hold(&mut pair, Party::Callee, true);
    pair.run_for(SECOND);
    for party in BOTH {
        assert_eq!(pair.of(party).hold(), Some(Hold::Both), "{party:?}");
    }
    hold(&mut pair, Party::Callee, false);
    hold(&mut pair, Party::Caller, false);
    assert!(pair.run_until_both(2 * SECOND, "connected"));
}

#[test]
fn of_updates_that_cross_the_one_that_lost_is_made_once_more() {
    let mut pair = connected();
    hold(&mut pair, Party::Caller, true);
    hold(&mut pair, Party::Callee, true);
    pair.run_for(30 * SECOND);
    let updates = |sent: &[ClientMessage]| {
        sent.iter().filter(|message| matches!(message, ClientMessage::Update { .. })).count()
    };
    assert_eq!(BOTH.map(|party| updates(&pair.end(party).sent)), [1, 2]);
    for party in BOTH {
        assert!(pair.end(party).refused.is_empty(), "{party:?}: {:?}", pair.end(party).refused);
    }
}

#[test]
fn a_hold_while_an_update_is_under_way_follows_it() {
    let mut pair = connected();
    hold(&mut pair, Party::Caller, true);
    hold(&mut pair, Party::Caller, false);
    hold(&mut pair, Party::Caller, true);
    assert!(pair.run_until_both(SECOND, "held"));
    pair.run_for(SECOND);
    assert_eq!(pair.of(Party::Callee).hold(), Some(Hold::Them));
}

#[test]
fn a_hold_before_the_answer_takes_effect_with_it() {
    let mut pair = pair();
    pair.call();
    hold(&mut pair, Party::Caller, true);
    assert!(pair.run_until_both(SECOND, "held"));
    assert_eq!(pair.of(Party::Callee).hold(), Some(Hold::Them));
}

#[test]
fn a_held_call_stays_up_for_an_hour() {
    let mut pair = connected();
    hold(&mut pair, Party::Caller, true);
    assert!(pair.run_until_both(SECOND, "held"));
    pair.run_for(3600 * SECOND);
    for party in BOTH {
        assert_eq!(pair.state(party).unwrap().name(), "held");
        let changes = states(&mut pair, party);
        assert!(changes.iter().all(|(_, name)| *name != "reconnecting"), "{changes:?}");
    }
}

#[test]
fn every_description_of_a_call_has_a_version_of_its_own() {
    let mut pair = connected();
    for on in [true, false, true] {
        hold(&mut pair, Party::Caller, on);
        pair.run_for(SECOND);
    }
    let version = |sdp: &str| {
        let origin = sdp.lines().find(|line| line.starts_with("o=")).unwrap();
        origin.split(' ').nth(2).unwrap().parse::<u64>().unwrap()
    };
    for party in BOTH {
        let sent = &pair.end(party).sent;
        let versions = sent.iter().filter_map(|message| match message {
            ClientMessage::Call { sdp, .. }
            | ClientMessage::Accept { sdp, .. }
            | ClientMessage::Update { sdp, .. }
            | ClientMessage::Updated { sdp, .. } => Some(version(sdp)),
            _ => None,
        });
        assert_eq!(versions.collect::<Vec<_>>(), [1, 2, 3, 4]);
    }
}

#[test]
fn an_update_that_got_lost_is_made_again() {
    let mut pair = connected();
    pair.network.signaling = 3600 * SECOND;
    hold(&mut pair, Party::Caller, true);
    pair.network.signaling = 25 * MS;
    pair.run_for(5 * SECOND);
    assert_eq!(pair.of(Party::Callee).hold(), None);
    pair.run_for(6 * SECOND);
    assert_eq!(pair.of(Party::Callee).hold(), Some(Hold::Them));
}
