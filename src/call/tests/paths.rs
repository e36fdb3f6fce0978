use super::*;
use crate::call::pair::address;
use crate::ice::CandidateKind;
use crate::signaling::HangupReason;

/// A network whose path can be cut.
struct Cuttable {
    steady: Steady,
    cut: bool,
}

impl Network for Cuttable {
    fn datagram(&mut self, from: Party, at: Instant, datagram: &mut Transmit) -> Option<Duration> {
        if self.cut { None } else { self.steady.datagram(from, at, datagram) }
    }

    fn message(&mut self, from: Party, at: Instant, message: &ServerMessage) -> Option<Duration> {
        self.steady.message(from, at, message)
    }
}

fn cuttable() -> Pair<Cuttable> {
    let mut pair = pair_on(Cuttable { steady: Steady::rtt(50 * MS), cut: false });
    pair.call();
    assert!(pair.run_until_both(SECOND, "connected"));
    pair
}

#[test]
fn a_killed_peer_is_missed_within_three_seconds() {
    let mut pair = connected();
    pair.talk_for(SECOND, b"speech");
    pair.end(Party::Callee).dead = true;
    let killed = pair.elapsed();
    pair.talk_for(4 * SECOND, b"speech");
    let (at, name) = *states(&mut pair, Party::Caller).last().unwrap();
    assert_eq!(name, "reconnecting");
    assert!(at - killed <= 3 * SECOND, "{:?}", at - killed);
}

#[test]
fn a_path_that_does_not_come_back_ends_the_call_and_says_so() {
    let mut pair = connected();
    pair.end(Party::Callee).dead = true;
    pair.run_for(timing::SILENCE_LIMIT + timing::RECONNECT_LIMIT - SECOND);
    assert_eq!(pair.state(Party::Caller), Some(State::Reconnecting(None)));
    pair.run_for(2 * SECOND);
    assert_eq!(ended(&pair, Party::Caller), Some(EndReason::Lost));
    let last = pair.end(Party::Caller).sent.last().cloned();
    assert!(matches!(last, Some(ClientMessage::Hangup { reason: HangupReason::Lost, .. })));
}

#[test]
fn a_path_that_comes_back_carries_audio_at_once() {
    for gap in [3, 8, 16, 25] {
        let mut pair = cuttable();
        pair.talk_for(SECOND, b"speech");
        pair.network.cut = true;
        pair.talk_for(gap * SECOND, b"speech");
        for party in BOTH {
            assert_eq!(pair.state(party), Some(State::Reconnecting(None)), "{gap} s");
        }
        let before = BOTH.map(|party| audio_heard(&mut pair, party));
        pair.network.cut = false;
        pair.talk_for(500 * MS, b"speech");
        for party in BOTH {
            assert_eq!(pair.state(party), Some(State::Connected), "{gap} s");
            assert!(audio_heard(&mut pair, party) > before[party as usize] + 40, "{gap} s");
        }
    }
}

/// A firewall that closes the direct path in the middle of a call; the way over the relays stays open.
struct Closing {
    steady: Steady,
    direct: bool,
}

impl Network for Closing {
    fn datagram(&mut self, from: Party, at: Instant, datagram: &mut Transmit) -> Option<Duration> {
        let relayed = datagram.source.port() >= 61_000 && datagram.destination.port() >= 61_000;
        if relayed || self.direct { self.steady.datagram(from, at, datagram) } else { None }
    }

    fn message(&mut self, from: Party, at: Instant, message: &ServerMessage) -> Option<Duration> {
        self.steady.message(from, at, message)
    }
}

#[test]
fn a_direct_path_that_closes_is_left_for_the_relay() {
    for after in [SECOND, 20 * SECOND] {
        a_direct_path_closes(after);
    }
}

fn a_direct_path_closes(after: Duration) {
    let mut pair = pair_on(Closing { steady: Steady::rtt(50 * MS), direct: true });
    for party in BOTH {
        let host = LocalCandidate::host(address(party, 0));
        let relay = ([203, 0, 113, 1], 61_000 + party as u16).into();
        let relayed =
            LocalCandidate { kind: CandidateKind::Relayed, address: relay, base: host.base, name: None };
        pair.set_candidates(party, vec![host, relayed]);
    }
    pair.call();
    assert!(pair.run_until_both(SECOND, "connected"));
    pair.talk_for(after, b"speech");
    pair.network.direct = false;
    let closed = pair.elapsed();
    pair.talk_for(5 * SECOND, b"speech");
    for party in BOTH {
        assert_eq!(pair.state(party), Some(State::Connected));
        let back = pair.end(party).events.iter().find_map(|(at, e)| match e {
            CallEvent::Audio(_) if *at > closed + 100 * MS => Some(*at),
            _ => None,
        });
        let silent = back.unwrap() - closed;
        assert!(silent <= timing::SILENCE_LIMIT + SECOND, "{silent:?}");
    }
}

/// The caller sits behind an address translator, which shows this port for it and forgets the one before.
struct Translated {
    steady: Steady,
    port: u16,
}

impl Network for Translated {
    fn datagram(&mut self, from: Party, at: Instant, datagram: &mut Transmit) -> Option<Duration> {
        let outside = ([203, 0, 113, 7], self.port).into();
        match from {
            Party::Caller => datagram.source = outside,
            Party::Callee if datagram.destination == outside => {
                datagram.destination = address(Party::Caller, 0)
            }
            Party::Callee => return None,
        }
        self.steady.datagram(from, at, datagram)
    }

    fn message(&mut self, from: Party, at: Instant, message: &ServerMessage) -> Option<Duration> {
        self.steady.message(from, at, message)
    }
}

#[test]
fn a_call_survives_its_address_translation_being_forgotten() {
    let mut pair = pair_on(Translated { steady: Steady::rtt(50 * MS), port: 40_000 });
    pair.call();
    assert!(pair.run_until_both(SECOND, "connected"));
    pair.talk_for(SECOND, b"speech");
    pair.network.port = 50_000;
    let forgotten = pair.elapsed();
    pair.talk_for(8 * SECOND, b"speech");
    for party in BOTH {
        assert_eq!(pair.state(party), Some(State::Connected));
        let back = pair.end(party).events.iter().find_map(|(at, e)| match e {
            CallEvent::Audio(_) if *at > forgotten + 100 * MS => Some(*at),
            _ => None,
        });
        let silent = back.unwrap() - forgotten;
        assert!(silent <= timing::SILENCE_LIMIT + SECOND, "{party:?} {silent:?}");
    }
}

#[test]
fn a_held_call_whose_path_breaks_is_held_again_when_it_is_back() {
    let mut pair = cuttable();
    let now = pair.now();
    pair.of(Party::Caller).set_hold(true, now);
    assert!(pair.run_until_both(SECOND, "held"));
    pair.network.cut = true;
    pair.run_for(5 * SECOND);
    assert_eq!(pair.state(Party::Caller), Some(State::Reconnecting(Some(Hold::Us))));
    pair.network.cut = false;
    assert!(pair.run_until_both(3 * SECOND, "held"));
}

/// Gives `party` another address in place of the one it has.
fn move_to_another_network<N: Network>(pair: &mut Pair<N>, party: Party) {
    let fresh = address(party, 9);
    pair.end(party).addresses = vec![fresh];
    let now = pair.now();
    pair.of(party).restart_ice(&[LocalCandidate::host(fresh)], now);
    pair.collect();
}

#[test]
fn a_call_moves_to_another_interface() {
    for party in BOTH {
        let mut pair = connected();
        pair.talk_for(SECOND, b"speech");
        move_to_another_network(&mut pair, party);
        let moved = pair.elapsed();
        let before = BOTH.map(|party| audio_heard(&mut pair, party));
        let flows =
            |pair: &mut Pair<Steady>| BOTH.iter().all(|p| audio_heard(pair, *p) > before[*p as usize] + 5);
        while !flows(&mut pair) && pair.elapsed() < moved + 10 * SECOND {
            pair.talk_for(10 * MS, b"speech");
        }
        let took = pair.elapsed() - moved;
        assert!(took <= 1500 * MS, "{party:?} {took:?}");
        pair.talk_for(2 * SECOND, b"speech");
        for party in BOTH {
            assert_eq!(pair.state(party), Some(State::Connected));
            assert!(pair.end(party).refused.is_empty(), "{:?}", pair.end(party).refused);
        }
    }
}

#[test]
fn a_restart_changes_the_credentials_and_nothing_else() {
    let mut pair = connected();
    for party in BOTH {
        let now = pair.now();
        let same = [LocalCandidate::host(address(party, 0))];
        pair.of(party).restart_ice(&same, now);
        pair.talk_for(2 * SECOND, b"speech");
        assert_eq!(pair.state(party), Some(State::Connected));
    }
    for party in BOTH {
        let sent = &pair.end(party).sent;
        let ufrags: Vec<String> = sent
            .iter()
            .filter_map(|message| match message {
                ClientMessage::Call { sdp, .. }
                | ClientMessage::Accept { sdp, .. }
                | ClientMessage::Update { sdp, .. }
                | ClientMessage::Updated { sdp, .. } => {
                    sdp.lines().find_map(|line| line.strip_prefix("a=ice-ufrag:").map(str::to_owned))
                }
                _ => None,
            })
            .collect();
        assert_eq!(ufrags.len(), 3);
        assert!(ufrags[0] != ufrags[1] && ufrags[1] != ufrags[2] && ufrags[0] != ufrags[2]);
        // Ours, from the entropy given, and not the engine's sixteen characters.
        assert!(ufrags.iter().all(|ufrag| ufrag.len() == 8), "{ufrags:?}");
    }
    // What was under way at the end may be missing.
    assert!(audio_heard(&mut pair, Party::Callee) >= 395);
}

#[test]
fn restarts_that_cross_leave_the_call_up() {
    let mut pair = connected();
    for party in BOTH {
        let now = pair.now();
        pair.of(party).restart_ice(&[LocalCandidate::host(address(party, 0))], now);
        pair.collect();
    }
    pair.talk_for(3 * SECOND, b"speech");
    for party in BOTH {
        assert_eq!(pair.state(party), Some(State::Connected));
        let ice = pair.end(party).events.iter().rev().find_map(|(_, e)| match e {
            CallEvent::Ice(state) => Some(*state),
            _ => None,
        });
        assert!(matches!(ice, Some(IceState::Connected | IceState::Completed)), "{ice:?}");
    }
}

#[test]
fn hold_after_a_restart_keeps_the_new_credentials() {
    let mut pair = connected();
    move_to_another_network(&mut pair, Party::Callee);
    pair.talk_for(2 * SECOND, b"speech");
    let now = pair.now();
    pair.of(Party::Caller).set_hold(true, now);
    assert!(pair.run_until_both(SECOND, "held"));
    let now = pair.now();
    pair.of(Party::Caller).set_hold(false, now);
    assert!(pair.run_until_both(SECOND, "connected"));
    pair.talk_for(20 * SECOND, b"speech");
    for party in BOTH {
        assert_eq!(pair.state(party), Some(State::Connected));
        assert!(pair.end(party).refused.is_empty(), "{:?}", pair.end(party).refused);
    }
}

/// Counts checks, from a moment on.
struct Counting {
    steady: Steady,
    from: Option<Instant>,
    checks: usize,
}

impl Network for Counting {
    fn datagram(&mut self, from: Party, at: Instant, datagram: &mut Transmit) -> Option<Duration> {
        let is_request = datagram.payload.starts_with(&[0, 1]);
        self.checks += usize::from(is_request && self.from.is_some_and(|from| at >= from));
        self.steady.datagram(from, at, datagram)
    }

    fn message(&mut self, from: Party, at: Instant, message: &ServerMessage) -> Option<Duration> {
        self.steady.message(from, at, message)
    }
}

#[test]
fn pairs_that_are_not_in_use_are_checked_seldom_and_stay_known_to_work() {
    let mut pair = pair_on(Counting { steady: Steady::rtt(50 * MS), from: None, checks: 0 });
    for party in BOTH {
        pair.set_candidates(party, (0..4).map(|n| LocalCandidate::host(address(party, n))).collect());
    }
    pair.call();
    assert!(pair.run_until_both(SECOND, "connected"));
    pair.talk_for(10 * SECOND, b"speech");
    pair.network.from = Some(pair.now());
    pair.talk_for(20 * SECOND, b"speech");
    // Sixteen pairs: four times a side, or five.
    assert!((2 * 16 * 3..=2 * 16 * 5).contains(&pair.network.checks), "{}", pair.network.checks);
}

#[test]
fn the_pair_in_use_is_checked_seldom_while_media_comes_and_often_once_none_does() {
    let mut pair = pair_on(Counting { steady: Steady::rtt(50 * MS), from: None, checks: 0 });
    pair.call();
    assert!(pair.run_until_both(SECOND, "connected"));
    pair.talk_for(10 * SECOND, b"speech");
    pair.network.from = Some(pair.now());
    pair.talk_for(20 * SECOND, b"speech");
    assert!((2 * 4..=2 * 5).contains(&pair.network.checks), "{}", pair.network.checks);
    for party in BOTH {
        assert_eq!(pair.state(party), Some(State::Connected));
    }
    // Nothing is heard of one side any more: the other asks.
    pair.end(Party::Callee).dead = true;
    pair.run_for(1500 * MS);
    let before = pair.network.checks;
    pair.talk_for(SECOND, b"speech");
    assert!(pair.network.checks > before, "{before}");
}
