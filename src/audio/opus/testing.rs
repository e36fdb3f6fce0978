//! Sounds and measures for the tests of the codec.

use super::{Encoder, EncoderConfig, MAX_PACKET_BYTES};

/// A buzz with formants whose pitch and loudness wander: nothing anyone says, but coded like speech.
pub(crate) fn voice_like(samples: usize) -> Vec<f32> {
    let mut phase = 0.0f32;
    (0..samples)
        .map(|i| {
            let t = i as f32 / 48_000.0;
            phase += (120.0 + 20.0 * (t * 9.0).sin()) / 48_000.0;
            let envelope = 0.6 + 0.4 * (t * 25.0).sin();
            let harmonics = (1..30).map(|k| {
                let hz = 130.0 * k as f32;
                let formant =
                    (-((hz - 600.0) / 250.0).powi(2)).exp() + 0.4 * (-((hz - 1700.0) / 400.0).powi(2)).exp();
                (formant + 0.02) * (std::f32::consts::TAU * phase * k as f32).sin()
            });
            0.15 * envelope * harmonics.sum::<f32>()
        })
        .collect()
}

/// The packets of all whole frames of `samples`.
pub(crate) fn encode_all(config: EncoderConfig, samples: &[f32]) -> Vec<Vec<u8>> {
    let frame = config.frame.samples() * config.channels.count();
    let mut encoder = Encoder::new(config).unwrap();
    let mut packet = [0; MAX_PACKET_BYTES];
    samples
        .chunks_exact(frame)
        .map(|frame| {
            let bytes = encoder.encode(frame, &mut packet).unwrap();
            packet[..bytes].to_vec()
        })
        .collect()
}

/// How alike two waveforms are: 1.0 for the same shape, 0.0 for nothing in common.
pub(crate) fn correlation(a: &[f32], b: &[f32]) -> f32 {
    let dot = |x: &[f32], y: &[f32]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f32>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt().max(1e-12)
}
