//! Sound for packets whose own was not kept.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use crate::audio::{Error, FrameLength, SenderConfig};
use crate::peer::flight::Voice;
use crate::rtp::{PayloadFormat, RtpTimestamp, Samples, red};
use crate::trace::BlockHead;

/// Losses that the voice with FEC is prepared for.
const EXPECTED_LOSS_PERCENT: u8 = 20;
/// Payload type of the blocks; our receiver does not look at it.
const PAYLOAD_TYPE: u8 = 111;

/// Frames that came, as far back as parity reaches and packets overtake each other.
const REMEMBERED: usize = 64;

/// A payload and how it is read.
pub(super) type Dressed = (PayloadFormat, Arc<[u8]>);

/// A synthetic voice in frames of every length that a trace asks for.
#[derive(Default)]
pub(super) struct Wardrobe {
    voices: HashMap<(FrameLength, bool), Voice>,
    /// What came of late.
    came: VecDeque<RtpTimestamp>,
}

impl Wardrobe {
    /// A payload that holds frames as these heads say; `None` when no encoder of ours makes such frames.
    ///
    /// # Errors
    /// [`Error::Opus`] if libopus refuses.
    pub(super) fn payload(
        &mut self,
        timestamp: RtpTimestamp,
        heads: &[BlockHead],
    ) -> Result<Option<Dressed>, Error> {
        let restored = self.restored(timestamp, heads);
        self.come(timestamp);
        let mut packets = Vec::with_capacity(heads.len());
        for head in heads.iter().filter(|head| head.bytes > 0 || restored == Some(head.age)) {
            match self.packet(timestamp - head.age, head)? {
                Some(packet) => packets.push((head.age, packet)),
                None if head.age.is_empty() => return Ok(None),
                None => {}
            }
        }
        let Some((age, newest)) = packets.pop() else { return Ok(None) };
        if packets.is_empty() && age.is_empty() {
            return Ok(Some((PayloadFormat::Opus, newest)));
        }
        let fits =
            |age: Samples, packet: &[u8]| age <= red::MAX_OFFSET && packet.len() <= red::MAX_BLOCK_BYTES;
        let older: Vec<(Samples, &[u8])> = packets
            .iter()
            .filter(|(age, packet)| !age.is_empty() && fits(*age, packet))
            .map(|(age, packet)| (*age, &packet[..]))
            .collect();
        let mut payload = Vec::new();
        let written = red::write(PAYLOAD_TYPE, &older, &newest, &mut payload);
        Ok(written.is_ok().then(|| (PayloadFormat::Red, payload.into())))
    }

    /// The age of the one frame that is missing of those that parity covers.
    fn restored(&mut self, timestamp: RtpTimestamp, heads: &[BlockHead]) -> Option<Samples> {
        let covered = heads.iter().filter(|head| head.bytes == 0).map(|head| head.age);
        let mut missing = covered.filter(|age| !self.came.contains(&(timestamp - *age)));
        let age = missing.next().filter(|_| missing.next().is_none())?;
        self.come(timestamp - age);
        Some(age)
    }

    fn come(&mut self, timestamp: RtpTimestamp) {
        self.came.push_back(timestamp);
        if self.came.len() > REMEMBERED {
            self.came.pop_front();
        }
    }

    fn packet(&mut self, timestamp: RtpTimestamp, head: &BlockHead) -> Result<Option<Arc<[u8]>>, Error> {
        let Some(frame) = FrameLength::from_samples(head.duration.len()) else { return Ok(None) };
        let fec = head.has_fec && head.frame == head.duration;
        let voice = match self.voices.entry((frame, fec)) {
            std::collections::hash_map::Entry::Occupied(voice) => voice.into_mut(),
            std::collections::hash_map::Entry::Vacant(room) => {
                let expected_loss_percent = if fec { EXPECTED_LOSS_PERCENT } else { 0 };
                let config = SenderConfig { frame, fec, expected_loss_percent, ..SenderConfig::default() };
                room.insert(Voice::encode(&config)?.with_fec(fec))
            }
        };
        let packet = voice.packet(timestamp.0 / frame.samples() as u64);
        Ok(Some(if head.is_dtx { packet[..1].into() } else { packet }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtp::OpusPacketInfo;

    fn head(age: i64, duration: i64, has_fec: bool, is_dtx: bool) -> BlockHead {
        let duration = Samples(duration);
        BlockHead { age: Samples(age), bytes: 40, duration, frame: duration, has_fec, is_dtx }
    }

    #[test]
    fn a_dressed_packet_says_of_itself_what_its_heads_said() {
        let mut wardrobe = Wardrobe::default();
        for (duration, fec, dtx) in [(480, false, false), (960, true, false), (960, false, true)] {
            let heads = [head(0, duration, fec, dtx)];
            let (format, payload) =
                wardrobe.payload(RtpTimestamp(1 << 32), &heads).unwrap().expect("it is made");
            let info = OpusPacketInfo::parse(&payload).unwrap();
            assert_eq!(format, PayloadFormat::Opus);
            assert_eq!((info.duration.0, info.has_fec, info.is_dtx), (duration, fec, dtx));
        }
    }

    #[test]
    fn a_copy_is_the_same_as_the_frame_was() {
        let mut wardrobe = Wardrobe::default();
        let at = |n: u64| RtpTimestamp((1 << 32) + 480 * n);
        let (_, first) = wardrobe.payload(at(7), &[head(0, 480, false, false)]).unwrap().unwrap();
        let heads = [head(480, 480, false, false), head(0, 480, false, false)];
        let (format, payload) = wardrobe.payload(at(8), &heads).unwrap().unwrap();
        assert_eq!(format, PayloadFormat::Red);
        let copy = red::parse(&payload).unwrap().redundant()[0].clone();
        assert_eq!(&payload[copy.bytes], &first[..]);
    }

    #[test]
    fn of_what_parity_covers_the_one_frame_that_did_not_come_is_restored() {
        let at = |n: u64| RtpTimestamp((1 << 32) + 480 * n);
        let own = head(0, 480, false, false);
        let covered = |back: i64| BlockHead { bytes: 0, ..head(480 * back, 480, false, false) };
        let heads = [covered(3), covered(2), covered(1), own];
        let restored = |came: &[u64]| {
            let mut wardrobe = Wardrobe::default();
            came.iter().for_each(|n| drop(wardrobe.payload(at(*n), &[own]).unwrap()));
            let (format, payload) = wardrobe.payload(at(10), &heads).unwrap().unwrap();
            match format {
                PayloadFormat::Opus => vec![],
                PayloadFormat::Red => red::parse(&payload)
                    .unwrap()
                    .redundant()
                    .iter()
                    .map(|block| block.offset.0 / 480)
                    .collect(),
            }
        };
        assert_eq!(restored(&[7, 9]), [2]);
        assert_eq!(restored(&[7, 8, 9]), [0i64; 0], "nothing is missing");
        assert_eq!(restored(&[7]), [0i64; 0], "two are");
    }

    #[test]
    fn what_no_encoder_makes_is_left_out() {
        let mut wardrobe = Wardrobe::default();
        assert!(wardrobe.payload(RtpTimestamp(9), &[]).unwrap().is_none());
        assert!(wardrobe.payload(RtpTimestamp(9), &[head(0, 4800, false, false)]).unwrap().is_none());
    }
}
