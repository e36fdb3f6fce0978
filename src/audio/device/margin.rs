//! By how much sound is ready before a sound card takes it.

use std::time::{Duration, Instant};

/// What an output begins with: the run loop keeps its deadlines within a millisecond on a machine that is not too busy.
const FIRST: Duration = Duration::from_micros(2500);

/// How much more an output gets when it ran dry.
const STEP: Duration = Duration::from_micros(2500);

/// The greatest margin: an output that still runs dry has a machine that is too busy, and more delay is no help.
const MOST: Duration = Duration::from_millis(80);

/// How long nothing may have run dry before a step is given back, at first.
const FIRST_CALM: Duration = Duration::from_secs(10);

/// The longest it waits, after it was given back too early again and again.
const MAX_CALM: Duration = Duration::from_secs(160);

/// A margin that grows when the card found too little and shrinks when it was long content.
#[derive(Debug)]
pub(super) struct Margin {
    margin: Duration,
    calm_since: Instant,
    calm: Duration,
    /// Whether the last change was a step given back: then running dry means that it was too early.
    gave_back: bool,
}

impl Margin {
    pub(super) fn new(now: Instant) -> Margin {
        Margin { margin: FIRST, calm_since: now, calm: FIRST_CALM, gave_back: false }
    }

    /// Notes that the card found too little.
    pub(super) fn on_underrun(&mut self, now: Instant) {
        if self.gave_back {
            self.calm = (self.calm * 2).min(MAX_CALM);
        }
        self.gave_back = false;
        self.margin = (self.margin + STEP).min(MOST);
        self.calm_since = now;
    }

    /// Gives a step back when it is time.
    pub(super) fn update(&mut self, now: Instant) {
        if self.margin > FIRST && now.saturating_duration_since(self.calm_since) >= self.calm {
            self.margin = self.margin.saturating_sub(STEP).max(FIRST);
            self.calm_since = now;
            self.gave_back = true;
        }
    }

    /// The margin.
    pub(super) fn get(&self) -> Duration {
        self.margin
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn margin() -> (Margin, Instant) {
        let now = Instant::now();
        (Margin::new(now), now)
    }

    fn at(margin: &mut Margin, now: Instant) -> Duration {
        margin.update(now);
        margin.get()
    }

    #[test]
    fn running_dry_makes_it_greater_up_to_a_limit_and_calm_gives_it_back() {
        let (mut margin, now) = margin();
        assert_eq!(at(&mut margin, now), FIRST);
        margin.on_underrun(now);
        assert_eq!(at(&mut margin, now), FIRST + STEP);
        assert_eq!(at(&mut margin, now + FIRST_CALM), FIRST);
        for _ in 0..1000 {
            margin.on_underrun(now);
        }
        assert_eq!(at(&mut margin, now), MOST);
    }

    #[test]
    fn what_was_given_back_too_early_is_given_back_later_next_time() {
        let (mut margin, now) = margin();
        margin.on_underrun(now);
        margin.update(now + FIRST_CALM);
        margin.on_underrun(now + FIRST_CALM);
        assert_eq!(at(&mut margin, now + FIRST_CALM * 2), FIRST + STEP);
        assert_eq!(at(&mut margin, now + FIRST_CALM * 3), FIRST);
    }
}
