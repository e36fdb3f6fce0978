//! Frames that wait for their turn, in order of media time, each slot held once.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use super::{OpusPacketInfo, RtpTimestamp, Samples};

/// Most frames held. At 2.5 ms frames this is 1.28 s, more than the longest delay that playout may have; at longer
/// frames far more. A flood beyond it pushes out the oldest.
pub(super) const MAX_FRAMES: usize = 512;

/// Which copy of a frame this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Copy {
    /// An older frame carried along by a newer packet.
    Redundant,
    /// The frame's own packet.
    Primary,
}

/// One Opus packet in waiting.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    /// Media time of its first sample.
    pub(super) timestamp: RtpTimestamp,
    /// When it became available.
    pub(super) arrival: Instant,
    /// Which copy it is.
    pub(super) copy: Copy,
    /// What its head says.
    pub(super) info: OpusPacketInfo,
    /// How far before its first sample its deep redundancy restores what was said.
    pub(super) reach: Samples,
    packet: Arc<[u8]>,
    bytes: Range<usize>,
}

impl Frame {
    /// A frame whose Opus packet stands at `bytes` of `packet`; `None` when that is no Opus packet.
    pub(super) fn new(
        timestamp: RtpTimestamp,
        arrival: Instant,
        copy: Copy,
        packet: &Arc<[u8]>,
        bytes: Range<usize>,
    ) -> Option<Frame> {
        let info = OpusPacketInfo::parse(packet.get(bytes.clone())?)?;
        Some(Frame { timestamp, arrival, copy, info, reach: Samples::ZERO, packet: packet.clone(), bytes })
    }

    /// The Opus packet.
    pub(super) fn payload(&self) -> &[u8] {
        &self.packet[self.bytes.clone()]
    }

    /// Media time just past its last sample.
    pub(super) fn end(&self) -> RtpTimestamp {
        self.timestamp + self.info.duration
    }
}

/// What became of a frame that was put in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Inserted {
    /// The slot was empty.
    New,
    /// A redundant copy gave way to the frame's own packet.
    Upgraded,
    /// The slot holds as good a copy already.
    Duplicate,
}

/// The waiting frames.
#[derive(Debug, Clone)]
pub(super) struct PacketBuffer {
    frames: VecDeque<Frame>,
}

impl Default for PacketBuffer {
    fn default() -> PacketBuffer {
        PacketBuffer { frames: VecDeque::with_capacity(MAX_FRAMES + 1) }
    }
}

impl PacketBuffer {
    /// Puts a frame in its place. New frames mostly belong at the end, so that is where the search begins.
    pub(super) fn insert(&mut self, frame: Frame) -> Inserted {
        let place = self.frames.iter().rposition(|f| f.timestamp <= frame.timestamp);
        if let Some(at) = place
            && self.frames[at].timestamp == frame.timestamp
        {
            if self.frames[at].copy >= frame.copy {
                return Inserted::Duplicate;
            }
            self.frames[at] = frame;
            return Inserted::Upgraded;
        }
        self.frames.insert(place.map_or(0, |at| at + 1), frame);
        if self.frames.len() > MAX_FRAMES {
            self.frames.pop_front();
        }
        Inserted::New
    }

    /// The oldest frame.
    pub(super) fn first(&self) -> Option<&Frame> {
        self.frames.front()
    }

    /// The frame behind so many others.
    pub(super) fn get(&self, at: usize) -> Option<&Frame> {
        self.frames.get(at)
    }

    /// The two oldest, if there are two.
    pub(super) fn first_two(&self) -> Option<(&Frame, &Frame)> {
        Some((self.frames.front()?, self.frames.get(1)?))
    }

    /// Takes the oldest frame.
    pub(super) fn pop(&mut self) -> Option<Frame> {
        self.frames.pop_front()
    }

    /// Drops frames that end at or before `time`, and says how many.
    pub(super) fn drop_before(&mut self, time: RtpTimestamp) -> usize {
        let before = self.frames.len();
        while self.frames.front().is_some_and(|f| f.end() <= time) {
            self.frames.pop_front();
        }
        before - self.frames.len()
    }

    /// How many frames wait.
    pub(super) fn len(&self) -> usize {
        self.frames.len()
    }

    /// Media time from the start of the oldest to the end of the newest.
    pub(super) fn span(&self) -> Samples {
        match (self.frames.front(), self.frames.back()) {
            (Some(first), Some(last)) => last.end().since(first.timestamp),
            _ => Samples::ZERO,
        }
    }

    /// Empties it.
    pub(super) fn clear(&mut self) {
        self.frames.clear();
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// 20 ms of SILK wideband.
    const TOC_20_MS: u8 = 9 << 3;

    pub(crate) fn frame(timestamp: u64, copy: Copy, at: Instant) -> Frame {
        let packet: Arc<[u8]> = vec![TOC_20_MS, 0, 0].into();
        Frame::new(RtpTimestamp(timestamp), at, copy, &packet, 0..3).unwrap()
    }

    #[expect(clippy::disallowed_methods, reason = "any instant will do")]
    fn now() -> Instant {
        Instant::now()
    }

    fn times(buffer: &PacketBuffer) -> Vec<u64> {
        buffer.frames.iter().map(|f| f.timestamp.0).collect()
    }

    #[test]
    fn frames_stand_in_order_whatever_the_order_of_arrival() {
        let mut buffer = PacketBuffer::default();
        for timestamp in [1920, 960, 3840, 2880] {
            assert_eq!(buffer.insert(frame(timestamp, Copy::Primary, now())), Inserted::New);
        }
        assert_eq!(times(&buffer), [960, 1920, 2880, 3840]);
        assert_eq!(buffer.span(), Samples(3840));
    }

    #[test]
    fn a_slot_is_held_once_and_the_primary_wins() {
        let mut buffer = PacketBuffer::default();
        let at = now();
        assert_eq!(buffer.insert(frame(960, Copy::Redundant, at)), Inserted::New);
        assert_eq!(buffer.insert(frame(960, Copy::Primary, at)), Inserted::Upgraded);
        assert_eq!(buffer.insert(frame(960, Copy::Redundant, at)), Inserted::Duplicate);
        assert_eq!(buffer.insert(frame(960, Copy::Primary, at)), Inserted::Duplicate);
        assert_eq!(buffer.len(), 1);
        assert_eq!(buffer.first().unwrap().copy, Copy::Primary);
    }

    #[test]
    fn a_flood_pushes_out_the_oldest() {
        let mut buffer = PacketBuffer::default();
        for n in 0..MAX_FRAMES as u64 + 10 {
            buffer.insert(frame(n * 960, Copy::Primary, now()));
        }
        assert_eq!(buffer.len(), MAX_FRAMES);
        assert_eq!(buffer.first().unwrap().timestamp, RtpTimestamp(9600));
    }

    #[test]
    fn what_is_past_is_dropped() {
        let mut buffer = PacketBuffer::default();
        for timestamp in [0, 960, 1920] {
            buffer.insert(frame(timestamp, Copy::Primary, now()));
        }
        assert_eq!(buffer.drop_before(RtpTimestamp(1000)), 1);
        assert_eq!(times(&buffer), [960, 1920]);
    }
}
