//! Rates: so much a second, with a second's worth in reserve.

use super::uptime::Uptime;

/// A token bucket. A limit of `None` lets everything through.
#[derive(Debug, Clone)]
pub(super) struct Bucket {
    per_s: Option<u32>,
    /// Never more than a second's worth.
    tokens: u32,
    at: Uptime,
}

impl Bucket {
    pub(super) fn new(per_s: Option<u32>, now: Uptime) -> Self {
        Self { per_s, tokens: per_s.unwrap_or_default(), at: now }
    }

    /// Leaves so many at most.
    pub(super) fn limit(&mut self, amount: u64) {
        self.tokens = self.tokens.min(u32::try_from(amount).unwrap_or(u32::MAX));
    }

    /// Takes so many, if there are so many.
    #[inline]
    pub(super) fn take(&mut self, amount: u64, now: Uptime) -> bool {
        let Some(per_s) = self.per_s else { return true };
        let earned = now.micros_since(self.at).saturating_mul(u64::from(per_s)) / 1_000_000;
        if earned > 0 {
            let full = u64::from(self.tokens).saturating_add(earned);
            self.tokens = u32::try_from(full).unwrap_or(u32::MAX).min(per_s);
            self.at = now;
        }
        match u32::try_from(amount).ok().and_then(|amount| self.tokens.checked_sub(amount)) {
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
    use std::time::{Duration, Instant};

    #[test]
    #[expect(clippy::disallowed_methods, reason = "any instant will do to begin virtual time")]
    fn a_bucket_gives_its_rate_and_a_second_in_reserve() {
        let start = Instant::now();
        let after = |passed| Uptime::between(start, start + passed);
        let mut bucket = Bucket::new(Some(100), Uptime::ZERO);
        let taken = |bucket: &mut Bucket, at| (0..1000).filter(|_| bucket.take(1, at)).count();
        assert_eq!(taken(&mut bucket, Uptime::ZERO), 100);
        assert_eq!(taken(&mut bucket, after(Duration::from_millis(500))), 50);
        assert_eq!(taken(&mut bucket, after(Duration::from_secs(60))), 100);
        bucket.limit(20);
        assert_eq!(taken(&mut bucket, after(Duration::from_secs(60))), 0, "it was empty");
        assert!(bucket.take(0, after(Duration::from_secs(120))));
        bucket.limit(20);
        assert_eq!(taken(&mut bucket, after(Duration::from_secs(120))), 20);
        assert!(Bucket::new(None, Uptime::ZERO).take(u64::MAX, Uptime::ZERO));
    }
}
