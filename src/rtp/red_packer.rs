//! The sending side of RED: which older frames travel along with each new one (RFC 2198).

use super::Samples;
use super::parity::{self, MAX_PARITY_FRAMES, Sum};
use super::red::{self, MAX_BLOCK_BYTES, MAX_OFFSET};

/// The furthest copy, in frames. Opus frames are 2.5 ms long at the least, and the offset reaches 341 ms; further back
/// than this a receiver would have to wait longer than anybody wants to.
pub const MAX_RED_DISTANCE: u8 = 16;
/// Copies of each frame at the most: three leave a frame too few bits.
pub const MAX_RED_COPIES: u8 = 2;
/// Frames that are remembered.
const REMEMBERED: usize = MAX_RED_DISTANCE as usize;

/// Packs each frame together with the one sent a fixed number of frames before it, or with that and the one sent as many
/// frames before that.
///
/// A copy of the frame just before repairs single losses and costs one frame of waiting; one from further back repairs
/// bursts as long as the distance, and costs as many frames of waiting. A second copy repairs where the packet of the first
/// one is lost too. Allocates when it is made, and never again.
#[derive(Debug, Clone)]
pub struct RedPacker {
    frames: Box<[Remembered; REMEMBERED]>,
    /// Frames packed or passed over so far.
    count: usize,
    out: Vec<u8>,
}

#[derive(Debug, Clone, Copy)]
struct Remembered {
    timestamp: u64,
    len: usize,
    bytes: [u8; MAX_BLOCK_BYTES],
}

impl Default for RedPacker {
    fn default() -> RedPacker {
        let empty = Remembered { timestamp: 0, len: 0, bytes: [0; MAX_BLOCK_BYTES] };
        RedPacker {
            frames: Box::new([empty; REMEMBERED]),
            count: 0,
            // The copies, the primary of any length, and their headers.
            out: Vec::with_capacity((usize::from(MAX_RED_COPIES) + 1) * MAX_BLOCK_BYTES + 512),
        }
    }
}

impl RedPacker {
    /// Remembers a frame and gives the RED payload for it: with copies of the frames `distance` and, if there are to be two,
    /// twice as far before it, or without those that there are not or that do not fit. `payload_type` is that of the blocks,
    /// `timestamp` counts samples at 48 kHz.
    ///
    /// A frame too long for a block is sent, but never repeated.
    pub fn pack(
        &mut self,
        payload_type: u8,
        (distance, copies): (u8, u8),
        timestamp: u64,
        frame: &[u8],
    ) -> &[u8] {
        let mut older = [(Samples::ZERO, &[][..]); MAX_RED_COPIES as usize];
        let mut count = 0;
        let mut last = 0;
        for copy in (1..=copies.min(MAX_RED_COPIES)).rev() {
            let back = (usize::from(distance) * usize::from(copy)).min(REMEMBERED).min(self.count);
            if back > 0 && back != last {
                let old = &self.frames[(self.count - back) % REMEMBERED];
                let age = Samples(timestamp.saturating_sub(old.timestamp) as i64);
                if old.len > 0 && !age.is_empty() && age <= MAX_OFFSET {
                    older[count] = (age, &old.bytes[..old.len]);
                    count += 1;
                }
            }
            last = back;
        }
        self.out.clear();
        let written = red::write(payload_type, &older[..count], frame, &mut self.out);
        debug_assert!(written.is_ok(), "what does not fit was left out");
        self.remember(timestamp, frame);
        &self.out
    }

    /// Remembers a frame of `samples` and gives the RED payload for it with the parity of so many `frames` before it, each
    /// so many packets; `None` where the packet carries none, and where they are not complete and without a gap.
    pub fn pack_parity(
        &mut self,
        payload_type: u8,
        frames: u8,
        timestamp: u64,
        (samples, frame): (u64, &[u8]),
    ) -> Option<&[u8]> {
        let sum = self.parity(frames, timestamp, samples);
        self.remember(timestamp, frame);
        let sum = sum?;
        self.out.clear();
        parity::write_red_header(payload_type, sum.block_bytes(), &mut self.out);
        sum.write(frames, &mut self.out);
        self.out.extend_from_slice(frame);
        Some(&self.out)
    }

    /// The parity that a packet at `timestamp` carries.
    fn parity(&self, frames: u8, timestamp: u64, samples: u64) -> Option<Sum> {
        let count = usize::from(frames);
        let is_due = (1..=MAX_PARITY_FRAMES).contains(&frames)
            && self.count >= count
            && self.count.is_multiple_of(count);
        let mut sum = Sum::default();
        let mut is_covered = |back: usize| {
            let older = &self.frames[(self.count - back) % REMEMBERED];
            older.timestamp + back as u64 * samples == timestamp && sum.add(&older.bytes[..older.len])
        };
        (is_due && (1..=count).all(&mut is_covered)).then_some(sum)
    }

    /// Remembers a frame that is sent without RED, so that a later one can repeat it.
    pub fn remember(&mut self, timestamp: u64, frame: &[u8]) {
        let slot = &mut self.frames[self.count % REMEMBERED];
        slot.timestamp = timestamp;
        slot.len = if frame.len() <= MAX_BLOCK_BYTES { frame.len() } else { 0 };
        slot.bytes[..slot.len].copy_from_slice(&frame[..slot.len]);
        self.count += 1;
    }

    /// Forgets every frame: what follows is another stream of sound.
    pub fn clear(&mut self) {
        self.count = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtp::RedHeader;

    fn frame(n: u64) -> [u8; 3] {
        [n as u8, 1, 2]
    }

    fn packed(packer: &mut RedPacker, distance: u8, n: u64) -> (Vec<(i64, Vec<u8>)>, Vec<u8>) {
        packed_with(packer, (distance, 1), n)
    }

    fn packed_with(packer: &mut RedPacker, copies: (u8, u8), n: u64) -> (Vec<(i64, Vec<u8>)>, Vec<u8>) {
        let payload = packer.pack(111, copies, n * 480, &frame(n)).to_vec();
        let blocks = red::parse(&payload).unwrap();
        let older = blocks.redundant().iter().map(|b| (b.offset.0, payload[b.bytes.clone()].to_vec()));
        (older.collect(), payload[blocks.primary().bytes.clone()].to_vec())
    }

    #[test]
    fn each_packet_repeats_the_frame_that_is_the_distance_before_it() {
        for distance in 1..=MAX_RED_DISTANCE {
            let mut packer = RedPacker::default();
            for n in 0..40 {
                let (older, primary) = packed(&mut packer, distance, n);
                let reach = u64::from(distance).min(n);
                let expected = (reach > 0).then(|| (reach as i64 * 480, frame(n - reach).to_vec()));
                assert_eq!(older, expected.into_iter().collect::<Vec<_>>(), "{distance} {n}");
                assert_eq!(primary, frame(n));
            }
        }
    }

    #[test]
    fn of_two_copies_the_second_is_as_far_behind_the_first_as_that_is_behind_its_packet() {
        for distance in 1..=MAX_RED_DISTANCE / 2 {
            let mut packer = RedPacker::default();
            for n in 0..40 {
                let (older, primary) = packed_with(&mut packer, (distance, 2), n);
                let mut reaches = vec![(2 * u64::from(distance)).min(n), u64::from(distance).min(n)];
                reaches.dedup();
                reaches.retain(|reach| *reach > 0);
                let expected: Vec<_> = reaches
                    .into_iter()
                    .map(|reach| (reach as i64 * 480, frame(n - reach).to_vec()))
                    .collect();
                assert_eq!((older, primary), (expected, frame(n).to_vec()), "{distance} {n}");
            }
        }
    }

    #[test]
    fn behind_so_many_frames_a_packet_carries_their_parity() {
        for frames in 1..=MAX_PARITY_FRAMES {
            let mut packer = RedPacker::default();
            for n in 0..40u64 {
                let payload = packer.pack_parity(111, frames, n * 480, (480, &frame(n))).map(<[u8]>::to_vec);
                let is_due = n > 0 && n.is_multiple_of(frames.into());
                assert_eq!(payload.is_some(), is_due, "{n} of {frames}");
                let Some(payload) = payload else { continue };
                let blocks = red::parse(&payload).unwrap();
                assert_eq!(payload[blocks.primary().bytes.clone()], frame(n));
                let block = &payload[blocks.parity().unwrap().bytes.clone()];
                let first = (n - u64::from(frames)..n).fold(0, |sum, n| sum ^ frame(n)[0]);
                let odd = |byte: u8| byte * (frames % 2);
                assert_eq!(block, [frames, odd(3), first, odd(1), odd(2)]);
            }
        }
    }

    #[test]
    fn no_parity_covers_what_a_silence_lies_between() {
        let mut packer = RedPacker::default();
        let mut pack = |at: u64| packer.pack_parity(111, 4, at * 480, (480, &frame(at))).is_some();
        let packed: Vec<_> = [0, 1, 2, 9, 10, 11, 12, 13, 14].into_iter().map(&mut pack).collect();
        assert_eq!(packed, [false, false, false, false, false, false, false, false, true]);
        assert!(![15, 16, 17, 30].into_iter().any(&mut pack));
    }

    #[test]
    fn no_number_of_copies_leads_out_of_what_is_remembered() {
        let mut packer = RedPacker::default();
        for n in 0..100u64 {
            let copies = ((n as u8).wrapping_mul(7), u8::MAX - n as u8);
            assert!(packed_with(&mut packer, copies, n).0.len() <= usize::from(MAX_RED_COPIES));
        }
    }

    #[test]
    fn without_a_distance_a_packet_carries_its_own_frame_alone() {
        let mut packer = RedPacker::default();
        packed(&mut packer, 1, 0);
        assert!(packed(&mut packer, 0, 1).0.is_empty());
    }

    #[test]
    fn what_lies_behind_a_pause_is_too_old_to_repeat() {
        let mut packer = RedPacker::default();
        packed(&mut packer, 1, 0);
        assert!(packed(&mut packer, 1, 100).0.is_empty());
        packer.clear();
        assert!(packed(&mut packer, 1, 101).0.is_empty());
    }

    #[test]
    fn frames_too_long_for_a_block_are_sent_once() {
        let mut packer = RedPacker::default();
        let long = [7; 1275];
        assert_eq!(packer.pack(111, (1, 1), 0, &long).len(), 1276);
        assert_eq!(packer.pack(111, (1, 1), 480, &[1]).len(), 2);
        let fits = [7; MAX_BLOCK_BYTES];
        packer.pack(111, (1, 1), 960, &fits);
        let packed = packer.pack(111, (1, 1), 1440, &long).len();
        assert_eq!(packed, MAX_BLOCK_BYTES + 1275 + RedHeader::Whole.bytes(1));
    }
}
