//! How high captured sound reaches.

use super::{SAMPLE_RATE, opus::Bandwidth};

/// Sound of a 16 kHz source ends at 8 kHz, that of a 24 kHz source at 12 kHz; what is above this belongs to the latter or to
/// a fuller one.
const EDGE_HZ: f64 = 10_500.0;

/// Sections of the filter, of order two each: together 36 dB down at 8 kHz.
const SECTIONS: usize = 6;

/// Power above the edge that counts, as a part of a frame's whole power: sibilants have a tenth and more, what leaks
/// through the filter less than this.
const LEAST_SHARE: f32 = 1e-3;

/// ... and by itself: the noise of 16-bit samples is a hundredth of this.
const LEAST_POWER: f32 = 1e-7;

/// How long sound counts as full after the last frame that was: longer than speech goes without a sibilant.
const HOLD_SAMPLES: usize = 20 * SAMPLE_RATE as usize;

/// Finds out whether there is anything above 8 kHz to code.
///
/// libopus codes speech at 32 kbit/s in full band even if the upper half is empty, and spends bits on it: a wideband recording
/// loses 0.3 to 0.5 of PESQ-WB. Sound begins as wideband and is full from the first frame on that reaches higher,
/// for [`HOLD_SAMPLES`].
#[derive(Debug, Clone)]
pub(super) struct BandwidthWatch {
    sections: [Section; SECTIONS],
    /// Samples for which it stays full.
    full_for: usize,
}

impl BandwidthWatch {
    pub(super) fn new() -> Self {
        // Butterworth of order 2n: section k has Q = 1 / (2 cos(pi (2k + 1) / 4n)).
        let sections = std::array::from_fn(|k| {
            let angle = std::f64::consts::PI * (2 * k + 1) as f64 / (4 * SECTIONS) as f64;
            Section::high_pass(0.5 / angle.cos())
        });
        Self { sections, full_for: 0 }
    }

    /// Looks at one interleaved frame. Channels that differ are looked at by their mean.
    pub(super) fn on_frame(&mut self, samples: &[f32], channels: usize) -> Bandwidth {
        let (mut whole, mut high) = (0.0, 0.0);
        for frame in samples.chunks_exact(channels) {
            let sample = frame.iter().sum::<f32>() / channels as f32;
            let above = self.sections.iter_mut().fold(sample, |sample, section| section.filter(sample));
            whole += sample * sample;
            high += above * above;
        }
        let count = samples.len() / channels;
        if high > LEAST_SHARE * whole && high > LEAST_POWER * count as f32 {
            self.full_for = HOLD_SAMPLES;
        } else {
            self.full_for = self.full_for.saturating_sub(count);
        }
        if self.full_for > 0 { Bandwidth::Full } else { Bandwidth::Wide }
    }
}

/// A high-pass filter of order two, in transposed direct form II.
#[derive(Debug, Clone)]
struct Section {
    gain: f32,
    feedback: [f32; 2],
    state: [f32; 2],
}

impl Section {
    /// By the bilinear transform (Robert Bristow-Johnson's formulas).
    fn high_pass(q: f64) -> Self {
        let (sin, cos) = (std::f64::consts::TAU * EDGE_HZ / f64::from(SAMPLE_RATE)).sin_cos();
        let alpha = sin / (2.0 * q);
        let gain = (1.0 + cos) / 2.0 / (1.0 + alpha);
        let feedback = [-2.0 * cos / (1.0 + alpha), (1.0 - alpha) / (1.0 + alpha)];
        Self { gain: gain as f32, feedback: feedback.map(|factor| factor as f32), state: [0.0; 2] }
    }

    fn filter(&mut self, sample: f32) -> f32 {
        let input = sample * self.gain;
        let output = input + self.state[0];
        self.state[0] = self.state[1] - 2.0 * input - self.feedback[0] * output;
        // What is too small to count must not become a denormal number, which is slow to reckon with.
        self.state[1] = input - self.feedback[1] * output + 1e-20;
        output
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(hz: f32, power: f32, frame: usize) -> Vec<f32> {
        let step = std::f32::consts::TAU * hz / SAMPLE_RATE as f32;
        let loudest = (2.0 * power).sqrt();
        (frame * 480..(frame + 1) * 480).map(|n| (step * n as f32).sin() * loudest).collect()
    }

    /// What it says after half a second.
    fn judged(hz: f32, power: f32) -> Bandwidth {
        let mut watch = BandwidthWatch::new();
        (0..50).map(|frame| watch.on_frame(&tone(hz, power, frame), 1)).last().unwrap()
    }

    #[test]
    fn sound_up_to_8_khz_is_wide_however_loud_and_above_it_is_full_however_soft() {
        for hz in [100.0, 1000.0, 4000.0, 7000.0, 7900.0] {
            assert_eq!(judged(hz, 0.4), Bandwidth::Wide, "{hz} Hz");
        }
        for hz in [10_500.0, 11_500.0, 15_000.0, 19_000.0] {
            assert_eq!(judged(hz, 1e-6), Bandwidth::Full, "{hz} Hz");
        }
    }

    #[test]
    fn the_noise_of_16_bits_is_no_sound() {
        let mut watch = BandwidthWatch::new();
        let mut state = 1u32;
        for _ in 0..50 {
            let noise: Vec<f32> = std::iter::repeat_with(|| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                ((state >> 16) as f32 / 32_768.0 - 1.0) / 32_768.0
            })
            .take(480)
            .collect();
            assert_eq!(watch.on_frame(&noise, 1), Bandwidth::Wide);
        }
    }

    #[test]
    fn one_full_frame_is_remembered_and_forgotten_after_20_s() {
        let mut watch = BandwidthWatch::new();
        watch.on_frame(&tone(15_000.0, 0.1, 0), 1);
        let silence = [0.0; 480];
        let frames = (0..).take_while(|_| watch.on_frame(&silence, 1) == Bandwidth::Full).take(3000).count();
        assert!((1990..2010).contains(&frames), "{frames}");
    }

    #[test]
    fn both_channels_count() {
        let mut watch = BandwidthWatch::new();
        let right: Vec<f32> = tone(15_000.0, 0.1, 0).into_iter().flat_map(|sample| [0.0, sample]).collect();
        assert_eq!(watch.on_frame(&right, 2), Bandwidth::Full);
    }
}
