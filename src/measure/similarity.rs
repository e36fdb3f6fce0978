//! How alike what was sent and what was heard are.

use super::DelayTrack;

/// From this correlation on, a stretch counts as heard: the words are there, whatever the codec and the concealment
/// did to their waveform.
const HEARD: f32 = super::align::MATCHED;

/// Bounds of one stretch's ratio, so that a few perfect or lost ones do not decide the mean.
const SNR_DB: (f32, f32) = (-10.0, 35.0);

/// Likeness of two aligned recordings, over the stretches that hold speech.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Similarity {
    /// Stretches that held speech.
    pub spoken_windows: usize,
    /// Those of them that were found again.
    pub heard_windows: usize,
    /// Mean normalised correlation of all of them, 0 to 1.
    pub mean: f32,
    /// The least of them.
    pub worst: f32,
    /// Segmental ratio of what is the same to what differs, up to loudness. It sees phase, so a codec at a low
    /// bitrate scores lower than it sounds; compare it only with itself.
    pub snr_db: f32,
}

impl Similarity {
    /// Sums up a track.
    pub fn of(track: &DelayTrack) -> Self {
        let windows = track.windows();
        if windows.is_empty() {
            return Self::default();
        }
        let count = windows.len() as f32;
        let snr_db = |similarity: f32| {
            let common = similarity * similarity;
            (10.0 * (common.max(1e-6) / (1.0 - common).max(1e-6)).log10()).clamp(SNR_DB.0, SNR_DB.1)
        };
        Self {
            spoken_windows: windows.len(),
            heard_windows: windows.iter().filter(|window| window.similarity >= HEARD).count(),
            mean: windows.iter().map(|window| window.similarity).sum::<f32>() / count,
            worst: windows.iter().map(|window| window.similarity).fold(1.0, f32::min),
            snr_db: windows.iter().map(|window| snr_db(window.similarity)).sum::<f32>() / count,
        }
    }

    /// The part of the speech that was heard, 0 to 1; 0 if none was spoken.
    pub fn heard_share(&self) -> f32 {
        if self.spoken_windows == 0 {
            return 0.0;
        }
        self.heard_windows as f32 / self.spoken_windows as f32
    }
}

#[cfg(test)]
mod tests {
    use super::super::voice::{speak, stretched, with_noise};
    use super::super::{Recording, Search, align};

    #[test]
    fn the_same_speech_is_wholly_heard() {
        let sent = speak(3.0, 48_000);
        let similarity = align(&sent, &sent, &Search::default()).similarity();
        assert_eq!(similarity.heard_share(), 1.0);
        assert!(similarity.worst > 0.999 && similarity.snr_db > 30.0, "{similarity:?}");
    }

    #[test]
    fn more_noise_is_less_alike() {
        let sent = speak(3.0, 48_000);
        let snr =
            |amplitude| align(&sent, &with_noise(&sent, amplitude), &Search::default()).similarity().snr_db;
        assert!(snr(0.01) > snr(0.1) + 5.0);
        assert!(snr(0.1) > snr(1.0) + 5.0);
    }

    #[test]
    fn speech_played_a_little_faster_or_slower_is_heard() {
        let sent = speak(4.0, 48_000);
        for factor in [0.994, 0.998, 1.002, 1.006] {
            let search = Search { from_ms: -100.0, to_ms: 100.0 };
            let similarity = align(&sent, &stretched(&sent, factor), &search).similarity();
            assert!(similarity.heard_share() > 0.8, "{factor}: {similarity:?}");
        }
    }

    #[test]
    fn noise_and_speech_backwards_are_not_heard() {
        let sent = speak(4.0, 48_000);
        let with_samples =
            |samples: Vec<f32>| Recording::new(samples, sent.rate_hz(), sent.start_ms() + 50.0);
        let noise = with_noise(&with_samples(vec![0.0; sent.samples().len()]), 0.2);
        let backwards = with_samples(sent.samples().iter().rev().copied().collect());
        for heard in [noise, backwards] {
            let search = Search { from_ms: -300.0, to_ms: 300.0 };
            let similarity = align(&sent, &heard, &search).similarity();
            assert!(similarity.heard_share() < 0.1 && similarity.mean < 0.4, "{similarity:?}");
        }
    }

    #[test]
    fn the_half_that_was_cut_off_is_not_heard() {
        let sent = speak(4.0, 48_000);
        let mut samples = sent.samples().to_vec();
        let half = samples.len() / 2;
        samples[half..].fill(0.0);
        let heard = Recording::new(samples, 48_000, sent.start_ms());
        let share = align(&sent, &heard, &Search::default()).similarity().heard_share();
        assert!((0.4..0.6).contains(&share), "{share}");
    }
}
