//! Sources that need no outside: a sine and silence.

use super::PacedSource;
use crate::audio::{Channels, SAMPLE_RATE};

/// How loud a tone is: -20 dB below full scale, which nobody minds on a headset.
const TONE_PEAK: f32 = 0.1;

/// A sine that never ends.
#[derive(Debug)]
pub struct Tone {
    channels: Channels,
    /// In turns, 0.0 to 1.0; `f64`, so that the pitch does not drift over a day.
    phase: f64,
    step: f64,
}

impl Tone {
    /// A sine of `hz`.
    pub fn new(hz: f32, channels: Channels) -> Tone {
        Tone { channels, phase: 0.0, step: f64::from(hz) / f64::from(SAMPLE_RATE) }
    }
}

impl PacedSource for Tone {
    fn read(&mut self, out: &mut [f32]) -> usize {
        for frame in out.chunks_exact_mut(self.channels.count()) {
            frame.fill(TONE_PEAK * (self.phase * std::f64::consts::TAU).sin() as f32);
            self.phase = (self.phase + self.step).fract();
        }
        out.len()
    }

    fn is_over(&self) -> bool {
        false
    }
}

/// Silence that never ends.
#[derive(Debug)]
pub struct Silence;

impl PacedSource for Silence {
    fn read(&mut self, out: &mut [f32]) -> usize {
        out.fill(0.0);
        out.len()
    }

    fn is_over(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_has_its_pitch_whatever_the_blocks() {
        let mut tone = Tone::new(1000.0, Channels::Stereo);
        let mut sound = vec![0.0; 2 * 48_000];
        sound.chunks_mut(2 * 77).for_each(|block| assert_eq!(tone.read(block), block.len()));
        let left: Vec<f32> = sound.chunks(2).map(|frame| frame[0]).collect();
        let rises = left.windows(2).filter(|pair| pair[0] < 0.0 && pair[1] >= 0.0).count();
        assert!((999..=1000).contains(&rises), "{rises}");
        assert!(left.iter().all(|sample| sample.abs() <= TONE_PEAK));
        assert!(sound.chunks(2).all(|frame| frame[0] == frame[1]));
    }
}
