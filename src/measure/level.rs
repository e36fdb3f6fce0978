//! How loud a recording is.

use super::Recording;

/// What silence is said to be, in decibels below full scale: 16 bits cannot say less.
const FLOOR_DBFS: f32 = -96.0;

/// A sample this close to full scale was clipped.
const CLIPPED: f32 = 0.999;

/// Length of a piece that is loud or quiet.
const BLOCK_MS: u32 = 20;

/// A piece below this is silence.
const SILENT_DBFS: f32 = -60.0;

/// Levels of one recording, in decibels below full scale.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Level {
    /// Root mean square of everything.
    pub rms_dbfs: f32,
    /// Root mean square of the pieces of 20 ms that are not silent.
    pub active_dbfs: f32,
    /// The greatest sample.
    pub peak_dbfs: f32,
    /// Samples at full scale.
    pub clipped_samples: usize,
    /// The part of the time that is silent (below -60 dBFS), 0 to 1.
    pub silent_share: f32,
}

impl Level {
    /// Measures a recording.
    pub fn of(recording: &Recording) -> Self {
        let samples = recording.samples();
        let block = (recording.rate_hz() / (1_000 / BLOCK_MS)).max(1) as usize;
        let silent = |block: &&[f32]| dbfs(power(block)) < SILENT_DBFS;
        let blocks: Vec<&[f32]> = samples.chunks(block).collect();
        let active: Vec<f32> =
            blocks.iter().filter(|block| !silent(block)).map(|block| power(block)).collect();
        let peak = samples.iter().map(|sample| sample.abs()).fold(0.0, f32::max);
        Self {
            rms_dbfs: dbfs(power(samples)),
            active_dbfs: dbfs(active.iter().sum::<f32>() / active.len().max(1) as f32),
            peak_dbfs: dbfs(peak * peak),
            clipped_samples: samples.iter().filter(|sample| sample.abs() >= CLIPPED).count(),
            silent_share: 1.0 - active.len() as f32 / blocks.len().max(1) as f32,
        }
    }
}

fn power(samples: &[f32]) -> f32 {
    let sum: f64 = samples.iter().map(|sample| f64::from(*sample) * f64::from(*sample)).sum();
    (sum / samples.len().max(1) as f64) as f32
}

fn dbfs(power: f32) -> f32 {
    (10.0 * power.max(1e-12).log10()).max(FLOOR_DBFS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_square_wave_is_at_zero_and_clips() {
        let level = Level::of(&Recording::new([1.0, -1.0].repeat(480), 48_000, 0.0));
        assert_eq!((level.rms_dbfs, level.peak_dbfs), (0.0, 0.0));
        assert_eq!(level.clipped_samples, 960);
        assert_eq!(level.silent_share, 0.0);
    }

    #[test]
    fn the_active_level_leaves_silence_out() {
        let mut samples = vec![0.1; 9_600];
        samples.resize(19_200, 0.0);
        let level = Level::of(&Recording::new(samples, 48_000, 0.0));
        assert!((level.active_dbfs + 20.0).abs() < 0.01, "{level:?}");
        assert!((level.rms_dbfs + 23.0).abs() < 0.02, "{level:?}");
        assert_eq!(level.silent_share, 0.5);
    }

    #[test]
    fn nothing_is_as_quiet_as_silence() {
        let level = Level::of(&Recording::new(vec![], 48_000, 0.0));
        assert_eq!((level.rms_dbfs, level.peak_dbfs, level.clipped_samples), (FLOOR_DBFS, FLOOR_DBFS, 0));
    }
}
