//! Parity: one block that stands for several frames, any one of which it restores whole.
//!
//! A copy of each frame (RED) costs as many bits as the frame, in-band error correction two fifths of it. Where few packets
//! are lost most of that is for nothing: of one loss among several frames the exclusive or of them all tells as much. So
//! parity codes for packets do (RFC 5109, RFC 8627), at 14 bytes and more of headers a block; between two of us a block is
//! this, behind what [`short_red`](super::short_red) puts in front of it:
//!
//! ```text
//!  0                   1
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 ...
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-
//! |  frames (8)   |  lengths (8)  |  bytes
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-
//! ```
//!
//! It covers so many frames, the last of them right before the packet that carries it, all as long as the one in that packet
//! and without a gap between them. Behind their number stand the exclusive or of their lengths and that of their bytes,
//! shorter frames filled up with zeros.
//!
//! In a RED payload as RFC 2198 has it, which is what is handed about on either side, it is a block of no age and of a
//! payload type that is nobody's.

use std::sync::Arc;

use super::buffer::Frame;
use super::red::{RedBlock, RedBlocks};
use super::{RtpTimestamp, Samples};

/// Names a block of parity in RED: reserved by RFC 3551 section 6, so that nothing is ever agreed to have it.
const PAYLOAD_TYPE: u8 = 19;
/// Most frames that a block covers.
pub const MAX_PARITY_FRAMES: u8 = 8;
/// The longest frame that is covered: with two bytes in front a block fits a length of a byte.
const MAX_FRAME_BYTES: usize = 253;
/// How many it covers, and their lengths.
pub(super) const HEAD_BYTES: usize = 2;

/// An exclusive or as it grows.
#[derive(Debug, Clone)]
pub(super) struct Sum {
    lengths: u8,
    bytes: [u8; MAX_FRAME_BYTES],
    /// As long as the longest.
    len: usize,
}

impl Default for Sum {
    fn default() -> Sum {
        Sum { lengths: 0, bytes: [0; MAX_FRAME_BYTES], len: 0 }
    }
}

impl Sum {
    /// Adds a frame, or takes it away again. `false` if it is none that is covered.
    pub(super) fn add(&mut self, frame: &[u8]) -> bool {
        if frame.is_empty() || frame.len() > MAX_FRAME_BYTES {
            return false;
        }
        self.lengths ^= frame.len() as u8;
        self.len = self.len.max(frame.len());
        for (sum, byte) in self.bytes.iter_mut().zip(frame) {
            *sum ^= byte;
        }
        true
    }

    /// Writes the block that covers so many frames to the end of `out`.
    pub(super) fn write(&self, frames: u8, out: &mut Vec<u8>) {
        out.extend([frames, self.lengths]);
        out.extend_from_slice(&self.bytes[..self.len]);
    }

    /// How long the block is.
    pub(super) fn block_bytes(&self) -> usize {
        HEAD_BYTES + self.len
    }

    /// How many frames a block covers, and the sum in it; `None` for what is no block.
    fn read(block: &[u8]) -> Option<(u8, Sum)> {
        let (&[frames, lengths], bytes) = block.split_first_chunk::<HEAD_BYTES>()?;
        if bytes.len() > MAX_FRAME_BYTES || !(1..=MAX_PARITY_FRAMES).contains(&frames) {
            return None;
        }
        let mut sum = Sum { lengths, len: bytes.len(), ..Sum::default() };
        sum.bytes[..bytes.len()].copy_from_slice(bytes);
        Some((frames, sum))
    }

    /// The one frame that is left; `None` if what is left is not one frame.
    fn frame(&self) -> Option<&[u8]> {
        let (frame, filling) = self.bytes[..self.len].split_at_checked(usize::from(self.lengths))?;
        (!frame.is_empty() && filling.iter().all(|&byte| byte == 0)).then_some(frame)
    }
}

impl RedBlocks {
    /// The block of parity that the payload carries, and no copies beside it.
    pub fn parity(&self) -> Option<&RedBlock> {
        match self.redundant() {
            [block] if block.payload_type == PAYLOAD_TYPE && block.offset.is_empty() => Some(block),
            _ => None,
        }
    }
}

/// How many frames a block of parity covers, which are those right before its packet; 0 if it is none.
pub fn parity_frames(block: &[u8]) -> u8 {
    Sum::read(block).map_or(0, |(frames, _)| frames)
}

/// Writes what stands in front of a block of so many bytes in a RED payload whose primary is of `payload_type`.
pub(super) fn write_red_header(payload_type: u8, block_bytes: usize, out: &mut Vec<u8>) {
    let [high, low] = (block_bytes as u16).to_be_bytes();
    out.extend([0x80 | PAYLOAD_TYPE, 0, high, low, payload_type & 0x7f]);
}

/// Frames that are remembered: those that a block covers, and more for packets that overtake each other.
const REMEMBERED: usize = 4 * MAX_PARITY_FRAMES as usize;
/// Blocks that wait for all but one of their frames.
const WAITING: usize = 4;
/// Restored frames for which there is room without allocating. A tenth may be lost before it takes more.
const ROOMS: usize = 8;

/// The receiving side: remembers frames, and restores what is missing among them.
#[derive(Debug, Clone)]
pub(super) struct ParityRepair {
    frames: [Option<Frame>; REMEMBERED],
    next_frame: usize,
    waiting: [Option<Waiting>; WAITING],
    next_waiting: usize,
    rooms: [Arc<[u8]>; ROOMS],
}

impl Default for ParityRepair {
    fn default() -> ParityRepair {
        ParityRepair {
            frames: Default::default(),
            next_frame: 0,
            waiting: Default::default(),
            next_waiting: 0,
            rooms: std::array::from_fn(|_| [0; MAX_FRAME_BYTES].into()),
        }
    }
}

/// A frame that parity restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Restored {
    /// Media time of its first sample.
    pub(super) timestamp: RtpTimestamp,
    /// How much later than it the packet with the parity was sent.
    pub(super) age: Samples,
    /// Its Opus packet stands at the beginning of this.
    pub(super) room: Arc<[u8]>,
    /// How long it is.
    pub(super) len: usize,
}

/// A block, and where its frames are.
#[derive(Debug, Clone)]
struct Waiting {
    packet: RtpTimestamp,
    frame: Samples,
    frames: u8,
    sum: Sum,
}

impl Waiting {
    fn members(&self) -> impl Iterator<Item = RtpTimestamp> + use<> {
        let (packet, Samples(frame)) = (self.packet, self.frame);
        (1..=i64::from(self.frames)).map(move |back| packet - Samples(back * frame))
    }
}

impl ParityRepair {
    /// Remembers a frame that came, or that was restored.
    pub(super) fn remember(&mut self, frame: &Frame) {
        self.frames[self.next_frame] = Some(frame.clone());
        self.next_frame = (self.next_frame + 1) % REMEMBERED;
    }

    /// Takes the block in that a packet with a frame of `frame` samples at `packet` carried, if it is one.
    pub(super) fn take_in(&mut self, packet: RtpTimestamp, frame: Samples, block: &[u8]) {
        let Some((frames, sum)) = Sum::read(block) else { return };
        self.waiting[self.next_waiting] = Some(Waiting { packet, frame, frames, sum });
        self.next_waiting = (self.next_waiting + 1) % WAITING;
    }

    /// The next frame that can be restored. To be remembered, if it is one of Opus.
    pub(super) fn restore(&mut self) -> Option<Restored> {
        (0..WAITING).find_map(|at| self.restore_by(at))
    }

    fn restore_by(&mut self, at: usize) -> Option<Restored> {
        let waiting = self.waiting[at].as_ref()?;
        let mut missing = waiting.members().filter(|member| self.frame(*member).is_none());
        let first = missing.next();
        if first.is_some() && missing.next().is_some() {
            return None;
        }
        drop(missing);
        let mut waiting = self.waiting[at].take()?;
        let timestamp = first?;
        let there = waiting.members().filter_map(|member| self.frame(member));
        let is_whole = there.fold(true, |is_whole, frame| is_whole & waiting.sum.add(frame.payload()));
        let bytes = waiting.sum.frame().filter(|_| is_whole)?;
        let (age, len) = (waiting.packet.since(timestamp), bytes.len());
        Some(Restored { timestamp, age, room: self.room_with(bytes), len })
    }

    /// A room with these bytes at its beginning: one that nobody looks into any more, or a new one.
    fn room_with(&mut self, bytes: &[u8]) -> Arc<[u8]> {
        for room in &mut self.rooms {
            if let Some(free) = Arc::get_mut(room) {
                free[..bytes.len()].copy_from_slice(bytes);
                return room.clone();
            }
        }
        bytes.into()
    }

    fn frame(&self, timestamp: RtpTimestamp) -> Option<&Frame> {
        self.frames.iter().flatten().find(|frame| frame.timestamp == timestamp)
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.frames.fill(None);
        self.waiting.fill(None);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::rtp::buffer::Copy;

    const FRAME: Samples = Samples(480);

    /// An Opus packet of 10 ms, each of its own length and bytes.
    fn bytes(n: u64) -> Vec<u8> {
        let len = 3 + (n * 7 % 40) as usize;
        [30 << 3].into_iter().chain((1..len).map(|at| (n * 31 + at as u64 * 17) as u8)).collect()
    }

    fn at(n: u64) -> RtpTimestamp {
        RtpTimestamp((1 << 32) + n * 480)
    }

    #[expect(clippy::disallowed_methods, reason = "any instant will do")]
    fn frame(n: u64, bytes: &[u8]) -> Frame {
        Frame::new(at(n), Instant::now(), Copy::Primary, &bytes.into(), 0..bytes.len()).unwrap()
    }

    /// The block behind frames `n - count` to `n - 1`.
    fn block(n: u64, count: u8) -> Vec<u8> {
        let mut sum = Sum::default();
        (n - u64::from(count)..n).for_each(|n| assert!(sum.add(&bytes(n))));
        let mut block = Vec::new();
        sum.write(count, &mut block);
        assert_eq!(block.len(), sum.block_bytes());
        block
    }

    #[test]
    fn any_one_frame_that_is_missing_is_restored_as_it_was() {
        for count in 1..=MAX_PARITY_FRAMES {
            for missing in 10 - u64::from(count)..10 {
                let mut repair = ParityRepair::default();
                (0..=10).filter(|n| *n != missing).for_each(|n| repair.remember(&frame(n, &bytes(n))));
                repair.take_in(at(10), FRAME, &block(10, count));
                let age = Samples((10 - missing as i64) * 480);
                let restored = repair.restore().unwrap();
                assert_eq!((restored.timestamp, restored.age), (at(missing), age), "{missing} of {count}");
                assert_eq!(restored.room[..restored.len], bytes(missing));
                assert_eq!(repair.restore(), None, "once");
            }
        }
    }

    #[test]
    fn of_two_missing_frames_none_is_restored_until_one_of_them_comes() {
        let mut repair = ParityRepair::default();
        [6, 9, 10].into_iter().for_each(|n| repair.remember(&frame(n, &bytes(n))));
        repair.take_in(at(10), FRAME, &block(10, 4));
        assert_eq!(repair.restore(), None);
        repair.remember(&frame(7, &bytes(7)));
        assert_eq!(repair.restore().map(|restored| restored.timestamp), Some(at(8)));
    }

    #[test]
    fn where_nothing_is_missing_nothing_is_restored() {
        let mut repair = ParityRepair::default();
        (0..10).for_each(|n| repair.remember(&frame(n, &bytes(n))));
        repair.take_in(at(10), FRAME, &block(10, 4));
        assert_eq!(repair.restore(), None);
    }

    #[test]
    fn what_does_not_add_up_to_a_frame_is_dropped() {
        // Frame 8 is another one than the one that was covered; a longer one; not as long as its sum says.
        for other in [vec![30 << 3, 9, 9], vec![30 << 3; 60], vec![30 << 3; 300], bytes(8)] {
            let mut repair = ParityRepair::default();
            [6, 9].into_iter().for_each(|n| repair.remember(&frame(n, &bytes(n))));
            repair.remember(&frame(8, &other));
            let mut block = block(10, 4);
            if other == bytes(8) {
                block[1] ^= 1;
            }
            repair.take_in(at(10), FRAME, &block);
            let restored = repair.restore();
            assert!(restored.is_none_or(|restored| restored.room[..restored.len] != bytes(7)), "{other:?}");
            assert_eq!(repair.restore(), None);
        }
    }

    #[test]
    fn no_bytes_panic_and_none_restore_more_than_a_frame() {
        let mut random = 1u32;
        let mut repair = ParityRepair::default();
        for n in 0..20_000u64 {
            let mut next = || {
                random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (random >> 16) as u8
            };
            let len = usize::from(next()) * 2;
            let block: Vec<u8> = (0..len).map(|at| if at == 0 { next() % 12 } else { next() }).collect();
            repair.take_in(at(n), Samples(i64::from(next()) * 120), &block);
            if next() > 40 {
                repair.remember(&frame(n, &bytes(n)));
            }
            let restored = std::iter::from_fn(|| repair.restore());
            assert!(restored.map(|frame| frame.len).all(|len| (1..=MAX_FRAME_BYTES).contains(&len)));
        }
    }
}
