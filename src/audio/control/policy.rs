//! What a caller wants of the sender.

use super::Abilities;
use crate::audio::{Bitrate, FrameLength, Latency};

/// How long what is in the next packet is waited for, where those are short.
const NEXT_PACKET_MS: f64 = 10.0;

/// What is wanted of the sender, and what is fixed by hand. What is `None` follows the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Policy {
    /// What delay is traded against.
    pub latency: Latency,
    /// The most that may be sent, in bits a second on the wire with every header; `None` for the
    /// [latency's own](Policy::max_bitrate_bps).
    pub max_bitrate_bps: Option<u32>,
    /// How much sound goes into a packet.
    pub frame: Option<FrameLength>,
    /// What Opus may spend, redundancy inside its packets included.
    pub bitrate: Option<Bitrate>,
    /// Whether in-band error correction is sent.
    pub fec: Option<bool>,
    /// How many frames before its packet a copy was sent, 0 for no copies.
    pub red_distance: Option<u8>,
    /// How many frames a block of parity covers, 0 for none. Copies that are fixed come before it.
    pub parity: Option<u8>,
    /// How far back deep redundancy reaches, in milliseconds, 0 for none.
    pub dred_ms: Option<u32>,
}

impl Policy {
    /// The least that [`Policy::max_bitrate_bps`] may be: speech in long frames, and little of it.
    pub const MIN_MAX_BITRATE_BPS: u32 = 14_000;

    /// The most that may be sent, in bits a second on the wire: 64 kbit/s unless it was said otherwise, and more for
    /// frames so short that their headers alone take as much.
    pub fn max_bitrate_bps(&self) -> u32 {
        let own = match (self.frame, self.latency) {
            (Some(FrameLength::Ms2_5), _) | (None, Latency::Ultra) => 256_000,
            (Some(FrameLength::Ms5), _) => 146_000,
            _ => 64_000,
        };
        self.max_bitrate_bps.unwrap_or(own).max(Self::MIN_MAX_BITRATE_BPS)
    }

    /// Whether the headers of frames of the length that was fixed leave room for speech.
    pub fn has_room(&self) -> bool {
        let packets = self.frame.map_or(0, |frame| 48_000 / frame.samples() as u32);
        let headers = packets * 8 * u32::from(Abilities::OVERHEAD_BYTES);
        headers + Bitrate::MIN.bps() <= self.max_bitrate_bps()
    }

    /// What a millisecond of delay costs, in points of the mean opinion score. A percent of frames missed costs about
    /// [0.3](super::quality), the first ones. It is more than [`Latency`] makes a receiver pay: a frame that is longer
    /// than it must be delays every word of a call, a receiver that waits for jitter only those of a path that has some.
    pub(super) fn price_of_ms(&self) -> f64 {
        match self.latency {
            Latency::Ultra => 0.09,
            Latency::Low => 0.02,
            Latency::Balanced => 0.0072,
            Latency::Robust => 0.003,
        }
    }

    /// What it costs to wait `ms` for repairs alone, in points. Who wants little delay waits for what is in the very next
    /// packet of 10 ms, which is sure to come: that costs next to nothing of a conversation (0.24 of R by the E-model), and a
    /// receiver that was sent anything against losses of late waits for it all the same. To wait for more is dear: how
    /// long bursts are is known from reports only roughly, and receivers go on waiting for seconds after the losses.
    pub(super) fn price_of_repair(&self, ms: f64) -> f64 {
        match self.latency {
            Latency::Low => 0.005 * ms.min(NEXT_PACKET_MS) + 0.065 * (ms - NEXT_PACKET_MS).max(0.0),
            // What the E-model (ITU-T G.107) takes for delay below 177 ms: 0.024 of R, a point being about 25 of it.
            Latency::Robust => 0.001 * ms,
            _ => self.price_of_ms() * ms,
        }
    }

    /// How long a receiver waits for repairs at the most where a share `lost` is lost, in milliseconds: as long as they are
    /// worth [it](Latency::ms_per_percent). Half of that stands here, since losses come unevenly and the receiver has to see
    /// some first. Whom delay costs more minds it before that.
    pub(super) fn longest_repair_ms(&self, lost: f64) -> f64 {
        match self.latency {
            Latency::Robust => 0.5 * f64::from(self.latency.ms_per_percent()) * 100.0 * lost,
            _ => f64::INFINITY,
        }
    }
}
