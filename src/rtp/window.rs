//! The least or the greatest of the last moments.

/// Length of each of the two halves of a window: two of the longest frames.
const HALF_US: i64 = 120_000;

/// The least value of the last 120 to 240 ms, in constant time and space: the least of the half in progress and of
/// the half before it.
#[derive(Debug, Clone, Default)]
pub(super) struct RecentLeast {
    current: Option<i64>,
    before: Option<i64>,
    half_began_us: i64,
}

impl RecentLeast {
    /// Takes in a value at a moment.
    pub(super) fn observe(&mut self, value: i64, now_us: i64) {
        if now_us - self.half_began_us >= HALF_US {
            self.before = self.current.take();
            self.half_began_us = now_us;
        }
        self.current = Some(self.current.map_or(value, |least| least.min(value)));
    }

    /// The least value, once a whole half has been seen.
    pub(super) fn get(&self) -> Option<i64> {
        let before = self.before?;
        Some(self.current.map_or(before, |least| least.min(before)))
    }

    /// Moves every value seen by `by`.
    pub(super) fn shift(&mut self, by: i64) {
        for value in [&mut self.current, &mut self.before].into_iter().flatten() {
            *value += by;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_is_remembered_for_a_while_and_then_forgotten() {
        let mut least = RecentLeast::default();
        least.observe(5, 0);
        assert_eq!(least.get(), None, "too early to tell");
        least.observe(3, 120_000);
        assert_eq!(least.get(), Some(3));
        least.observe(7, 239_000);
        assert_eq!(least.get(), Some(3));
        least.observe(8, 240_000);
        least.observe(9, 360_000);
        assert_eq!(least.get(), Some(8));
    }
}
