//! The order of the checks, and what is taken from a description that passes them.

use super::plan::Plan;
use super::transport::Transport;
use super::{Limits, Remote, engine_text};
use crate::sdp::attribute::Attribute;
use crate::sdp::description::attributes;
use crate::sdp::error::{Error, Position};
use crate::sdp::{Description, SHORT_HEADERS, SHORT_TAGS, Section};

/// Which half of an exchange a description is.
///
/// RFC 3264 section 4; what each must say for WebRTC is RFC 9429 section 5.2 and section 5.3.
///
/// ```
/// use handset::sdp::gate::{self, Kind};
/// assert!(gate::check_remote("nothing of the kind", Kind::Answer).is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The first description of an exchange.
    Offer,
    /// The reply to an offer.
    Answer,
}

/// The checks, with their limits. The default is right for a voice call.
///
/// Grammar: RFC 8866 section 9; what WebRTC requires: RFC 9429 section 5.8, each clause a
/// [`Rule`](crate::sdp::Rule). The errors are those of [`Error`], in the order of size, grammar, rule.
///
/// ```
/// use handset::sdp::gate::{Gate, Kind, Limits};
/// let tight = Gate { limits: Limits { bytes: 10, ..Limits::default() }, data: false };
/// let error = tight.check("v=0\r\no=- 1 1", Kind::Offer).unwrap_err();
/// assert_eq!(error.to_string(), "line 1, column 1: expected at most 10 bytes, found 12");
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Gate {
    /// How large a description may be.
    pub limits: Limits,
    /// Whether a data channel section is taken part in; if not, it is refused in the answer.
    pub data: bool,
}

/// Checks `text` with the default [`Gate`].
///
/// # Errors
/// As [`Gate::check`]: too large, not a description (RFC 8866), not a voice call over WebRTC (RFC 9429).
///
/// ```
/// use handset::sdp::gate::{self, Kind, MAX_BYTES};
/// let error = gate::check_remote(&" ".repeat(MAX_BYTES + 1), Kind::Offer).unwrap_err();
/// assert_eq!(error.to_string(), "line 1, column 1: expected at most 65536 bytes, found 65537");
/// ```
pub fn check_remote(text: &str, kind: Kind) -> Result<Remote, Error> {
    Gate::default().check(text, kind)
}

impl Gate {
    /// Checks a description from the other side, and writes it anew for the engine.
    pub fn check(&self, text: &str, kind: Kind) -> Result<Remote, Error> {
        self.limits.check(text)?;
        let description = Description::parse(text)?;
        let plan = Plan::make(self, &description)?;
        let transport = Transport::resolve(&description, &plan, kind)?;
        let audio = plan.audio(&description);
        let (opus_payload_type, opus) = plan.opus;
        let sdp = engine_text::write(self, &description, &plan, &transport);
        let (candidates, end_of_candidates) = gather_candidates(&description, &plan, &transport);
        // Lines that only spacing hid from the first count.
        if candidates.len() > self.limits.candidates {
            return Err(Error::Limit {
                at: Position::START,
                what: "candidates",
                allowed: self.limits.candidates,
                found: candidates.len(),
            });
        }
        Ok(Remote {
            kind,
            sdp,
            candidates,
            end_of_candidates,
            ice_lite: transport.ice_lite,
            trickle: transport.ice_options.contains(&"trickle"),
            ice_ufrag: transport.ufrag.to_owned(),
            ice_pwd: transport.pwd.to_owned(),
            fingerprint: transport.digest,
            setup: transport.setup,
            audio_mid: plan.engine_mids[plan.audio].clone(),
            direction: audio.direction(),
            opus_payload_type,
            opus,
            sections: plan.mirror(&description),
            bundled: description.bundle().is_some(),
            short_tags: says(SHORT_TAGS, audio.attributes()),
            short_headers: says(SHORT_HEADERS, audio.attributes()),
            remb: knows_remb(audio.attributes(), opus_payload_type),
        })
    }
}

/// Whether a section has an attribute of ours, given as `name:value`.
fn says<'a, 'd>(ours: &str, mut attributes: impl Iterator<Item = &'d Attribute<'a>>) -> bool
where
    'a: 'd,
{
    attributes.any(|attribute| match attribute {
        Attribute::Other { name, value } => ours.split_once(':') == Some(*name).zip(*value),
        _ => false,
    })
}

/// Whether a section's author takes REMB for this payload type, or for all.
fn knows_remb<'a, 'd>(mut attributes: impl Iterator<Item = &'d Attribute<'a>>, payload_type: u8) -> bool
where
    'a: 'd,
{
    attributes.any(|attribute| match attribute {
        Attribute::RtcpFeedback(feedback) => {
            feedback.payload_type.is_none_or(|of| of == payload_type)
                && feedback.kind.iter().eq(["goog-remb"])
        }
        _ => false,
    })
}

/// Candidates of every section that shares our transport: those in the session's part, and in any
/// section with the same user fragment.
fn gather_candidates(
    description: &Description<'_>,
    plan: &Plan<'_>,
    transport: &Transport<'_>,
) -> (Vec<String>, bool) {
    let mut candidates = Vec::new();
    let mut ended = false;
    let mut take = |attribute: &Attribute<'_>| match attribute {
        Attribute::Candidate(candidate) => candidates.push(format!("candidate:{}", candidate.as_str())),
        Attribute::Malformed { text, .. } if text.starts_with("candidate:") => {
            candidates.push((*text).to_owned());
        }
        Attribute::EndOfCandidates => ended = true,
        _ => {}
    };
    attributes(description.session_lines()).for_each(&mut take);
    let ours = |section: &Section<'_, '_>| {
        let shares = section.ice_ufrag().is_none_or(|ufrag| ufrag == transport.ufrag);
        shares && (plan.bundle.contains(&section.index()) || section.index() == plan.audio)
    };
    description.sections().filter(ours).flat_map(|s| s.attributes()).for_each(&mut take);
    (candidates, ended)
}
