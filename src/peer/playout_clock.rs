//! The clock of an output that has none of its own: a file, a pipe, nothing.
//!
//! A speaker asks for samples when it needs them. A pipe does not, so this clock does: one pull after the other,
//! each handed over at the moment at which its first sample would be heard. It runs from `connected` without a
//! gap, so that sample *i* of a recording belongs to the moment *start + i / 48,000 s*.
//!
//! How long a pull is, the receiver says: to the end of the frame that it has decoded. Only the phase is set here,
//! when the first packet has said at which moments frames come due: [`PlayoutClock::align`] brings a pull to that
//! moment by one shorter pull before it.

use std::time::{Duration, Instant};

use crate::audio::SAMPLE_RATE;

/// The longest pull, in samples per channel: 20 ms, a usual frame.
pub(super) const MAX_PULL_SAMPLES: usize = 960;

/// While nothing has come pulls are this short, 1.25 ms; alignment moves them by less than one.
const PHASE_SAMPLES: u32 = 60;

/// How far behind it may be and still catch up, pull by pull. A longer standstill (a suspended machine) is
/// left out of the recording, since nobody could have heard it.
const MAX_BEHIND: Duration = Duration::from_millis(500);

const NANOS_PER_SECOND: u64 = 1_000_000_000;

#[derive(Debug)]
pub(super) struct PlayoutClock {
    origin: Instant,
    /// Samples per channel handed over since `origin`.
    rendered: u64,
    /// The shorter pull that brings the phase to where it is wanted.
    shorter: Option<u32>,
}

/// A pull that is due.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pull {
    /// When it was due.
    pub(super) due: Instant,
    /// How many samples per channel have become due since.
    pub(super) overdue: usize,
    /// How many it may have.
    pub(super) most: usize,
}

impl PlayoutClock {
    /// A clock whose first pull is due at `now`.
    pub(super) fn start(now: Instant) -> Self {
        Self { origin: now, rendered: 0, shorter: None }
    }

    /// When the next pull is due.
    pub(super) fn due(&self) -> Instant {
        self.origin + duration_of(self.rendered)
    }

    /// Puts the beginning of a pull at `wanted`, as long as pulls are short.
    pub(super) fn align(&mut self, wanted: Instant) {
        let due = self.due();
        let nanos = if wanted >= due {
            (wanted - due).as_nanos() as i128
        } else {
            -((due - wanted).as_nanos() as i128)
        };
        let samples = nanos * i128::from(SAMPLE_RATE) / i128::from(NANOS_PER_SECOND);
        let ahead = samples.rem_euclid(i128::from(PHASE_SAMPLES)) as u32;
        // A pull that begins there anyway needs no shorter one before it.
        self.shorter = (ahead > 0).then_some(ahead);
    }

    /// The pull that is due at `now`, if one is. Say [`PlayoutClock::advance`] when it has been made.
    pub(super) fn pull(&mut self, now: Instant) -> Option<Pull> {
        let due = self.due();
        if now < due {
            return None;
        }
        if now - due > MAX_BEHIND {
            self.origin += now - due;
        }
        let due = self.due();
        let overdue = samples_in(now.saturating_duration_since(due));
        Some(Pull { due, overdue, most: self.shorter.map_or(MAX_PULL_SAMPLES, |samples| samples as usize) })
    }

    /// So many samples per channel were handed over.
    pub(super) fn advance(&mut self, samples: usize) {
        self.shorter = None;
        self.rendered += samples as u64;
    }
}

/// The time that this many samples last.
pub(super) fn duration_of(samples: u64) -> Duration {
    let seconds = samples / u64::from(SAMPLE_RATE);
    let rest = samples % u64::from(SAMPLE_RATE);
    Duration::from_secs(seconds) + Duration::from_nanos(rest * NANOS_PER_SECOND / u64::from(SAMPLE_RATE))
}

/// The whole samples of a time.
fn samples_in(time: Duration) -> usize {
    (time.as_nanos() * u128::from(SAMPLE_RATE) / u128::from(NANOS_PER_SECOND)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    const PULL: Duration = Duration::from_micros(1250);

    /// Makes every pull that is due, none longer than 1.25 ms, and gives their lengths.
    fn pulls_until(clock: &mut PlayoutClock, now: Instant) -> Vec<usize> {
        let pull = |clock: &mut PlayoutClock| {
            let samples = clock.pull(now)?.most.min(60);
            clock.advance(samples);
            Some(samples)
        };
        std::iter::from_fn(|| pull(clock)).collect()
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "some instant to count from")]
    fn it_pulls_from_the_start_and_catches_up_when_called_late() {
        let start = Instant::now();
        let mut clock = PlayoutClock::start(start);
        assert_eq!(pulls_until(&mut clock, start), [60]);
        assert_eq!(clock.due(), start + PULL);
        assert_eq!(pulls_until(&mut clock, start + PULL * 3), [60, 60, 60]);
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "some instant to count from")]
    fn aligning_moves_the_phase_by_one_shorter_pull_and_loses_no_sample() {
        let start = Instant::now();
        let mut clock = PlayoutClock::start(start);
        pulls_until(&mut clock, start);
        let wanted = start + Duration::from_millis(11);
        clock.align(wanted);
        assert_eq!(pulls_until(&mut clock, start + PULL), [48]);
        let mut total = 108;
        while clock.due() < wanted {
            let due = clock.due();
            total += pulls_until(&mut clock, due).iter().sum::<usize>();
        }
        assert_eq!(clock.due(), wanted);
        assert_eq!(total, 11 * 48);
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "some instant to count from")]
    fn a_moment_that_has_passed_gives_its_phase_all_the_same() {
        let start = Instant::now();
        let mut clock = PlayoutClock::start(start);
        pulls_until(&mut clock, start + PULL * 10);
        clock.align(start + Duration::from_millis(1));
        let due = clock.due();
        pulls_until(&mut clock, due);
        let phase = (clock.due() - start).as_micros() % PULL.as_micros();
        assert_eq!(phase, 1000);
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "some instant to count from")]
    fn a_late_pull_says_by_how_much_it_is_late() {
        let start = Instant::now();
        let mut clock = PlayoutClock::start(start);
        assert_eq!(clock.pull(start).unwrap().overdue, 0);
        let late = clock.pull(start + Duration::from_millis(7)).unwrap();
        assert_eq!((late.due, late.overdue), (start, 336));
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "some instant to count from")]
    fn a_long_standstill_is_left_out() {
        let start = Instant::now();
        let mut clock = PlayoutClock::start(start);
        let later = start + Duration::from_secs(60);
        assert_eq!(pulls_until(&mut clock, later).len(), 1);
        assert!(clock.due() > later);
    }
}
