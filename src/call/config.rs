//! What one call is made of: certificate, randomness, audio, direction.

use std::fmt;
use std::time::{Instant, SystemTime};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::Certificate;
use crate::ice::Credentials;

/// Everything that is fixed about a call before it starts.
#[derive(Debug, Clone)]
pub struct CallConfig {
    /// The DTLS certificate; made once at start-up, since the first one costs about 20 ms.
    pub certificate: Certificate,
    /// 32 bytes from the operating system's generator, fresh for every call.
    pub entropy: Entropy,
    /// What we offer to receive and mean to send.
    pub audio: AudioOffer,
    /// Which way audio flows, seen from here.
    pub direction: Direction,
    /// What time it is, for telling the other side when our voice was captured; `None` keeps it to ourselves.
    pub wall_clock: Option<WallClock>,
}

/// What a wall clock showed at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WallClock {
    /// The moment.
    pub at: Instant,
    /// What it showed.
    pub time: SystemTime,
}

impl WallClock {
    /// What it shows at another moment.
    pub(super) fn when(&self, at: Instant) -> SystemTime {
        match at.checked_duration_since(self.at) {
            Some(after) => self.time + after,
            None => self.time.checked_sub(self.at.duration_since(at)).unwrap_or(self.time),
        }
    }
}

/// What this side offers about its audio: Opus at 48 kHz, with these wishes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AudioOffer {
    /// Preferred packet length, as `a=ptime` (ms; 2.5 and 5 ms frames are offered as their ceiling).
    pub ptime_ms: u8,
    /// Cap on what the other side should send us (bit/s), as `maxaveragebitrate`; 6000..=510000.
    pub max_bitrate_bps: Option<u32>,
    /// Whether we play, and mean to send, two channels.
    pub stereo: bool,
    /// Whether the sender may stop during silence (`usedtx`).
    pub dtx: bool,
    /// Whether we make use of in-band forward error correction (`useinbandfec`).
    pub fec: bool,
    /// Whether copies of older frames may travel in packets (RED, RFC 2198), either way.
    pub red: bool,
    /// Whether we make use of deep redundancy (DRED).
    pub dred: bool,
    /// Whether packets of voice may be authenticated by 4 bytes in place of 16 or 10, if the other side says so too
    /// ([`SHORT_TAGS`](crate::sdp::SHORT_TAGS)).
    pub short_tags: bool,
    /// Whether packets of voice may have headers of 3 bytes in place of RTP's 12, and copies 2 in place of RED's 5, if the other
    /// side says so too
    /// ([`SHORT_HEADERS`](crate::sdp::SHORT_HEADERS)).
    pub short_headers: bool,
}

impl Default for AudioOffer {
    fn default() -> Self {
        Self {
            ptime_ms: 10,
            max_bitrate_bps: None,
            stereo: false,
            dtx: false,
            fec: true,
            red: true,
            dred: true,
            short_tags: true,
            short_headers: true,
        }
    }
}

/// Which way audio flows, seen from one side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Direction {
    /// Speak and listen.
    #[default]
    Both,
    /// Speak only.
    Send,
    /// Listen only.
    Receive,
    /// Neither; both sides are on hold, or the wishes exclude each other.
    Neither,
}

impl Direction {
    /// Whether audio goes out from this side.
    pub fn sends(self) -> bool {
        matches!(self, Self::Both | Self::Send)
    }

    /// Whether audio comes in to this side.
    pub fn receives(self) -> bool {
        matches!(self, Self::Both | Self::Receive)
    }

    /// The direction with exactly these ways open.
    pub fn of(sends: bool, receives: bool) -> Self {
        match (sends, receives) {
            (true, true) => Self::Both,
            (true, false) => Self::Send,
            (false, true) => Self::Receive,
            (false, false) => Self::Neither,
        }
    }

    /// What is left when the other side has `remote` (seen from there).
    pub fn met_by(self, remote: Self) -> Self {
        Self::of(self.sends() && remote.receives(), self.receives() && remote.sends())
    }
}

/// Randomness for one call, from the operating system's generator.
///
/// Everything that must be unguessable (ICE credentials of every restart, first sequence number and
/// timestamp) is derived from these bytes, so that a call is deterministic under test and never asks a
/// weak generator. Must not be used for two calls.
#[derive(Clone)]
pub struct Entropy(pub [u8; 32]);

impl fmt::Debug for Entropy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Entropy(redacted)")
    }
}

impl Entropy {
    /// ICE credentials of the `generation`-th start of ICE, beginning with 0.
    pub(super) fn credentials(&self, generation: u32) -> Credentials {
        let bytes = self.derive(b"ice", generation);
        let mut taken = [0; Credentials::RANDOM_BYTES];
        taken.copy_from_slice(&bytes[..Credentials::RANDOM_BYTES]);
        Credentials::from_random(taken)
    }

    /// Where sequence numbers and timestamps begin.
    pub(super) fn rtp_salt(&self) -> [u8; 8] {
        let mut salt = [0; 8];
        salt.copy_from_slice(&self.derive(b"rtp", 0)[..8]);
        salt
    }

    /// HMAC-SHA256 as a pseudo-random function: what one output shows says nothing of another.
    fn derive(&self, purpose: &[u8], index: u32) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        mac.update(purpose);
        mac.update(&index.to_be_bytes());
        mac.finalize().into_bytes().into()
    }
}
