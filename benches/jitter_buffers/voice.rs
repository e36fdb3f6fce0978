//! What is spoken.

use std::path::Path;

/// A synthetic voice with pauses, or the WAV at `path`.
pub(crate) fn load(path: Option<&str>, seconds: f64) -> Vec<f32> {
    let samples = (seconds * 48_000.0) as usize;
    match path {
        Some(path) => {
            let mut wav = hound::WavReader::open(path).expect("a WAV file");
            wav.samples::<i16>().take(samples).map(|s| f32::from(s.expect("16 bits")) / 32_768.0).collect()
        }
        None => synthetic(samples),
    }
}

/// Writes 16-bit mono.
pub(crate) fn save(path: &str, samples: &[f32]) {
    if let Some(folder) = Path::new(path).parent() {
        std::fs::create_dir_all(folder).expect("a folder");
    }
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 48_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut wav = hound::WavWriter::create(path, spec).expect("a WAV file");
    for &sample in samples {
        wav.write_sample((sample.clamp(-1.0, 1.0) * 32_767.0) as i16).expect("room on the disk");
    }
    wav.finalize().expect("room on the disk");
}

/// A buzz whose pitch and formants wander, in words with pauses between them.
fn synthetic(samples: usize) -> Vec<f32> {
    let mut phase = 0.0f32;
    let mut noise = 1u32;
    (0..samples)
        .map(|i| {
            let t = i as f32 / 48_000.0;
            phase += (120.0 + 30.0 * (t * 5.0).sin()) / 48_000.0;
            let word = (t * 2.1).sin() + 0.6 * (t * 0.7).sin();
            let loud = (word.clamp(0.0, 0.4) * 2.5).powi(2);
            let (first, second) = (500.0 + 250.0 * (t * 7.0).sin(), 1700.0 + 500.0 * (t * 4.3).cos());
            let sound: f32 = (1..30)
                .map(|k| {
                    let hz = 130.0 * k as f32;
                    let formants = (-((hz - first) / 250.0).powi(2)).exp()
                        + 0.4 * (-((hz - second) / 400.0).powi(2)).exp();
                    (formants + 0.02) * (std::f32::consts::TAU * phase * k as f32).sin()
                })
                .sum();
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            0.15 * loud * sound + 3e-4 * ((noise >> 8) as f32 / 8_388_608.0 - 1.0)
        })
        .collect()
}
