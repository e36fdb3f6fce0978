//! Sees that a sound system with callbacks as small as it was asked for does not keep up.

use std::time::{Duration, Instant};

/// How long the card's frames are counted against real time.
const WINDOW: Duration = Duration::from_secs(1);

/// A window short of more than this many milliseconds lost sound: clocks differ by a tenth of one, and a callback may fall
/// beyond the window's end.
const MAX_SHORT_MS: u64 = 12;

/// So many windows that lost sound, of the last [`RECENT`], are no accident.
const BAD: u32 = 2;

/// How many windows are remembered: one bit each.
const RECENT: u32 = 16;

/// Compares the frames that a card's callbacks moved with the time that passed.
///
/// A sound system whose thread comes too late for callbacks this small plays nothing meanwhile, or drops what it
/// recorded, and says so to nobody. But the frames are missing.
#[derive(Debug)]
pub(super) struct StarvationWatch {
    rate_hz: u32,
    began: Instant,
    frames_then: u64,
    /// The last windows, the latest in the lowest bit; 1 is one that lost sound.
    windows: u32,
}

impl StarvationWatch {
    /// Begins when `frames` were moved.
    pub(super) fn new(rate_hz: u32, frames: u64, now: Instant) -> StarvationWatch {
        StarvationWatch { rate_hz, began: now, frames_then: frames, windows: 0 }
    }

    /// Notes how many frames were moved until now; whether the callbacks are too small.
    pub(super) fn on_frames(&mut self, frames: u64, now: Instant) -> bool {
        let elapsed = now.saturating_duration_since(self.began);
        if elapsed < WINDOW {
            return false;
        }
        let due = elapsed.as_millis() as u64 * u64::from(self.rate_hz) / 1000;
        let moved = frames.saturating_sub(self.frames_then);
        let short = due.saturating_sub(moved) > MAX_SHORT_MS * u64::from(self.rate_hz) / 1000;
        (self.began, self.frames_then) = (now, frames);
        self.windows = (self.windows << 1 | u32::from(short)) & ((1 << RECENT) - 1);
        self.windows.count_ones() >= BAD
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs windows that are short of so many milliseconds each, until it says that the callbacks are too small.
    fn windows_until_starved(short_ms: &[u64]) -> Option<usize> {
        let mut now = Instant::now();
        let mut watch = StarvationWatch::new(48_000, 1000, now);
        let mut frames = 1000;
        short_ms.iter().position(|short| {
            now += Duration::from_secs(1);
            frames += 48_000 - short * 48;
            watch.on_frames(frames, now)
        })
    }

    #[test]
    fn a_card_that_keeps_time_is_let_be() {
        assert_eq!(windows_until_starved(&[0; 100]), None);
        assert_eq!(windows_until_starved(&[10; 100]), None);
    }

    #[test]
    fn one_hiccup_is_an_accident_and_two_are_none() {
        assert_eq!(
            windows_until_starved(&[0, 100, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 100]),
            None
        );
        assert_eq!(windows_until_starved(&[0, 100, 0, 0, 20, 0]), Some(4));
    }

    #[test]
    fn looks_within_a_window_say_nothing() {
        let now = Instant::now();
        let mut watch = StarvationWatch::new(48_000, 0, now);
        assert!(!watch.on_frames(0, now + Duration::from_millis(999)));
    }
}
