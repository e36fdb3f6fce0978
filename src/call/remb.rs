//! What the sender of the stream that we hear is told of its path, by REMB (draft-alvestrand-rmcat-remb), where both sides said
//! that they know it.

use std::time::Instant;

use super::event::Estimate;
use crate::rtp::{Overuse, RtpTimestamp};

/// IPv4 and UDP.
const UDP_BYTES: usize = 20 + 8;

/// Watches the stream that arrives.
#[derive(Debug, Default)]
pub(super) struct Remb {
    is_agreed: bool,
    ssrc: Option<u32>,
    overuse: Overuse,
    /// What came since the last packet of RTP, headers of IPv4 and UDP included.
    bytes: usize,
}

impl Remb {
    /// Whether the other side said that it knows REMB.
    pub(super) fn agree(&mut self, theirs: bool) {
        self.is_agreed = theirs;
    }

    pub(super) fn is_agreed(&self) -> bool {
        self.is_agreed
    }

    /// A datagram with so many bytes is about to be taken in.
    pub(super) fn on_datagram(&mut self, bytes: usize) {
        self.bytes += bytes + UDP_BYTES;
    }

    /// The datagram at hand was a packet of RTP. Gives what the path carries, in bits a second, if it shows that a queue
    /// fills and the other side is to know it. All that came is counted, with headers of IPv4 and UDP: a bottleneck carries
    /// it, too.
    pub(super) fn on_packet(&mut self, ssrc: u32, timestamp: RtpTimestamp, arrival: Instant) -> Option<f64> {
        if self.ssrc.replace(ssrc) != Some(ssrc) {
            self.overuse = Overuse::default();
        }
        let bytes = std::mem::take(&mut self.bytes);
        self.overuse.on_packet(timestamp, arrival, bytes).filter(|_| self.is_agreed)
    }

    /// What the other side told us of ours. It may say anything: no less than nothing, and a number.
    pub(super) fn heard(bps: f64, at: Instant) -> Option<Estimate> {
        (bps.is_finite() && bps >= 0.0).then_some(Estimate { at, ipv4_bps: bps })
    }
}
