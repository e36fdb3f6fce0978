//! Session descriptions on their way to and from str0m.
//!
//! Theirs pass the [gate](crate::sdp::gate), which hands over a text that str0m reads without loss. Ours are made
//! [truthful](crate::sdp::localise) and then dressed with what is the call's own matter: credentials from the
//! operating system's generator, every candidate we have, and the direction. str0m is never told of a direction:
//! see [`transport`](super::transport).

use super::{AudioOffer, CallError, Direction, Negotiated};
use crate::ice::Credentials;
use crate::sdp::gate::{self, Kind, Remote};
use crate::sdp::localise::{self, LocalAudio};
use crate::sdp::{self, PacketTime};

/// The longest packets that we play: Opus's own limit (RFC 7587 section 6.1).
const MAX_PTIME_MS: u32 = 120;

/// Packet time when nothing is said (RFC 7587 section 6.1).
const DEFAULT_PTIME_MS: u8 = 20;

/// Reads the other side's description: the only way in. `earlier` is the one before it in the same call.
///
/// # Errors
/// The gate's, each with its place and rule.
pub(super) fn read(text: &str, kind: Kind, earlier: Option<&Remote>) -> Result<Remote, CallError> {
    let remote = gate::check_remote(text, kind)?;
    if let Some(earlier) = earlier {
        remote.continues(earlier)?;
    }
    Ok(remote)
}

/// The text for str0m: the gate's, but always `sendrecv` in the section that we speak on.
pub(super) fn for_engine(remote: &Remote) -> String {
    let mut out = String::with_capacity(remote.sdp.len() + 8);
    let mut in_use = false;
    for line in remote.sdp.lines() {
        if line.starts_with("m=") {
            in_use = is_in_use(line);
        }
        out.push_str(match line {
            _ if in_use && is_direction(line) => "a=sendrecv",
            // RFC 8842 section 5.3: where the offer leaves it open, the answerer is to be the client.
            "a=setup:actpass" => "a=setup:passive",
            _ => line,
        });
        out.push_str("\r\n");
    }
    out
}

/// What a description says that concerns audio; direction, payload type and RED are the call's to fill in.
pub(super) fn negotiated(remote: &Remote) -> Negotiated {
    let ms = |time: PacketTime| u8::try_from(time.as_ms_ceil()).unwrap_or(u8::MAX);
    let opus = &remote.opus;
    Negotiated {
        direction: direction(remote),
        payload_type: remote.opus_payload_type,
        ptime_ms: opus.ptime.map_or(DEFAULT_PTIME_MS, ms),
        max_ptime_ms: opus.max_ptime.map(ms),
        max_bitrate_bps: opus.max_average_bitrate,
        stereo: opus.wants_stereo(),
        dtx: opus.wants_dtx(),
        fec: opus.wants_inband_fec(),
        cbr: opus.wants_cbr(),
        red: false,
        dred: opus.wants_dred(),
        short_tags: false,
        short_headers: false,
    }
}

/// Which way audio flows, as the description's author sees it.
pub(super) fn direction(remote: &Remote) -> Direction {
    match remote.direction {
        sdp::Direction::SendRecv => Direction::Both,
        sdp::Direction::SendOnly => Direction::Send,
        sdp::Direction::RecvOnly => Direction::Receive,
        sdp::Direction::Inactive => Direction::Neither,
    }
}

/// Makes str0m's offer, or an earlier description of ours, say what we mean. `version` grows by one with every
/// description of a call (RFC 8866 section 5.2).
pub(super) fn truthful_offer(engine: &str, audio: &AudioOffer, version: u64) -> Result<String, CallError> {
    Ok(localise::offer(engine, &local_audio(audio), version)?)
}

/// Makes str0m's answer say what we mean, in the offer's own names.
pub(super) fn truthful_answer(
    engine: &str,
    remote: &Remote,
    audio: &AudioOffer,
    version: u64,
) -> Result<String, CallError> {
    Ok(localise::answer(engine, remote, &local_audio(audio), version)?)
}

fn local_audio(audio: &AudioOffer) -> LocalAudio {
    let ms = |ms| PacketTime::from_ms(ms).expect("1 to 255 ms is a packet time");
    LocalAudio {
        ptime: ms(u32::from(audio.ptime_ms.max(1))),
        max_ptime: ms(MAX_PTIME_MS),
        inband_fec: audio.fec,
        stereo: audio.stereo,
        sends_stereo: audio.stereo,
        dtx: audio.dtx,
        cbr: false,
        max_average_bitrate: audio.max_bitrate_bps,
        max_playback_rate: None,
        dred: audio.dred,
    }
}

/// What a description of ours says that changes within a call.
#[derive(Debug)]
pub(super) struct Dress<'a> {
    pub(super) credentials: &'a Credentials,
    /// As `candidate:...`.
    pub(super) candidates: &'a [&'a str],
    pub(super) direction: Direction,
    /// Whether it offers: then the DTLS role is open (RFC 8842 section 5.2).
    pub(super) offers: bool,
    /// What it says of ours, as `name:value`: in an offer what we take, in an answer what the offer said too.
    pub(super) ours: &'a [&'static str],
}

impl Dress<'_> {
    /// A truthful text with everything of this in its place. Candidates stand in the section that we speak on:
    /// str0m puts them in the first, which may be one that is refused.
    pub(super) fn put_on(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len() + 64 * self.candidates.len() + 64);
        let mut in_use = false;
        let mut line_out = |parts: &[&str]| {
            parts.iter().for_each(|part| out.push_str(part));
            out.push_str("\r\n");
        };
        for line in text.lines() {
            if line.starts_with("m=") {
                in_use = is_in_use(line);
            }
            match line {
                _ if line.starts_with("a=candidate:") => {}
                _ if line.starts_with("a=ice-ufrag:") => {
                    line_out(&["a=ice-ufrag:", self.credentials.ufrag()]);
                    for candidate in self.candidates.iter().filter(|_| in_use) {
                        line_out(&["a=", candidate]);
                    }
                }
                _ if line.starts_with("a=ice-pwd:") => {
                    line_out(&["a=ice-pwd:", self.credentials.password()]);
                    for attribute in self.ours.iter().filter(|_| in_use) {
                        line_out(&["a=", attribute]);
                    }
                }
                _ if line.strip_prefix("a=").is_some_and(is_ours) => {}
                _ if in_use && is_direction(line) => line_out(&["a=", name(self.direction)]),
                _ if self.offers && line.starts_with("a=setup:") => line_out(&["a=setup:actpass"]),
                _ => line_out(&[line]),
            }
        }
        out
    }
}

/// Whether the section that this line begins is not refused.
fn is_in_use(media_line: &str) -> bool {
    media_line.split(' ').nth(1).is_some_and(|port| port != "0")
}

fn is_ours(attribute: &str) -> bool {
    matches!(attribute, sdp::SHORT_TAGS | sdp::SHORT_HEADERS | sdp::REMB)
}

fn is_direction(line: &str) -> bool {
    matches!(line, "a=sendrecv" | "a=sendonly" | "a=recvonly" | "a=inactive")
}

fn name(direction: Direction) -> &'static str {
    match direction {
        Direction::Both => sdp::Direction::SendRecv,
        Direction::Send => sdp::Direction::SendOnly,
        Direction::Receive => sdp::Direction::RecvOnly,
        Direction::Neither => sdp::Direction::Inactive,
    }
    .as_str()
}
