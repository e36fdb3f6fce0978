//! What an Opus packet says of itself, read without decoding it (RFC 6716 §3).

use super::{MAX_PACKET_SAMPLES, ffi};
use crate::audio::Error;

/// Which half of Opus coded a packet (RFC 6716 §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Coding {
    /// The speech coder, up to 8 kHz of audio bandwidth.
    Silk,
    /// Both: the speech coder below 8 kHz, the other above.
    Hybrid,
    /// The general coder; carries no in-band FEC.
    Celt,
}

/// What is known of a packet from its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PacketInfo {
    /// Samples per channel at 48 kHz that the packet lasts: 120 to [`MAX_PACKET_SAMPLES`].
    pub samples: usize,
    /// Samples per channel of each frame in it.
    pub frame_samples: usize,
    /// Frames in it: 1 to 48.
    pub frames: usize,
    /// Whether it was coded in stereo. Decoders give what they were made for, whatever this says.
    pub stereo: bool,
    /// Which coder made it.
    pub coding: Coding,
    /// Whether it carries in-band FEC: a second, coarser copy of the packet before it.
    pub has_fec: bool,
}

impl PacketInfo {
    /// Reads the table-of-contents byte, the frame count and the FEC flag of `packet`.
    ///
    /// # Errors
    /// [`Error::Packet`] if the packet is empty or breaks one of the rules \[R1\] to \[R7\] of RFC 6716 §3.4.
    pub fn read(packet: &[u8]) -> Result<PacketInfo, Error> {
        let [toc, rest @ ..] = packet else { return Err(Error::Packet { reason: "it is empty" }) };
        let (coding, frame_samples) = configuration(toc >> 3);
        let frames = match toc & 0b11 {
            0 => 1,
            1 | 2 => 2,
            // RFC 6716 §3.2.5: "the number of frames M is in the low six bits of the second byte".
            _ => match rest.first() {
                Some(count) => usize::from(count & 0b11_1111),
                None => return Err(Error::Packet { reason: "its frame count is missing" }),
            },
        };
        // RFC 6716 §3.4 [R5]: at least one frame, no more than 120 ms in all.
        let samples = frames * frame_samples;
        if frames == 0 || samples > MAX_PACKET_SAMPLES {
            return Err(Error::Packet { reason: "it lasts no time, or more than 120 ms" });
        }
        let has_fec = ffi::has_fec(packet)?;
        Ok(PacketInfo { samples, frame_samples, frames, stereo: toc & 0b100 != 0, coding, has_fec })
    }
}

/// RFC 6716 §3.1, table 2: the coder and the frame length (48 kHz samples) of a configuration number.
fn configuration(number: u8) -> (Coding, usize) {
    let step = usize::from(number & 0b11);
    match number {
        0..=11 => (Coding::Silk, [480, 960, 1920, 2880][step]),
        12..=15 => (Coding::Hybrid, [480, 960][step & 1]),
        _ => (Coding::Celt, [120, 240, 480, 960][step]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_configuration_of_rfc_6716_table_2_lasts_as_long_as_it_says() {
        let ms = |number| configuration(number).1 as f32 / 48.0;
        assert_eq!([0, 1, 2, 3, 11].map(ms), [10.0, 20.0, 40.0, 60.0, 60.0]);
        assert_eq!([12, 13, 14, 15].map(ms), [10.0, 20.0, 10.0, 20.0]);
        assert_eq!([16, 17, 18, 19, 31].map(ms), [2.5, 5.0, 10.0, 20.0, 20.0]);
    }

    #[test]
    fn the_shortest_packet_is_a_lone_toc_byte_of_a_lost_frame() {
        let info = PacketInfo::read(&[18 << 3]).unwrap();
        assert_eq!((info.samples, info.frames, info.stereo, info.coding), (480, 1, false, Coding::Celt));
        assert!(!info.has_fec);
    }

    #[test]
    fn packets_that_break_the_rules_are_refused() {
        let too_long = [&[(19 << 3) | 3, 7][..], &[0; 7]].concat();
        for packet in [&[][..], &[3], &[3, 0], &too_long] {
            assert!(PacketInfo::read(packet).is_err(), "{packet:02x?}");
        }
    }

    #[test]
    fn any_two_bytes_are_read_or_refused_without_a_panic() {
        for first in 0..=255u8 {
            for second in 0..=255u8 {
                for length in 1..=4 {
                    let packet = [first, second, 0x55, 0xff];
                    if let Ok(info) = PacketInfo::read(&packet[..length]) {
                        assert!(info.samples % 120 == 0 && info.samples <= MAX_PACKET_SAMPLES);
                    }
                }
            }
        }
    }
}
