//! The background behind a voice: how loud it is, and something like it for when nothing comes.

use crate::audio::level::energy;

/// The background is never assumed to be louder: -45 dB. What is louder is no background.
const LOUDEST: f32 = 5.6e-3;
/// Nor softer than this for telling speech from it: -80 dB.
const SOFTEST: f32 = 1e-4;
/// The background is the least that was heard in this time to twice of it.
const WINDOW_SECONDS: f32 = 1.5;
/// A block this much louder than the background is still background: 6 dB.
const QUIET_FACTOR: f32 = 2.0;
/// One pole of a low-pass at about 1.5 kHz: rooms rumble more than they hiss.
const COLOUR: f32 = 0.82;

/// Follows the background and makes noise like it.
#[derive(Debug, Clone)]
pub(crate) struct Background {
    /// Least loudness, as a root mean square, of the window in progress and of the one before it.
    current: f32,
    before: f32,
    window_seconds: f32,
    random: u32,
    last: f32,
}

impl Default for Background {
    fn default() -> Background {
        Background { current: LOUDEST, before: LOUDEST, window_seconds: 0.0, random: 0x9e37_79b9, last: 0.0 }
    }
}

impl Background {
    /// Takes in decoded samples, interleaved, that last `seconds`.
    pub(crate) fn observe(&mut self, samples: &[f32], seconds: f32) {
        if samples.is_empty() {
            return;
        }
        self.window_seconds += seconds;
        if self.window_seconds > WINDOW_SECONDS {
            self.window_seconds = 0.0;
            self.before = std::mem::replace(&mut self.current, LOUDEST);
        }
        self.current = self.current.min(root_mean_square(samples));
    }

    /// Its loudness, as a root mean square.
    fn level(&self) -> f32 {
        self.current.min(self.before)
    }

    /// Whether a loudness is that of the background.
    pub(crate) fn is_quiet(&self, rms: f32) -> bool {
        rms < QUIET_FACTOR * self.level().max(SOFTEST)
    }

    /// Adds background noise to `samples`, interleaved; its gain goes evenly from `from` to `to`.
    pub(crate) fn add_to(&mut self, samples: &mut [f32], channels: usize, from: f32, to: f32) {
        let frames = (samples.len() / channels).max(1);
        // White noise of this amplitude has the background's loudness behind the low-pass.
        let amplitude = self.level() * (3.0 * (1.0 - COLOUR * COLOUR)).sqrt();
        for (index, frame) in samples.chunks_mut(channels).enumerate() {
            let gain = from + (to - from) * index as f32 / frames as f32;
            self.random = self.random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let white = (self.random >> 8) as f32 / 8_388_608.0 - 1.0;
            self.last = COLOUR * self.last + white;
            let noise = gain * amplitude * self.last;
            frame.iter_mut().for_each(|sample| *sample += noise);
        }
    }
}

/// The loudness of interleaved samples.
pub(crate) fn root_mean_square(samples: &[f32]) -> f32 {
    (energy(samples) / samples.len().max(1) as f32).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_background_is_what_lies_between_the_words() {
        let mut background = Background::default();
        for n in 0..200 {
            let level = if n % 50 < 40 { 0.1 } else { 0.001 };
            background.observe(&[level; 480], 0.01);
        }
        assert!((0.0005..0.003).contains(&background.level()), "{}", background.level());
        assert!(background.is_quiet(0.001));
        assert!(!background.is_quiet(0.1));
    }

    #[test]
    fn the_noise_is_as_loud_as_the_background() {
        let mut background = Background::default();
        for _ in 0..2000 {
            background.observe(&[0.004; 480], 0.01);
        }
        let mut noise = vec![0.0; 48_000];
        background.add_to(&mut noise, 1, 1.0, 1.0);
        let level = root_mean_square(&noise);
        assert!((0.003..0.005).contains(&level), "{level}");
    }
}
