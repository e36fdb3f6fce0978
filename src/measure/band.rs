//! The speech band: what any recording is brought to before it is compared.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

use super::Recording;

/// The rate at which recordings are compared. 8 kHz carries the band below; a peak of the correlation is found to a
/// small part of a sample, so a higher rate would cost time and bring no precision.
pub(super) const BAND_HZ: u32 = 8_000;

/// Upper edge. Every codec setting passes it, so a low bitrate does not look like a bad match.
const UPPER_HZ: f64 = 3_600.0;

/// Lower edge: removes offset and hum, which would correlate with anything.
const LOWER_HZ: f64 = 150.0;

/// Zero crossings of the low-pass kernel on each side.
const KERNEL_CROSSINGS: f64 = 12.0;

/// A recording in the speech band: 8 kHz, 150 Hz to 3.6 kHz, on the clock of the recording.
#[derive(Debug, Clone)]
pub(super) struct Band {
    pub(super) samples: Vec<f32>,
    start_ms: f64,
}

impl Band {
    pub(super) fn of(recording: &Recording) -> Self {
        let mut samples = low_pass(recording.samples(), recording.rate_hz());
        high_pass(&mut samples);
        Self { samples, start_ms: recording.start_ms() }
    }

    /// When sample `index` is, which may lie between two samples.
    pub(super) fn at_ms(&self, index: f64) -> f64 {
        self.start_ms + index * 1e3 / f64::from(BAND_HZ)
    }

    /// The sample nearest to `at_ms`, which may lie outside.
    pub(super) fn index_at(&self, at_ms: f64) -> isize {
        ((at_ms - self.start_ms) * f64::from(BAND_HZ) / 1e3).round() as isize
    }

    /// The samples of `from..to`, as far as they exist.
    pub(super) fn slice(&self, from: isize, to: isize) -> &[f32] {
        let clamp = |index: isize| index.clamp(0, self.samples.len() as isize) as usize;
        let (from, to) = (clamp(from), clamp(to));
        &self.samples[from..to.max(from)]
    }

    /// The samples of `from..to`, silence where there are none.
    pub(super) fn padded(&self, from: isize, to: isize) -> Vec<f32> {
        let at =
            |index: isize| usize::try_from(index).ok().and_then(|index| self.samples.get(index)).copied();
        (from..to).map(|index| at(index).unwrap_or(0.0)).collect()
    }

    /// Mean square of each whole block of `block` samples.
    pub(super) fn block_power(&self, block: usize) -> Vec<f32> {
        self.samples.chunks_exact(block).map(mean_square).collect()
    }
}

/// Mean square; of nothing, 0.
pub(super) fn mean_square(samples: &[f32]) -> f32 {
    if samples.is_empty() {
        return 0.0;
    }
    samples.iter().map(|sample| sample * sample).sum::<f32>() / samples.len() as f32
}

/// Resamples to `BAND_HZ` with a windowed sinc, one kernel for each phase that the two rates make.
fn low_pass(input: &[f32], rate_hz: u32) -> Vec<f32> {
    let common = gcd(rate_hz, BAND_HZ);
    let (step, phases) = (u64::from(rate_hz / common), u64::from(BAND_HZ / common));
    let kernels: Vec<Vec<f32>> =
        (0..phases).map(|phase| kernel(f64::from(rate_hz), phase as f64 / phases as f64)).collect();
    let half = kernels[0].len() / 2;
    let length = input.len() as u64 * phases / step;
    (0..length)
        .map(|output| {
            let position = output * step;
            let (centre, phase) = ((position / phases) as usize, (position % phases) as usize);
            let first = centre.saturating_sub(half);
            let last = (centre + half + 1).min(input.len());
            let taps = &kernels[phase][half + first - centre..];
            input[first..last].iter().zip(taps).map(|(sample, tap)| sample * tap).sum()
        })
        .collect()
}

/// A Blackman-windowed sinc around a centre that lies `offset` of a sample after the middle tap.
fn kernel(rate_hz: f64, offset: f64) -> Vec<f32> {
    let cutoff = 2.0 * UPPER_HZ.min(0.45 * rate_hz) / rate_hz;
    let half = (KERNEL_CROSSINGS / cutoff).ceil();
    let taps: Vec<f64> = (-(half as i64)..=half as i64)
        .map(|tap| {
            let x = tap as f64 - offset;
            let window = (x / (half + 1.0)).clamp(-1.0, 1.0) * PI;
            let blackman = 0.42 + 0.5 * window.cos() + 0.08 * (2.0 * window).cos();
            sinc(cutoff * x) * blackman
        })
        .collect();
    let gain: f64 = taps.iter().sum();
    taps.into_iter().map(|tap| (tap / gain) as f32).collect()
}

fn sinc(x: f64) -> f64 {
    if x.abs() < 1e-9 { 1.0 } else { (PI * x).sin() / (PI * x) }
}

/// Second-order Butterworth. Its delay is the same in both recordings and so falls out of their difference.
fn high_pass(samples: &mut [f32]) {
    let angle = 2.0 * PI * LOWER_HZ / f64::from(BAND_HZ);
    let alpha = angle.sin() * FRAC_1_SQRT_2;
    let a0 = 1.0 + alpha;
    let (b0, b1) = ((1.0 + angle.cos()) / 2.0 / a0, -(1.0 + angle.cos()) / a0);
    let (a1, a2) = (-2.0 * angle.cos() / a0, (1.0 - alpha) / a0);
    let (mut z1, mut z2) = (0.0, 0.0);
    for sample in samples {
        let x = f64::from(*sample);
        let y = b0 * x + z1;
        z1 = b1 * x - a1 * y + z2;
        z2 = b0 * x - a2 * y;
        *sample = y as f32;
    }
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(hz: f64, rate_hz: u32) -> Recording {
        let samples = (0..rate_hz).map(|n| (2.0 * PI * hz * f64::from(n) / f64::from(rate_hz)).sin() as f32);
        Recording::new(samples.collect(), rate_hz, 0.0)
    }

    /// Level of the steady middle, against a full-scale sine.
    fn gain_db(hz: f64, rate_hz: u32) -> f32 {
        let band = Band::of(&tone(hz, rate_hz));
        10.0 * (mean_square(&band.samples[2_000..6_000]) * 2.0).max(1e-9).log10()
    }

    #[test]
    fn speech_passes_and_what_lies_outside_does_not_at_any_common_rate() {
        for rate_hz in [8_000, 16_000, 22_050, 44_100, 48_000] {
            assert!(
                gain_db(1_000.0, rate_hz).abs() < 0.2,
                "1 kHz at {rate_hz}: {}",
                gain_db(1_000.0, rate_hz)
            );
            assert!(gain_db(20.0, rate_hz) < -30.0, "20 Hz at {rate_hz}");
            if rate_hz > 8_000 {
                assert!(
                    gain_db(5_000.0, rate_hz) < -50.0,
                    "5 kHz at {rate_hz}: {}",
                    gain_db(5_000.0, rate_hz)
                );
            }
        }
    }

    #[test]
    fn a_rate_of_one_or_an_empty_recording_is_no_trouble() {
        assert!(Band::of(&Recording::new(vec![], 48_000, 0.0)).samples.is_empty());
        assert_eq!(Band::of(&Recording::new(vec![1.0; 2], 1, 0.0)).samples.len(), 16_000);
    }
}
