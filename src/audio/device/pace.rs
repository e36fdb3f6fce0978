//! Tells a live writer of a pipe from one that writes a file, and holds the latter back to real time.

use std::time::{Duration, Instant};

use crate::audio::SAMPLE_RATE;

/// A writer that gets this far ahead of real time is not live: no capture buffers that much and then catches up.
const FILE_LEAD_MS: i64 = 250;

/// How far behind real time a writer is remembered to be. A live writer that stood still this long may catch up
/// without being taken for a file; one that pauses between whole utterances is taken for one.
const MAX_LAG_MS: i64 = 1000;

/// How far ahead of real time a writer that is held back may be: so much sound leaves at once after a pause.
const HELD_LEAD_MS: i64 = 20;

/// How much sound a writer that is held back gives at a time.
const HELD_STEP_MS: i64 = 10;

/// Nanoseconds a frame lasts, times the rate: the unit in which leads are counted, so that nothing is rounded.
const NS: i64 = 1_000_000_000;

/// Frames as counted in `lead` and `tokens`: nanoseconds times frames a second.
const fn counted_ms(ms: i64) -> i64 {
    ms * 1_000_000 * SAMPLE_RATE as i64
}

/// Watches the pace of a writer, in frames (samples per channel) and the moments at which they came.
///
/// Call [`WriterPace::on_read`] for all that is read. Once [`WriterPace::is_file`], release no more frames than
/// [`WriterPace::allowance`] and say what was released with [`WriterPace::on_release`].
#[derive(Debug)]
pub(super) struct WriterPace {
    file: bool,
    /// How far ahead of real time the writer is (behind, if negative), as of `read_at`.
    lead: i64,
    read_at: Option<Instant>,
    /// What may be released, as of `released_at`.
    tokens: i64,
    released_at: Option<Instant>,
}

impl WriterPace {
    pub(super) fn new() -> WriterPace {
        WriterPace {
            file: false,
            lead: 0,
            read_at: None,
            tokens: counted_ms(HELD_LEAD_MS),
            released_at: None,
        }
    }

    /// Notes that `frames` were read. `waiting` says that they lay in the pipe before anyone read from it: they
    /// say nothing of the writer's pace.
    pub(super) fn on_read(&mut self, frames: usize, waiting: bool, now: Instant) {
        let elapsed = self.read_at.map_or(0, |at| counted(now.saturating_duration_since(at)));
        self.read_at = Some(now);
        self.lead = (self.lead - elapsed).max(-counted_ms(MAX_LAG_MS));
        if !waiting {
            self.lead += frames as i64 * NS;
        }
        self.file |= self.lead > counted_ms(FILE_LEAD_MS);
    }

    /// Whether the writer was ever too fast to be live.
    pub(super) fn is_file(&self) -> bool {
        self.file
    }

    /// Takes the writer for one that writes a file, because its end is known.
    pub(super) fn set_file(&mut self) {
        self.file = true;
    }

    /// How many frames may be released now.
    pub(super) fn allowance(&mut self, now: Instant) -> usize {
        let elapsed = self.released_at.map_or(0, |at| counted(now.saturating_duration_since(at)));
        self.released_at = Some(now);
        self.tokens = (self.tokens + elapsed).min(counted_ms(HELD_LEAD_MS));
        usize::try_from(self.tokens / NS).unwrap_or(0)
    }

    /// Notes that `frames` were released.
    pub(super) fn on_release(&mut self, frames: usize) {
        self.tokens -= frames as i64 * NS;
    }

    /// How long to wait before the next release.
    pub(super) fn next_release(&self) -> Duration {
        let missing = (counted_ms(HELD_STEP_MS) - self.tokens).max(0);
        Duration::from_nanos((missing / i64::from(SAMPLE_RATE)) as u64)
    }
}

/// A stretch of time as counted in leads and tokens; more than an hour is an hour, which is beyond every limit.
fn counted(elapsed: Duration) -> i64 {
    let elapsed = elapsed.min(Duration::from_secs(3600));
    elapsed.as_nanos() as i64 * i64::from(SAMPLE_RATE)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: usize = SAMPLE_RATE as usize / 1000;

    fn at(start: Instant, ms: u64) -> Instant {
        start + Duration::from_millis(ms)
    }

    #[test]
    fn a_writer_in_real_time_is_live_however_long_and_however_uneven() {
        let (mut pace, start) = (WriterPace::new(), Instant::now());
        for i in 0..100_000u64 {
            let late = (i * 7919) % 40;
            pace.on_read(20 * MS, false, at(start, i * 20 + late));
        }
        assert!(!pace.is_file());
    }

    #[test]
    fn a_writer_that_stood_still_for_a_second_may_catch_up() {
        let (mut pace, start) = (WriterPace::new(), Instant::now());
        pace.on_read(20 * MS, false, start);
        pace.on_read(1000 * MS, false, at(start, 1020));
        pace.on_read(20 * MS, false, at(start, 1040));
        assert!(!pace.is_file());
    }

    #[test]
    fn a_file_is_known_by_its_first_quarter_of_a_second() {
        let (mut pace, start) = (WriterPace::new(), Instant::now());
        pace.on_read(250 * MS, false, start);
        assert!(!pace.is_file());
        pace.on_read(10 * MS, false, at(start, 1));
        assert!(pace.is_file());
        pace.on_read(10 * MS, false, at(start, 60_000));
        assert!(pace.is_file(), "it stays one");
    }

    #[test]
    fn a_writer_twice_as_fast_as_real_time_is_known_after_half_a_second() {
        let (mut pace, start) = (WriterPace::new(), Instant::now());
        let known = (0..200).find(|i| {
            pace.on_read(20 * MS, false, at(start, i * 10));
            pace.is_file()
        });
        assert!(known.is_some_and(|i| (20..30).contains(&i)), "{known:?}");
    }

    #[test]
    fn utterances_with_pauses_are_taken_for_files() {
        let (mut pace, start) = (WriterPace::new(), Instant::now());
        pace.on_read(20 * MS, false, start);
        pace.on_read(3000 * MS, false, at(start, 10_000));
        assert!(pace.is_file());
    }

    #[test]
    fn what_a_live_writer_left_in_the_pipe_does_not_make_it_a_file() {
        let (mut pace, start) = (WriterPace::new(), Instant::now());
        pace.on_read(680 * MS, true, start);
        for i in 1..1000 {
            pace.on_read(10 * MS, false, at(start, i * 10));
        }
        assert!(!pace.is_file());
    }

    #[test]
    fn a_file_is_released_in_real_time_with_a_lead_of_20_ms() {
        let (mut pace, start) = (WriterPace::new(), Instant::now());
        let (mut now, mut released) = (start, 0);
        while now < at(start, 10_000) {
            let frames = pace.allowance(now);
            pace.on_release(frames);
            released += frames;
            let real = (now - start).as_millis() as usize * MS;
            assert!((real..=real + 21 * MS).contains(&released), "{released} by {real}");
            now += pace.next_release().max(Duration::from_micros(1));
        }
    }

    #[test]
    fn a_pause_saves_up_no_more_than_the_lead() {
        let (mut pace, start) = (WriterPace::new(), Instant::now());
        let frames = pace.allowance(start);
        pace.on_release(frames);
        assert_eq!(pace.allowance(at(start, 60_000)), 20 * MS);
        assert_eq!(pace.next_release(), Duration::ZERO);
    }
}
