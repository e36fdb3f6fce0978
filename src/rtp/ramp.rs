//! Queues that fill.
//!
//! When somebody uploads, the queue of the line grows, and each packet comes a little later than the one before it, for
//! seconds. What is remembered of arrivals says nothing of that: the delay to come is above all that was seen. Frame after
//! frame would be missed by a little. But a queue delays the fastest packets like all others, so their delay tells it from
//! jitter, and a line through it tells how late packets are about to come. Playout that is slowed down in time for that
//! misses none of them.

/// The least delay is taken of so long.
const WINDOW_US: i64 = 100_000;
/// Rises are taken over so many windows, which evens out the waves of a queue that several connections share,
const SPAN: usize = 3;
/// and of so many rises, each ending a window after the other, the least counts: a stall lifts the packets of one or two
/// windows.
const RISES: usize = 2;
/// A rise below this one, over a span, is jitter: a queue that fills no faster is followed as it does.
const LEAST_RISE_US: i64 = 15_000;
/// Both halves of what is known must rise by so much: a route that changes is a step.
const LEAST_HALF_US: i64 = 4_000;
/// So far into the future the line is drawn, and so far up at the most.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reach {
    ahead_us: i64,
    most_us: i64,
}

impl Reach {
    /// What is known is up to two windows old, and some for the waves. Most queues stop soon: to slow down for more and hurry
    /// back is heard more than the frames that it saves.
    pub(super) const NEAR: Reach = Reach { ahead_us: 250_000, most_us: 20_000 };
    /// The time that it takes to slow down: as few frames as can be are missed.
    pub(super) const FAR: Reach = Reach { ahead_us: 450_000, most_us: i64::MAX };
}
/// Without a packet for this time all is forgotten.
const GAP_US: i64 = 300_000;

/// The delays of the fastest packets of late. Times and delays are microseconds on one clock.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Ramp {
    /// The least delays of the last windows, the newest first.
    least: [Option<i64>; SPAN + RISES],
    window: Option<Window>,
    /// The least delay of the last window and the rise over a span, while it rises.
    rise: Option<(i64, i64)>,
}

#[derive(Debug, Clone, Copy)]
struct Window {
    began_us: i64,
    latest_us: i64,
    least_us: i64,
}

impl Ramp {
    /// Takes in a packet that came at `now_us` with a delay of `delay_us`.
    pub(super) fn observe(&mut self, delay_us: i64, now_us: i64) {
        let fresh = Window { began_us: now_us, latest_us: now_us, least_us: delay_us };
        let Some(window) = &mut self.window else {
            self.window = Some(fresh);
            return;
        };
        if now_us - window.latest_us > GAP_US {
            *self = Ramp { window: Some(fresh), ..Ramp::default() };
            return;
        }
        if now_us - window.began_us < WINDOW_US {
            window.latest_us = now_us;
            window.least_us = window.least_us.min(delay_us);
            return;
        }
        self.least.rotate_right(1);
        self.least[0] = Some(window.least_us);
        self.window = Some(fresh);
        self.rise = self.rise();
    }

    /// The delay that the fastest packets are about to have, while it rises.
    pub(super) fn expected_us(&self, reach: Reach) -> Option<i64> {
        let (least_us, rise_us) = self.rise?;
        Some(least_us + (rise_us * reach.ahead_us / (SPAN as i64 * WINDOW_US)).min(reach.most_us))
    }

    fn rise(&self) -> Option<(i64, i64)> {
        const HALF: usize = (SPAN + RISES) / 2;
        let rise = |from: usize, windows: usize| Some(self.least[from]? - self.least[from + windows]?);
        let mut rise_us = SPAN as i64 * WINDOW_US;
        for n in 0..RISES {
            rise_us = rise_us.min(rise(n, SPAN)?);
        }
        let half_us = rise(0, HALF)?.min(rise(HALF, HALF)?);
        let is_ramp = rise_us >= LEAST_RISE_US && half_us >= LEAST_HALF_US;
        is_ramp.then_some((self.least[0]?, rise_us))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is expected at the end of frames of 10 ms with these delays.
    fn expected(reach: Reach, delays_us: impl IntoIterator<Item = i64>) -> Vec<Option<i64>> {
        let mut ramp = Ramp::default();
        let mut expected = Vec::new();
        let mut latest_us = 0;
        for (n, delay_us) in delays_us.into_iter().enumerate() {
            latest_us = latest_us.max(n as i64 * 10_000 + delay_us);
            ramp.observe(latest_us - n as i64 * 10_000, latest_us);
            expected.push(ramp.expected_us(reach));
        }
        expected
    }

    #[test]
    fn a_queue_that_fills_is_seen_ahead() {
        for (reach, least_us, most_us) in [(Reach::NEAR, 4_000, 20_001), (Reach::FAR, 20_000, 36_000)] {
            let expected = expected(reach, (0..300).map(|n: i64| (n - 100).clamp(0, 150) * 800));
            assert!(expected[..100].iter().all(Option::is_none));
            for (n, expected) in expected.iter().enumerate().take(250).skip(160) {
                let soon = (n as i64 - 100) * 800;
                let ahead = expected.expect("it rises") - soon;
                assert!((least_us..most_us).contains(&ahead), "{n}: {ahead}");
            }
            assert!(expected[290..].iter().all(Option::is_none), "it is full");
        }
    }

    #[test]
    fn nobody_hurries_far_ahead_of_a_queue_that_fills_at_once() {
        let expected = expected(Reach::NEAR, (0..300).map(|n: i64| (n - 100).clamp(0, 100) * 2000));
        let ahead = expected
            .iter()
            .enumerate()
            .filter_map(|(n, expected)| expected.map(|us| us - (n as i64 - 100).clamp(0, 100) * 2000));
        assert!(ahead.max().expect("it rises") <= 20_000);
    }

    #[test]
    fn stalls_steps_and_jitter_are_no_queue() {
        let stall = |n: i64| if (100..130).contains(&n) { (130 - n) * 10_000 } else { 300 };
        assert!(expected(Reach::FAR, (0..300).map(stall)).iter().all(Option::is_none));
        let step = |n: i64| if n < 100 { 300 } else { 40_300 };
        assert!(expected(Reach::FAR, (0..300).map(step)).iter().all(Option::is_none));
        let mut state = 1u64;
        let mut jitter = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as i64 % 40_000
        };
        let seen = expected(Reach::FAR, (0..3000).map(|_| jitter()));
        let above = seen.iter().flatten().filter(|us| **us > 40_000).count();
        assert!(above < 30, "seldom is what is expected beyond what was seen: {above} of 3000");
    }

    #[test]
    fn a_silence_says_nothing() {
        let mut ramp = Ramp::default();
        for n in 0..20 {
            ramp.observe(n * 50_000, n * 1_000_000);
            assert_eq!(ramp.expected_us(Reach::FAR), None);
        }
    }
}
