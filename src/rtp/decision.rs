//! What the jitter buffer asks of the renderer.

use super::{RtpTimestamp, Samples};

/// Where the renderer stands when it asks for more: decoded samples that nobody has heard yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Unplayed {
    /// Decoded from what the sender said.
    pub real: Samples,
    /// Made up behind that; it gives way if the frame comes after all.
    pub made_up: Samples,
}

/// The next thing to do. Payloads are borrowed from the buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision<'a> {
    /// Play silence: nothing has come yet, or playout is not due.
    Silence {
        /// For so long at the least.
        samples: Samples,
    },
    /// Decode this packet and play it from `skip` on. Made-up samples that were not played yet give way to it.
    Decode {
        /// The Opus packet.
        payload: &'a [u8],
        /// Media time of its first sample.
        timestamp: RtpTimestamp,
        /// Its length.
        samples: Samples,
        /// So much of its beginning has been filled already.
        skip: Samples,
        /// Whether it does not follow what was decoded last as the decoder expects: a cross-fade is wanted.
        seam: bool,
    },
    /// Decode this packet and play nothing of it: it came too late, and those behind it build on it.
    DecodeUnheard {
        /// The Opus packet.
        payload: &'a [u8],
        /// Media time of its first sample.
        timestamp: RtpTimestamp,
        /// Its length.
        samples: Samples,
    },
    /// Decode the low-rate copy of the frame before this packet; the packet itself comes with a later decision.
    DecodeFec {
        /// The packet that holds the copy.
        payload: &'a [u8],
        /// Media time of the repaired frame's first sample.
        timestamp: RtpTimestamp,
        /// Length of the repaired frame.
        samples: Samples,
        /// So much of its beginning has been filled already.
        skip: Samples,
        /// As in [`Decode`](Decision::Decode).
        seam: bool,
    },
    /// Restore lost sound from the deep redundancy of this packet, which itself comes with a later decision.
    DecodeDred {
        /// The packet that holds it.
        payload: &'a [u8],
        /// Media time of the first sample restored.
        timestamp: RtpTimestamp,
        /// How long before the packet's own first sample that is.
        before: Samples,
        /// Length of what is restored, in steps of 2.5 ms.
        samples: Samples,
        /// So much of its beginning has been filled already.
        skip: Samples,
        /// As in [`Decode`](Decision::Decode).
        seam: bool,
    },
    /// Nothing is there for this time: make up so many samples.
    Conceal {
        /// How many.
        samples: Samples,
        /// Whether the sender stopped sending on purpose: what is wanted is its background noise, not its voice.
        quiet: bool,
    },
    /// So many of the samples made up are to be played whatever comes: count them as real and ask again.
    Settle {
        /// How many, from the oldest on.
        samples: Samples,
    },
    /// What was made up already reaches far enough.
    PlayMadeUp,
}

/// How far playout is from where it should be, from [`steer`](super::JitterBuffer::steer).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Steering {
    /// Delay that can be given back, when positive; delay that is missing, when negative.
    pub excess: Samples,
}
