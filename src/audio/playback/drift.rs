//! Two clocks that are not the same: a resampler, steered so slowly that nobody hears it.
//!
//! As long as there is nothing to correct, samples pass through untouched and undelayed. The first correction puts the
//! resampler in, without a seam, and there it stays.

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{
    Adjustable as _, Async, FixedAsync, Resampler as _, Resizable as _, SincInterpolationParameters,
    SincInterpolationType, WindowFunction,
};

use super::line::Line;
use crate::audio::Error;
use crate::rtp::Samples;

/// Length of the interpolation filter.
const TAPS: usize = 32;
/// Its delay: a third of a millisecond.
const DELAY: usize = TAPS / 2;
/// Error below which nothing is corrected, in milliseconds, as long as the resampler is not in.
const DEAD_ZONE_MS: f64 = 0.4;
/// Speed per millisecond of error: the error fades with a time constant of a second.
const PROPORTIONAL: f64 = 1e-3;
/// Speed per millisecond of error and second: clocks that differ are known after some seconds.
const INTEGRAL: f64 = 5e-5;
/// The clocks of sound hardware are within 100 ppm; 300 ppm has been seen.
const MAX_DRIFT: f64 = 5e-4;
/// A tenth of a semitone is 0.6 %; this is below what a musician hears.
const MAX_SPEED: f64 = 4e-3;
/// Longest piece that is resampled at once: 20 ms.
pub(crate) const MAX_PIECE: usize = 960;

/// The resampler and its steering.
pub(crate) struct Drift {
    channels: usize,
    resampler: Async<f32>,
    engaged: bool,
    /// Samples at the beginning of the resampler's output that were heard before it took over.
    heard: usize,
    /// The clocks' difference as it was learnt.
    learnt: f64,
    /// Media played per time, less one: positive when playing fast.
    speed: f64,
    input: Vec<f32>,
    output: Vec<f32>,
}

impl Drift {
    /// Not steering yet.
    pub(crate) fn new(channels: usize) -> Result<Drift, Error> {
        let parameters = SincInterpolationParameters::new(TAPS, WindowFunction::Blackman2)
            .interpolation(SincInterpolationType::Quadratic)
            .oversampling_factor(256);
        let room = MAX_PIECE + TAPS;
        let resampler =
            Async::new_sinc(1.0, 1.0 + 2.0 * MAX_SPEED, &parameters, room, channels, FixedAsync::Output)
                .map_err(|error| Error::Resample {
                    from_hz: 48_000,
                    to_hz: 48_000,
                    reason: error.to_string(),
                })?;
        let input = vec![0.0; resampler.input_frames_max() * channels];
        let output = vec![0.0; room * channels];
        Ok(Drift { channels, resampler, engaged: false, heard: 0, learnt: 0.0, speed: 0.0, input, output })
    }

    /// Steers by how far playout is from where it should be (positive: behind, play faster), `since` samples after the
    /// last time and before at least `pull` are played from `line`.
    pub(crate) fn steer(&mut self, excess: Samples, since: Samples, pull: usize, line: &Line) {
        let error_ms = excess.ms();
        if !self.engaged {
            if error_ms.abs() < DEAD_ZONE_MS || line.real() < pull + TAPS {
                return;
            }
            self.engage(line);
        }
        let learning = INTEGRAL * error_ms.clamp(-4.0, 4.0) * since.ms() / 1000.0;
        self.learnt = (self.learnt + learning).clamp(-MAX_DRIFT, MAX_DRIFT);
        self.speed = (self.learnt + PROPORTIONAL * error_ms).clamp(-MAX_SPEED, MAX_SPEED);
        // Within the bounds given to the constructor, as `speed` is.
        let _ = self.resampler.set_resample_ratio(1.0 / (1.0 + self.speed), true);
    }

    /// The clocks' difference as it was learnt, in parts per million.
    pub(crate) fn ppm(&self) -> f64 {
        self.learnt * 1e6
    }

    /// What it adds to the delay, in milliseconds.
    pub(crate) fn delay_ms(&self) -> f32 {
        if self.engaged { DELAY as f32 / 48.0 } else { 0.0 }
    }

    /// Runs what was just heard through the resampler, so that it is in the middle of it when it takes over.
    fn engage(&mut self, line: &Line) {
        self.resampler.reset();
        let history = line.history(4 * TAPS);
        let frames = history.len() / self.channels;
        // From its reset the resampler takes one sample more than it gives.
        if self.resampler.set_chunk_size(frames - 1).is_ok() {
            self.input[..history.len()].copy_from_slice(history);
            self.run(frames);
            self.engaged = true;
            self.heard = DELAY;
        }
    }

    /// Samples, per channel, that must be real for playing `wanted`.
    pub(crate) fn needed(&mut self, wanted: usize) -> usize {
        if !self.engaged || self.resampler.set_chunk_size(wanted + self.heard).is_err() {
            return wanted;
        }
        self.resampler.input_frames_next()
    }

    /// Plays the next samples of `line` into `out`, interleaved, at most [`MAX_PIECE`] per channel. The line must hold
    /// what [`needed`](Self::needed) said; where it does not, silence is played.
    pub(crate) fn play(&mut self, line: &mut Line, out: &mut [f32]) {
        let needed = self.needed(out.len() / self.channels);
        let played = line.play(needed);
        if !self.engaged {
            out[..played.len()].copy_from_slice(played);
            out[played.len()..].fill(0.0);
            return;
        }
        self.input[..played.len()].copy_from_slice(played);
        self.input[played.len()..needed * self.channels].fill(0.0);
        self.run(needed);
        let from = std::mem::take(&mut self.heard) * self.channels;
        out.copy_from_slice(&self.output[from..from + out.len()]);
    }

    /// Runs the first `frames` of the input through the resampler into the output.
    fn run(&mut self, frames: usize) {
        let room = self.output.len() / self.channels;
        let (Ok(input), Ok(mut output)) = (
            InterleavedSlice::new(&self.input, self.channels, frames),
            InterleavedSlice::new_mut(&mut self.output, self.channels, room),
        ) else {
            return;
        };
        // The sizes are those that the resampler asked for.
        let done = self.resampler.process_into_buffer(&input, &mut output, None);
        debug_assert!(done.is_ok(), "{done:?}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(n: usize) -> f32 {
        0.5 * (n as f32 * 0.05).sin()
    }

    fn steepest(samples: &[f32]) -> f32 {
        samples.windows(2).map(|w| (w[1] - w[0]).abs()).fold(0.0, f32::max)
    }

    /// Plays a second of a sine in pulls of `pull`, steering by `excess_ms` from the middle on. Returns what was heard
    /// and how many samples it took.
    fn play(pull: usize, excess_ms: i64) -> (Vec<f32>, usize) {
        let mut drift = Drift::new(1).unwrap();
        let mut line = Line::new(1);
        let (mut heard, mut given) = (Vec::new(), 0);
        let mut out = vec![0.0; pull];
        while heard.len() < 48_000 {
            while line.real() < drift.needed(pull) + 2 * TAPS {
                let block: Vec<f32> = (given..given + 480).map(sine).collect();
                line.push_real(&block);
                given += 480;
            }
            if heard.len() >= 24_000 {
                drift.steer(Samples::from_ms(excess_ms), Samples::from(pull), pull, &line);
            }
            drift.play(&mut line, &mut out);
            heard.extend_from_slice(&out);
        }
        (heard, given - line.real())
    }

    #[test]
    fn without_an_error_samples_pass_untouched() {
        let (heard, taken) = play(120, 0);
        assert_eq!(taken, heard.len());
        assert!(heard.iter().enumerate().all(|(n, &s)| s == sine(n)));
    }

    #[test]
    fn the_resampler_comes_in_without_a_click() {
        for pull in [120, 441, 480] {
            for excess in [-3, 3] {
                let (heard, _) = play(pull, excess);
                assert!(steepest(&heard) < 0.5 * 0.05 * 1.02, "{pull} {excess}: {}", steepest(&heard));
            }
        }
    }

    #[test]
    fn an_excess_is_played_away_at_the_speed_that_was_set() {
        let (heard, taken) = play(120, 3);
        let faster = taken as f64 - heard.len() as f64;
        let expected = 24_000.0 * 3e-3;
        assert!((faster - expected).abs() < 20.0, "{faster} of {expected}");
    }
}
