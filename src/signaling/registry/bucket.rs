//! A token bucket, kept as the instant at which it will be full again.

use std::time::{Duration, Instant};

/// Allows a burst, then a steady rate (the generic cell rate algorithm).
#[derive(Debug, Clone, Copy)]
pub(super) struct Bucket {
    full_at: Instant,
}

impl Bucket {
    /// A full bucket.
    pub(super) fn new(now: Instant) -> Self {
        Self { full_at: now }
    }

    /// Takes one token out of a bucket that holds `burst` and gains `per_second`; false if there is none.
    pub(super) fn take(&mut self, now: Instant, per_second: u32, burst: u32) -> bool {
        let token = Duration::from_secs(1) / per_second.max(1);
        let full_at = self.full_at.max(now) + token;
        let allowed = full_at - now <= token * burst.max(1);
        if allowed {
            self.full_at = full_at;
        }
        allowed
    }

    /// Whether nothing is missing.
    pub(super) fn is_full(&self, now: Instant) -> bool {
        self.full_at <= now
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "one reading of the clock is the origin of virtual time")]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_allows_its_burst_then_its_rate() {
        let start = Instant::now();
        let mut bucket = Bucket::new(start);
        let taken = (0..100).filter(|_| bucket.take(start, 10, 5)).count();
        assert_eq!(taken, 5);
        let later = start + Duration::from_millis(200);
        let taken = (0..100).filter(|_| bucket.take(later, 10, 5)).count();
        assert_eq!(taken, 2, "a fifth of a second brings two of ten a second");
        assert!(!bucket.is_full(later));
        assert!(bucket.is_full(later + Duration::from_millis(500)));
    }
}
