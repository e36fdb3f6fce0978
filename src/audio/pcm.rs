//! Samples of other widths, and channels of other numbers.

use super::Channels;

/// A 16-bit sample as a float; full scale is ±1.0.
pub fn from_i16(sample: i16) -> f32 {
    f32::from(sample) / 32_768.0
}

/// A float as a 16-bit sample, to the nearest; what is beyond full scale is cut off, NaN is 0.
pub fn to_i16(sample: f32) -> i16 {
    // A cast saturates, and takes NaN to 0.
    (sample * 32_768.0).round() as i16
}

/// Gives one interleaved frame of any number of channels (at least one) as a frame of `to` channels.
///
/// Down to mono is the mean of all; to stereo from mono is the same twice, from more the first two, which
/// are the front ones in every common order.
pub fn remix(frame: &[f32], to: Channels) -> [f32; 2] {
    match (frame, to) {
        ([], _) => [0.0; 2],
        ([only], _) => [*only; 2],
        ([left, right, ..], Channels::Stereo) => [*left, *right],
        (all, Channels::Mono) => [all.iter().sum::<f32>() / all.len() as f32; 2],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_16_bit_sample_survives_the_way_there_and_back() {
        for sample in i16::MIN..=i16::MAX {
            assert_eq!(to_i16(from_i16(sample)), sample);
        }
    }

    #[test]
    fn what_is_too_loud_is_cut_off_and_not_wrapped() {
        assert_eq!([1.0, 7.0, -1.0, -7.0].map(to_i16), [i16::MAX, i16::MAX, i16::MIN, i16::MIN]);
        assert_eq!([f32::NAN, f32::INFINITY, f32::NEG_INFINITY].map(to_i16), [0, i16::MAX, i16::MIN]);
    }

    #[test]
    fn channels_are_mixed_down_and_doubled_up() {
        assert_eq!(remix(&[0.5], Channels::Mono)[0], 0.5);
        assert_eq!(remix(&[0.5], Channels::Stereo), [0.5, 0.5]);
        assert_eq!(remix(&[0.5, 0.1], Channels::Stereo), [0.5, 0.1]);
        assert_eq!(remix(&[0.5, 0.1], Channels::Mono)[0], 0.3);
        assert_eq!(remix(&[0.6, 0.3, 0.9, 0.0, 0.0, 0.0], Channels::Stereo), [0.6, 0.3]);
        assert!((remix(&[0.6, 0.3, 0.9, 0.0, 0.0, 0.0], Channels::Mono)[0] - 0.3).abs() < 1e-6);
    }
}
