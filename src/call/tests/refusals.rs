use super::*;
use crate::call::pair::{Manner, call_id, peer_id};
use crate::signaling::{self, CallId, DeclineReason, ErrorCode, HangupReason};

fn ringing() -> Pair<Steady> {
    let mut pair = pair();
    pair.manner = Manner::Ring;
    pair.call();
    assert!(pair.run_until_both(SECOND, "ringing"));
    pair
}

#[test]
fn a_declined_call_ends_for_both_with_the_reason() {
    for (reason, ours, theirs) in [
        (DeclineReason::Busy, EndReason::Busy(Side::Us), EndReason::Busy(Side::Them)),
        (DeclineReason::Declined, EndReason::Declined(Side::Us), EndReason::Declined(Side::Them)),
        (DeclineReason::Unsupported, EndReason::Unsupported(Side::Us), EndReason::Unsupported(Side::Them)),
    ] {
        let mut pair = ringing();
        let now = pair.now();
        pair.of(Party::Callee).decline(reason, now);
        pair.run_for(SECOND);
        assert_eq!(ended(&pair, Party::Callee), Some(ours));
        assert_eq!(ended(&pair, Party::Caller), Some(theirs));
    }
}

#[test]
fn hanging_up_ends_both_from_every_state_and_from_either_side() {
    for party in BOTH {
        for state in ["ringing", "connecting", "connected", "held"] {
            let mut pair = ringing();
            let now = pair.now();
            if state != "ringing" {
                pair.of(Party::Callee).accept(now).unwrap();
                pair.run_for(30 * MS);
            }
            if matches!(state, "connected" | "held") {
                assert!(pair.run_until_both(SECOND, "connected"));
            }
            if state == "held" {
                let now = pair.now();
                pair.of(Party::Caller).set_hold(true, now);
                assert!(pair.run_until_both(SECOND, "held"));
            }
            assert_eq!(pair.state(party).unwrap().name(), state);
            let now = pair.now();
            pair.of(party).hang_up(HangupReason::Normal, now);
            pair.run_for(SECOND);
            assert_eq!(ended(&pair, party), Some(EndReason::HungUp(Side::Us)), "{state}");
            assert_eq!(ended(&pair, party.other()), Some(EndReason::HungUp(Side::Them)), "{state}");
            assert_eq!(pair.of(party).poll_timeout(), None);
        }
    }
}

#[test]
fn a_hang_up_reaches_the_other_side_without_the_switchboard() {
    let mut pair = connected();
    pair.network.signaling = 3600 * SECOND;
    let now = pair.now();
    pair.of(Party::Caller).hang_up(HangupReason::Normal, now);
    pair.run_for(SECOND);
    assert_eq!(ended(&pair, Party::Callee), Some(EndReason::HungUp(Side::Them)));
}

#[test]
fn nobody_answering_ends_the_call_after_a_minute() {
    let mut pair = ringing();
    pair.run_for(timing::RINGING_LIMIT - 2 * SECOND);
    assert_eq!(pair.state(Party::Caller), Some(State::Ringing));
    pair.run_for(3 * SECOND);
    for party in BOTH {
        assert_eq!(ended(&pair, party), Some(EndReason::NoAnswer));
    }
}

#[test]
fn an_accepted_call_without_a_path_ends_in_words() {
    let mut pair = pair_on(Losing { steady: Steady::rtt(50 * MS), lost: |_: Party, _: &Transmit| true });
    pair.call();
    pair.run_for(timing::CONNECT_LIMIT + SECOND);
    for party in BOTH {
        assert_eq!(ended(&pair, party), Some(EndReason::NotConnected));
    }
}

#[test]
fn a_message_of_another_call_is_refused_and_changes_nothing() {
    let mut pair = connected();
    let other = CallId::from_random([9; 16]);
    let now = pair.now();
    let hangup = ServerMessage::Hangup { call: other, reason: signaling::EndReason::Normal };
    assert!(matches!(pair.of(Party::Caller).handle_message(&hangup, now), Err(CallError::OtherCall)));
    assert_eq!(pair.state(Party::Caller), Some(State::Connected));
}

#[test]
fn late_and_early_messages_are_refused_and_change_nothing() {
    let mut pair = connected();
    let now = pair.now();
    let call = call_id;
    for message in [
        ServerMessage::Ringing { call: call() },
        ServerMessage::Accept { call: call(), sdp: "v=0".into() },
        ServerMessage::Decline { call: call(), reason: DeclineReason::Busy },
        ServerMessage::Updated { call: call(), sdp: "v=0".into() },
        ServerMessage::Call { call: call(), from: peer_id(Party::Callee), sdp: "v=0".into() },
    ] {
        for party in BOTH {
            let refused = pair.of(party).handle_message(&message, now);
            // The caller has rung before: that again is no harm.
            let harmless = party == Party::Caller && matches!(message, ServerMessage::Ringing { .. });
            assert!(harmless || matches!(refused, Err(CallError::OutOfOrder { .. })), "{message:?}");
            assert_eq!(pair.state(party), Some(State::Connected), "{message:?}");
        }
    }
    let mut over = connected();
    let now = over.now();
    over.of(Party::Caller).hang_up(HangupReason::Normal, now);
    let late = ServerMessage::Accept { call: call(), sdp: "v=0".into() };
    assert!(matches!(over.of(Party::Caller).handle_message(&late, now), Err(CallError::OutOfOrder { .. })));
}

#[test]
fn a_bad_offer_is_refused_with_its_place() {
    for bad in
        ["", "hello", "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n"]
    {
        let call = Call::incoming(config(certificate(), 2), call_id(), peer_id(Party::Caller), bad, began());
        let error = call.unwrap_err().to_string();
        assert!(error.contains("line ") && error.contains("expected "), "{error}");
    }
}

#[test]
fn a_bad_answer_ends_the_call_and_tells_the_callee() {
    let mut pair = pair();
    pair.manner = Manner::Ring;
    pair.call();
    pair.run_for(SECOND);
    let now = pair.now();
    let answer = ServerMessage::Accept { call: call_id(), sdp: "v=0\r\n".into() };
    assert!(matches!(pair.of(Party::Caller).handle_message(&answer, now), Err(CallError::Description(_))));
    pair.run_for(SECOND);
    assert_eq!(ended(&pair, Party::Caller), Some(EndReason::Unsupported(Side::Us)));
    assert_eq!(ended(&pair, Party::Callee), Some(EndReason::Error(Side::Them)));
}

#[test]
fn what_the_switchboard_refuses_ends_the_call_with_the_reason() {
    for (code, reason) in [
        (ErrorCode::UnknownPeer, EndReason::Refused(ErrorCode::UnknownPeer)),
        (ErrorCode::SelfCall, EndReason::Refused(ErrorCode::SelfCall)),
        (ErrorCode::CalleeBusy, EndReason::Busy(Side::Them)),
    ] {
        let mut pair = pair();
        pair.call();
        let error = ServerMessage::Error { code, message: "no".into(), call: Some(call_id()) };
        pair.inject_message(Party::Caller, error);
        pair.run_for(10 * MS);
        assert_eq!(ended(&pair, Party::Caller), Some(reason));
    }
}

#[test]
fn a_switchboard_that_forgot_the_call_does_not_end_it() {
    let mut pair = connected();
    let error =
        ServerMessage::Error { code: ErrorCode::UnknownCall, message: "no".into(), call: Some(call_id()) };
    pair.inject_message(Party::Caller, error);
    let gone = ServerMessage::Hangup { call: call_id(), reason: signaling::EndReason::PeerGone };
    pair.inject_message(Party::Caller, gone);
    pair.talk_for(SECOND, b"speech");
    assert_eq!(pair.state(Party::Caller), Some(State::Connected));
}

#[test]
fn glare_ends_the_call_that_lost() {
    let mut pair = pair();
    pair.call();
    let glare = ServerMessage::Hangup { call: call_id(), reason: signaling::EndReason::Glare };
    pair.inject_message(Party::Caller, glare);
    pair.run_for(10 * MS);
    assert_eq!(ended(&pair, Party::Caller), Some(EndReason::Glare));
}

#[test]
fn a_call_that_was_never_placed_ends_without_a_word() {
    let mut call = Call::outgoing(config(certificate(), 1), call_id(), peer_id(Party::Callee), began());
    call.hang_up(HangupReason::Normal, began());
    assert_eq!(call.poll_message(), None);
    assert!(call.start(began()).is_err());
}

#[test]
fn a_callee_rings_only_while_it_is_asked_to() {
    let mut pair = ringing();
    assert_eq!(pair.end(Party::Callee).sent, [ClientMessage::Ringing { call: call_id() }]);
    let now = pair.now();
    pair.of(Party::Callee).accept(now).unwrap();
    assert!(pair.of(Party::Callee).accept(now).is_err());
    pair.of(Party::Callee).ring();
    pair.of(Party::Callee).decline(DeclineReason::Busy, now);
    assert_eq!(pair.state(Party::Callee), Some(State::Connecting));
}
