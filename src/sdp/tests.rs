use super::fuzz;
use super::*;
use proptest::prelude::*;

const SEEDS: [&str; 7] = [
    include_str!("../../fuzz/seeds/sdp/chrome-audio-offer.sdp"),
    include_str!("../../fuzz/seeds/sdp/firefox-audio-offer.sdp"),
    include_str!("../../fuzz/seeds/sdp/chrome-audio-answer.sdp"),
    include_str!("../../fuzz/seeds/sdp/conference-offer.sdp"),
    include_str!("../../fuzz/seeds/sdp/rfc-style-session.sdp"),
    include_str!("../../fuzz/seeds/sdp/bare-line-feeds.sdp"),
    include_str!("../../fuzz/seeds/sdp/malformed-values.sdp"),
];
const CHROME: &str = SEEDS[0];
const CONFERENCE: &str = SEEDS[3];

const HEAD: &str = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n";

/// The one attribute of a session that has no other.
fn attribute(line: &str) -> Attribute<'_> {
    match Description::parse(line).unwrap().attributes().next() {
        Some(attribute) => *attribute,
        None => panic!("no attribute in {line:?}"),
    }
}

/// Parses `a=<line>` and writes it again.
fn rewritten(line: &str) -> String {
    let text = format!("{HEAD}a={line}\r\n");
    let mut out = String::new();
    attribute(&text).write_to(&mut out);
    out.trim_end().trim_start_matches("a=").to_owned()
}

fn is_malformed(line: &str) -> bool {
    let text = format!("{HEAD}a={line}\r\n");
    matches!(attribute(&text), Attribute::Malformed { .. })
}

#[test]
fn an_offer_of_chrome_is_typed_throughout_and_written_byte_for_byte() {
    let description = Description::parse(CHROME).unwrap();
    assert_eq!(description.to_string(), CHROME);
    assert_eq!(description.malformed().count(), 0);
    assert_eq!(description.bundle(), Some(Words::new("0")));
    let audio = description.section(0).unwrap();
    assert_eq!(audio.head().payload_types().flatten().count(), 8);
    assert_eq!(audio.rtp_map(63).unwrap().encoding, "red");
    assert_eq!(audio.opus().unwrap().0, 111);
    assert!(audio.fingerprints().all(|f| f.has_full_length()));
    let unknown = audio.attributes().filter(|a| matches!(a, Attribute::Other { .. })).count();
    assert_eq!(unknown, 0, "nothing that Chrome writes for audio is unknown");
}

#[test]
fn every_seed_survives_a_round_trip() {
    for seed in SEEDS {
        Description::parse(seed).unwrap();
        fuzz::round_trip(seed.as_bytes());
    }
}

#[test]
fn sections_inherit_from_the_session_what_they_do_not_say() {
    let text = format!(
        "{HEAD}a=recvonly\r\na=ice-ufrag:sess\r\na=setup:active\r\nm=audio 9 RTP/AVP 0\r\nm=audio 9 RTP/AVP \
         0\r\na=sendonly\r\na=ice-ufrag:own\r\n"
    );
    let description = Description::parse(&text).unwrap();
    let [first, second] = [0, 1].map(|i| description.section(i).unwrap());
    assert_eq!((first.direction(), second.direction()), (Direction::RecvOnly, Direction::SendOnly));
    assert_eq!((first.ice_ufrag(), second.ice_ufrag()), (Some("sess"), Some("own")));
    assert_eq!(second.setup(), Some(Setup::Active));
    assert!(description.section(2).is_none());
}

#[test]
fn simulcast_restrictions_and_encrypted_extensions_are_typed() {
    let description = Description::parse(CONFERENCE).unwrap();
    let video = description.section(0).unwrap();
    let rids: Vec<_> = video
        .attributes()
        .filter_map(|a| match a {
            Attribute::Rid(rid) => Some(rid.restrictions().collect::<Vec<_>>()),
            _ => None,
        })
        .collect();
    assert_eq!(rids, [vec![], vec![("max-width", Some("320")), ("max-br", Some("200000"))]]);
    assert!(video.attributes().any(|a| matches!(a, Attribute::Simulcast(s) if s.send == Some("hi;~lo"))));
    let audio = description.section(1).unwrap();
    assert!(audio.attributes().any(|a| matches!(a, Attribute::ExtMap(map)
        if map.encrypted && map.id == 15 && map.uri.ends_with("ssrc-audio-level") && map.parameters == "vad=on")));
}

#[test]
fn well_formed_attributes_are_written_as_they_were() {
    for line in [
        "group:LS a b",
        "msid:- track",
        "msid:stream",
        "rtcp:9 IN IP6 ::1",
        "rtcp:9",
        "ice-options:trickle ice2",
        "rtpmap:0 PCMU/8000",
        "rtcp-fb:* nack pli",
        "extmap:4096/inactive urn:x a b",
        "ssrc:4294967295 cname:a:b",
        "ssrc:1 prefer",
        "ssrc-group:FID 1 2",
        "rid:1 recv pt=1,2;max-fps=30",
        "simulcast:send 1,~2;3 recv 4",
        "sctp-port:5000",
        "max-message-size:0",
        "ptime:2.5",
        "tls-id:abc3de65cddef001be82",
        "candidate:1 1 udp 1 host.local 1 typ host x y",
        "unknown-of-mine:  spaces  kept ",
        "unknown-flag",
    ] {
        assert_eq!(rewritten(line), line.trim_end());
        assert!(!is_malformed(line), "{line}");
    }
}

#[test]
fn values_that_break_their_grammar_are_kept_and_marked() {
    for line in [
        "mid:a b",
        "mid",
        "rtpmap:128 opus/48000",
        "rtpmap:111 opus",
        "rtpmap:111 opus/0",
        "rtpmap:111 opus/48000/2/2",
        "fmtp:x a=b",
        "fingerprint:sha-256 AB:C",
        "fingerprint:sha-256",
        "fingerprint:sha-256 ABCDEF",
        "setup:maybe",
        "candidate:1 1 udp 1 192.0.2.1 65536 typ host",
        "candidate:1 1 udp 1 192.0.2.1 1 type host",
        "extmap:1/upward urn:x",
        "extmap:70000 urn:x",
        "ssrc:4294967296 cname:a",
        "simulcast:send a send b",
        "simulcast:",
        "sctp-port:65536",
        "ptime:0",
        "rid:a sideways",
        "ice-ufrag:",
        "ice-pwd:a b",
    ] {
        assert!(is_malformed(line), "{line}");
        assert_eq!(rewritten(line), line);
    }
    let text = format!("{HEAD}a=setup:maybe\r\n");
    let description = Description::parse(&text).unwrap();
    let (text, expected) = description.malformed().next().unwrap();
    assert_eq!((text, expected), ("setup:maybe", "a setup role"));
    assert_eq!(description.position_of(text).to_string(), "line 5, column 3");
}

#[test]
fn leniencies_are_the_ones_we_promise() {
    let read = |text: &str| Description::parse(text).unwrap().to_string();
    let expected = "v=0\r\no=- 1 1 IN IP4 h\r\ns=\r\na=x\r\n";
    assert_eq!(read("v=0\no=- 1 1 IN IP4 h\na=x"), expected, "bare line feeds, no s=, no t=, no last end");
    assert_eq!(read("v=0\r\n\r\no=- 1 1 IN IP4 h\r\n \r\ns=\r\r\na=x\r\n\r\n"), expected, "empty lines");
    assert_eq!(read("v= 0 \r\no=-  1 1\tIN IP4 h \r\ns=\r\na=x\r\n"), expected, "odd spacing");
    assert_eq!(read("v=0\r\no=- 1 1 IN IP4 h\r\na=x\r\ns=\r\n"), expected, "any order after the second");
}

#[test]
fn refusals_say_where_and_what() {
    for (text, message) in [
        ("", "line 1, column 1: expected v=0 as the first line, found nothing"),
        ("v=1\r\n", r#"line 1, column 3: expected version 0, found "1""#),
        ("v=0\r\ns=-\r\n", r#"line 2, column 1: expected o= as the second line, found "-""#),
        ("v=0\r\no=- 1 1 IN IP4\r\n", "line 2, column 15: expected an address, found nothing"),
        (
            "v=0\r\no=- x 1 IN IP4 h\r\n",
            r#"line 2, column 5: expected digits alone in the session id and version, found "x""#,
        ),
        (
            "v=0\r\no=- 1 1 IN IP4 h\r\nhello\r\n",
            r#"line 3, column 1: expected a line of the form letter=value, found "hello""#,
        ),
        (
            "v=0\r\no=- 1 1 IN IP4 h\r\nq=1\r\n",
            r#"line 3, column 1: expected a line type that RFC 8866 names, found "q""#,
        ),
        (
            "v=0\r\no=- 1 1 IN IP4 h\r\ns=-\r\ns=-\r\n",
            r#"line 4, column 1: expected one s= line, in the session's part, found "-""#,
        ),
        (
            "v=0\r\no=- 1 1 IN IP4 h\r\nm=audio 9/x RTP/AVP 0\r\n",
            r#"line 3, column 11: expected a number of ports in digits, found "x""#,
        ),
        (
            "v=0\r\no=- 1 1 IN IP4 h\r\nb=AS:1.5\r\n",
            r#"line 3, column 6: expected a bandwidth in digits, found "1.5""#,
        ),
        (
            "v=0\r\no=- 1 1 IN IP4 h\r\nt=0\r\n",
            "line 3, column 4: expected a stop time in digits, found nothing",
        ),
    ] {
        assert_eq!(Description::parse(text).unwrap_err().to_string(), message);
    }
    let error = Description::parse_bytes(b"v=0\r\no=\xff\r\n").unwrap_err();
    assert_eq!(error.to_string(), "line 2, column 3: expected UTF-8, found byte 0xff");
}

/// A line end of any kind that we take.
fn line_end() -> impl Strategy<Value = &'static str> {
    prop_oneof![Just("\r\n"), Just("\n"), Just("\r\r\n"), Just("\n\n")]
}

/// A line that is probably fit to stand in a description: a known attribute's name before anything, or
/// any letter before anything.
fn line() -> impl Strategy<Value = String> {
    let names = "(mid|group|rtpmap|fmtp|extmap|ssrc|msid|candidate|fingerprint|rid|simulcast|rtcp|ptime|setup|[a-z-]{1,8})";
    let value = "[ -~]{0,24}|[0-9]{1,5} [a-z]{1,5}/[0-9]{1,5}(/[0-9])?|([a-z0-9]{1,4} ){0,9}";
    prop_oneof![
        (names, value).prop_map(|(name, value)| format!("a={name}:{value}")),
        "a=[ -~]{0,20}",
        "m=(audio|video|x) [0-9]{1,5}(/[0-9])? [A-Z/]{1,9}( [0-9]{1,3}){0,4}",
        "[ciuepbtrzk]=[ -~]{0,20}",
        "b=[A-Z]{1,4}:[0-9]{1,9}",
        "t=[0-9]{1,9} [0-9]{1,9}",
    ]
}

proptest! {
    #[test]
    fn any_lines_that_parse_survive_a_round_trip(lines in prop::collection::vec((line(), line_end()), 0..20)) {
        let mut text = HEAD.to_owned();
        for (line, end) in lines {
            text.push_str(&line);
            text.push_str(end);
        }
        fuzz::round_trip(text.as_bytes());
    }

    #[test]
    fn any_bytes_end_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        fuzz::round_trip(&bytes);
        fuzz::gate(&bytes);
    }

    #[test]
    fn seeds_with_pieces_replaced_end_without_a_panic(
        seed in 0..SEEDS.len(), at in any::<prop::sample::Index>(), cut in 0usize..40, piece in "[ -~\r\n\0é]{0,12}",
    ) {
        let seed = SEEDS[seed];
        let start = at.index(seed.len());
        let end = (start + cut).min(seed.len());
        let text = [&seed.as_bytes()[..start], piece.as_bytes(), &seed.as_bytes()[end..]].concat();
        fuzz::round_trip(&text);
        fuzz::gate(&text);
    }

    #[test]
    fn opus_parameters_read_back_as_written(
        flags in prop::array::uniform6(any::<Option<bool>>()),
        times in prop::array::uniform3(prop::option::of(1u32..=10_000)),
        bitrate in prop::option::of(6_000u32..=510_000),
        rates in prop::array::uniform2(prop::option::of(8_000u32..=48_000)),
    ) {
        let [use_inband_fec, stereo, sprop_stereo, cbr, use_dtx, use_dred] = flags;
        let [min_ptime, ptime, max_ptime] = times.map(|t| t.and_then(PacketTime::from_ms));
        let opus = OpusParameters {
            min_ptime, ptime, max_ptime, use_inband_fec, stereo, sprop_stereo, cbr, use_dtx,
            max_average_bitrate: bitrate, max_playback_rate: rates[0], sprop_max_capture_rate: rates[1],
            use_dred,
        };
        prop_assert_eq!(OpusParameters::parse(&opus.to_string()), opus);
    }

    #[test]
    fn positions_point_at_the_part_they_name(lines in 1usize..50) {
        let text = format!("{HEAD}{}a=setup:x\n", "a=y\n".repeat(lines));
        let description = Description::parse(&text).unwrap();
        let (text, _) = description.malformed().next().unwrap();
        prop_assert_eq!(description.position_of(text), Position { line: 5 + lines, column: 3 });
    }
}
