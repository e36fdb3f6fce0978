//! Hiccups that come back.
//!
//! A machine at either end, or a router between, that has something else to do for some milliseconds holds a frame or two back
//! where nothing else does. One alone is not waited for: it is over. But they mostly are of something that goes on, and then
//! come back each few seconds, which is too seldom for a memory of two seconds and often enough to be heard.

/// A frame that comes so much later than the double of what frames usually wait is of a hiccup.
const LATE_US: i64 = 2500;
/// What comes within this time of a hiccup belongs to it.
const SAME_MS: f32 = 500.0;
/// The memory of hiccups, in milliseconds.
const MEMORY_MS: f32 = 20_000.0;
/// So many are remembered where they have come back: two within six seconds, or more that are further apart, up to ten.
const AGAIN: f32 = 1.5;

/// The hiccups of late.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Hiccups {
    /// How many there were, each counted the less the longer ago it was.
    count: f32,
    /// Milliseconds of media since the latest, as far as that is [`SAME_MS`].
    since_ms: f32,
}

impl Hiccups {
    /// Takes in a frame of `frame_ms` that came `delay_us` after the fastest ones, where `usual_us` is usual.
    pub(super) fn observe(&mut self, delay_us: i64, usual_us: i64, frame_ms: f32) {
        self.count *= (-frame_ms / MEMORY_MS).exp();
        self.since_ms = (self.since_ms + frame_ms).min(SAME_MS);
        if delay_us <= 2 * usual_us + LATE_US {
            return;
        }
        if self.since_ms >= SAME_MS {
            self.count += 1.0;
        }
        self.since_ms = 0.0;
    }

    /// Whether the next one is to be expected.
    pub(super) fn come_back(&self) -> bool {
        self.count >= AGAIN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether more are expected at the end of each second, where they come at the seconds given.
    fn expected(at: &[usize], seconds: usize) -> Vec<bool> {
        let mut hiccups = Hiccups::default();
        let mut expected = Vec::new();
        for second in 0..seconds {
            for n in 0..50 {
                let late = at.contains(&second) && (10..13).contains(&n);
                hiccups.observe(if late { 8000 } else { 300 }, 300, 20.0);
            }
            expected.push(hiccups.come_back());
        }
        expected
    }

    #[test]
    fn one_alone_is_none_to_wait_for() {
        assert_eq!(expected(&[3], 30), vec![false; 30]);
        assert_eq!(expected(&[3, 23, 43], 60), vec![false; 60], "nor are those that are far apart");
    }

    #[test]
    fn one_that_comes_again_is_until_none_came_for_longer() {
        let expected = expected(&[3, 7, 11, 15], 60);
        assert!(!expected[..7].contains(&true), "{expected:?}");
        assert!(!expected[7..25].contains(&false), "{expected:?}");
        assert!(!expected[40..].contains(&true), "{expected:?}");
    }

    #[test]
    fn jitter_is_no_hiccup() {
        let mut hiccups = Hiccups::default();
        for n in 0..3000 {
            hiccups.observe(n % 7 * 1500, 4500, 20.0);
            assert!(!hiccups.come_back());
        }
    }
}
