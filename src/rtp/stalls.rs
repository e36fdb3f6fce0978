//! Stalls that come back.
//!
//! A stall holds all packets back and lets them go at once. One alone is given up: what it held back is gone, and nothing
//! after it is late. But an access point that leaves its channel each few seconds, or a link that is taken away from time to
//! time, makes a hole in the speech each time, and a listener loses a word by it. By the E-model (ITU-T G.107) a fifth of a
//! second lost each five seconds costs several times of what a delay of a fifth of a second does. So a stall that comes again
//! is waited for from then on, until none came for longer than they took to come.
//!
//! How soon the next one is likely is told by how long the last took to come. After a quiet minute one is taken to be alone. A
//! path that stalls in the first seconds of a stream is likely to do so again as soon, and one chance in six is reason enough:
//! six seconds at a delay of 200 ms are impaired by 4 points of R each, four seconds with a hole of 200 ms in them by 33. So a
//! stall in these first seconds is waited for as if it had come again, but for no longer than six seconds.

/// A frame that comes so much later than is waited for is of a stall; less is jitter, which is weighed frame by frame.
const LATE_US: i64 = 60_000;
/// So much must come late for a stall: single packets go astray.
const LEAST_MS: f32 = 25.0;
/// What comes within this time of a stall's first frame belongs to it.
const SAME_MS: f32 = 1000.0;
/// A stall within this time of the one before has come back.
const AGAIN_MS: f32 = 15_000.0;
/// So many times what lies between two stalls the next one is waited for, within [`HELD_MS`].
const PATIENCE: f32 = 2.5;
/// The shortest and the longest time for which stalls are waited for after the last one.
const HELD_MS: (f32, f32) = (6000.0, 20_000.0);
/// So long from the beginning on the first one is waited for, too, and for the shortest of these times, ...
const EARLY_MS: f32 = 15_000.0;
/// ... where so much came late, which is a word and no hiccup of the machine, ...
const EARLY_LEAST_MS: f32 = 60.0;
/// ... and where it takes no more delay than this, in microseconds: what delay impairs grows faster than what is lost.
const EARLY_MOST_US: i64 = 300_000;

/// The stalls of late.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Stalls {
    /// Milliseconds of media since the beginning.
    heard_ms: f32,
    /// What may be one, or is.
    latest: Option<Stall>,
    /// The one before.
    before: Option<Stall>,
    /// Milliseconds for which the next one is still waited for.
    held_ms: f32,
    /// And the delay that takes, above the fastest packets.
    held_us: i64,
}

#[derive(Debug, Clone, Copy)]
struct Stall {
    /// Milliseconds of media since it began.
    since_ms: f32,
    /// Of these, what came late.
    late_ms: f32,
    /// The greatest delay above the fastest packets.
    delay_us: i64,
}

impl Stalls {
    /// Takes in a frame of `frame_ms` that came `delay_us` after the fastest ones, where `usual_us` would be waited for.
    pub(super) fn observe(&mut self, delay_us: i64, usual_us: i64, frame_ms: f32) {
        self.heard_ms += frame_ms;
        self.held_ms -= frame_ms.min(self.held_ms);
        for stall in [&mut self.latest, &mut self.before].into_iter().flatten() {
            stall.since_ms += frame_ms;
        }
        if delay_us > usual_us + LATE_US {
            self.on_late(delay_us, frame_ms);
        }
    }

    fn on_late(&mut self, delay_us: i64, frame_ms: f32) {
        if self.latest.is_none_or(|stall| stall.since_ms > SAME_MS) {
            self.before = self.latest.filter(|stall| stall.late_ms >= LEAST_MS).or(self.before);
            self.latest = Some(Stall { since_ms: 0.0, late_ms: 0.0, delay_us });
        }
        let Some(latest) = &mut self.latest else { return };
        latest.late_ms += frame_ms;
        latest.delay_us = latest.delay_us.max(delay_us);
        let latest = *latest;
        if let Some(held_ms) = self.expected_within_ms(latest) {
            self.held_ms = held_ms;
            self.held_us = latest.delay_us.max(self.before.map_or(0, |before| before.delay_us));
        }
    }

    /// For how long after `latest` another one is to be expected, where that is not the only one.
    fn expected_within_ms(&self, latest: Stall) -> Option<f32> {
        let Some(before) = self.before else {
            let early = self.heard_ms - latest.since_ms <= EARLY_MS;
            let a_word = latest.late_ms >= EARLY_LEAST_MS && latest.delay_us <= EARLY_MOST_US;
            return (early && a_word).then_some(HELD_MS.0);
        };
        let apart_ms = before.since_ms - latest.since_ms;
        let again = latest.late_ms >= LEAST_MS && apart_ms <= AGAIN_MS;
        again.then(|| (PATIENCE * apart_ms).clamp(HELD_MS.0, HELD_MS.1))
    }

    /// The delay that stalls ask for, in microseconds above the fastest packets: that of the longer of the latest two, for
    /// where they are not alike a delay that follows each of them is worse than either.
    pub(super) fn asked_us(&self) -> i64 {
        if self.held_ms > 0.0 { self.held_us } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME_MS: f32 = 20.0;

    /// What is asked for at the end of each second, where stalls of 200 ms begin at the seconds given.
    fn asked(stalls_at: &[usize], seconds: usize) -> Vec<i64> {
        let mut stalls = Stalls::default();
        let mut asked = Vec::new();
        for second in 0..seconds {
            let mut last = 0;
            for n in 0..50 {
                let held_up = stalls_at.contains(&second) && n < 10;
                let delay_us = if held_up { 200_000 - 20_000 * n } else { 500 };
                stalls.observe(delay_us, 1500, FRAME_MS);
                last = stalls.asked_us();
            }
            asked.push(last);
        }
        asked
    }

    #[test]
    fn one_alone_is_given_up() {
        assert!(asked(&[18], 40).iter().all(|us| *us == 0));
        assert!(asked(&[18, 34, 50], 60).iter().all(|us| *us == 0), "nor are those that are far apart");
    }

    #[test]
    fn one_that_comes_again_is_waited_for_until_none_came_for_longer() {
        let asked = asked(&[18, 23, 28], 60);
        assert!(asked[..23].iter().all(|us| *us == 0), "{asked:?}");
        assert!(asked[23..40].iter().all(|us| *us == 200_000), "{asked:?}");
        assert!(asked[41..].iter().all(|us| *us == 0), "{asked:?}");
    }

    #[test]
    fn one_in_the_first_seconds_is_waited_for_but_not_for_long() {
        let asked = asked(&[3], 40);
        assert!(asked[..3].iter().all(|us| *us == 0), "{asked:?}");
        assert!(asked[3..9].iter().all(|us| *us == 200_000), "{asked:?}");
        assert!(asked[9..].iter().all(|us| *us == 0), "{asked:?}");
    }

    #[test]
    fn in_the_first_seconds_neither_a_hiccup_nor_more_than_a_word_is_waited_for() {
        for height_us in [100_000, 320_000] {
            let mut stalls = Stalls::default();
            for n in 0..500 {
                let delay_us = if (200..220).contains(&n) { height_us - 20_000 * (n - 200) } else { 500 };
                stalls.observe(delay_us, 1500, FRAME_MS);
                assert_eq!(stalls.asked_us(), 0, "{height_us} us");
            }
        }
    }

    #[test]
    fn what_is_waited_for_is_the_longer_of_the_latest_two() {
        let mut stalls = Stalls::default();
        (0..1000).for_each(|_| stalls.observe(500, 1500, FRAME_MS));
        let mut asked = Vec::new();
        for height_us in [400_000, 100_000, 300_000, 250_000] {
            for n in 0..200 {
                let delay_us = if n < 10 { height_us - 10_000 * n } else { 500 };
                stalls.observe(delay_us, 1500, FRAME_MS);
            }
            asked.push(stalls.asked_us());
        }
        assert_eq!(asked, [0, 400_000, 300_000, 300_000]);
    }

    #[test]
    fn packets_that_go_astray_one_by_one_are_no_stall() {
        let mut stalls = Stalls::default();
        for n in 0..5000 {
            stalls.observe(if n % 75 == 0 { 150_000 } else { 500 }, 1500, FRAME_MS);
            assert_eq!(stalls.asked_us(), 0);
        }
    }
}
