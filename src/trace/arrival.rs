//! A packet as it came.

use std::sync::Arc;

use crate::rtp::{OpusPacketInfo, Packet, PayloadFormat, RtpTimestamp, Samples, Seq, parity_frames, red};

/// Opus packets in one RTP packet: the newest and its copies.
pub const MAX_BLOCKS: usize = red::MAX_REDUNDANT + 1;

/// One RTP packet that arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// The stream.
    pub ssrc: u32,
    /// Extended sequence number.
    pub seq: Seq,
    /// Extended media time.
    pub timestamp: RtpTimestamp,
    /// The marker bit.
    pub marker: bool,
    /// Length of its payload, in bytes.
    pub payload_bytes: u32,
    /// What was kept of it.
    pub body: Body,
}

/// What was kept of a payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// All of it.
    Whole {
        /// How it is read.
        format: PayloadFormat,
        /// The bytes.
        payload: Arc<[u8]>,
    },
    /// Everything but the sound: which frames it holds, oldest first; none if nobody could read it.
    Heads(Vec<BlockHead>),
}

/// What an Opus packet within a payload says of itself, without its sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockHead {
    /// How much older than the packet it is; zero for its newest.
    pub age: Samples,
    /// Its length in bytes; 0 for a frame that is not there, but that parity restores if it is the only one missing of
    /// those without bytes.
    pub bytes: u32,
    /// Time that it covers.
    pub duration: Samples,
    /// Time that each of its frames covers.
    pub frame: Samples,
    /// Whether it carries a low-rate copy of the frame before it.
    pub has_fec: bool,
    /// Whether it begins a silence on purpose.
    pub is_dtx: bool,
}

impl Arrival {
    /// What is to be kept of `packet`: with its sound, or without.
    pub fn of(packet: &Packet, with_audio: bool) -> Arrival {
        let body = match with_audio {
            true => Body::Whole { format: packet.format, payload: packet.payload.clone() },
            false => Body::Heads(heads(packet)),
        };
        Arrival {
            ssrc: packet.ssrc,
            seq: packet.seq,
            timestamp: packet.timestamp,
            marker: packet.marker,
            payload_bytes: packet.payload.len() as u32,
            body,
        }
    }
}

/// The heads of what a packet holds, oldest first; empty when its payload cannot be read.
fn heads(packet: &Packet) -> Vec<BlockHead> {
    let whole = 0..packet.payload.len();
    let mut covered = 0;
    let blocks: Vec<_> = match packet.format {
        PayloadFormat::Opus => vec![(Samples::ZERO, whole)],
        PayloadFormat::Red => {
            let Ok(blocks) = red::parse(&packet.payload) else { return Vec::new() };
            let parity = blocks.parity();
            covered = parity.map_or(0, |block| parity_frames(&packet.payload[block.bytes.clone()]));
            let copies = if parity.is_none() { blocks.redundant() } else { &[] };
            let redundant = copies.iter().map(|block| (block.offset, block.bytes.clone()));
            redundant.chain([(Samples::ZERO, blocks.primary().bytes.clone())]).collect()
        }
    };
    let head = |(age, bytes): (Samples, std::ops::Range<usize>)| {
        let info = OpusPacketInfo::parse(&packet.payload[bytes.clone()])?;
        Some(BlockHead {
            age,
            bytes: bytes.len() as u32,
            duration: info.duration,
            frame: info.frame,
            has_fec: info.has_fec,
            is_dtx: info.is_dtx,
        })
    };
    let mut heads: Vec<_> = blocks.into_iter().filter_map(head).collect();
    if let &[newest] = heads.as_slice() {
        let age = |back: u8| Samples(i64::from(back) * newest.duration.0);
        let older = |back| BlockHead { age: age(back), bytes: 0, has_fec: false, is_dtx: false, ..newest };
        heads.splice(0..0, (1..=covered).rev().map(older));
    }
    heads
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtp::RedPacker;

    #[expect(clippy::disallowed_methods, reason = "any instant will do")]
    fn packet(format: PayloadFormat, payload: &[u8]) -> Packet {
        Packet {
            ssrc: 1,
            seq: Seq(7),
            timestamp: RtpTimestamp(960),
            arrival: std::time::Instant::now(),
            marker: true,
            format,
            payload: payload.into(),
        }
    }

    #[test]
    fn without_its_sound_a_packet_still_says_which_frames_it_holds() {
        let mut payload = Vec::new();
        red::write(111, &[(Samples(480), &[30 << 3, 1, 2, 3])], &[9 << 3, 0b0100_0000, 0], &mut payload)
            .unwrap();
        let Body::Heads(heads) = Arrival::of(&packet(PayloadFormat::Red, &payload), false).body else {
            panic!("no audio was asked for");
        };
        let facts: Vec<_> = heads.iter().map(|h| (h.age.0, h.bytes, h.duration.0, h.has_fec)).collect();
        assert_eq!(facts, [(480, 4, 480, false), (0, 3, 960, true)]);
    }

    #[test]
    fn without_its_sound_a_packet_still_says_which_frames_its_parity_covers() {
        let mut packer = RedPacker::default();
        let mut pack =
            |n: u64| packer.pack_parity(111, 2, n * 480, (480, &[30 << 3, 1, 2])).map(<[u8]>::to_vec);
        let payload = (0..3).map(&mut pack).last().flatten().unwrap();
        let Body::Heads(heads) = Arrival::of(&packet(PayloadFormat::Red, &payload), false).body else {
            panic!("no audio was asked for");
        };
        let facts: Vec<_> = heads.iter().map(|h| (h.age.0, h.bytes, h.duration.0)).collect();
        assert_eq!(facts, [(960, 0, 480), (480, 0, 480), (0, 3, 480)]);
    }

    #[test]
    fn what_nobody_can_read_has_no_heads() {
        for (format, payload) in [(PayloadFormat::Opus, &[][..]), (PayloadFormat::Red, &[0xef, 0, 0])] {
            assert_eq!(Arrival::of(&packet(format, payload), false).body, Body::Heads(vec![]));
        }
    }
}
