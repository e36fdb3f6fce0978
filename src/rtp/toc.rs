//! The little of an Opus packet that a receiver must know before decoding it (RFC 6716, section 3).

use super::Samples;

/// Longest packet that Opus allows (RFC 6716, section 3.2.5, requirement R5).
pub const MAX_PACKET_DURATION: Samples = Samples(5760);

/// How a packet was coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpusMode {
    /// Linear prediction alone: speech at low rates.
    Silk,
    /// Linear prediction below 8 kHz and a transform above.
    Hybrid,
    /// The transform alone: music, and every frame shorter than 10 ms.
    Celt,
}

/// The facts in an Opus packet's first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpusPacketInfo {
    /// How it was coded.
    pub mode: OpusMode,
    /// Time that the packet covers, all its frames together.
    pub duration: Samples,
    /// Time that each of its frames covers; in-band FEC reaches back by one of them.
    pub frame: Samples,
    /// Whether the first frame carries a low-rate copy of the frame before this packet (in-band FEC).
    pub has_fec: bool,
    /// Whether it holds no audio at all: a frame of the encoder's discontinuous transmission.
    pub is_dtx: bool,
}

impl OpusPacketInfo {
    /// Reads the head of `packet`; `None` when it cannot be an Opus packet.
    pub fn parse(packet: &[u8]) -> Option<OpusPacketInfo> {
        let (&toc, rest) = packet.split_first()?;
        let (mode, frame) = mode_and_frame(toc >> 3);
        let frames = match toc & 3 {
            0 => 1,
            1 | 2 => 2,
            _ => i64::from(rest.first()? & 0x3f),
        };
        let duration = Samples(frame.0 * frames);
        if frames == 0 || duration > MAX_PACKET_DURATION {
            return None;
        }
        let stereo = toc & 4 != 0;
        let has_fec = mode != OpusMode::Celt
            && first_frame(toc & 3, rest).is_some_and(|bytes| has_low_rate_copy(bytes, frame, stereo));
        Some(OpusPacketInfo { mode, duration, frame, has_fec, is_dtx: packet.len() <= 2 })
    }
}

/// RFC 6716, section 3.1, table 2.
fn mode_and_frame(config: u8) -> (OpusMode, Samples) {
    match config {
        0..=11 => (OpusMode::Silk, Samples([480, 960, 1920, 2880][usize::from(config & 3)])),
        12..=15 => (OpusMode::Hybrid, Samples([480, 960][usize::from(config & 1)])),
        _ => (OpusMode::Celt, Samples([120, 240, 480, 960][usize::from(config & 3)])),
    }
}

/// The bytes of the first frame, or at least its first byte, by the packet's frame count code
/// (RFC 6716, sections 3.2.2 to 3.2.5).
fn first_frame(code: u8, rest: &[u8]) -> Option<&[u8]> {
    let skip = match code {
        0 | 1 => 0,
        2 => length_bytes(rest)?,
        _ => {
            let (&count, mut rest) = rest.split_first()?;
            let (variable, padded) = (count & 0x80 != 0, count & 0x40 != 0);
            let mut skip = 1;
            if padded {
                let bytes = padding_bytes(rest)?;
                rest = rest.get(bytes..)?;
                skip += bytes;
            }
            if variable {
                for _ in 1..count & 0x3f {
                    let length = length_bytes(rest)?;
                    rest = rest.get(length..)?;
                    skip += length;
                }
            }
            skip
        }
    };
    rest.get(skip..).filter(|bytes| !bytes.is_empty())
}

/// How many bytes the count of padding takes at the head of `bytes`: 255 says that it goes on
/// (RFC 6716, section 3.2.5).
fn padding_bytes(bytes: &[u8]) -> Option<usize> {
    Some(bytes.iter().position(|&pad| pad != 255)? + 1)
}

/// How many bytes the frame length at the head of `bytes` takes (RFC 6716, section 3.2.1).
fn length_bytes(bytes: &[u8]) -> Option<usize> {
    Some(if *bytes.first()? < 252 { 1 } else { 2 })
}

/// The LBRR flags stand behind the voice activity flags of each 20 ms of SILK, per channel
/// (RFC 6716, section 4.2.3).
fn has_low_rate_copy(frame_bytes: &[u8], frame: Samples, stereo: bool) -> bool {
    let Some(&head) = frame_bytes.first() else { return false };
    let silk_frames = (frame.0 / 960).max(1) as u32;
    let mid = head >> (7 - silk_frames) & 1 != 0;
    let side = stereo && head >> (6 - 2 * silk_frames) & 1 != 0;
    mid || side
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(packet: &[u8]) -> Option<OpusPacketInfo> {
        OpusPacketInfo::parse(packet)
    }

    #[test]
    fn durations_follow_the_table_of_contents() {
        let toc = |config: u8, code: u8| [config << 3 | code, 0, 0, 0];
        assert_eq!(info(&toc(16, 0)).unwrap().duration, Samples(120));
        assert_eq!(info(&toc(31, 0)).unwrap().duration, Samples(960));
        assert_eq!(info(&toc(30, 1)).unwrap().duration, Samples(960));
        assert_eq!(info(&toc(9, 0)).unwrap().duration, Samples(960));
        assert_eq!(info(&toc(11, 0)).unwrap().duration, Samples(2880));
        assert_eq!(info(&toc(15, 0)).unwrap().mode, OpusMode::Hybrid);
        assert_eq!(info(&[16 << 3 | 3, 4, 0, 0]).unwrap().duration, Samples(480));
    }

    #[test]
    fn what_cannot_be_opus_is_none() {
        assert_eq!(info(&[]), None);
        assert_eq!(info(&[3]), None, "a frame count is promised and missing");
        assert_eq!(info(&[3, 0]), None, "no frames");
        assert_eq!(info(&[31 << 3 | 3, 7]), None, "140 ms");
    }

    #[test]
    fn the_low_rate_copy_is_seen_in_its_flag() {
        assert!(info(&[9 << 3, 0b0100_0000, 0, 0]).unwrap().has_fec);
        assert!(!info(&[9 << 3, 0b1000_0000, 0, 0]).unwrap().has_fec, "voice activity alone");
        assert!(!info(&[20 << 3, 0xff, 0, 0]).unwrap().has_fec, "CELT has none");
        assert!(info(&[9 << 3 | 4, 0b0001_0000, 0, 0]).unwrap().has_fec, "the side channel's");
    }

    #[test]
    fn a_packet_of_head_alone_is_discontinuous_transmission() {
        assert!(info(&[9 << 3]).unwrap().is_dtx);
        assert!(!info(&[9 << 3, 1, 2]).unwrap().is_dtx);
    }

    #[test]
    fn no_head_makes_it_panic() {
        for a in 0..=255u8 {
            for b in 0..=255u8 {
                for tail in [&[][..], &[0], &[255], &[255, 255], &[252, 0, 0], &[63, 64, 0, 0]] {
                    let packet: Vec<u8> = [a, b].iter().chain(tail).copied().collect();
                    for end in 0..=packet.len() {
                        let _ = OpusPacketInfo::parse(&packet[..end]);
                    }
                }
            }
        }
    }
}
