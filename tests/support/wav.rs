//! Reading recordings.

use handset::measure::Recording;

/// Reads a WAV file whose first sample is at `start_ms`.
#[track_caller]
pub(crate) fn read(path: &str, start_ms: f64) -> Recording {
    let mut wav = hound::WavReader::open(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let spec = wav.spec();
    let samples: Vec<f32> = match spec.sample_format {
        hound::SampleFormat::Float => wav.samples::<f32>().map(|sample| sample.expect("whole")).collect(),
        hound::SampleFormat::Int => {
            let full = 2f32.powi(i32::from(spec.bits_per_sample) - 1);
            wav.samples::<i32>().map(|sample| sample.expect("whole") as f32 / full).collect()
        }
    };
    Recording::from_interleaved(&samples, usize::from(spec.channels), spec.sample_rate, start_ms)
}
