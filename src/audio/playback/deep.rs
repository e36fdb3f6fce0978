//! Deep redundancy (DRED): what was said before a packet, at a few hundred bits for each hundredth of a second.

use crate::audio::Error;
use crate::audio::opus::{Decoder, Dred, DredReader};
use crate::rtp::{Packet, PayloadFormat, RtpTimestamp, Samples, red};

/// No redundancy is older than this; libopus packs up to 1.04 s.
const MAX_REACH: usize = 48_000;

/// Reads deep redundancy, one packet after the other. Allocates when it is made and never again.
pub(crate) struct DeepRedundancy {
    reader: DredReader,
    ready: Dred,
    /// Which packet `ready` was read from: long gaps are restored piece by piece from the same one.
    read_from: Option<RtpTimestamp>,
    scratch: Dred,
}

impl DeepRedundancy {
    /// One that has read nothing.
    pub(crate) fn new() -> Result<DeepRedundancy, Error> {
        Ok(DeepRedundancy {
            reader: DredReader::new()?,
            ready: Dred::new()?,
            read_from: None,
            scratch: Dred::new()?,
        })
    }

    /// How far before the first sample of `packet` its redundancy reaches; nothing for a packet without any.
    pub(crate) fn reach(&mut self, packet: &Packet) -> Samples {
        let frame = match packet.format {
            PayloadFormat::Opus => &packet.payload[..],
            PayloadFormat::Red => match red::parse(&packet.payload) {
                Ok(blocks) => &packet.payload[blocks.primary().bytes.clone()],
                Err(_) => return Samples::ZERO,
            },
        };
        if !may_hold_extensions(frame) {
            return Samples::ZERO;
        }
        let span = self.reader.span(frame, MAX_REACH, &mut self.scratch).unwrap_or_default();
        Samples::from(span.reach)
    }

    /// Fills `out` with what was said from `before` before the first sample of `packet` on, which is that of media time
    /// `timestamp`. `false` when it cannot.
    pub(crate) fn restore(
        &mut self,
        decoder: &mut Decoder,
        packet: &[u8],
        (timestamp, before): (RtpTimestamp, Samples),
        out: &mut [f32],
    ) -> bool {
        if self.read_from != Some(timestamp) {
            self.read_from = None;
            if self.reader.read(packet, MAX_REACH, &mut self.ready).is_err() {
                return false;
            }
            self.read_from = Some(timestamp);
        }
        decoder.decode_dred(&self.ready, before.len(), out).is_ok()
    }
}

/// Extensions stand in the padding, which only packets of frame count code 3 have (RFC 6716 section 3.2.5).
fn may_hold_extensions(packet: &[u8]) -> bool {
    matches!(packet, [toc, count, ..] if toc & 3 == 3 && count & 0x40 != 0)
}
