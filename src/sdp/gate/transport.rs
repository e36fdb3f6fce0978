//! The transport that the sections share: ICE credentials, certificate, DTLS role.

use super::plan::{Plan, refuse};
use super::{DIGEST_BYTES, Kind};
use crate::sdp::attribute::Attribute;
use crate::sdp::description::attributes;
use crate::sdp::error::{Error, Rule, excerpt};
use crate::sdp::{Description, Fingerprint, Section, Setup};

/// Characters of a user fragment (RFC 8839 section 5.4).
const UFRAG_CHARS: std::ops::RangeInclusive<usize> = 4..=256;
/// Characters of a password (RFC 8839 section 5.4).
const PWD_CHARS: std::ops::RangeInclusive<usize> = 22..=256;

/// The one hash that we take. Weaker ones (MD2, MD5, SHA-1) are open to collisions (RFC 8122 section
/// 5); longer ones our DTLS cannot check, and RFC 8827 section 6.5 has everybody send SHA-256.
const HASH: &str = "sha-256";

pub(super) struct Transport<'a> {
    pub(super) ufrag: &'a str,
    pub(super) pwd: &'a str,
    pub(super) digest: [u8; DIGEST_BYTES],
    pub(super) setup: Setup,
    pub(super) ice_lite: bool,
    pub(super) ice_options: Vec<&'a str>,
}

impl<'a> Transport<'a> {
    /// Takes each part from the first section that has it: of those that we take part in, the first
    /// of the BUNDLE group, then the audio section; then, for a section that is bundled with one that
    /// we refuse, any of the group (RFC 9143 section 7.3.1).
    pub(super) fn resolve(description: &Description<'a>, plan: &Plan<'a>, kind: Kind) -> Result<Self, Error> {
        let accepted = plan.bundle.iter().copied().filter(|index| plan.accepted[*index]);
        let order = accepted.chain([plan.audio]).chain(plan.bundle.iter().copied());
        let sections: Vec<Section<'a, '_>> = order.filter_map(|i| description.section(i)).collect();
        let at = plan.audio(description).head().protocol;
        let at = Missing { description, at };

        let (ufrag, pwd) = sections
            .iter()
            .find_map(|s| Some((s.ice_ufrag()?, s.ice_pwd()?)))
            .ok_or_else(|| at.missing(Rule::IceCredentials, "a=ice-ufrag and a=ice-pwd"))?;
        check_credentials(description, ufrag, pwd)?;

        let digest = sections
            .iter()
            .find(|s| s.fingerprints().next().is_some())
            .ok_or_else(|| at.missing(Rule::Fingerprint, "a sha-256 fingerprint"))
            .and_then(|s| read_digest(description, s))?;
        check_same_certificate(description, &plan.audio(description), &digest)?;

        let setup =
            sections.iter().find_map(Section::setup).ok_or_else(|| at.missing(Rule::Setup, "a=setup"))?;
        check_setup(setup, kind).map_err(|expected| {
            refuse(description, at.at, Rule::Setup, expected, format!("a=setup:{}", setup.as_str()))
        })?;

        Ok(Transport {
            ufrag,
            pwd,
            digest,
            setup,
            ice_lite: description.attributes().any(|a| *a == Attribute::IceLite),
            ice_options: read_ice_options(description, &sections),
        })
    }
}

/// Where to point when something is not there at all: the audio section's head.
struct Missing<'d, 'a> {
    description: &'d Description<'a>,
    at: &'a str,
}

impl Missing<'_, '_> {
    fn missing(&self, rule: Rule, expected: &'static str) -> Error {
        let mut at = self.description.position_of(self.at);
        // The start of the m= line's value, whatever stands before the protocol.
        at.column = 3;
        Error::Policy { at, rule, expected, found: "none".to_owned() }
    }
}

/// ICE characters are letters, digits, `+` and `/`; `-`, `_`, `=` and `#` come from older stacks, which
/// other peers accept too.
fn is_ice_char(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_' | b'=' | b'#')
}

fn check_credentials(description: &Description<'_>, ufrag: &str, pwd: &str) -> Result<(), Error> {
    let parts = [
        (ufrag, UFRAG_CHARS, "a user fragment of 4 to 256 ICE characters"),
        (pwd, PWD_CHARS, "a password of 22 to 256 ICE characters"),
    ];
    for (part, range, expected) in parts {
        if !range.contains(&part.len()) || !part.bytes().all(is_ice_char) {
            // Its length alone: a password does not belong in an error.
            let found = format!("{} bytes", part.len());
            return Err(refuse(description, part, Rule::IceCredentials, expected, found));
        }
    }
    Ok(())
}

fn read_digest(
    description: &Description<'_>,
    section: &Section<'_, '_>,
) -> Result<[u8; DIGEST_BYTES], Error> {
    let refused = |part: &str, expected, found: String| {
        Err(refuse(description, part, Rule::Fingerprint, expected, found))
    };
    let mut chosen: Option<([u8; DIGEST_BYTES], Fingerprint<'_>)> = None;
    let mut weaker = None;
    for fingerprint in section.fingerprints() {
        if !fingerprint.hash.eq_ignore_ascii_case(HASH) {
            weaker = Some(fingerprint.hash);
            continue;
        }
        let mut digest = [0; DIGEST_BYTES];
        if fingerprint.len_bytes() != DIGEST_BYTES {
            let found = format!("{} bytes", fingerprint.len_bytes());
            return refused(fingerprint.digest, "a sha-256 fingerprint of 32 bytes", found);
        }
        digest.iter_mut().zip(fingerprint.bytes()).for_each(|(to, from)| *to = from);
        match &chosen {
            Some((before, _)) if *before != digest => {
                return refused(fingerprint.digest, "one sha-256 fingerprint", "two that differ".into());
            }
            _ => chosen = Some((digest, fingerprint)),
        }
    }
    match (chosen, weaker) {
        (Some((digest, _)), _) => Ok(digest),
        (None, Some(hash)) => refused(hash, "a sha-256 fingerprint", excerpt(hash)),
        (None, None) => refused("", "a sha-256 fingerprint", "none".into()),
    }
}

/// A section bundled with others has their certificate or names none (RFC 8842 section 5.1).
fn check_same_certificate(
    description: &Description<'_>,
    audio: &Section<'_, '_>,
    digest: &[u8; DIGEST_BYTES],
) -> Result<(), Error> {
    for fingerprint in audio.fingerprints().filter(|f| f.hash.eq_ignore_ascii_case(HASH)) {
        if !fingerprint.bytes().eq(digest.iter().copied()) {
            let expected = "the fingerprint of the BUNDLE group";
            let part = fingerprint.digest;
            return Err(refuse(description, part, Rule::Fingerprint, expected, "another"));
        }
    }
    Ok(())
}

/// RFC 8842 section 5: an offer says actpass, and active or passive when it repeats an earlier choice;
/// an answer chooses.
fn check_setup(setup: Setup, kind: Kind) -> Result<(), &'static str> {
    match (setup, kind) {
        (Setup::HoldConn, _) => Err("a=setup:actpass, active or passive"),
        (Setup::ActPass, Kind::Answer) => Err("a=setup:active or passive in an answer"),
        _ => Ok(()),
    }
}

fn read_ice_options<'a>(description: &Description<'a>, sections: &[Section<'a, '_>]) -> Vec<&'a str> {
    let mut options: Vec<&'a str> = Vec::new();
    let all = sections.iter().flat_map(|s| s.attributes()).chain(attributes(description.session_lines()));
    for attribute in all {
        if let Attribute::IceOptions(words) = attribute {
            for word in words.iter() {
                // Three are known (trickle, ice2, renomination); a list of strangers' words needs an end.
                const OPTIONS_MAX: usize = 16;
                if !options.contains(&word) && options.len() < OPTIONS_MAX {
                    options.push(word);
                }
            }
        }
    }
    options
}
