//! A clock that runs a little fast or slow.

use std::time::{Duration, Instant};

/// A clock that differs from true time by a fixed rate, as two crystals do.
#[derive(Debug, Clone, Copy)]
pub struct SkewedClock {
    start: Instant,
    ppm: f64,
}

impl SkewedClock {
    /// A clock that agrees with true time at `start` and gains `ppm` microseconds a second.
    pub fn new(start: Instant, ppm: f64) -> SkewedClock {
        SkewedClock { start, ppm }
    }

    /// The true moment at which this clock shows `shown` since its start.
    pub fn when(&self, shown: Duration) -> Instant {
        self.start + Duration::from_secs_f64(shown.as_secs_f64() / (1.0 + self.ppm * 1e-6))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fast_clock_shows_an_hour_before_it_has_passed() {
        #[expect(clippy::disallowed_methods, reason = "any instant will do to begin virtual time")]
        let start = Instant::now();
        let hour = Duration::from_secs(3600);
        let shows_an_hour = SkewedClock::new(start, 100.0).when(hour).duration_since(start);
        assert!((hour.as_secs_f64() - shows_an_hour.as_secs_f64() - 0.36).abs() < 0.001);
        assert_eq!(SkewedClock::new(start, 0.0).when(hour), start + hour);
    }
}
