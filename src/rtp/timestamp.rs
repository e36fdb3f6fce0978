//! Media time in samples at 48 kHz, the RTP clock of Opus whatever the audio's own rate (RFC 7587, section 4.1).

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Neg, Sub, SubAssign};
use std::time::Duration;

/// The RTP clock of Opus.
pub const CLOCK_HZ: u32 = 48_000;

/// One full turn of the 32-bit timestamp on the wire.
const TURN: u64 = 1 << 32;

/// A signed count of samples at 48 kHz, per channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Samples(pub i64);

impl Samples {
    /// No time at all.
    pub const ZERO: Samples = Samples(0);

    /// So many milliseconds.
    pub const fn from_ms(ms: i64) -> Samples {
        Samples(ms * 48)
    }

    /// So many microseconds, rounded to the nearest sample.
    pub const fn from_us(us: i64) -> Samples {
        Samples((us * 6 + if us < 0 { -62 } else { 62 }) / 125)
    }

    /// The same time in microseconds, rounded to the nearest.
    pub const fn us(self) -> i64 {
        (self.0 * 125 + if self.0 < 0 { -3 } else { 3 }) / 6
    }

    /// The same time in milliseconds.
    pub fn ms(self) -> f64 {
        self.0 as f64 / 48.0
    }

    /// As a duration; zero when negative.
    pub fn duration(self) -> Duration {
        Duration::from_nanos((self.0.max(0) as u64).saturating_mul(62_500) / 3)
    }

    /// As a length of a slice; zero when negative.
    pub fn len(self) -> usize {
        self.0.max(0) as usize
    }

    /// Whether there is nothing left.
    pub fn is_empty(self) -> bool {
        self.0 <= 0
    }
}

impl From<usize> for Samples {
    fn from(n: usize) -> Samples {
        Samples(i64::try_from(n).unwrap_or(i64::MAX))
    }
}

impl Add for Samples {
    type Output = Samples;
    fn add(self, other: Samples) -> Samples {
        Samples(self.0 + other.0)
    }
}

impl Sub for Samples {
    type Output = Samples;
    fn sub(self, other: Samples) -> Samples {
        Samples(self.0 - other.0)
    }
}

impl AddAssign for Samples {
    fn add_assign(&mut self, other: Samples) {
        self.0 += other.0;
    }
}

impl SubAssign for Samples {
    fn sub_assign(&mut self, other: Samples) {
        self.0 -= other.0;
    }
}

impl Neg for Samples {
    type Output = Samples;
    fn neg(self) -> Samples {
        Samples(-self.0)
    }
}

impl Sum for Samples {
    fn sum<I: Iterator<Item = Samples>>(iter: I) -> Samples {
        Samples(iter.map(|s| s.0).sum())
    }
}

/// A media timestamp that no longer wraps, in samples at 48 kHz.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct RtpTimestamp(pub u64);

impl RtpTimestamp {
    /// The 32 bits as they stand on the wire.
    pub fn wire(self) -> u32 {
        self.0 as u32
    }

    /// Media time from `earlier` to this one; negative when this one is the older.
    pub fn since(self, earlier: RtpTimestamp) -> Samples {
        Samples(self.0.wrapping_sub(earlier.0) as i64)
    }
}

impl Add<Samples> for RtpTimestamp {
    type Output = RtpTimestamp;
    fn add(self, n: Samples) -> RtpTimestamp {
        RtpTimestamp(self.0.wrapping_add_signed(n.0))
    }
}

impl Sub<Samples> for RtpTimestamp {
    type Output = RtpTimestamp;
    fn sub(self, n: Samples) -> RtpTimestamp {
        self + -n
    }
}

impl AddAssign<Samples> for RtpTimestamp {
    fn add_assign(&mut self, n: Samples) {
        *self = *self + n;
    }
}

impl fmt::Display for RtpTimestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Turns 32-bit timestamps into [`RtpTimestamp`], each one read as the nearest to the newest so far.
#[derive(Debug, Clone, Default)]
pub struct TimestampExtender {
    newest: Option<u64>,
}

impl TimestampExtender {
    /// The extended value of `wire`. The first one starts a turn above zero, so that packets older than it
    /// still have a time.
    pub fn extend(&mut self, wire: u32) -> RtpTimestamp {
        let Some(newest) = self.newest else {
            let first = TURN + u64::from(wire);
            self.newest = Some(first);
            return RtpTimestamp(first);
        };
        let step = i64::from(wire.wrapping_sub(newest as u32) as i32);
        let value = newest.saturating_add_signed(step);
        self.newest = Some(newest.max(value));
        RtpTimestamp(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn microseconds_and_samples_agree_both_ways() {
        for samples in [-48_001, -7, -1, 0, 1, 2, 3, 120, 480, 12_345_678] {
            assert_eq!(Samples::from_us(Samples(samples).us()), Samples(samples));
        }
        assert_eq!(Samples::from_ms(20), Samples(960));
        assert_eq!(Samples(960).duration(), Duration::from_millis(20));
        assert_eq!(Samples(-5).duration(), Duration::ZERO);
    }

    #[test]
    fn a_wrap_goes_on_counting() {
        let mut extender = TimestampExtender::default();
        let last = extender.extend(u32::MAX - 479);
        assert_eq!(extender.extend(480).since(last), Samples(960));
        assert_eq!(extender.extend(u32::MAX).since(last), Samples(479));
    }
}
