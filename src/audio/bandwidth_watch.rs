//! How high captured sound reaches.

use super::{SAMPLE_RATE, level::energy, opus::Bandwidth};

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

/// For so long after a frame that was full nobody looks: what was full a moment ago stays so.
const LOOK_AWAY_SAMPLES: usize = 5 * SAMPLE_RATE as usize;

/// Finds out whether there is anything above 8 kHz to code.
///
/// libopus codes speech at 32 kbit/s in full band even if the upper half is empty, and spends bits on it: a wideband recording
/// loses 0.3 to 0.5 of PESQ-WB. Sound begins as wideband and is full from the first frame on that reaches higher,
/// for [`HOLD_SAMPLES`].
#[derive(Debug, Clone)]
pub(super) struct BandwidthWatch {
    filter: HighPass,
    /// Samples for which it stays full.
    full_for: usize,
}

impl BandwidthWatch {
    pub(super) fn new() -> Self {
        Self { filter: HighPass::new(), full_for: 0 }
    }

    /// Looks at one interleaved frame. Channels that differ are looked at by their mean.
    pub(super) fn on_frame(&mut self, samples: &[f32], channels: usize) -> Bandwidth {
        let count = samples.len() / channels;
        if self.full_for <= HOLD_SAMPLES - LOOK_AWAY_SAMPLES && self.is_full(samples, channels) {
            self.full_for = HOLD_SAMPLES;
            // It will not know what came before the next frame that it is shown.
            self.filter.forget();
        } else {
            self.full_for = self.full_for.saturating_sub(count);
        }
        if self.full_for > 0 { Bandwidth::Full } else { Bandwidth::Wide }
    }

    /// Whether there is sound above the edge in a frame.
    fn is_full(&mut self, samples: &[f32], channels: usize) -> bool {
        let least = LEAST_POWER * (samples.len() / channels) as f32;
        // Nothing can be in it then, and silence is much of every call. The mean has at most the channels' mean power.
        if energy(samples) <= least * channels as f32 {
            self.filter.silence();
            return false;
        }
        let is_known = self.filter.is_settled();
        let (whole, high) = self.filter.run(samples, channels);
        is_known && high > LEAST_SHARE * whole && high > least
    }
}

fn mean(frame: &[f32]) -> f32 {
    match frame {
        [sample] => *sample,
        _ => frame.iter().sum::<f32>() / frame.len() as f32,
    }
}

/// Sections that are reckoned at once: two registers of four numbers. Those past [`SECTIONS`] do nothing.
const LANES: usize = 8;

/// High-pass filters of order two in series, in transposed direct form II.
///
/// In series each would have to wait for the one before it. So each takes in what the one before it gave for the sample
/// before: the result is the same, [`SECTIONS`] - 1 samples later, and all of them are reckoned at once.
#[derive(Debug, Clone)]
struct HighPass {
    feedback: [[f32; LANES]; 2],
    state: [[f32; LANES]; 2],
    output: [f32; LANES],
    /// Of all sections' gains together the square: they are left out in the sections.
    power_gain: f32,
    /// Whether it knows what came before the next frame.
    settled: bool,
}

impl HighPass {
    fn new() -> Self {
        let (mut feedback1, mut feedback2) = ([0.0; LANES], [0.0; LANES]);
        let mut gain = 1.0;
        for (k, feedback) in feedback1.iter_mut().zip(&mut feedback2).take(SECTIONS).enumerate() {
            // Butterworth of order 2n: section k has Q = 1 / (2 cos(pi (2k + 1) / 4n)). Coefficients by the bilinear
            // transform (Robert Bristow-Johnson's formulas).
            let angle = std::f64::consts::PI * (2 * k + 1) as f64 / (4 * SECTIONS) as f64;
            let (sin, cos) = (std::f64::consts::TAU * EDGE_HZ / f64::from(SAMPLE_RATE)).sin_cos();
            let alpha = sin * angle.cos();
            *feedback.0 = (-2.0 * cos / (1.0 + alpha)) as f32;
            *feedback.1 = ((1.0 - alpha) / (1.0 + alpha)) as f32;
            gain *= (1.0 + cos) / 2.0 / (1.0 + alpha);
        }
        let power_gain = (gain * gain) as f32;
        let feedback = [feedback1, feedback2];
        Self { feedback, state: [[0.0; LANES]; 2], output: [0.0; LANES], power_gain, settled: true }
    }

    /// Silence came last.
    fn silence(&mut self) {
        (self.state, self.output) = ([[0.0; LANES]; 2], [0.0; LANES]);
        self.settled = true;
    }

    /// It is not known what came last.
    fn forget(&mut self) {
        self.silence();
        self.settled = false;
    }

    fn is_settled(&self) -> bool {
        self.settled
    }

    /// Power of a frame, and of what of it lies above the edge, both by the mean of the channels.
    fn run(&mut self, samples: &[f32], channels: usize) -> (f32, f32) {
        let (mut whole, mut high) = (0.0, [0.0; LANES]);
        // Copies of its own stay in registers.
        let [feedback1, feedback2] = self.feedback;
        let [mut state1, mut state2] = self.state;
        let mut output = self.output;
        for frame in samples.chunks_exact(channels) {
            let sample = mean(frame);
            let [o0, o1, o2, o3, o4, o5, o6, _] = output;
            let input = [sample, o0, o1, o2, o3, o4, o5, o6];
            for k in 0..LANES {
                output[k] = input[k] + state1[k];
                state1[k] = state2[k] - 2.0 * input[k] - feedback1[k] * output[k];
                // What is too small to count must not become a denormal number, which is slow to reckon with.
                state2[k] = input[k] - feedback2[k] * output[k] + 1e-20;
                high[k] += output[k] * output[k];
            }
            whole += sample * sample;
        }
        (self.state, self.output, self.settled) = ([state1, state2], output, true);
        (whole, high[SECTIONS - 1] * self.power_gain)
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
    fn sound_that_reaches_high_each_ten_seconds_stays_full() {
        let mut watch = BandwidthWatch::new();
        watch.on_frame(&tone(15_000.0, 0.1, 0), 1);
        for frame in 1..12_000 {
            let hz = if frame % 1000 == 0 { 15_000.0 } else { 440.0 };
            assert_eq!(watch.on_frame(&tone(hz, 0.1, frame), 1), Bandwidth::Full, "{frame}");
        }
    }

    #[test]
    fn sound_that_goes_on_when_it_looks_again_does_not_look_high() {
        for hz in [100.0, 4000.0, 7900.0] {
            let mut watch = BandwidthWatch::new();
            watch.on_frame(&tone(15_000.0, 0.1, 0), 1);
            let frames =
                (1..3000).take_while(|frame| watch.on_frame(&tone(hz, 0.4, *frame), 1) == Bandwidth::Full);
            assert!((1990..2010).contains(&frames.count()), "{hz} Hz");
        }
    }

    #[test]
    fn both_channels_count() {
        let mut watch = BandwidthWatch::new();
        let right: Vec<f32> = tone(15_000.0, 0.1, 0).into_iter().flat_map(|sample| [0.0, sample]).collect();
        assert_eq!(watch.on_frame(&right, 2), Bandwidth::Full);
    }
}
