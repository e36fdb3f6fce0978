//! Our parser beside two others: where they agree against us there is a reason, and where all accept
//! they read the same.

use handset::sdp::gate::{self, Kind};
use handset::sdp::{Attribute, Description, Error};
use sdp_types::Session;
use webrtc_sdp::attribute_type::{SdpAttribute, SdpAttributeType};
use webrtc_sdp::{SdpSession, parse_sdp};

/// What we refuse, by what the error says was expected, though sdp-types and webrtc-sdp may both
/// accept it, and why.
const REFUSALS: [(&str, &str); 17] = [
    ("UTF-8", "text is borrowed as such; one of the peers reads bytes"),
    ("text without NUL", "RFC 8866 section 9 forbids it in every value; C strings end there"),
    ("a line feed after the return", "parsers disagree on whether a line ends there"),
    ("a line of the form letter=value", "sdp-types skips such lines, webrtc-sdp trims before the letter"),
    ("a line type that RFC 8866 names", "RFC 8866 section 5: ignore the whole description or refuse it"),
    ("one s= line, in the session's part", "RFC 8866 section 5.3; webrtc-sdp lets a section have one"),
    ("o= as the second line", "RFC 8866 section 5: the order of the first lines is fixed"),
    ("version 0", "webrtc-sdp takes 00 for 0"),
    ("v=0 as the first line", "RFC 8866 section 5.1; webrtc-sdp takes a capital V"),
    ("six fields in the origin", "RFC 8866 section 5.2; webrtc-sdp ignores a seventh"),
    ("three fields in the connection", "RFC 8866 section 5.7; a space in an address"),
    ("two times", "RFC 8866 section 5.9; a third time"),
    ("digits alone in the session id and version", SIGN),
    ("a start time in digits", SIGN),
    ("a stop time in digits", SIGN),
    ("a number of ports in digits", SIGN),
    ("a bandwidth in digits", SIGN),
];

/// Both peers read numbers as Rust's library does.
const SIGN: &str = "RFC 8866 section 9: numbers are digits; Rust's own reader takes a plus sign before them";

/// What webrtc-sdp refuses in the gate's text, by a part of its error, and why the text has it.
const THEIR_LIMITS: [(&str, &str); 3] = [
    ("a=ptime:", "RFC 8866 section 6.4 allows a fraction"),
    ("a=maxptime:", "RFC 8866 section 6.5 allows a fraction"),
    (
        "a=fmtp:",
        "RFC 8866 section 6.15: what it says is the format's alone; webrtc-sdp reads it as Opus' and video's",
    ),
];

/// Any bytes: the three parsers agree, or the difference is among the known ones.
pub fn compare(data: &[u8]) {
    let ours = Description::parse_bytes(data);
    let Ok(text) = std::str::from_utf8(data) else { return };
    let typed = parse_sdp(text, false);
    let pairs = Session::parse(data);
    match (&ours, &typed, &pairs) {
        (Err(error), Ok(_), Ok(_)) => assert_explained(error),
        (Ok(ours), typed, pairs) => {
            if let Ok(pairs) = pairs {
                same_as_pairs(ours, pairs);
            }
            if let Ok(typed) = typed {
                same_as_typed(ours, typed);
            }
        }
        _ => {}
    }
    for kind in [Kind::Offer, Kind::Answer] {
        if let Ok(remote) = gate::check_remote(text, kind) {
            let written = &remote.sdp;
            let typed = parse_sdp(written, false);
            let pairs = Session::parse(written.as_bytes());
            let pairs = pairs.unwrap_or_else(|e| panic!("sdp-types refuses the gate's text: {e}"));
            let ours = Description::parse(written).expect("what we write, we read");
            same_as_pairs(&ours, &pairs);
            match typed {
                Ok(typed) => same_as_typed(&ours, &typed),
                Err(error) => {
                    let why = error.to_string();
                    let known = THEIR_LIMITS.iter().any(|(part, _)| why.contains(part));
                    assert!(known, "webrtc-sdp refuses the gate's text: {why}");
                }
            }
        }
    }
}

fn assert_explained(error: &Error) {
    let Error::Syntax { expected, .. } = error else { panic!("a parser's error is of syntax: {error}") };
    assert!(REFUSALS.iter().any(|(known, _)| known == expected), "refused for a reason not listed: {error}");
}

/// sdp-types keeps names and values: the same sections, with the same attributes in the same order.
fn same_as_pairs(ours: &Description<'_>, theirs: &Session) {
    assert_eq!(ours.sections().len(), theirs.medias.len(), "the same sections");
    for (section, media) in ours.sections().zip(&theirs.medias) {
        assert_eq!(section.head().port, media.port);
        // It keeps a tab before the kind; we are lenient with any space there, and keep what only Unicode calls space.
        assert_eq!(section.head().kind.as_str().trim(), media.media.trim());
        let names: Vec<&str> = section.attributes().map(|a| a.name().trim()).collect();
        let theirs: Vec<&str> = media.attributes.iter().map(|a| a.attribute.trim()).collect();
        assert_eq!(names, theirs, "the same attributes");
    }
}

/// webrtc-sdp types what it knows: the same sections, and where both typed an attribute, the same value.
fn same_as_typed(ours: &Description<'_>, theirs: &SdpSession) {
    if theirs.media.len() < ours.sections().len() {
        assert!(
            !theirs.warnings.is_empty(),
            "webrtc-sdp passes over sections of transports that it does not know"
        );
        return;
    }
    assert_eq!(ours.sections().len(), theirs.media.len(), "the same sections");
    for (section, media) in ours.sections().zip(&theirs.media) {
        assert_eq!(u32::from(section.head().port), media.get_port());
        // Of two the first counts, but webrtc-sdp takes for one what is no token (RFC 5888 section 4), and we do not.
        if let (Some(mid), Some(SdpAttribute::Mid(theirs))) =
            (section.mid(), media.get_attribute(SdpAttributeType::Mid))
            && is_token(theirs)
        {
            assert_eq!(mid, theirs);
        }
        // Likewise: it takes any text for a fragment.
        let ufrag = section.attributes().find_map(|a| match a {
            Attribute::IceUfrag(ufrag) => Some(*ufrag),
            _ => None,
        });
        if let (Some(ufrag), Some(SdpAttribute::IceUfrag(theirs))) =
            (ufrag, media.get_attribute(SdpAttributeType::IceUfrag))
            && is_ufrag(theirs)
        {
            assert_eq!(ufrag, theirs);
        }
        let ours: Vec<_> = section
            .attributes()
            .filter_map(|a| if let Attribute::RtpMap(map) = a { Some(map) } else { None })
            .collect();
        let theirs: Vec<_> = media
            .get_attributes_of_type(SdpAttributeType::Rtpmap)
            .into_iter()
            .filter_map(|a| if let SdpAttribute::Rtpmap(map) = a { Some(map) } else { None })
            .collect();
        for pt in theirs.iter().map(|map| map.payload_type) {
            let ours = ours.iter().filter(|map| map.payload_type == pt);
            let theirs = theirs.iter().filter(|map| map.payload_type == pt);
            // It takes a rate of 0 and words behind the rate; to us such a line is no format, and kept as it came. It
            // strips a name of whatever Unicode calls space; such a name is no token, and to us not the one without.
            if ours.clone().all(|map| is_token(map.encoding))
                && ours.clone().count() == theirs.clone().count()
            {
                let ours: Vec<_> = ours.map(|map| (map.encoding, map.clock_hz)).collect();
                let theirs: Vec<_> = theirs.map(|map| (map.codec_name.as_str(), map.frequency)).collect();
                assert_eq!(ours, theirs, "the same formats for {pt}");
            }
        }
    }
}

/// RFC 8866 section 9.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic() && !br#""(),/:;<=>?@[\]"#.contains(&b))
}

/// RFC 8839 section 5.4.
fn is_ufrag(text: &str) -> bool {
    (4..=256).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/".contains(&b))
}
