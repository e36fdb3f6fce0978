//! How much sound lies ready for a sound card.

use std::time::{Duration, Instant};

/// The margin beyond one callback that an output begins with: the run loop answers a wake within a millisecond.
const FIRST_MARGIN: Duration = Duration::from_micros(1500);

/// How much deeper an output gets when it ran dry.
const STEP: Duration = Duration::from_micros(2500);

/// The deepest margin: an output that still runs dry has a machine that is too busy, and more delay is no help.
const MAX_MARGIN: Duration = Duration::from_millis(80);

/// How long nothing may have run dry before a step is given back, at first.
const FIRST_CALM: Duration = Duration::from_secs(10);

/// The longest it waits, after it was given back too early again and again.
const MAX_CALM: Duration = Duration::from_secs(160);

/// How long the largest callback is remembered, at least.
const SIZE_WINDOW: Duration = Duration::from_secs(5);

/// Decides how many frames of the card lie ready: one callback, and a margin that grows when the card found too little
/// and shrinks when it was long content.
#[derive(Debug)]
pub(super) struct DepthTuner {
    rate_hz: u32,
    /// The largest callback of this window and of the one before.
    largest: [usize; 2],
    window_began: Instant,
    margin: Duration,
    calm_since: Instant,
    calm: Duration,
    /// Whether the last change was a step given back: then running dry means that it was too early.
    gave_back: bool,
}

impl DepthTuner {
    /// For a card with this many frames a second that was asked for callbacks of `callback` frames.
    pub(super) fn new(rate_hz: u32, callback: usize, now: Instant) -> DepthTuner {
        DepthTuner {
            rate_hz,
            largest: [callback; 2],
            window_began: now,
            margin: FIRST_MARGIN,
            calm_since: now,
            calm: FIRST_CALM,
            gave_back: false,
        }
    }

    /// Notes the largest callback since the last note; 0 if there was none.
    pub(super) fn on_callback(&mut self, frames: usize, now: Instant) {
        if now.saturating_duration_since(self.window_began) >= SIZE_WINDOW {
            self.largest = [0, self.largest[0]];
            self.window_began = now;
        }
        self.largest[0] = self.largest[0].max(frames);
    }

    /// Notes that the card found too little.
    pub(super) fn on_underrun(&mut self, now: Instant) {
        if self.gave_back {
            self.calm = (self.calm * 2).min(MAX_CALM);
        }
        self.gave_back = false;
        self.margin = (self.margin + STEP).min(MAX_MARGIN);
        self.calm_since = now;
    }

    /// How many frames shall lie ready just after a callback.
    pub(super) fn frames(&mut self, now: Instant) -> usize {
        if self.margin > FIRST_MARGIN && now.saturating_duration_since(self.calm_since) >= self.calm {
            self.margin = self.margin.saturating_sub(STEP).max(FIRST_MARGIN);
            self.calm_since = now;
            self.gave_back = true;
        }
        let margin = (self.margin.as_micros() as usize * self.rate_hz as usize).div_ceil(1_000_000);
        self.largest[0].max(self.largest[1]) + margin
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tuner() -> (DepthTuner, Instant) {
        let now = Instant::now();
        (DepthTuner::new(48_000, 240, now), now)
    }

    #[test]
    fn it_begins_with_one_callback_and_a_little() {
        let (mut tuner, now) = tuner();
        assert_eq!(tuner.frames(now), 240 + 72);
    }

    #[test]
    fn larger_callbacks_than_asked_for_are_provided_for_and_forgotten_later() {
        let (mut tuner, now) = tuner();
        tuner.on_callback(480, now);
        assert_eq!(tuner.frames(now), 480 + 72);
        let at = |s| now + Duration::from_secs(s);
        for second in 1..=11 {
            tuner.on_callback(200, at(second));
        }
        assert_eq!(tuner.frames(at(11)), 200 + 72);
    }

    #[test]
    fn running_dry_deepens_it_up_to_a_limit_and_calm_gives_it_back() {
        let (mut tuner, now) = tuner();
        tuner.on_underrun(now);
        assert_eq!(tuner.frames(now), 240 + 192);
        assert_eq!(tuner.frames(now + FIRST_CALM), 240 + 72);
        for _ in 0..1000 {
            tuner.on_underrun(now);
        }
        assert_eq!(tuner.frames(now), 240 + 3840);
    }

    #[test]
    fn what_was_given_back_too_early_is_given_back_later_next_time() {
        let (mut tuner, now) = tuner();
        tuner.on_underrun(now);
        tuner.frames(now + FIRST_CALM);
        tuner.on_underrun(now + FIRST_CALM);
        assert_eq!(tuner.frames(now + FIRST_CALM * 2), 240 + 192);
        assert_eq!(tuner.frames(now + FIRST_CALM * 3), 240 + 72);
    }
}
