use super::*;
use crate::call::pair::{address, call_id};
use crate::ice::mdns::HostName;
use crate::rtp::PayloadFormat;
use crate::signaling;

#[test]
fn garbage_datagrams_neither_end_nor_disturb_a_call() {
    let mut pair = connected();
    let mut noise = Noise(1);
    let stranger = "192.0.2.66:6666".parse().unwrap();
    for length in 0..400 {
        for first in [0, 1, 20, 22, 63, 128, 144, 191, 255] {
            let mut datagram: Vec<u8> = (0..length % 90).map(|_| noise.byte()).collect();
            if let Some(byte) = datagram.first_mut() {
                *byte = first;
            }
            for party in BOTH {
                let source = if length % 2 == 0 { stranger } else { address(party.other(), 0) };
                pair.inject_datagram(party, source, &datagram);
            }
        }
        pair.run_for(MS);
    }
    pair.talk_for(SECOND, b"speech");
    pair.run_for(100 * MS);
    for party in BOTH {
        assert_eq!(pair.state(party), Some(State::Connected), "{party:?}");
        assert_eq!(audio_heard(&mut pair, party), 100);
    }
}

#[test]
fn garbage_during_the_set_up_does_not_prevent_it() {
    let mut pair = pair();
    pair.call();
    let mut noise = Noise(2);
    for _ in 0..300 {
        for party in BOTH {
            for first in [0, 1, 20, 22, 23, 25, 44, 128] {
                let mut datagram: Vec<u8> = (0..64).map(|_| noise.byte()).collect();
                datagram[0] = first;
                pair.inject_datagram(party, address(party.other(), 0), &datagram);
            }
        }
        pair.run_for(MS);
    }
    assert!(
        pair.run_until_both(5 * SECOND, "connected"),
        "{:?} {:?}",
        pair.state(Party::Caller),
        pair.state(Party::Callee)
    );
}

#[test]
fn replayed_datagrams_are_heard_once() {
    let mut seen: Vec<Transmit> = Vec::new();
    let mut pair = connected();
    for frame in 0..50_u64 {
        let now = pair.now();
        let audio = AudioFrame {
            payload: b"speech",
            format: PayloadFormat::Opus,
            timestamp: frame * 480,
            captured_at: now,
            level_dbov: -20,
            starts_talk: false,
        };
        pair.of(Party::Caller).send_audio(audio, now);
        while let Some(datagram) = pair.of(Party::Caller).poll_transmit() {
            seen.push(datagram);
        }
        pair.run_for(10 * MS);
    }
    for _ in 0..3 {
        for datagram in &seen {
            pair.inject_datagram(Party::Callee, datagram.source, &datagram.payload);
            pair.run_for(MS);
        }
    }
    assert_eq!(audio_heard(&mut pair, Party::Callee), 50);
}

#[test]
fn bad_candidates_are_refused_and_the_call_goes_on() {
    let mut pair = pair();
    pair.call();
    let many = (0..500).map(|n| format!("candidate:1 1 udp 1 10.1.{}.{} 9 typ host", n / 250, n % 250 + 1));
    let odd = [
        "candidate:",
        "candidate:1 1 udp 1 0.0.0.0 9 typ host",
        "candidate:1 1 udp 1 224.0.0.1 9 typ host",
        "candidate:1 1 tcp 1 10.0.0.9 9 typ host tcptype active",
        "candidate:1 2 udp 1 10.0.0.9 9 typ host",
        "candidate:1 1 udp 1 10.0.0.9 99999 typ host",
        "a=candidate:1 1 udp 1 10.0.0.9 9 typ host ufrag other",
        "",
        "\0\0\0",
    ];
    pair.run_for(60 * MS);
    for line in odd.into_iter().map(str::to_owned).chain(many) {
        for party in BOTH {
            pair.inject_message(
                party,
                ServerMessage::Candidate(signaling::Candidate {
                    call: call_id(),
                    candidate: line.clone().into(),
                    mid: Some("0".into()),
                    mline: None,
                }),
            );
        }
    }
    assert!(pair.run_until_both(SECOND, "connected"));
    assert!(!pair.end(Party::Caller).refused.is_empty());
}

#[test]
fn a_multicast_dns_name_is_told_and_can_be_resolved_later() {
    let mut pair = pair();
    // Nobody learns of the caller's address but by its name.
    pair.call();
    pair.run_for(30 * MS);
    let line = "candidate:1 1 udp 2113937151 7f3c0de1-1111-4222-8333-123456789abc.local 5000 typ host";
    let candidate = |line: &str| {
        ServerMessage::Candidate(signaling::Candidate {
            call: call_id(),
            candidate: line.into(),
            mid: None,
            mline: Some(0),
        })
    };
    pair.inject_message(Party::Callee, candidate(line));
    pair.run_for(MS);
    let asked = pair.end(Party::Callee).events.iter().find_map(|(_, e)| match e {
        CallEvent::UnresolvedHost { name } => Some(*name),
        _ => None,
    });
    let name = asked.unwrap();
    assert_eq!(name.to_string(), "7f3c0de1-1111-4222-8333-123456789abc.local");
    let now = pair.now();
    let stranger = HostName::from_random([9; 16]);
    pair.of(Party::Callee).resolve_host(stranger, "10.0.0.66".parse().unwrap(), now);
    pair.of(Party::Callee).resolve_host(name, "10.0.0.77".parse().unwrap(), now);
    pair.run_for(MS);
    assert!(pair.run_until_both(SECOND, "connected"));
}

#[test]
fn an_update_with_another_certificate_is_refused() {
    let mut pair = connected();
    let stranger = Certificate::generate().unwrap();
    let mut other =
        Call::outgoing(config(&stranger, 5), call_id(), super::super::pair::peer_id(Party::Callee), began());
    other.start(began()).unwrap();
    let Some(ClientMessage::Call { sdp, .. }) = other.poll_message() else { panic!("an offer") };
    let update = ServerMessage::Update { call: call_id(), sdp };
    let now = pair.now();
    let refused = pair.of(Party::Caller).handle_message(&update, now).unwrap_err();
    assert!(matches!(refused, CallError::Description(_)), "{refused}");
    pair.talk_for(SECOND, b"speech");
    assert_eq!(pair.state(Party::Caller), Some(State::Connected));
}

#[test]
fn a_peer_with_another_certificate_than_it_named_is_not_spoken_to() {
    // The callee's description names the certificate of somebody else.
    let mut pair = pair();
    pair.manner = super::super::pair::Manner::Ring;
    pair.call();
    pair.run_for(100 * MS);
    let now = pair.now();
    pair.of(Party::Callee).accept(now).unwrap();
    let Some(ClientMessage::Accept { call, sdp }) =
        std::iter::from_fn(|| pair.of(Party::Callee).poll_message())
            .find(|m| matches!(m, ClientMessage::Accept { .. }))
    else {
        panic!("an answer")
    };
    let forged: Vec<String> = sdp
        .lines()
        .map(|line| match line.strip_prefix("a=fingerprint:sha-256 ") {
            Some(digest) => {
                let flipped = if digest.starts_with("00") { "01" } else { "00" };
                format!("a=fingerprint:sha-256 {flipped}{}", &digest[2..])
            }
            None => line.to_owned(),
        })
        .collect();
    let forged = format!("{}\r\n", forged.join("\r\n"));
    pair.inject_message(Party::Caller, ServerMessage::Accept { call, sdp: forged.into() });
    pair.run_for(5 * SECOND);
    assert_eq!(ended(&pair, Party::Caller), Some(EndReason::Error(Side::Us)));
    assert_ne!(pair.state(Party::Callee), Some(State::Connected));
}

#[test]
fn debug_texts_show_no_address_and_no_secret() {
    let mut pair = connected();
    let call = format!("{:?} {:?}", pair.of(Party::Caller), config(certificate(), 1));
    let transmit = format!(
        "{:?}",
        Transmit {
            source: address(Party::Caller, 0),
            destination: address(Party::Callee, 0),
            payload: vec![1, 2, 3],
        }
    );
    assert!(!call.contains("10.0.0") && !transmit.contains("10.0.0"), "{call} {transmit}");
}
