//! The abs-capture-time header extension: when the first sample of a packet was captured
//! (<http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time>).

use std::time::Duration;

use super::{ExtensionError, Samples};

/// The extension's name in `a=extmap`.
pub const ABS_CAPTURE_TIME_URI: &str = "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time";

/// Seconds from the start of 1900, where NTP counts from, to that of 1970 (RFC 5905, figure 4).
const UNIX_EPOCH_S: u64 = 2_208_988_800;

/// A moment on the capturing machine's clock and, where it is known, that clock's distance from the sender's.
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |     absolute capture timestamp: seconds since 1900 (32 bits)  |
/// |                                 fraction (32 bits)            |
/// |     estimated capture clock offset: signed seconds (32 bits)  |   present in 16 bytes,
/// |                                     fraction (32 bits)        |   absent in 8
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
///
/// The data of an element of one or two header bytes (RFC 8285, section 4.2 and 4.3). Times wrap in 2036, as NTP's do
/// (RFC 5905, section 6). Every value is legal; lengths other than 8 and 16 are refused.
///
/// ```
/// use std::time::Duration;
/// use handset::rtp::{AbsCaptureTime, Samples};
/// let first = AbsCaptureTime::from_unix(Duration::from_millis(1_700_000_000_500));
/// let mut data = [0; AbsCaptureTime::MAX_BYTES];
/// assert_eq!(AbsCaptureTime::parse(first.write(&mut data))?, first);
/// // A packet without the extension: captured as much later as its timestamp says.
/// let second = first.after(Samples::from_ms(20));
/// assert_eq!(second.since(first), Duration::from_millis(20));
/// # Ok::<(), handset::rtp::ExtensionError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AbsCaptureTime {
    /// When the first sample was captured, in 2^-32 s since the start of 1900, on the clock of whoever captured it.
    pub ntp: u64,
    /// How far the clock of whoever captured is ahead of the sender's, in 2^-32 s: for those who pass on what others
    /// captured, absent or 0 otherwise.
    pub clock_offset: Option<i64>,
}

impl AbsCaptureTime {
    /// Room that [`write`](Self::write) needs at most.
    pub const MAX_BYTES: usize = 16;

    /// A moment given as time since the start of 1970 (UTC), without an offset.
    pub fn from_unix(since_1970: Duration) -> AbsCaptureTime {
        let seconds = since_1970.as_secs().wrapping_add(UNIX_EPOCH_S);
        let fraction = (u64::from(since_1970.subsec_nanos()) << 32) / 1_000_000_000;
        AbsCaptureTime { ntp: seconds << 32 | fraction, clock_offset: None }
    }

    /// Reads the element's data.
    ///
    /// # Errors
    /// Neither 8 nor 16 bytes.
    pub fn parse(data: &[u8]) -> Result<AbsCaptureTime, ExtensionError> {
        let refused =
            ExtensionError { extension: "abs-capture-time", expected: "8 or 16", found: data.len() };
        let (ntp, offset) = data.split_first_chunk::<8>().ok_or(refused)?;
        let clock_offset = match offset {
            [] => None,
            _ => Some(i64::from_be_bytes(offset.try_into().map_err(|_| refused)?)),
        };
        Ok(AbsCaptureTime { ntp: u64::from_be_bytes(*ntp), clock_offset })
    }

    /// Writes the element's data to the front of `data` and hands out what it wrote: 8 bytes, 16 with an offset.
    pub fn write(self, data: &mut [u8; Self::MAX_BYTES]) -> &[u8] {
        data[..8].copy_from_slice(&self.ntp.to_be_bytes());
        match self.clock_offset {
            None => &data[..8],
            Some(offset) => {
                data[8..].copy_from_slice(&offset.to_be_bytes());
                data
            }
        }
    }

    /// The capture time of another packet of the same stream, whose timestamp is so much later (or earlier): senders
    /// leave the extension out of packets whose time receivers can interpolate so.
    pub fn after(self, elapsed: Samples) -> AbsCaptureTime {
        // 2^32 / 48000, in whole parts and the rest, so that hours stay exact.
        let (seconds, rest) = (elapsed.0.div_euclid(48_000), elapsed.0.rem_euclid(48_000));
        let ticks = (seconds as u64) << 32;
        let ticks = ticks.wrapping_add(((rest as u64) << 32) / 48_000);
        AbsCaptureTime { ntp: self.ntp.wrapping_add(ticks), ..self }
    }

    /// Time since `earlier`; zero if it was not earlier. Rounded to the nearest nanosecond.
    pub fn since(self, earlier: AbsCaptureTime) -> Duration {
        let ticks = (self.ntp.wrapping_sub(earlier.ntp) as i64).max(0) as u64;
        let nanos = ((ticks & 0xffff_ffff) * 1_000_000_000 + (1 << 31)) >> 32;
        Duration::from_secs(ticks >> 32) + Duration::from_nanos(nanos)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_lengths_have_their_wire_form() {
        let short = [0x83, 0xaa, 0x7e, 0x80, 0x40, 0, 0, 0];
        let parsed = AbsCaptureTime::parse(&short).unwrap();
        assert_eq!(
            parsed,
            AbsCaptureTime::from_unix(Duration::from_millis(250)),
            "1970 and a quarter second"
        );
        let mut long = short.to_vec();
        long.extend((-(1_i64 << 31)).to_be_bytes());
        let parsed = AbsCaptureTime::parse(&long).unwrap();
        assert_eq!(parsed.clock_offset, Some(-(1 << 31)), "half a second behind");
        assert_eq!(parsed.write(&mut [0; 16]), long);
    }

    #[test]
    fn other_lengths_are_refused() {
        for bytes in (0..40).filter(|bytes| ![8, 16].contains(bytes)) {
            assert!(AbsCaptureTime::parse(&vec![0; bytes]).is_err(), "{bytes}");
        }
    }

    #[test]
    fn interpolation_is_exact_over_hours_and_over_the_turn_of_2036() {
        let before_the_turn = AbsCaptureTime { ntp: u64::MAX - 5, clock_offset: None };
        let hour = Samples(3600 * 48_000);
        assert_eq!(before_the_turn.after(hour).since(before_the_turn), Duration::from_secs(3600));
        assert_eq!(before_the_turn.after(hour).after(-hour), before_the_turn);
        let later = before_the_turn.after(Samples(480));
        assert_eq!(later.since(before_the_turn), Duration::from_millis(10));
        assert_eq!(before_the_turn.since(later), Duration::ZERO);
    }
}
