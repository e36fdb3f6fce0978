//! How long to wait before connecting again.

use std::time::Duration;

/// Doubling waits with jitter, so that the peers of a server that restarts don't all come at once.
#[derive(Debug, Clone)]
pub(super) struct Backoff {
    first: Duration,
    longest: Duration,
    attempt: u32,
    random: SplitMix,
}

impl Backoff {
    /// Waits from about `first` up to `longest`; `seed` makes the jitter.
    pub(super) fn new(first: Duration, longest: Duration, seed: u64) -> Self {
        Self { first, longest, attempt: 0, random: SplitMix(seed) }
    }

    /// The next wait: between half and the whole of a span that doubles each time.
    pub(super) fn next_wait(&mut self) -> Duration {
        let span = self.first.saturating_mul(1u32.checked_shl(self.attempt).unwrap_or(u32::MAX));
        self.attempt = self.attempt.saturating_add(1);
        self.spread(span.min(self.longest) / 2)
    }

    /// Between `least` and twice that.
    pub(super) fn spread(&mut self, least: Duration) -> Duration {
        let part = (self.random.next() >> 11) as f64 / (1u64 << 53) as f64;
        least + least.mul_f64(part)
    }

    /// The connection held; the next wait is short again.
    pub(super) fn reset(&mut self) {
        self.attempt = 0;
    }
}

/// The SplitMix64 generator: plenty for jitter, of no use for secrets.
#[derive(Debug, Clone)]
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_vary() {
        let (first, longest) = (Duration::from_millis(200), Duration::from_secs(10));
        let mut backoff = Backoff::new(first, longest, 1);
        for attempt in 0..40 {
            let span = longest.min(first * 2u32.pow(attempt.min(20)));
            let wait = backoff.next_wait();
            assert!(wait >= span / 2 && wait <= span, "attempt {attempt}: {wait:?} of {span:?}");
        }
        backoff.reset();
        assert!(backoff.next_wait() <= first);
        let [a, b] = [1, 2].map(|seed| Backoff::new(first, longest, seed).next_wait());
        assert_ne!(a, b);
    }
}
