//! Which sections we take part in, and by which names the engine knows them.

use super::{Gate, RemoteSection};
use crate::sdp::attribute::Attribute;
use crate::sdp::description::attributes;
use crate::sdp::error::{Error, Rule, excerpt};
use crate::sdp::words::number;
use crate::sdp::{Description, Line, MediaKind, OpusParameters, PAYLOAD_TYPE_MAX, Section};

/// Transports that mean RTP over DTLS (RFC 9429 section 5.1.2): peers write any of these, and all mean
/// the first.
const RTP_PROTOCOLS: [&str; 8] = [
    "UDP/TLS/RTP/SAVPF",
    "UDP/TLS/RTP/SAVP",
    "TCP/DTLS/RTP/SAVPF",
    "TCP/DTLS/RTP/SAVP",
    "RTP/SAVPF",
    "RTP/SAVP",
    "RTP/AVPF",
    "RTP/AVP",
];

/// Transports that mean data channels (RFC 9429 section 5.1.2, RFC 8841).
const DATA_PROTOCOLS: [&str; 3] = ["UDP/DTLS/SCTP", "TCP/DTLS/SCTP", "DTLS/SCTP"];

/// The longest section name that the engine keeps whole, in bytes; the others get a stand-in.
const ENGINE_MID_MAX_BYTES: usize = 16;

/// What we make of a description's sections.
pub(super) struct Plan<'a> {
    /// The index of the section that we speak on.
    pub(super) audio: usize,
    /// Opus there.
    pub(super) opus: (u8, OpusParameters),
    /// Whether we take part, by index.
    pub(super) accepted: Vec<bool>,
    /// The indices of the audio section's BUNDLE group, in the group's order; empty without one.
    pub(super) bundle: Vec<usize>,
    /// The engine's names, by index.
    pub(super) engine_mids: Vec<String>,
    /// The author's names, by index.
    mids: Vec<Option<&'a str>>,
}

/// A refusal placed at `part` of the description.
pub(super) fn refuse(
    description: &Description<'_>,
    part: &str,
    rule: Rule,
    expected: &'static str,
    found: impl Into<String>,
) -> Error {
    Error::Policy { at: description.position_of(part), rule, expected, found: found.into() }
}

impl<'a> Plan<'a> {
    pub(super) fn make(gate: &Gate, description: &Description<'a>) -> Result<Self, Error> {
        let mids = Self::read_mids(description)?;
        let groups = Self::read_bundles(description, &mids)?;
        let live = |section: &Section<'_, '_>| {
            let bundled = groups.iter().any(|group| group.contains(&section.index()));
            section.head().port != 0 || (bundled && section.has(Attribute::BundleOnly))
        };
        let (audio, opus) = Self::choose_audio(description, live)?;
        let bundle = groups.into_iter().find(|group| group.contains(&audio)).unwrap_or_default();
        check_lines(description, description.session_lines())?;
        for section in description.sections() {
            if section.index() == audio || bundle.contains(&section.index()) {
                check_lines(description, section.lines())?;
            }
        }
        check_audio(description, &description.section(audio).ok_or_else(|| no_audio(description))?)?;

        // An engine has one association, so of several data sections it is the first that counts.
        let data = description.sections().find(|section| {
            section.head().kind == MediaKind::Application
                && DATA_PROTOCOLS.contains(&section.head().protocol)
                && bundle.contains(&section.index())
                && section.head().port != 0
        });
        let data = data.map(|section| section.index()).filter(|_| gate.data);
        let accepted =
            (0..description.sections().len()).map(|index| index == audio || Some(index) == data).collect();
        let engine_mids = Self::name_for_engine(&mids);
        Ok(Plan { audio, opus, accepted, bundle, engine_mids, mids })
    }

    pub(super) fn audio<'d>(&self, description: &'d Description<'a>) -> Section<'a, 'd> {
        description.section(self.audio).expect("the plan was made from this description's sections")
    }

    /// The sections as their author wrote them.
    pub(super) fn mirror(&self, description: &Description<'a>) -> Vec<RemoteSection> {
        let mirror = |section: Section<'a, '_>| {
            let head = section.head();
            let index = section.index();
            RemoteSection {
                kind: head.kind.as_str().to_owned(),
                protocol: head.protocol.to_owned(),
                first_format: head.formats.iter().next().unwrap_or_default().to_owned(),
                mid: self.mids[index].map(str::to_owned),
                engine_mid: self.engine_mids[index].clone(),
                accepted: self.accepted[index],
            }
        };
        description.sections().map(mirror).collect()
    }

    fn read_mids(description: &Description<'a>) -> Result<Vec<Option<&'a str>>, Error> {
        let mut mids: Vec<Option<&'a str>> = Vec::with_capacity(description.sections().len());
        for section in description.sections() {
            let mut own = None;
            for attribute in section.attributes() {
                match attribute {
                    Attribute::Mid(mid) if own.is_none_or(|before| before == *mid) => own = Some(*mid),
                    Attribute::Mid(mid) => {
                        return Err(refuse(description, mid, Rule::Mid, "one name", excerpt(mid)));
                    }
                    _ => {}
                }
            }
            if let Some(mid) = own
                && mids.contains(&own)
            {
                let expected = "a name that no other section has";
                return Err(refuse(description, mid, Rule::Mid, expected, excerpt(mid)));
            }
            mids.push(own);
        }
        Ok(mids)
    }

    /// The BUNDLE groups as indices. RFC 9143 section 7.1 lets a section be in one group only.
    fn read_bundles(
        description: &Description<'a>,
        mids: &[Option<&'a str>],
    ) -> Result<Vec<Vec<usize>>, Error> {
        let mut groups: Vec<Vec<usize>> = Vec::new();
        for attribute in description.attributes() {
            let Attribute::Group(group) = attribute else { continue };
            if !group.is_bundle() {
                continue;
            }
            let mut indices: Vec<usize> = Vec::new();
            for mid in group.mids.iter() {
                let refused = |expected| Err(refuse(description, mid, Rule::Bundle, expected, excerpt(mid)));
                let Some(index) = mids.iter().position(|m| *m == Some(mid)) else {
                    return refused("the name of a section of this description");
                };
                if indices.contains(&index) || groups.iter().any(|g| g.contains(&index)) {
                    return refused("each section in one BUNDLE group, once");
                }
                indices.push(index);
            }
            groups.push(indices);
        }
        Ok(groups)
    }

    fn choose_audio(
        description: &Description<'a>,
        live: impl Fn(&Section<'_, '_>) -> bool,
    ) -> Result<(usize, (u8, OpusParameters)), Error> {
        let mut why = no_audio(description);
        for section in description.sections().filter(|s| s.head().kind == MediaKind::Audio) {
            let at = section.head().protocol;
            if !live(&section) {
                why = refuse(description, at, Rule::Audio, "an audio section in use", "port 0");
                continue;
            }
            check_payload_types(description, &section)?;
            match section.opus() {
                Some(opus) => return Ok((section.index(), opus)),
                None => {
                    let found = excerpt(section.head().formats.as_str());
                    why = refuse(description, at, Rule::Opus, "opus/48000 among the formats", found);
                }
            }
        }
        Err(why)
    }

    /// Names that the engine keeps as they are stay; others would be cut or changed by it, and so
    /// might collide: each of those gets a short one that no section has.
    fn name_for_engine(mids: &[Option<&str>]) -> Vec<String> {
        let kept = |mid: &&str| {
            mid.len() <= ENGINE_MID_MAX_BYTES && mid.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        };
        let mut stand_ins = (0u32..).map(|n| format!("s{n}")).filter(|name| {
            // Ends: there are more numbers than sections.
            !mids.contains(&Some(name.as_str()))
        });
        let mut name = |mid: &Option<&str>| match mid.filter(kept) {
            Some(mid) => mid.to_owned(),
            None => stand_ins.next().unwrap_or_default(),
        };
        mids.iter().map(&mut name).collect()
    }
}

fn no_audio(description: &Description<'_>) -> Error {
    let found = format!("{} sections, none of audio", description.sections().len());
    refuse(description, "", Rule::Audio, "an audio section", found)
}

/// Payload types of the `m=` line are 0 to 127.
fn check_payload_types(description: &Description<'_>, section: &Section<'_, '_>) -> Result<(), Error> {
    match section.head().formats.iter().find(|w| number::<u8>(w).is_none_or(|pt| pt > PAYLOAD_TYPE_MAX)) {
        None => Ok(()),
        Some(word) => {
            let expected = "a payload type from 0 to 127";
            Err(refuse(description, word, Rule::PayloadType, expected, excerpt(word)))
        }
    }
}

/// Lines that no part of a description may have whose transport we use: keys, and malformed values
/// where guessing would be unsafe.
fn check_lines(description: &Description<'_>, lines: &[Line<'_>]) -> Result<(), Error> {
    for attribute in attributes(lines) {
        match attribute {
            Attribute::Crypto(value) => {
                let expected = "keys from DTLS alone";
                return Err(refuse(description, value, Rule::Sdes, expected, "a=crypto (SDES)"));
            }
            Attribute::Malformed { text, expected } => {
                if let Some(rule) = rule_of(attribute.name()) {
                    // What breaks these may be a password: name the attribute alone.
                    let found = format!("a malformed a={}", attribute.name().trim());
                    return Err(refuse(description, text, rule, expected, found));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// What WebRTC requires of the section that we speak on.
fn check_audio(description: &Description<'_>, audio: &Section<'_, '_>) -> Result<(), Error> {
    let head = audio.head();
    if !RTP_PROTOCOLS.contains(&head.protocol) {
        let found = excerpt(head.protocol);
        return Err(refuse(description, head.protocol, Rule::Protocol, RTP_PROTOCOLS[0], found));
    }
    let mux = audio.has(Attribute::RtcpMux) || audio.has(Attribute::RtcpMuxOnly);
    if !mux {
        return Err(refuse(description, head.protocol, Rule::RtcpMux, "a=rtcp-mux", "none"));
    }
    check_direction(description, audio)?;
    check_rtp_maps(description, audio)
}

/// The rule that a malformed attribute breaks where guessing would be unsafe; the rest are ignored.
fn rule_of(name: &str) -> Option<Rule> {
    match name.trim() {
        "mid" => Some(Rule::Mid),
        "group" => Some(Rule::Bundle),
        "fingerprint" => Some(Rule::Fingerprint),
        "setup" => Some(Rule::Setup),
        "ice-ufrag" | "ice-pwd" => Some(Rule::IceCredentials),
        "crypto" => Some(Rule::Sdes),
        _ => None,
    }
}

fn check_direction(description: &Description<'_>, audio: &Section<'_, '_>) -> Result<(), Error> {
    let said = |a: &Attribute<'_>| match a {
        Attribute::Direction(direction) => Some(*direction),
        _ => None,
    };
    let mut directions = audio.attributes().filter_map(said);
    let first = directions.next();
    match directions.find(|other| first != Some(*other)) {
        None => Ok(()),
        Some(other) => {
            let found = format!("a={} as well", other.as_str());
            Err(refuse(description, audio.head().protocol, Rule::Direction, "one direction", found))
        }
    }
}

/// A payload type means one thing.
fn check_rtp_maps(description: &Description<'_>, audio: &Section<'_, '_>) -> Result<(), Error> {
    let mut seen = [None; PAYLOAD_TYPE_MAX as usize + 1];
    for attribute in audio.attributes() {
        let Attribute::RtpMap(map) = attribute else { continue };
        match &mut seen[usize::from(map.payload_type)] {
            slot @ None => *slot = Some(*map),
            Some(before) if *before == *map => {}
            Some(before) => {
                let expected = "one meaning for a payload type";
                let found = format!("{} and {}", excerpt(before.encoding), excerpt(map.encoding));
                return Err(refuse(description, map.encoding, Rule::PayloadType, expected, found));
            }
        }
    }
    Ok(())
}
