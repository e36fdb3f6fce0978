//! How much audio a frame holds.

use std::{fmt, str::FromStr, time::Duration};

use crate::audio::{Error, SAMPLE_RATE};

/// The length of an encoded frame (RFC 6716 §2.1.4). The default is 10 ms.
///
/// Shorter frames arrive earlier and cost more header bytes; in-band FEC needs 10 ms or more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum FrameLength {
    /// 2.5 ms
    Ms2_5,
    /// 5 ms
    Ms5,
    /// 10 ms
    #[default]
    Ms10,
    /// 20 ms
    Ms20,
    /// 40 ms
    Ms40,
    /// 60 ms
    Ms60,
}

impl FrameLength {
    /// Every length, the shortest first.
    pub const ALL: [FrameLength; 6] = [
        FrameLength::Ms2_5,
        FrameLength::Ms5,
        FrameLength::Ms10,
        FrameLength::Ms20,
        FrameLength::Ms40,
        FrameLength::Ms60,
    ];

    /// Samples per channel at 48 kHz, which is also the step of the RTP timestamp: 120 to 2880.
    pub const fn samples(self) -> usize {
        match self {
            FrameLength::Ms2_5 => 120,
            FrameLength::Ms5 => 240,
            FrameLength::Ms10 => 480,
            FrameLength::Ms20 => 960,
            FrameLength::Ms40 => 1920,
            FrameLength::Ms60 => 2880,
        }
    }

    /// The length as a duration.
    pub const fn duration(self) -> Duration {
        Duration::from_micros(self.samples() as u64 * 1_000_000 / SAMPLE_RATE as u64)
    }

    /// The length in milliseconds: 2.5 to 60.
    pub fn ms(self) -> f32 {
        self.samples() as f32 * 1000.0 / SAMPLE_RATE as f32
    }

    /// The length that lasts exactly `samples` per channel at 48 kHz, if there is one.
    pub fn from_samples(samples: usize) -> Option<FrameLength> {
        Self::ALL.into_iter().find(|length| length.samples() == samples)
    }

    /// Whether only the CELT half of Opus can code it: frames under 10 ms (RFC 6716 §2.1.4).
    pub(crate) fn is_celt_only(self) -> bool {
        self < FrameLength::Ms10
    }
}

/// The number of milliseconds, without a unit: `2.5`.
impl fmt::Display for FrameLength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.ms())
    }
}

/// Milliseconds, with or without the unit: `10`, `2.5`, `20ms`.
impl FromStr for FrameLength {
    type Err = Error;

    fn from_str(text: &str) -> Result<FrameLength, Error> {
        let number = text.trim().strip_suffix("ms").unwrap_or(text.trim()).trim_end();
        let length = number.parse().ok().and_then(|ms: f32| Self::ALL.into_iter().find(|l| l.ms() == ms));
        length.ok_or_else(|| Error::FrameLength { found: text.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_reads_back_as_it_is_shown() {
        for length in FrameLength::ALL {
            assert_eq!(length.to_string().parse::<FrameLength>().unwrap(), length);
            assert_eq!(format!("{length} ms").parse::<FrameLength>().unwrap(), length);
            assert_eq!(FrameLength::from_samples(length.samples()), Some(length));
            assert_eq!(length.duration().as_secs_f32() * 1000.0, length.ms());
        }
        assert_eq!(FrameLength::Ms2_5.to_string(), "2.5");
        assert_eq!(FrameLength::Ms20.to_string(), "20");
    }

    #[test]
    fn other_lengths_are_refused_with_the_list_of_those_there_are() {
        for text in ["", "0", "3", "-10", "nan", "inf", "10 s", "ms", "1e400", "ten"] {
            let error = text.parse::<FrameLength>().unwrap_err().to_string();
            assert_eq!(error, format!("a frame is 2.5, 5, 10, 20, 40 or 60 ms long, not {text:?}"));
        }
    }
}
