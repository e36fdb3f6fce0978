//! Two clocks that are not the same: a resampler, steered so slowly that nobody hears it.
//!
//! As long as there is nothing to correct, samples pass through untouched and undelayed. The first correction puts the
//! resampler in, without a seam, and there it stays.

use super::curve::{BLOCK, Curve, TAPS, WINDOW};
use super::line::Line;
use crate::rtp::Samples;

/// How far what is heard lies behind what is taken from the line: a third of a millisecond.
const DELAY: usize = TAPS / 2 + 2;
/// Samples kept of those that were taken: a window, and one for a block that begins a sample early.
const TAIL: usize = TAPS + 2;
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
/// What it takes of the line at the greatest speed.
const MAX_TAKEN: usize = MAX_PIECE + 8;

/// The resampler and its steering.
pub(crate) struct Drift {
    channels: usize,
    curve: &'static Curve,
    engaged: bool,
    /// Samples that were heard before the resampler took over and are still to be taken from the line.
    heard: usize,
    /// How far behind a sample what is heard next lies, 0 to 1.
    fraction: f64,
    /// The clocks' difference as it was learnt.
    learnt: f64,
    /// Media played per time, less one: positive when playing fast.
    speed: f64,
    /// The same from the next pull on: what this one takes was made ready by the speed that holds.
    next_speed: f64,
    /// Of each channel the last [`TAIL`] samples that were taken from the line, and room for those of a pull and a block.
    input: Vec<Box<[f32]>>,
}

impl Drift {
    /// Not steering yet.
    pub(crate) fn new(channels: usize) -> Drift {
        Drift {
            channels,
            curve: Curve::get(),
            engaged: false,
            heard: 0,
            fraction: 0.0,
            learnt: 0.0,
            speed: 0.0,
            next_speed: 0.0,
            input: vec![vec![0.0; TAIL + DELAY + MAX_TAKEN + WINDOW].into(); channels],
        }
    }

    /// Steers by how far playout is from where it should be (positive: behind, play faster), `since` samples after the
    /// last time and before at least `pull` are played from `line`.
    pub(crate) fn steer(&mut self, excess: Samples, since: Samples, pull: usize, line: &Line) {
        let error_ms = excess.ms();
        if !self.engaged {
            if error_ms.abs() < DEAD_ZONE_MS || line.real() < pull + TAPS {
                return;
            }
            // What is heard next is the same sample: it lies in the middle of the first window.
            (self.engaged, self.heard, self.fraction) = (true, DELAY, 0.0);
            split(line.history(TAIL), &mut self.input, 0);
        }
        let learning = INTEGRAL * error_ms.clamp(-4.0, 4.0) * since.ms() / 1000.0;
        self.learnt = (self.learnt + learning).clamp(-MAX_DRIFT, MAX_DRIFT);
        self.next_speed = (self.learnt + PROPORTIONAL * error_ms).clamp(-MAX_SPEED, MAX_SPEED);
    }

    /// The clocks' difference as it was learnt, in parts per million.
    pub(crate) fn ppm(&self) -> f64 {
        self.learnt * 1e6
    }

    /// What it adds to the delay, in milliseconds.
    pub(crate) fn delay_ms(&self) -> f32 {
        if self.engaged { DELAY as f32 / 48.0 } else { 0.0 }
    }

    /// Samples, per channel, that must be real for playing `wanted`.
    pub(crate) fn needed(&self, wanted: usize) -> usize {
        if self.engaged { self.heard + self.place(wanted) as usize } else { wanted }
    }

    /// Where the sample `n` from now is on the line, behind the first one of the next window.
    fn place(&self, n: usize) -> f64 {
        self.fraction + n as f64 * (1.0 + self.speed)
    }

    /// Plays the next samples of `line` into `out`, interleaved, at most [`MAX_PIECE`] per channel. The line must hold
    /// what [`needed`](Self::needed) said; where it does not, silence is played.
    pub(crate) fn play(&mut self, line: &mut Line, out: &mut [f32]) {
        let length = out.len() / self.channels;
        if self.engaged {
            self.play_resampled(line, out, length);
        } else {
            let played = line.play(length);
            out[..played.len()].copy_from_slice(played);
            out[played.len()..].fill(0.0);
        }
        self.speed = self.next_speed;
    }

    fn play_resampled(&mut self, line: &mut Line, out: &mut [f32], length: usize) {
        let heard = std::mem::take(&mut self.heard);
        let end = self.place(length);
        let played = line.play((heard + end as usize).min(DELAY + MAX_TAKEN));
        split(played, &mut self.input, TAIL);
        let taken = played.len() / self.channels;
        for first in (0..length).step_by(BLOCK) {
            let place = self.place(first);
            // Where the windows of the block begin: by the point in its middle.
            let windows = (place + (BLOCK / 2) as f64 * (1.0 + self.speed)).floor() - (BLOCK / 2) as f64;
            let from = ((heard + 1) as f64 + windows) as usize;
            let block = &mut out[first * self.channels..];
            for (channel, input) in self.input.iter().enumerate() {
                let Some(window) = input.get(from..).and_then(|input| input.first_chunk()) else { continue };
                let points = self.curve.read(window, place - windows, self.speed);
                for (frame, point) in block.chunks_exact_mut(self.channels).zip(points) {
                    frame[channel] = point;
                }
            }
        }
        for input in &mut self.input {
            input.copy_within(taken..taken + TAIL, 0);
        }
        self.fraction = end.fract();
    }
}

/// Puts the channels of interleaved samples apart, each to its place from `at` on.
fn split(samples: &[f32], to: &mut [Box<[f32]>], at: usize) {
    let channels = to.len();
    for (channel, to) in to.iter_mut().enumerate() {
        for (to, frame) in to[at..].iter_mut().zip(samples.chunks_exact(channels)) {
            *to = frame[channel];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(n: usize) -> f32 {
        (0.5 * (n as f64 * 0.05).sin()) as f32
    }

    fn steepest(samples: &[f32]) -> f32 {
        samples.windows(2).map(|w| (w[1] - w[0]).abs()).fold(0.0, f32::max)
    }

    /// Plays a second of a sine in pulls of `pull`, steering by `excess_ms` from the middle on. Returns what was heard
    /// and how many samples it took.
    fn play(pull: usize, excess_ms: i64) -> (Vec<f32>, usize) {
        let mut drift = Drift::new(1);
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
    fn nothing_is_heard_of_the_resampler_but_its_speed() {
        // Of a sine each sample follows from the two before it; by how much, its pitch says, which is 0.3 % higher
        // from one sample on.
        for pull in [120, 441, 480] {
            let (heard, _) = play(pull, 3);
            let unlike =
                |w: &[f32]| (f64::from(w[2]) + f64::from(w[0]) - 2.0 * 0.05f64.cos() * f64::from(w[1])).abs();
            let worst = heard.windows(3).map(unlike).fold(0.0, f64::max);
            assert!(worst < 1e-4, "pulls of {pull}: {worst}");
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
