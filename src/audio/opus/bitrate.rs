//! How many bits a second an encoder may spend.

use std::{fmt, str::FromStr};

use crate::audio::Error;

/// A bit rate of Opus, 6 000 to 510 000 bits a second: the range of `maxaveragebitrate` (RFC 7587 §6.1).
/// The default is 32 kbit/s, full-band speech.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bitrate(u32);

impl Bitrate {
    /// 6 kbit/s, narrow-band speech.
    pub const MIN: Bitrate = Bitrate(6_000);
    /// 510 kbit/s.
    pub const MAX: Bitrate = Bitrate(510_000);

    /// This many bits a second, if RFC 7587 allows it.
    pub const fn new(bps: u32) -> Option<Bitrate> {
        if bps >= Self::MIN.0 && bps <= Self::MAX.0 { Some(Bitrate(bps)) } else { None }
    }

    /// This many bits a second, or the nearest that RFC 7587 allows.
    pub fn clamped(bps: u32) -> Bitrate {
        Bitrate(bps.clamp(Self::MIN.0, Self::MAX.0))
    }

    /// Bits a second.
    pub const fn bps(self) -> u32 {
        self.0
    }
}

impl Default for Bitrate {
    fn default() -> Bitrate {
        Bitrate(32_000)
    }
}

/// Bits a second, without a unit: `32000`.
impl fmt::Display for Bitrate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Bits a second, or thousands of them: `32000`, `32k`.
impl FromStr for Bitrate {
    type Err = Error;

    fn from_str(text: &str) -> Result<Bitrate, Error> {
        let trimmed = text.trim();
        let bps = match trimmed.strip_suffix(['k', 'K']) {
            Some(thousands) => thousands.parse::<u32>().ok().and_then(|k| k.checked_mul(1000)),
            None => trimmed.parse().ok(),
        };
        bps.and_then(Bitrate::new).ok_or_else(|| Error::Bitrate { found: text.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_and_kilobits_are_read() {
        assert_eq!("32000".parse::<Bitrate>().unwrap(), Bitrate::default());
        assert_eq!(" 32k ".parse::<Bitrate>().unwrap(), Bitrate::default());
        assert_eq!("510K".parse::<Bitrate>().unwrap(), Bitrate::MAX);
        assert_eq!(Bitrate::MIN.to_string().parse::<Bitrate>().unwrap(), Bitrate::MIN);
    }

    #[test]
    fn rates_beyond_the_range_are_refused_and_named() {
        for text in ["", "5999", "510001", "511k", "4294968k", "-1", "fast", "k"] {
            let error = text.parse::<Bitrate>().unwrap_err().to_string();
            assert!(
                error.contains("between 6000 and 510000") && error.contains(&format!("{text:?}")),
                "{error}"
            );
        }
        assert_eq!(Bitrate::clamped(1), Bitrate::MIN);
        assert_eq!(Bitrate::clamped(u32::MAX), Bitrate::MAX);
    }
}
