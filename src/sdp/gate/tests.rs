use super::*;
use crate::sdp::{Direction, Error, PacketTime, Rule, Setup};

const CHROME: &str = include_str!("../../../fuzz/seeds/sdp/chrome-audio-offer.sdp");
const FIREFOX: &str = include_str!("../../../fuzz/seeds/sdp/firefox-audio-offer.sdp");
const ANSWER: &str = include_str!("../../../fuzz/seeds/sdp/chrome-audio-answer.sdp");
const CONFERENCE: &str = include_str!("../../../fuzz/seeds/sdp/conference-offer.sdp");
const BARE: &str = include_str!("../../../fuzz/seeds/sdp/bare-line-feeds.sdp");

fn offer(text: &str) -> Result<Remote, Error> {
    check_remote(text, Kind::Offer)
}

/// The offer of Chrome with `from` replaced, which must be there.
fn chrome_with(from: &str, to: &str) -> Result<Remote, Error> {
    assert!(CHROME.contains(from), "{from:?} is part of the offer");
    offer(&CHROME.replace(from, to))
}

#[track_caller]
fn broken(result: Result<Remote, Error>, expected: Rule) -> String {
    match result {
        Err(error @ Error::Policy { rule, .. }) if rule == expected => error.to_string(),
        other => panic!("expected {expected:?}, found {other:?}"),
    }
}

#[track_caller]
fn too_much(result: Result<Remote, Error>) -> &'static str {
    match result {
        Err(Error::Limit { what, .. }) => what,
        other => panic!("expected a limit, found {other:?}"),
    }
}

#[test]
fn an_offer_of_chrome_passes_with_every_fact() {
    let remote = offer(CHROME).unwrap();
    assert_eq!(remote.candidates.len(), 5);
    assert!(remote.candidates[0].starts_with("candidate:1467250027 1 udp "));
    assert!(!remote.end_of_candidates && remote.trickle && !remote.ice_lite && remote.bundled);
    assert_eq!((remote.ice_ufrag.as_str(), remote.ice_pwd.len()), ("tQ4f", 24));
    assert_eq!(remote.fingerprint[..3], [0x3c, 0x4e, 0xa9]);
    assert_eq!((remote.setup, remote.direction), (Setup::ActPass, Direction::SendRecv));
    assert_eq!((remote.audio_mid.as_str(), remote.opus_payload_type), ("0", 111));
    assert_eq!(remote.opus.to_string(), "minptime=10;useinbandfec=1");
    assert!(!remote.sdp.contains("a=candidate"));
}

#[test]
fn an_offer_of_firefox_passes_and_keeps_its_mdns_candidates() {
    let remote = offer(FIREFOX).unwrap();
    assert_eq!(remote.candidates.len(), 2);
    assert!(remote.candidates[0].contains(".local "));
    assert!(remote.end_of_candidates);
    assert!(remote.opus.wants_stereo());
}

#[test]
fn an_answer_says_what_the_browser_wants_of_opus() {
    let remote = check_remote(ANSWER, Kind::Answer).unwrap();
    assert_eq!(remote.opus.max_average_bitrate, Some(24_000));
    assert!(remote.opus.wants_dtx() && remote.opus.wants_cbr() && !remote.opus.wants_inband_fec());
    assert_eq!(remote.opus.ptime, PacketTime::from_ms(40));
    assert_eq!(remote.opus.max_ptime, PacketTime::from_ms(60));
    assert_eq!(remote.direction, Direction::RecvOnly);
}

#[test]
fn audio_bundled_with_a_refused_section_uses_that_transport() {
    let remote = offer(CONFERENCE).unwrap();
    assert_eq!(remote.ice_ufrag, "LkJh");
    assert!(remote.ice_lite);
    let accepted: Vec<bool> = remote.sections.iter().map(|s| s.accepted).collect();
    assert_eq!(accepted, [false, true, false]);
    assert_eq!(remote.opus.ptime, PacketTime::from_micros(2_500));
    assert_eq!(remote.opus.max_average_bitrate, Some(64_000));
    // The engine would cut or change this name, and not know the feedback for all formats.
    assert_eq!(remote.sections[1].mid.as_deref(), Some("audio-0"));
    assert_eq!(remote.audio_mid, "s1");
    assert!(remote.sdp.contains("a=rtcp-fb:111 transport-cc\r\n"));
    assert!(!remote.sdp.contains("sdes:mid"), "packets must not carry the stand-in name");
    assert!(remote.sdp.contains("a=group:BUNDLE s1\r\n"));
}

#[test]
fn data_is_taken_part_in_when_asked_for() {
    let gate = Gate { data: true, ..Gate::default() };
    let remote = gate.check(CONFERENCE, Kind::Offer).unwrap();
    assert!(remote.sections[2].accepted);
    assert!(remote.sdp.contains("a=group:BUNDLE s1 data\r\n"));
    assert!(remote.sdp.contains("m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n"));
}

#[test]
fn of_several_data_sections_the_first_is_taken() {
    let gate = Gate { data: true, ..Gate::default() };
    let at = CONFERENCE.rfind("m=application").expect("it has one");
    let second = CONFERENCE[at..].replace("a=mid:data", "a=mid:more");
    let both = format!("{CONFERENCE}{second}").replace("audio-0 data", "audio-0 data more");
    let remote = gate.check(&both, Kind::Offer).unwrap();
    let accepted: Vec<_> = remote.sections.iter().map(|section| section.accepted).collect();
    assert_eq!(accepted, [false, true, true, false]);
    assert_eq!(remote.sdp.matches("m=application").count(), 1, "the engine is told of one");
}

#[test]
fn line_feeds_alone_and_odd_spacing_are_forgiven() {
    let remote = offer(BARE).unwrap();
    assert!(remote.opus.wants_inband_fec());
    assert_eq!(remote.ice_ufrag, "abcd");
    assert!(remote.sdp.lines().count() > 10 && remote.sdp.ends_with("\r\n"));
}

#[test]
fn of_several_opus_the_first_in_the_media_line_is_taken_whatever_the_order_of_their_lines() {
    let second = "a=rtpmap:112 opus/48000/2\r\na=fmtp:112 stereo=1\r\na=rtpmap:111 opus/48000/2\r\n";
    let both = CHROME.replace("SAVPF 111", "SAVPF 111 112").replace("a=rtpmap:111 opus/48000/2\r\n", second);
    let remote = offer(&both).unwrap();
    assert_eq!(remote.opus_payload_type, 111);
    assert!(!remote.opus.wants_stereo() && remote.opus.wants_inband_fec());
    assert!(!remote.sdp.contains("112"), "the engine is not told of the other: {}", remote.sdp);
}

#[test]
fn everything_that_passes_passes_again_unchanged() {
    for (text, kind) in
        [(CHROME, Kind::Offer), (FIREFOX, Kind::Offer), (CONFERENCE, Kind::Offer), (ANSWER, Kind::Answer)]
    {
        crate::sdp::fuzz::gate(text.as_bytes());
        let remote = check_remote(text, kind).unwrap();
        assert_eq!(check_remote(&remote.sdp, kind).unwrap().sdp, remote.sdp);
    }
}

#[test]
fn weak_missing_short_and_mismatched_fingerprints_are_refused() {
    let message = broken(chrome_with("a=fingerprint:sha-256", "a=fingerprint:sha-1"), Rule::Fingerprint);
    assert!(message.contains("expected a sha-256 fingerprint, found \"sha-1\""), "{message}");
    broken(chrome_with("a=fingerprint:", "a=x-fingerprint:"), Rule::Fingerprint);
    broken(chrome_with(":7B:D0\r\n", "\r\n"), Rule::Fingerprint);
    broken(chrome_with(":7B:D0\r\n", ":7B:D\r\n"), Rule::Fingerprint);
    let other = "a=fingerprint:sha-256 3C:4E:A9:17:55:0B:D2:68:F1:9E:23:C7:80:6A:BD:44:12:F8:5D:E3:77:09:9B:\
                 C6:31:AE:58:04:EF:92:7B:FF\r\na=setup:actpass";
    broken(chrome_with("a=setup:actpass", other), Rule::Fingerprint);
}

#[test]
fn a_strong_fingerprint_beside_a_weak_one_passes() {
    let both =
        "a=fingerprint:sha-1 4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B:19:E5:7C:AB\r\na=setup:actpass";
    chrome_with("a=setup:actpass", both).unwrap();
}

#[test]
fn short_and_strange_credentials_are_refused_without_being_quoted() {
    broken(chrome_with("a=ice-ufrag:tQ4f", "a=ice-ufrag:tQ4"), Rule::IceCredentials);
    let message = broken(chrome_with("Rj7w\r\n", "\r\n"), Rule::IceCredentials);
    assert!(message.contains("found 20 bytes") && !message.contains("u1Hc2Zp0"), "{message}");
    broken(chrome_with("a=ice-ufrag:tQ4f", "a=ice-ufrag:tQ4é"), Rule::IceCredentials);
    let message = broken(chrome_with("a=ice-pwd:u1Hc", "a=ice-pwd:u1 Hc"), Rule::IceCredentials);
    assert!(!message.contains("Hc2Zp0"), "{message}");
    broken(chrome_with("a=ice-ufrag:", "a=x-ufrag:"), Rule::IceCredentials);
}

#[test]
fn setup_roles_fit_their_half_of_the_exchange() {
    broken(chrome_with("a=setup:actpass", "a=setup:holdconn"), Rule::Setup);
    broken(chrome_with("a=setup:actpass\r\n", ""), Rule::Setup);
    broken(check_remote(CHROME, Kind::Answer), Rule::Setup);
    assert_eq!(chrome_with("a=setup:actpass", "a=setup:passive").unwrap().setup, Setup::Passive);
}

#[test]
fn keys_in_the_description_are_refused() {
    let crypto = "a=setup:actpass\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x";
    let message = broken(chrome_with("a=setup:actpass", crypto), Rule::Sdes);
    assert!(!message.contains("inline"), "{message}");
}

#[test]
fn bundles_of_absent_and_double_sections_are_refused() {
    let message = broken(chrome_with("BUNDLE 0", "BUNDLE 0 1"), Rule::Bundle);
    assert!(message.starts_with("line 5, column 18: "), "{message}");
    broken(chrome_with("BUNDLE 0", "BUNDLE 0 0"), Rule::Bundle);
    let video = format!("{CHROME}m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\n");
    broken(offer(&video), Rule::Mid);
    assert!(!chrome_with("a=group:BUNDLE 0\r\n", "").unwrap().bundled);
}

#[test]
fn audio_that_cannot_be_spoken_on_is_refused() {
    broken(chrome_with("m=audio 51472", "m=audio 0"), Rule::Audio);
    broken(chrome_with("m=audio", "m=video"), Rule::Audio);
    broken(chrome_with("opus/48000/2", "opux/48000/2"), Rule::Opus);
    broken(chrome_with("UDP/TLS/RTP/SAVPF", "UDP/RTP"), Rule::Protocol);
    broken(chrome_with("a=rtcp-mux\r\n", ""), Rule::RtcpMux);
    broken(chrome_with("SAVPF 111", "SAVPF 128 111"), Rule::PayloadType);
    broken(chrome_with("a=rtpmap:63 red", "a=rtpmap:111 red"), Rule::PayloadType);
    broken(chrome_with("a=sendrecv", "a=sendrecv\r\na=sendonly"), Rule::Direction);
}

#[test]
fn syntax_errors_say_where_and_what() {
    let error = chrome_with("m=audio 51472", "m=audio 65536").unwrap_err();
    let message = "line 8, column 9: expected a port from 0 to 65535, found \"65536\"";
    assert_eq!(error.to_string(), message);
    let error = chrome_with("s=-", "s=a\0b").unwrap_err();
    assert_eq!(error.to_string(), r#"line 3, column 4: expected text without NUL, found "\0""#);
    let error = chrome_with("s=-", "s=a\rb").unwrap_err();
    assert!(error.to_string().starts_with("line 3, column 4: expected a line feed"), "{error}");
}

#[test]
fn hostile_sizes_are_refused_by_name() {
    assert_eq!(too_much(offer(&"a".repeat(MAX_BYTES + 1))), "bytes");
    let long = format!("{CHROME}a=x:{}\r\n", "y".repeat(MAX_LINE_BYTES));
    assert_eq!(too_much(offer(&long)), "bytes in a line");
    assert_eq!(too_much(offer(&format!("{CHROME}{}", "a=x\n".repeat(MAX_LINES)))), "lines");
    assert_eq!(too_much(offer(&format!("{CHROME}{}", "m=x\n".repeat(MAX_SECTIONS)))), "media sections");
    let candidate = "a=candidate:1 1 udp 1 192.0.2.1 1 typ host\r\n";
    let many = format!("{CHROME}{}", candidate.repeat(MAX_CANDIDATES));
    assert_eq!(too_much(offer(&many)), "candidates");
    let hidden = format!("{CHROME}{}", candidate.replace("a=c", "a= c").repeat(MAX_CANDIDATES));
    assert_eq!(too_much(offer(&hidden)), "candidates");
}

#[test]
fn more_sources_than_the_engine_should_track_are_left_out() {
    let sources: String = (0..1000).map(|i| format!("a=ssrc:{i} cname:x\r\n")).collect();
    let remote = offer(&format!("{CHROME}{sources}")).unwrap();
    assert_eq!(remote.sdp.matches("cname:").count(), MAX_SSRCS);
}

#[test]
fn a_later_description_keeps_the_certificate_and_the_sections() {
    let first = offer(CHROME).unwrap();
    let again = chrome_with("a=ice-ufrag:tQ4f", "a=ice-ufrag:other").unwrap();
    again.continues(&first).unwrap();
    assert!(again.restarts_ice(&first) && !first.restarts_ice(&first));
    let other = chrome_with("sha-256 3C", "sha-256 3D").unwrap();
    broken(other.continues(&first).map(|()| other.clone()), Rule::Continuity);
    let fewer = offer(CHROME).unwrap().continues(&offer(CONFERENCE).unwrap());
    assert!(fewer.is_err());
}

#[test]
fn debug_shows_no_secrets_and_no_addresses() {
    let shown = format!("{:?}", offer(CHROME).unwrap());
    for secret in ["u1Hc2Zp0", "192.168.17.44", "2001:db8"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}
