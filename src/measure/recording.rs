//! One mono recording and the moment of its first sample.

/// The highest rate that sound is recorded at. Filters grow with the rate, so a wrong one must not be taken at its word.
const MAX_RATE_HZ: u32 = 192_000;

/// Mono samples and when they were spoken or heard.
///
/// Samples are full scale at ±1. `start_ms` may count from anything, as long as both recordings of a comparison
/// count from the same.
#[derive(Debug, Clone, PartialEq)]
pub struct Recording {
    samples: Vec<f32>,
    rate_hz: u32,
    start_ms: f64,
}

impl Recording {
    /// `samples` at `rate_hz`, the first of them at `start_ms`.
    ///
    /// A rate outside 1 Hz to 192 kHz is taken as the nearest inside, and a sample that is not finite as silence.
    pub fn new(mut samples: Vec<f32>, rate_hz: u32, start_ms: f64) -> Self {
        for sample in samples.iter_mut().filter(|sample| !sample.is_finite()) {
            *sample = 0.0;
        }
        Self { samples, rate_hz: rate_hz.clamp(1, MAX_RATE_HZ), start_ms }
    }

    /// The mean of `channels` interleaved channels.
    pub fn from_interleaved(interleaved: &[f32], channels: usize, rate_hz: u32, start_ms: f64) -> Self {
        let channels = channels.max(1);
        let mono =
            interleaved.chunks_exact(channels).map(|frame| frame.iter().sum::<f32>() / channels as f32);
        Self::new(mono.collect(), rate_hz, start_ms)
    }

    /// The same samples, the first of them at `start_ms`.
    pub fn starting_at(self, start_ms: f64) -> Self {
        Self { start_ms, ..self }
    }

    /// The samples, full scale at ±1.
    pub fn samples(&self) -> &[f32] {
        &self.samples
    }

    /// Samples in a second.
    pub fn rate_hz(&self) -> u32 {
        self.rate_hz
    }

    /// When the first sample was spoken or heard.
    pub fn start_ms(&self) -> f64 {
        self.start_ms
    }

    /// When the sample after the last would be.
    pub fn end_ms(&self) -> f64 {
        self.start_ms + self.duration_ms()
    }

    /// How long it lasts.
    pub fn duration_ms(&self) -> f64 {
        self.samples.len() as f64 * 1e3 / f64::from(self.rate_hz)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stereo_becomes_the_mean_of_its_channels() {
        let recording = Recording::from_interleaved(&[0.2, 0.4, -1.0, 0.0, 0.7], 2, 48_000, 5.0);
        assert_eq!(recording.samples(), [0.3, -0.5]);
    }

    #[test]
    fn ends_where_its_samples_end() {
        let recording = Recording::new(vec![0.0; 4_800], 48_000, 12.5);
        assert_eq!(recording.end_ms(), 112.5);
    }

    #[test]
    fn what_is_not_a_number_is_silence() {
        let recording = Recording::new(vec![f32::NAN, f32::INFINITY, 0.5], 0, 0.0);
        assert_eq!(recording.samples(), [0.0, 0.0, 0.5]);
        assert_eq!(recording.rate_hz(), 1);
    }
}
