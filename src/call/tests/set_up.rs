use super::*;
use crate::call::pair::{Manner, address};
use crate::ice::CandidateKind;
use crate::rtp::PayloadFormat;

#[test]
fn a_call_connects_and_carries_audio_both_ways() {
    let mut pair = connected();
    pair.talk_for(SECOND, b"speech");
    pair.run_for(100 * MS);
    for party in BOTH {
        assert_eq!(audio_heard(&mut pair, party), 100, "{party:?}");
        assert!(pair.end(party).refused.is_empty());
    }
}

#[test]
fn both_go_through_the_states_in_order() {
    let mut pair = pair();
    pair.manner = Manner::Ring;
    pair.call();
    pair.run_for(SECOND);
    let now = pair.now();
    pair.of(Party::Callee).accept(now).unwrap();
    assert!(pair.run_until_both(SECOND, "connected"));
    let names =
        |states: Vec<(Duration, &'static str)>| states.into_iter().map(|(_, n)| n).collect::<Vec<_>>();
    assert_eq!(names(states(&mut pair, Party::Caller)), ["ringing", "connecting", "connected"]);
    assert_eq!(names(states(&mut pair, Party::Callee)), ["connecting", "connected"]);
}

/// From the accept to both connected, with this delay of messages. The path has a round trip of 50 ms.
fn set_up_time(signaling: Duration) -> Duration {
    let mut pair = pair_on(Steady { delay: 25 * MS, signaling });
    pair.call();
    assert!(pair.run_until_both(SECOND, "connected"));
    pair.elapsed() - signaling
}

#[test]
fn a_path_of_50_ms_is_up_130_ms_after_the_accept_however_slow_the_switchboard_is() {
    for signaling in [Duration::ZERO, 5 * MS, 25 * MS] {
        let took = set_up_time(signaling);
        assert!(took <= 130 * MS, "{took:?} with messages of {signaling:?}");
    }
}

#[test]
fn two_of_us_agree_on_dtls_1_3_and_name_the_pair() {
    let mut pair = connected();
    for party in BOTH {
        let events: Vec<_> = pair.end(party).events.iter().map(|(_, e)| e.clone()).collect();
        assert!(events.iter().any(|e| matches!(e, CallEvent::DtlsConnected(DtlsVersion::V1_3))));
        let selected = events.iter().find_map(|e| match e {
            CallEvent::PairSelected(pair) => Some(*pair),
            _ => None,
        });
        let selected = selected.unwrap();
        assert_eq!(selected.local, address(party, 0));
        assert_eq!(selected.remote, address(party.other(), 0));
        assert_eq!((selected.local_kind, selected.remote_kind), (CandidateKind::Host, CandidateKind::Host));
    }
}

#[test]
fn both_learn_what_was_agreed() {
    let mut offers = config(certificate(), 1);
    offers.audio = AudioOffer {
        ptime_ms: 20,
        max_bitrate_bps: Some(24_000),
        stereo: true,
        dtx: true,
        fec: true,
        red: true,
        dred: true,
        short_tags: true,
        short_headers: true,
    };
    let mut pair = Pair::new(Steady::rtt(10 * MS), offers, config(certificate(), 2), began());
    pair.call();
    assert!(pair.run_until_both(SECOND, "connected"));
    let by_callee = pair.of(Party::Callee).negotiated().unwrap().clone();
    assert_eq!(by_callee.max_bitrate_bps, Some(24_000));
    assert_eq!((by_callee.ptime_ms, by_callee.max_ptime_ms), (20, Some(120)));
    assert!(by_callee.stereo && by_callee.dtx && by_callee.fec && !by_callee.cbr);
    let by_caller = pair.of(Party::Caller).negotiated().unwrap().clone();
    assert_eq!((by_caller.ptime_ms, by_caller.max_bitrate_bps), (10, None));
    assert!(!by_caller.stereo && !by_caller.dtx && by_caller.fec);
    assert_eq!((by_caller.payload_type, by_caller.direction), (111, Direction::Both));
    assert!(by_callee.red && by_caller.red && by_callee.dred && by_caller.dred);
}

#[test]
fn red_is_sent_and_heard_as_such_where_both_know_it_and_not_at_all_where_one_does_not() {
    for knows in [true, false] {
        let mut answers = config(certificate(), 2);
        answers.audio.red = knows;
        let mut pair = Pair::new(Steady::rtt(10 * MS), config(certificate(), 1), answers, began());
        pair.call();
        assert!(pair.run_until_both(SECOND, "connected"));
        assert_eq!(pair.of(Party::Caller).negotiated().unwrap().red, knows);
        assert_eq!(pair.of(Party::Callee).negotiated().unwrap().red, knows);
        let now = pair.now();
        let frame = AudioFrame {
            payload: b"\x6fspeech",
            format: PayloadFormat::Red,
            timestamp: 0,
            captured_at: now,
            level_dbov: -20,
            starts_talk: true,
        };
        assert_eq!(pair.of(Party::Caller).send_audio(frame, now), knows);
        pair.run_for(20 * MS);
        let packets = pair.end(Party::Callee).events.drain(..).filter_map(|(_, event)| match event {
            CallEvent::Audio(packet) => Some(packet.format),
            _ => None,
        });
        let heard: Vec<PayloadFormat> = packets.collect();
        assert_eq!(heard, if knows { vec![PayloadFormat::Red] } else { vec![] });
    }
}

#[test]
fn who_only_speaks_is_heard_by_who_only_listens() {
    let mut speaks = config(certificate(), 1);
    speaks.direction = Direction::Send;
    let mut listens = config(certificate(), 2);
    listens.direction = Direction::Receive;
    let mut pair = Pair::new(Steady::rtt(50 * MS), speaks, listens, began());
    pair.call();
    assert!(pair.run_until_both(SECOND, "connected"));
    pair.talk_for(SECOND, b"speech");
    pair.run_for(100 * MS);
    assert_eq!((audio_heard(&mut pair, Party::Caller), audio_heard(&mut pair, Party::Callee)), (0, 100));
    assert_eq!(pair.of(Party::Caller).negotiated().unwrap().direction, Direction::Send);
    assert_eq!(pair.of(Party::Callee).negotiated().unwrap().direction, Direction::Receive);
    // The silent side is known to live by its reports and checks.
    pair.run_for(20 * SECOND);
    assert_eq!(pair.state(Party::Caller), Some(State::Connected));
}

#[test]
fn a_lost_client_hello_costs_a_quarter_of_a_second_at_most() {
    let usual = set_up_time(25 * MS);
    let mut lost = 0;
    let mut pair = pair_on(Losing {
        steady: Steady::rtt(50 * MS),
        lost: move |_: Party, datagram: &Transmit| {
            lost += usize::from(is_dtls(datagram));
            is_dtls(datagram) && lost == 1
        },
    });
    pair.call();
    assert!(pair.run_until_both(2 * SECOND, "connected"));
    let took = pair.elapsed() - 25 * MS;
    assert!(took <= usual + 250 * MS, "{took:?}, usually {usual:?}");
}

/// A path on which one datagram of the handshake is lost, or comes behind those that follow it.
struct Hampered {
    steady: Steady,
    handshake_sent: usize,
    which: usize,
    is_lost: bool,
}

impl Network for Hampered {
    fn datagram(&mut self, from: Party, at: Instant, datagram: &mut Transmit) -> Option<Duration> {
        let travels = self.steady.datagram(from, at, datagram)?;
        if !is_dtls(datagram) {
            return Some(travels);
        }
        self.handshake_sent += 1;
        match self.handshake_sent == self.which {
            true if self.is_lost => None,
            true => Some(travels + 40 * MS),
            false => Some(travels),
        }
    }

    fn message(&mut self, from: Party, at: Instant, message: &ServerMessage) -> Option<Duration> {
        self.steady.message(from, at, message)
    }
}

#[test]
fn a_handshake_of_which_one_datagram_is_lost_or_late_needs_few_more() {
    for (which, is_lost) in (1..=8).flat_map(|n| [(n, true), (n, false)]) {
        let steady = Steady::rtt(50 * MS);
        let mut pair = pair_on(Hampered { steady, handshake_sent: 0, which, is_lost });
        pair.call();
        assert!(pair.run_until_both(2 * SECOND, "connected"), "number {which}, lost: {is_lost}");
        pair.run_for(SECOND);
        let sent = pair.network.handshake_sent;
        assert!(sent <= 30, "{sent} datagrams where number {which} is late, or lost: {is_lost}");
    }
}

#[test]
fn a_call_is_set_up_where_every_fourth_datagram_is_lost() {
    let mut took: Vec<Duration> = (0..40)
        .map(|seed| {
            let mut noise = Noise(seed);
            let mut pair = pair_on(Losing {
                steady: Steady::rtt(50 * MS),
                lost: move |_: Party, _: &Transmit| noise.byte() < 64,
            });
            pair.call();
            assert!(pair.run_until_both(20 * SECOND, "connected"), "seed {seed}");
            pair.elapsed()
        })
        .collect();
    took.sort();
    assert!(took[20] < SECOND && took[36] < 4 * SECOND, "median {:?}, nine in ten {:?}", took[20], took[36]);
}

#[test]
fn sequence_numbers_and_times_grow_as_they_were_sent() {
    let mut pair = connected();
    pair.talk_for(SECOND, b"speech");
    pair.run_for(100 * MS);
    let mut last: Option<crate::rtp::Packet> = None;
    for (_, event) in &pair.end(Party::Callee).events {
        let CallEvent::Audio(packet) = event else { continue };
        assert_eq!(packet.marker, last.is_none());
        assert_eq!(&*packet.payload, b"speech");
        if let Some(last) = last {
            assert_eq!(packet.seq.0, last.seq.0 + 1);
            assert_eq!(packet.timestamp.0, last.timestamp.0 + 480);
            assert_eq!(packet.arrival - last.arrival, 10 * MS);
        }
        last = Some(packet.clone());
    }
    assert!(last.is_some());
}

#[test]
fn audio_leaves_in_the_moment_it_is_given() {
    let mut pair = connected();
    let now = pair.now();
    let frame = AudioFrame {
        payload: b"speech",
        format: PayloadFormat::Opus,
        timestamp: 0,
        captured_at: now,
        level_dbov: -20,
        starts_talk: true,
    };
    let call = pair.of(Party::Caller);
    while call.poll_transmit().is_some() {}
    assert!(call.send_audio(frame, now));
    assert!(call.poll_transmit().is_some_and(|t| t.payload[0] >> 6 == 2));
}

#[test]
fn a_candidate_that_overtakes_the_answer_is_used() {
    let mut pair = pair();
    pair.manner = Manner::Ring;
    pair.call();
    pair.run_for(100 * MS);
    // The callee's only address comes by trickling, and its line before the answer.
    let line = "candidate:1 1 udp 2130706431 10.0.0.2 5000 typ host";
    let candidate = crate::signaling::Candidate {
        call: super::super::pair::call_id(),
        candidate: line.into(),
        mid: None,
        mline: Some(0),
    };
    pair.inject_message(Party::Caller, ServerMessage::Candidate(candidate));
    pair.run_for(10 * MS);
    let now = pair.now();
    pair.of(Party::Callee).accept(now).unwrap();
    assert!(pair.run_until_both(SECOND, "connected"));
    assert!(pair.end(Party::Caller).refused.is_empty());
}

#[test]
fn addresses_found_late_are_trickled_both_ways() {
    let mut pair = pair();
    for party in BOTH {
        pair.set_candidates(party, Vec::new());
    }
    pair.call();
    pair.run_for(100 * MS);
    for party in BOTH {
        let address = address(party, 0);
        let now = pair.now();
        pair.end(party).addresses.push(address);
        pair.of(party).add_local_candidate(LocalCandidate::host(address), now).unwrap();
        pair.of(party).end_of_local_candidates();
        pair.run_for(100 * MS);
    }
    assert!(pair.run_until_both(SECOND, "connected"));
    for party in BOTH {
        assert!(pair.end(party).refused.is_empty(), "{:?}", pair.end(party).refused);
    }
}

#[test]
fn statistics_come_once_a_second_and_measure_the_round_trip() {
    let mut pair = connected();
    pair.talk_for(5 * SECOND, &[1; 100]);
    for party in BOTH {
        let stats: Vec<CallStats> = pair
            .end(party)
            .events
            .iter()
            .filter_map(|(_, e)| match e {
                CallEvent::Stats(stats) => Some(*stats),
                _ => None,
            })
            .collect();
        assert!((4..=6).contains(&stats.len()), "{}", stats.len());
        let last = stats.last().unwrap();
        // Reports count in 65,536ths of a second.
        assert!(last.rtt.unwrap().abs_diff(50 * MS) < MS / 10, "{:?}", last.rtt);
        assert!(last.packets_sent > 300 && last.packets_received > 300, "{last:?}");
        assert_eq!(last.remote_loss, Some(0.0));
        assert!(last.bytes_sent > last.payload_bytes_sent);
    }
}

/// Six interfaces and a relay on either side, where nothing but the way from relay to relay works.
#[test]
fn of_six_interfaces_a_side_the_relay_is_found_within_400_ms() {
    let relay = |party: Party| -> std::net::SocketAddr {
        let port = if party == Party::Caller { 61_001 } else { 61_002 };
        ([203, 0, 113, 1], port).into()
    };
    let mut pair = pair_on(Losing {
        steady: Steady { delay: 25 * MS, signaling: Duration::ZERO },
        lost: |_: Party, datagram: &Transmit| {
            datagram.source.port() < 61_000 || datagram.destination.port() < 61_000
        },
    });
    for party in BOTH {
        let hosts = (0..6).map(|n| LocalCandidate::host(address(party, n)));
        let relayed = LocalCandidate {
            kind: CandidateKind::Relayed,
            address: relay(party),
            base: address(party, 0),
            name: None,
        };
        pair.set_candidates(party, hosts.chain([relayed]).collect());
    }
    pair.call();
    assert!(pair.run_until_both(2 * SECOND, "connected"));
    let took = pair.elapsed();
    assert!(took <= 400 * MS, "{took:?}");
    let selected = pair.end(Party::Caller).events.iter().find_map(|(_, e)| match e {
        CallEvent::PairSelected(pair) => Some(*pair),
        _ => None,
    });
    let selected = selected.unwrap();
    // The owner knows by the source that a datagram goes through the allocation.
    assert_eq!((selected.local, selected.local_kind), (relay(Party::Caller), CandidateKind::Relayed));
    assert_eq!((selected.remote, selected.remote_kind), (relay(Party::Callee), CandidateKind::Relayed));
}

/// A relay for each of six interfaces a side, and only relays may be used.
#[test]
fn of_six_relays_a_side_one_pair_is_found_within_400_ms() {
    let mut pair = pair_on(Steady { delay: 25 * MS, signaling: Duration::ZERO });
    for (party, first) in [(Party::Caller, 61_000), (Party::Callee, 61_100)] {
        let relayed = (0..6).map(|n| {
            let relay = ([203, 0, 113, 1], first + n).into();
            LocalCandidate { kind: CandidateKind::Relayed, address: relay, base: relay, name: None }
        });
        pair.set_candidates(party, relayed.collect());
    }
    pair.call();
    assert!(pair.run_until_both(2 * SECOND, "connected"));
    assert!(pair.elapsed() <= 400 * MS, "{:?}", pair.elapsed());
}

/// Both sides begin to gather when the call is accepted. Nothing comes of UDP; over TLS a relay is lent after the head
/// start, a round trip for TCP, one for TLS 1.3, two for TURN with its challenge.
#[test]
fn where_udp_is_swallowed_a_relay_over_tls_carries_the_call_within_700_ms() {
    let lent_after = crate::ice::gather::HEAD_START + 4 * 50 * MS;
    let mut pair = pair();
    for party in BOTH {
        pair.set_candidates(party, Vec::new());
    }
    pair.call();
    pair.run_for(25 * MS);
    let accepted = pair.elapsed();
    pair.run_for(lent_after);
    for party in BOTH {
        let relay = ([203, 0, 113, 1], 61_001 + party as u16).into();
        let now = pair.now();
        pair.end(party).addresses.push(relay);
        let relayed =
            LocalCandidate { kind: CandidateKind::Relayed, address: relay, base: relay, name: None };
        pair.of(party).add_local_candidate(relayed, now).unwrap();
    }
    assert!(pair.run_until_both(2 * SECOND, "connected"));
    let took = pair.elapsed() - accepted;
    assert!(took <= 700 * MS, "{took:?}");
}

#[test]
fn the_first_report_on_our_packets_counts() {
    let mut pair = connected();
    let began = pair.elapsed();
    pair.talk_for(4 * SECOND, b"speech");
    let reports: Vec<Duration> = pair
        .end(Party::Caller)
        .events
        .iter()
        .filter(|(_, event)| matches!(event, CallEvent::Report(_)))
        .map(|(at, _)| *at - began)
        .collect();
    // Reports and statistics come once a second each.
    assert!(reports[0] <= 1100 * MS && reports.len() >= 3, "{reports:?}");
}

#[test]
fn a_report_tells_how_far_the_stream_had_come_when_it_came_and_what_was_still_under_way() {
    let rtt = 200 * MS;
    let mut pair = pair_on(Steady::rtt(rtt));
    pair.call();
    assert!(pair.run_until_both(5 * SECOND, "connected"));
    pair.talk_for(5 * SECOND, b"speech");
    let reports: Vec<_> = pair
        .end(Party::Caller)
        .events
        .iter()
        .filter_map(|(_, event)| match event {
            CallEvent::Report(report) => Some(*report),
            _ => None,
        })
        .collect();
    assert!(reports.len() >= 3, "{reports:?}");
    for report in &reports[1..] {
        let progress = report.progress.unwrap();
        let under_way = progress.sent.since(progress.covered);
        let waiting = progress.waiting.unwrap();
        // What was sent less than a round trip before the report came had not arrived when it was written: 10 ms a packet.
        assert!((rtt - 10 * MS..=rtt).contains(&waiting), "{report:?}");
        assert!((19..=20).contains(&under_way.packets), "{report:?}");
        assert_eq!(under_way.payload_bytes, under_way.packets * b"speech".len() as u64);
    }
}
