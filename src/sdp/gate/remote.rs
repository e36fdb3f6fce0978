//! What passed the gate.

use std::fmt;

use super::Kind;
use crate::sdp::error::{Error, Position, Rule};
use crate::sdp::{Direction, OpusParameters, Setup};

/// Bytes of a SHA-256 digest.
pub const DIGEST_BYTES: usize = 32;

/// A remote description that may be acted upon: what the call needs to know of it, and its text
/// written anew for the engine.
///
/// Candidates are *not* in [`Remote::sdp`]: the engine drops the ones it does not understand without a
/// word, so the call adds each of [`Remote::candidates`] itself. `Debug` shows no addresses and no
/// secrets.
///
/// ```
/// use handset::sdp::gate::{self, Kind};
/// let text = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n\
///     a=fingerprint:sha-256 3C:4E:A9:17:55:0B:D2:68:F1:9E:23:C7:80:6A:BD:44:12:F8:5D:E3:77:09:9B:C6:31:AE:58:04:EF:92:7B:D0\r\n\
///     m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuv\r\n\
///     a=setup:actpass\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\na=fmtp:111 usedtx=1\r\n\
///     a=candidate:1 1 udp 1 a1b2.local 40000 typ host\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\n";
/// let remote = gate::check_remote(text, Kind::Offer)?;
/// assert!(remote.opus.wants_dtx());
/// assert_eq!(remote.candidates, ["candidate:1 1 udp 1 a1b2.local 40000 typ host"]);
/// assert!(!remote.sdp.contains("a1b2.local"));
/// remote.continues(&remote)?;
/// # Ok::<(), handset::sdp::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Remote {
    /// Whether it offers or answers.
    pub kind: Kind,
    /// The text for the engine, in the one form that it reads without loss.
    pub sdp: String,
    /// Every candidate of our transport in order, as `candidate:...`, malformed ones included. They
    /// have not been checked further; the count is within [`Limits`](super::Limits).
    pub candidates: Vec<String>,
    /// Whether no more candidates will come (RFC 8840 section 8.2).
    pub end_of_candidates: bool,
    /// Whether the author is an ICE Lite agent.
    pub ice_lite: bool,
    /// Whether the author takes candidates after the description (RFC 8840 section 4.1.3).
    pub trickle: bool,
    /// The author's ICE user fragment, 4 to 256 characters.
    pub ice_ufrag: String,
    /// The author's ICE password, 22 to 256 characters.
    pub ice_pwd: String,
    /// The SHA-256 hash of the author's certificate.
    pub fingerprint: [u8; DIGEST_BYTES],
    /// The author's DTLS role; never `holdconn`, and in an answer never `actpass`.
    pub setup: Setup,
    /// The name of the audio section as the engine knows it.
    pub audio_mid: String,
    /// Which way audio flows, from the author's point of view.
    pub direction: Direction,
    /// The payload type of Opus.
    pub opus_payload_type: u8,
    /// What the author says of its Opus, `a=ptime` and `a=maxptime` included.
    pub opus: OpusParameters,
    /// All sections in order, for the answer to mirror.
    pub sections: Vec<RemoteSection>,
    /// Whether the text had a BUNDLE group.
    pub bundled: bool,
    /// Whether the author takes [short tags](crate::sdp::SHORT_TAGS).
    pub short_tags: bool,
    /// Whether the author takes [short headers](crate::sdp::SHORT_HEADERS).
    pub short_headers: bool,
    /// Whether the author knows [REMB](crate::sdp::REMB) for Opus.
    pub remb: bool,
}

/// One section of a [`Remote`], as the author wrote it.
///
/// ```
/// use handset::sdp::gate::{self, Kind};
/// let text = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n\
///     a=fingerprint:sha-256 3C:4E:A9:17:55:0B:D2:68:F1:9E:23:C7:80:6A:BD:44:12:F8:5D:E3:77:09:9B:C6:31:AE:58:04:EF:92:7B:D0\r\n\
///     m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuv\r\n\
///     a=setup:actpass\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\na=fmtp:111 usedtx=1\r\n\
///     a=candidate:1 1 udp 1 a1b2.local 40000 typ host\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\n";
/// let remote = gate::check_remote(text, Kind::Offer)?;
/// let [audio, video] = &remote.sections[..] else { panic!("two sections") };
/// assert!(audio.accepted && !video.accepted);
/// assert_eq!((video.kind.as_str(), video.first_format.as_str()), ("video", "96"));
/// # Ok::<(), handset::sdp::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteSection {
    /// The word of the `m=` line.
    pub kind: String,
    /// The transport of the `m=` line; an answer must repeat it (RFC 9429 section 5.1.2).
    pub protocol: String,
    /// The first format of the `m=` line, which a refusal repeats; empty if there was none.
    pub first_format: String,
    /// The section's name, where it has one.
    pub mid: Option<String>,
    /// The name that the engine knows it by.
    pub engine_mid: String,
    /// Whether we take part in it; the others are shown to the engine as refused.
    pub accepted: bool,
}

impl Remote {
    /// Checks that this description may follow `earlier` from the same author in one call: the same
    /// certificate, the same audio section, no section taken away (RFC 9429 section 5.2.2).
    ///
    /// The engine ignores a changed fingerprint without a word; here it is an error.
    pub fn continues(&self, earlier: &Remote) -> Result<(), Error> {
        let refuse = |expected, found: String| {
            Err(Error::Policy { at: Position::START, rule: Rule::Continuity, expected, found })
        };
        if self.fingerprint != earlier.fingerprint {
            return refuse("the certificate that the call began with", "another fingerprint".into());
        }
        if self.sections.len() < earlier.sections.len() {
            let found = format!("{} of {}", self.sections.len(), earlier.sections.len());
            return refuse("every section of the description before", found);
        }
        if self.audio_mid != earlier.audio_mid {
            return refuse("audio in the section that it began in", "another section".into());
        }
        Ok(())
    }

    /// Whether the author restarts ICE against `earlier` (RFC 8839 section 4.4.1.1.1).
    pub fn restarts_ice(&self, earlier: &Remote) -> bool {
        self.ice_ufrag != earlier.ice_ufrag || self.ice_pwd != earlier.ice_pwd
    }
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote")
            .field("kind", &self.kind)
            .field("candidates", &self.candidates.len())
            .field("end_of_candidates", &self.end_of_candidates)
            .field("ice_lite", &self.ice_lite)
            .field("trickle", &self.trickle)
            .field("setup", &self.setup)
            .field("audio_mid", &self.audio_mid)
            .field("direction", &self.direction)
            .field("opus_payload_type", &self.opus_payload_type)
            .field("opus", &self.opus)
            .field("sections", &self.sections)
            .field("bundled", &self.bundled)
            .finish_non_exhaustive()
    }
}
