//! Rates: so much a second, with a second's worth in reserve.

use std::time::Instant;

/// A token bucket. A limit of `None` lets everything through.
#[derive(Debug, Clone)]
pub(super) struct Bucket {
    per_s: Option<u32>,
    tokens: u64,
    at: Instant,
}

impl Bucket {
    pub(super) fn new(per_s: Option<u32>, now: Instant) -> Self {
        Self { per_s, tokens: u64::from(per_s.unwrap_or_default()), at: now }
    }

    /// Takes so many, if there are so many.
    #[inline]
    pub(super) fn take(&mut self, amount: u64, now: Instant) -> bool {
        let Some(per_s) = self.per_s else { return true };
        let per_s = u64::from(per_s);
        let elapsed_us =
            u64::try_from(now.saturating_duration_since(self.at).as_micros()).unwrap_or(u64::MAX);
        let earned = elapsed_us.saturating_mul(per_s) / 1_000_000;
        if earned > 0 {
            self.tokens = self.tokens.saturating_add(earned).min(per_s);
            self.at = now;
        }
        match self.tokens.checked_sub(amount) {
            Some(left) => {
                self.tokens = left;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "any instant will do to begin virtual time")]
    fn a_bucket_gives_its_rate_and_a_second_in_reserve() {
        let start = Instant::now();
        let mut bucket = Bucket::new(Some(100), start);
        let taken = |bucket: &mut Bucket, at| (0..1000).filter(|_| bucket.take(1, at)).count();
        assert_eq!(taken(&mut bucket, start), 100);
        assert_eq!(taken(&mut bucket, start + Duration::from_millis(500)), 50);
        assert_eq!(taken(&mut bucket, start + Duration::from_secs(60)), 100);
        assert!(Bucket::new(None, start).take(u64::MAX, start));
    }
}
