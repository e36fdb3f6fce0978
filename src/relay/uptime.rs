//! Time as the data path keeps it.

use std::time::Instant;

/// Nanoseconds since the relay was made: half the size of an [`Instant`], and good for five centuries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Uptime(u64);

impl Uptime {
    /// When the relay was made.
    pub(super) const ZERO: Self = Self(0);

    /// What came before the start is the start.
    #[inline]
    pub(super) fn between(start: Instant, now: Instant) -> Self {
        let passed = now.saturating_duration_since(start);
        Self(passed.as_secs().saturating_mul(1_000_000_000).saturating_add(u64::from(passed.subsec_nanos())))
    }

    /// Whole microseconds since an earlier time.
    #[inline]
    pub(super) fn micros_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0) / 1000
    }
}
