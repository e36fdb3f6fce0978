//! What the transport hands to the jitter buffer.

use std::sync::Arc;
use std::time::Instant;

use super::{RtpTimestamp, Seq};

/// One RTP packet of audio, as it arrived: authenticated, decrypted, its header read.
#[derive(Debug, Clone)]
pub struct Packet {
    /// The stream it belongs to; another one starts the buffer afresh.
    pub ssrc: u32,
    /// Extended sequence number.
    pub seq: Seq,
    /// Media time of its first sample, extended, at 48 kHz.
    pub timestamp: RtpTimestamp,
    /// When the socket gave it to us.
    pub arrival: Instant,
    /// The RTP marker bit: the first packet of a talkspurt (RFC 3551, section 4.1).
    pub marker: bool,
    /// How `payload` is to be read, from the payload type.
    pub format: PayloadFormat,
    /// The bytes behind the RTP header, without padding.
    pub payload: Arc<[u8]>,
}

/// How a packet's payload is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PayloadFormat {
    /// One Opus packet (RFC 7587).
    #[default]
    Opus,
    /// Redundant audio data whose blocks are Opus packets (RFC 2198).
    Red,
}
