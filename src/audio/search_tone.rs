//! What a listener hears while a call looks for a path.

use super::{Channels, SAMPLE_RATE};

/// Pitch: that of the tones of European telephone networks (ITU-T E.180), which everybody takes for one of the line's.
const HZ: f32 = 425.0;

/// Loudness, as a share of full scale (-30 dBFS): heard in a quiet room, and startling nobody.
const PEAK: f32 = 0.032;

/// Length of a beep, and from one beep to the next.
const BEEP_MS: u32 = 120;
const PERIOD_MS: u32 = 1500;

/// How long a beep takes to rise and to fall, so that it does not click.
const RAMP_MS: u32 = 10;

/// A soft beep from time to time, mixed into what is played. Starts off.
#[derive(Debug, Clone)]
pub struct SearchTone {
    is_on: bool,
    /// Frames into the period.
    at: u32,
    channels: Channels,
}

impl SearchTone {
    /// A tone for blocks of `channels`.
    pub fn new(channels: Channels) -> SearchTone {
        SearchTone { is_on: false, at: 0, channels }
    }

    /// Starts it with a beep, or ends it; a beep that has begun ends properly.
    pub fn set_on(&mut self, on: bool) {
        if on && !self.is_on && self.at >= frames(BEEP_MS) {
            self.at = 0;
        }
        self.is_on = on;
    }

    /// Adds it to one interleaved block.
    pub fn mix(&mut self, samples: &mut [f32]) {
        for frame in samples.chunks_mut(self.channels.count()) {
            if !self.is_on && (self.at == 0 || self.at >= frames(BEEP_MS)) {
                self.at = 0;
                return;
            }
            let beep = self.beep();
            frame.iter_mut().for_each(|sample| *sample = (*sample + beep).clamp(-1.0, 1.0));
            self.at = (self.at + 1) % frames(PERIOD_MS);
        }
    }

    fn beep(&self) -> f32 {
        let left = frames(BEEP_MS).saturating_sub(self.at);
        let ramp = self.at.min(left).min(frames(RAMP_MS)) as f32 / frames(RAMP_MS) as f32;
        let turns = self.at as f32 * HZ / SAMPLE_RATE as f32;
        PEAK * ramp * (turns * std::f32::consts::TAU).sin()
    }
}

const fn frames(ms: u32) -> u32 {
    ms * SAMPLE_RATE / 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mixes in blocks of 10 ms; gives what was added, one channel of two.
    fn mixed(tone: &mut SearchTone, ms: u32) -> Vec<f32> {
        let mut heard = Vec::new();
        for _ in 0..ms / 10 {
            let mut block = [0.25; 960];
            tone.mix(&mut block);
            assert!(block.chunks(2).all(|frame| frame[0] == frame[1]));
            heard.extend(block.chunks(2).map(|frame| frame[0] - 0.25));
        }
        heard
    }

    fn peak(samples: &[f32]) -> f32 {
        samples.iter().fold(0.0, |peak, sample| sample.abs().max(peak))
    }

    #[test]
    fn off_it_changes_nothing() {
        assert_eq!(peak(&mixed(&mut SearchTone::new(Channels::Stereo), 100)), 0.0);
    }

    #[test]
    fn on_it_beeps_softly_once_a_period_and_never_jumps() {
        let mut tone = SearchTone::new(Channels::Stereo);
        tone.set_on(true);
        let heard = mixed(&mut tone, 3000);
        let (first, rest) = heard.split_at(frames(PERIOD_MS) as usize);
        for period in [first, rest] {
            assert!((0.8 * PEAK..=1.01 * PEAK).contains(&peak(period)));
            assert_eq!(peak(&period[frames(BEEP_MS) as usize..]), 0.0);
        }
        let steepest = 1.2 * PEAK * std::f32::consts::TAU * HZ / SAMPLE_RATE as f32;
        assert!(heard.windows(2).all(|pair| (pair[1] - pair[0]).abs() < steepest));
    }

    #[test]
    fn a_beep_that_has_begun_ends_properly() {
        let mut tone = SearchTone::new(Channels::Stereo);
        tone.set_on(true);
        mixed(&mut tone, 50);
        tone.set_on(false);
        let rest = mixed(&mut tone, 200);
        assert!(peak(&rest[..frames(50) as usize]) > 0.5 * PEAK);
        assert_eq!(peak(&rest[frames(BEEP_MS - 50) as usize..]), 0.0);
    }
}
