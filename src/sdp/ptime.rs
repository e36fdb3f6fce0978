//! How much media a packet holds.

use std::fmt;

use super::words::{number, push_number};

/// A packet's duration: the value of `a=ptime` and `a=maxptime`, in milliseconds with an optional
/// fraction (RFC 8866 sections 6.4 and 6.5), kept in microseconds.
///
/// Grammar: `1*DIGIT ["." 1*DIGIT]`, not zero, at most [`PacketTime::MAX_MS`]. Digits past the third
/// of the fraction are refused.
///
/// ```
/// use handset::sdp::PacketTime;
/// let shortest: PacketTime = "2.5".parse().unwrap();
/// assert_eq!(shortest.as_micros(), 2_500);
/// assert_eq!(PacketTime::from_ms(20).unwrap().to_string(), "20");
/// assert!("0".parse::<PacketTime>().is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PacketTime {
    micros: u32,
}

impl PacketTime {
    /// Ten seconds: far beyond any codec's packet, and small enough for microseconds in 32 bits.
    pub const MAX_MS: u32 = 10_000;

    /// That many whole milliseconds; `None` for 0 and beyond [`PacketTime::MAX_MS`].
    pub const fn from_ms(ms: u32) -> Option<Self> {
        if ms > Self::MAX_MS { None } else { Self::from_micros(ms * 1000) }
    }

    /// That many microseconds; `None` for 0 and beyond [`PacketTime::MAX_MS`].
    pub const fn from_micros(micros: u32) -> Option<Self> {
        if micros == 0 || micros > Self::MAX_MS * 1000 { None } else { Some(PacketTime { micros }) }
    }

    /// The duration in microseconds.
    pub const fn as_micros(self) -> u32 {
        self.micros
    }

    /// The duration in milliseconds, a fraction rounded up, as the parameters of RFC 7587 write it.
    pub const fn as_ms_ceil(self) -> u32 {
        self.micros.div_ceil(1000)
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let whole: u32 = number(whole).filter(|ms| *ms <= Self::MAX_MS)?;
        let scale = match fraction.len() {
            1 => 100,
            2 => 10,
            3 => 1,
            _ => return None,
        };
        PacketTime::from_micros(whole * 1000 + number::<u32>(fraction)? * scale)
    }

    pub(crate) fn write_to(self, out: &mut String) {
        push_number(out, u64::from(self.micros / 1000));
        let fraction = self.micros % 1000;
        if fraction != 0 {
            out.push('.');
            let digits = format!("{fraction:03}");
            out.push_str(digits.trim_end_matches('0'));
        }
    }
}

impl std::str::FromStr for PacketTime {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        PacketTime::parse(text).ok_or(())
    }
}

impl fmt::Display for PacketTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = String::new();
        self.write_to(&mut out);
        f.write_str(&out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_of_a_millisecond_survive() {
        for (text, micros) in [("20", 20_000), ("2.5", 2_500), ("0.125", 125), ("10000", 10_000_000)] {
            let time = PacketTime::parse(text).unwrap();
            assert_eq!(time.as_micros(), micros);
            assert_eq!(time.to_string(), text);
        }
        assert_eq!(PacketTime::parse("2.50").unwrap().to_string(), "2.5");
        assert_eq!(PacketTime::parse("2.5").unwrap().as_ms_ceil(), 3);
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for bad in ["", "0", "0.0", ".", "5.", ".5", "1.2345", "-1", "1e3", "10001", "10000.1"] {
            assert_eq!(PacketTime::parse(bad), None, "{bad:?}");
        }
    }
}
