//! How much a sound card will have taken by when.
//!
//! A card takes sound in callbacks, of a length of its own, or of several; what it plays of them it plays at one pace. So
//! what it has taken is a flight of stairs, and a line at the pace of the card that touches its corners from above says by when
//! the next step has to be there, however long the steps are. Sound that is rendered along that line is in time for each callback,
//! and rendered as evenly as a file's: a frame that is needed only for the end of a callback need not be there at the
//! callback before.
//!
//! Each callback is a point that the line must not be below. One that is seen late, since the run loop was held up, lies lower
//! and says nothing; a card that is ahead of its time lifts the line at once. A card that lost time, or whose clock is slow, lets
//! it sink when the points before are forgotten.

use std::time::{Duration, Instant};

/// How long a callback is remembered, at least; at most twice as long.
const MEMORY: Duration = Duration::from_millis(250);

/// How far beyond its longest callback of late a card is reckoned to be late: with a card that stands still longer than
/// that, rendering stands still too.
const LATEST: Duration = Duration::from_millis(20);

/// Reckons what a card takes.
#[derive(Debug)]
pub(super) struct Demand {
    rate_hz: f64,
    began: Instant,
    /// Frames that the card took since then, as seen last.
    taken: u64,
    newer: Seen,
    older: Seen,
    newer_began: Instant,
}

/// What was seen of the callbacks of some time.
#[derive(Debug, Clone, Copy)]
struct Seen {
    /// Frames by which the card was ahead of its rate, at the most.
    ahead: f64,
    /// Frames of the longest callback.
    longest: usize,
}

impl Seen {
    const NOTHING: Seen = Seen { ahead: f64::NEG_INFINITY, longest: 0 };

    fn and(self, other: Seen) -> Seen {
        Seen { ahead: self.ahead.max(other.ahead), longest: self.longest.max(other.longest) }
    }
}

impl Demand {
    /// Of a card that takes so many frames a second, and has taken `taken`.
    pub(super) fn new(rate_hz: u32, taken: u64, now: Instant) -> Demand {
        Demand {
            rate_hz: f64::from(rate_hz),
            began: now,
            taken,
            newer: Seen::NOTHING,
            older: Seen::NOTHING,
            newer_began: now,
        }
    }

    /// The card was seen to have taken `taken` frames by `now`, in callbacks of at most `longest`.
    pub(super) fn observe(&mut self, taken: u64, longest: usize, now: Instant) {
        if taken == self.taken {
            return;
        }
        self.taken = taken;
        if now.saturating_duration_since(self.newer_began) >= MEMORY {
            self.older = std::mem::replace(&mut self.newer, Seen::NOTHING);
            self.newer_began = now;
        }
        let ahead = taken as f64 - self.frames(now.saturating_duration_since(self.began));
        self.newer = self.newer.and(Seen { ahead, longest });
    }

    /// Whether a callback was seen.
    pub(super) fn is_known(&self) -> bool {
        self.seen().longest > 0
    }

    /// When the card will have taken so many frames more than it was seen to have, at the earliest. `None` if it has to show
    /// first that it goes on.
    pub(super) fn when(&self, further: f64) -> Option<Instant> {
        let Seen { ahead, longest } = self.seen();
        if further >= longest as f64 + self.frames(LATEST) {
            return None;
        }
        let seconds = (self.taken as f64 + further - ahead) / self.rate_hz;
        Some(self.began + Duration::from_secs_f64(seconds.max(0.0)))
    }

    /// Frames that last so long.
    pub(super) fn frames(&self, time: Duration) -> f64 {
        time.as_secs_f64() * self.rate_hz
    }

    fn seen(&self) -> Seen {
        self.newer.and(self.older)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: f64 = 48.0;

    struct Card {
        demand: Demand,
        began: Instant,
        taken: u64,
    }

    impl Card {
        fn new() -> Card {
            let began = Instant::now();
            Card { demand: Demand::new(48_000, 0, began), began, taken: 0 }
        }

        fn take(&mut self, at_ms: f64, length_ms: u64) {
            self.taken += length_ms * 48;
            self.demand.observe(self.taken, length_ms as usize * 48, self.at(at_ms));
        }

        fn at(&self, ms: f64) -> Instant {
            self.began + Duration::from_secs_f64(ms / 1000.0)
        }

        /// When it will have taken so much more, in milliseconds from the beginning.
        fn when(&self, further_ms: f64) -> f64 {
            let when = self.demand.when(further_ms * MS).expect("a card that goes on");
            (when - self.began).as_secs_f64() * 1000.0
        }
    }

    fn is_near(found: f64, wanted: f64) {
        assert!((found - wanted).abs() < 0.01, "{found} ms for {wanted}");
    }

    #[test]
    fn sound_is_due_evenly_whatever_the_length_of_the_callbacks() {
        for length in [1, 5, 20, 40] {
            let mut card = Card::new();
            (0..2000 / length).for_each(|n| card.take((n * length) as f64, length));
            let last = ((2000 / length - 1) * length) as f64;
            is_near(card.when(0.0), last);
            is_near(card.when(length as f64 / 2.0), last + length as f64 / 2.0);
            is_near(card.when(length as f64), last + length as f64);
        }
    }

    #[test]
    fn what_is_seen_late_says_nothing_and_what_comes_early_does_at_once() {
        let mut card = Card::new();
        (0..100).for_each(|n| card.take(n as f64 * 10.0 + (n % 7) as f64, 10));
        is_near(card.when(10.0), 1000.0);
        card.take(1000.0 - 3.0, 10);
        is_near(card.when(10.0), 1010.0 - 3.0);
    }

    #[test]
    fn a_card_that_lost_time_is_followed_within_half_a_second() {
        let mut card = Card::new();
        (0..100).for_each(|n| card.take(n as f64 * 10.0, 10));
        (100..151).for_each(|n| card.take(n as f64 * 10.0 + 30.0, 10));
        is_near(card.when(10.0), 1510.0 + 30.0);
    }

    #[test]
    fn a_card_with_another_clock_is_followed() {
        for ppm in [-300.0, 300.0] {
            let mut card = Card::new();
            (0..10_000).for_each(|n| card.take(n as f64 * 10.0 * (1.0 + ppm * 1e-6), 10));
            let off = card.when(10.0) - 100_000.0 * (1.0 + ppm * 1e-6);
            assert!((-0.16..0.01).contains(&off), "{off} ms off at {ppm} ppm");
        }
    }

    #[test]
    fn nothing_is_due_of_a_card_that_stands_still() {
        let mut card = Card::new();
        (0..100).for_each(|n| card.take(n as f64 * 10.0, 10));
        assert!(card.demand.when(29.9 * MS).is_some());
        assert!(card.demand.when(30.1 * MS).is_none());
    }
}
