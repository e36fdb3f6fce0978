//! Muting without a click.

use super::{Channels, SAMPLE_RATE};

/// How long a fade takes: short enough to be at once to a person, long enough for a voice not to click.
const FADE_MS: u32 = 5;

/// Opens and closes the sound with a short linear ramp. Starts open.
///
/// Call [`Fader::set_open`] at any time and [`Fader::apply`] on each block in order.
#[derive(Debug, Clone)]
pub struct Fader {
    open: bool,
    /// 0.0 is closed, 1.0 open.
    gain: f32,
    channels: Channels,
}

impl Fader {
    /// An open fader for blocks of `channels`.
    pub fn new(channels: Channels) -> Fader {
        Fader { open: true, gain: 1.0, channels }
    }

    /// Lets the sound through, or not, from the next block on.
    pub fn set_open(&mut self, open: bool) {
        self.open = open;
    }

    /// Whether the sound is let through (or on its way there).
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// Applies the fade to one interleaved block.
    pub fn apply(&mut self, samples: &mut [f32]) {
        let target = if self.open { 1.0 } else { 0.0 };
        if self.gain == target {
            if !self.open {
                samples.fill(0.0);
            }
            return;
        }
        let step = 1000.0 / (FADE_MS * SAMPLE_RATE) as f32;
        for frame in samples.chunks_mut(self.channels.count()) {
            self.gain = if self.open { (self.gain + step).min(1.0) } else { (self.gain - step).max(0.0) };
            frame.iter_mut().for_each(|sample| *sample *= self.gain);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_fader_changes_nothing() {
        let mut block = [0.5; 480];
        Fader::new(Channels::Mono).apply(&mut block);
        assert_eq!(block, [0.5; 480]);
    }

    #[test]
    fn muting_ramps_down_within_5_ms_and_then_is_exact_silence() {
        let mut fader = Fader::new(Channels::Stereo);
        fader.set_open(false);
        let mut block = [1.0; 2 * 480];
        fader.apply(&mut block);
        let steepest = block.windows(3).map(|w| (w[2] - w[0]).abs()).fold(0.0, f32::max);
        assert!(steepest < 0.005, "a step of {steepest} clicks");
        assert!(block[2 * 240..].iter().all(|&s| s.abs() < 1e-4));
        let mut next = [1.0; 2 * 480];
        fader.apply(&mut next);
        assert_eq!(next, [0.0; 2 * 480]);
    }

    #[test]
    fn both_channels_of_a_frame_get_the_same_gain() {
        let mut fader = Fader::new(Channels::Stereo);
        fader.set_open(false);
        let mut block = [1.0; 100];
        fader.apply(&mut block);
        assert!(block.chunks(2).all(|frame| frame[0] == frame[1]));
    }

    #[test]
    fn opening_again_comes_back_to_full_gain() {
        let mut fader = Fader::new(Channels::Mono);
        fader.set_open(false);
        fader.apply(&mut [1.0; 480]);
        fader.set_open(true);
        fader.apply(&mut [1.0; 480]);
        let mut block = [0.25; 10];
        fader.apply(&mut block);
        assert_eq!(block, [0.25; 10]);
    }
}
