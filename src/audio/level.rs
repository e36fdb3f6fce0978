//! Loudness of a block of samples, on the scale that travels in RTP (RFC 6464).

use std::fmt;

/// The level of a block of audio in dBov, 0 (a full-scale square wave) down to -127 (silence).
///
/// RFC 6464 §3: the level is the root mean square of the samples, relative to the overload point of the
/// system, carried as its magnitude in 7 bits. A full-scale sine is therefore -3 dBov.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Level(i8);

impl Level {
    /// Digital silence: the lowest level that RFC 6464 can say.
    pub const SILENCE: Level = Level(-127);

    /// Measures `samples` (any channels, full scale is -1.0 to 1.0). An empty block is silence.
    pub fn of(samples: &[f32]) -> Level {
        if samples.is_empty() {
            return Level::SILENCE;
        }
        let mean_square = energy(samples) / samples.len() as f32;
        // The square of -127 dBov; what is below it, and a NaN, is silence.
        if mean_square > 10f32.powf(-12.7) {
            Level((10.0 * mean_square.log10()).round().clamp(-127.0, 0.0) as i8)
        } else {
            Level::SILENCE
        }
    }

    /// The level `magnitude` decibels below overload, as RFC 6464 carries it; more than 127 is silence.
    pub fn below_overload(magnitude: u8) -> Level {
        Level(-(magnitude.min(127) as i8))
    }

    /// The level in dBov: -127 to 0.
    pub fn dbov(self) -> i8 {
        self.0
    }
}

/// The sum of the squares of `samples`, in several sums at once: one would have to wait for each addition.
pub(super) fn energy(samples: &[f32]) -> f32 {
    const SUMS: usize = 16;
    let mut sums = [0.0f32; SUMS];
    let (blocks, rest) = samples.as_chunks::<SUMS>();
    for block in blocks {
        for (sum, sample) in sums.iter_mut().zip(block) {
            *sum += sample * sample;
        }
    }
    sums.iter().sum::<f32>() + rest.iter().map(|sample| sample * sample).sum::<f32>()
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} dBov", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_scale_square_wave_is_0_dbov_and_a_sine_3_below() {
        assert_eq!(Level::of(&[1.0, -1.0, 1.0, -1.0]).dbov(), 0);
        let sine: Vec<f32> = (0..4800).map(|i| (i as f32 * 0.1).sin()).collect();
        assert_eq!(Level::of(&sine).dbov(), -3);
    }

    #[test]
    fn silence_nothing_and_nonsense_are_all_minus_127() {
        for block in [&[][..], &[0.0; 480], &[f32::NAN; 3], &[1e-9; 480]] {
            assert_eq!(Level::of(block), Level::SILENCE);
        }
    }

    #[test]
    fn a_level_beyond_overload_stays_0() {
        assert_eq!(Level::of(&[4.0; 10]).dbov(), 0);
        assert_eq!(Level::of(&[f32::INFINITY; 10]).dbov(), 0);
    }
}
