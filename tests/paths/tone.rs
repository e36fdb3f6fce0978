//! Whether a tone is heard in a recording.

/// Judged piece by piece, each so long (s): short enough that playout which hurries by half a percent, to give delay
/// back, does not turn the tone away within one.
const PIECE_S: f64 = 0.05;

/// Loudness below which nothing is heard (mean square; full scale is 1).
const SILENCE: f64 = 1e-5;

/// The share of a piece's energy that its tone must have: the coder adds a little of its own.
const SHARE: f64 = 0.7;

/// For each piece of a WAV file, whether it is the tone and little else.
pub(crate) fn heard(path: &str, hz: f64) -> Vec<bool> {
    let mut wav = hound::WavReader::open(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let spec = wav.spec();
    let full = 2f64.powi(i32::from(spec.bits_per_sample) - 1);
    let samples: Vec<f64> = match spec.sample_format {
        hound::SampleFormat::Float => wav.samples::<f32>().map(|s| f64::from(s.expect("whole"))).collect(),
        hound::SampleFormat::Int => {
            wav.samples::<i32>().map(|s| f64::from(s.expect("whole")) / full).collect()
        }
    };
    let samples: Vec<f64> = samples.into_iter().step_by(usize::from(spec.channels)).collect();
    let piece = (f64::from(spec.sample_rate) * PIECE_S) as usize;
    samples.chunks_exact(piece).map(|piece| is_tone(piece, hz / f64::from(spec.sample_rate))).collect()
}

/// `turns` is the tone's frequency in turns a sample.
fn is_tone(piece: &[f64], turns: f64) -> bool {
    let energy: f64 = piece.iter().map(|sample| sample * sample).sum();
    let (mut along, mut across) = (0.0, 0.0);
    for (n, sample) in piece.iter().enumerate() {
        let (sin, cos) = (n as f64 * turns * std::f64::consts::TAU).sin_cos();
        along += sample * cos;
        across += sample * sin;
    }
    let of_tone = 2.0 * (along * along + across * across) / piece.len() as f64;
    energy / piece.len() as f64 > SILENCE && of_tone > SHARE * energy
}
