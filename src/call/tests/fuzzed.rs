use super::*;
use crate::call::fuzz;
use crate::call::pair::{address, call_id, peer_id};

const SEEDS: [&str; 6] = [
    include_str!("../../../fuzz/seeds/sdp/bare-line-feeds.sdp"),
    include_str!("../../../fuzz/seeds/sdp/chrome-audio-answer.sdp"),
    include_str!("../../../fuzz/seeds/sdp/chrome-audio-offer.sdp"),
    include_str!("../../../fuzz/seeds/sdp/conference-offer.sdp"),
    include_str!("../../../fuzz/seeds/sdp/firefox-audio-offer.sdp"),
    include_str!("../../../fuzz/seeds/sdp/malformed-values.sdp"),
];

#[test]
fn arbitrary_operations_end_in_no_panic() {
    for seed in 0..150 {
        let mut noise = Noise(seed);
        let input: Vec<u8> = (0..300).map(|_| noise.byte()).collect();
        fuzz::whole_call(&input);
    }
}

#[test]
fn foreign_offers_are_answered_or_refused_in_words() {
    for seed in SEEDS {
        fuzz::gate_then_engine(seed.as_bytes());
    }
}

#[test]
fn foreign_offers_with_a_line_lost_doubled_or_changed_are_answered_or_refused_in_words() {
    let mut noise = Noise(3);
    for seed in SEEDS {
        let lines: Vec<&str> = seed.lines().collect();
        for at in 0..lines.len() {
            let mut lost = lines.clone();
            lost.remove(at);
            let mut doubled = lines.clone();
            doubled.insert(at, lines[at]);
            for text in [lost.join("\r\n") + "\r\n", doubled.join("\r\n") + "\r\n"] {
                fuzz::gate_then_engine(text.as_bytes());
            }
            let mut changed = seed.as_bytes().to_vec();
            for _ in 0..3 {
                let place = usize::from(noise.byte()) * usize::from(noise.byte()) % changed.len();
                changed[place] = 32 + noise.byte() % 95;
            }
            fuzz::gate_then_engine(&changed);
        }
    }
}

/// Our answer to an offer, with one host candidate.
fn answer_to(offer: &str) -> (String, Negotiated) {
    let now = began();
    let mut call =
        Call::incoming(config(certificate(), 2), call_id(), peer_id(Party::Caller), offer, now).unwrap();
    call.add_local_candidate(LocalCandidate::host(address(Party::Callee, 0)), now).unwrap();
    call.accept(now).unwrap();
    match call.poll_message() {
        Some(ClientMessage::Accept { sdp, .. }) => (sdp.into_string(), call.negotiated().unwrap().clone()),
        other => panic!("expected an answer, found {other:?}"),
    }
}

#[test]
fn chrome_gets_an_answer_in_its_own_names() {
    let (answer, negotiated) = answer_to(SEEDS[2]);
    for line in [
        "a=group:BUNDLE 0",
        "m=audio 9 UDP/TLS/RTP/SAVPF 63 111",
        "a=rtpmap:63 red/48000/2",
        "a=fmtp:63 111/111",
        "a=mid:0",
        "a=sendrecv",
        "a=setup:active",
        "a=ptime:10",
        "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level",
    ] {
        assert!(answer.lines().any(|l| l == line), "{line} in\n{answer}");
    }
    assert!(!answer.contains("transport-cc"));
    assert_eq!((negotiated.payload_type, negotiated.direction), (111, Direction::Both));
}

#[test]
fn who_sends_each_frame_twice_is_asked_for_no_error_correction_beside() {
    let asked = |offer: &str| answer_to(offer).0.contains("useinbandfec=1");
    let (chrome, firefox) = (SEEDS[2], SEEDS[4]);
    assert!(!asked(chrome));
    assert!(asked(firefox), "it does not know RED");
    let ours = chrome.replace("useinbandfec=1", "useinbandfec=1;usedred=1");
    assert!(asked(&ours), "one of us chooses between the two");
}

#[test]
fn a_conference_gets_our_candidates_where_the_audio_is() {
    let (answer, negotiated) = answer_to(SEEDS[3]);
    let audio = answer.find("m=audio").unwrap();
    let candidate = answer.find("a=candidate:").unwrap();
    let data = answer.find("m=application 0").unwrap();
    assert!(answer.find("m=video 0").unwrap() < audio && audio < candidate && candidate < data);
    assert!(answer.contains("a=mid:audio-0\r\n") && answer.contains("a=group:BUNDLE audio-0\r\n"));
    assert_eq!((negotiated.direction, negotiated.max_bitrate_bps), (Direction::Receive, Some(64_000)));
}
