//! One direction of the call, measured: what was said against what was heard.

use crate::measure::{DelayTrack, Dropout, Place, Recording, Search, Similarity, align, find_dropouts};

use super::told::Figures;

/// Bounds of the search: the two processes share a clock, so nothing can be heard before it was said.
const SEARCH: Search = Search { from_ms: -5.0, to_ms: 2_000.0 };

/// What is found.
#[derive(Debug, Clone)]
pub(super) struct Outcome {
    /// Who spoke.
    pub(super) from: &'static str,
    /// Who listened.
    pub(super) to: &'static str,
    /// What was said, on the common clock.
    pub(super) said: Recording,
    /// What was heard, on the common clock.
    pub(super) heard: Recording,
    /// Delay over time.
    pub(super) track: DelayTrack,
    /// Speech that is missing.
    pub(super) dropouts: Vec<Dropout>,
    /// The listener's last figures.
    pub(super) figures: Figures,
}

impl Outcome {
    /// Compares the two recordings.
    pub(super) fn measure(
        [from, to]: [&'static str; 2],
        said: Recording,
        heard: Recording,
        figures: Figures,
    ) -> Self {
        let track = align(&said, &heard, &SEARCH);
        let dropouts = find_dropouts(&said, &heard, &track);
        Self { from, to, said, heard, track, dropouts, figures }
    }

    /// How alike they are.
    pub(super) fn similarity(&self) -> Similarity {
        self.track.similarity()
    }

    /// Speech missing at a place (ms).
    pub(super) fn missing_ms(&self, place: Place) -> f64 {
        // From 0.0, because the sum of nothing is -0.0 and would be shown so.
        self.dropouts
            .iter()
            .filter(|dropout| dropout.place == place)
            .fold(0.0, |sum, lost| sum + lost.length_ms())
    }

    /// Whether anything of it was heard.
    pub(super) fn is_heard(&self) -> bool {
        self.similarity().heard_share() > 0.5
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// An outcome of speech-like noise that was heard 20 ms late, without its first tenth of a second.
    pub(in super::super) fn example() -> Outcome {
        let mut seed = 5u32;
        let mut said = Vec::new();
        for n in 0..48_000u32 {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let noise = (seed >> 8) as f32 / 8_388_608.0 - 1.0;
            let syllable = (f64::from(n) / 16_000.0 * 4.0 * std::f64::consts::TAU).sin().max(0.0) as f32;
            said.push(0.3 * noise * (0.2 + syllable));
        }
        let mut heard = said.clone();
        heard[..1_600].fill(0.0);
        Outcome::measure(
            ["alice", "bob"],
            Recording::new(said, 16_000, 0.0),
            Recording::new(heard, 16_000, 20.0),
            Figures { packets_received: 300, ..Figures::default() },
        )
    }

    #[test]
    fn delay_and_what_is_missing_are_found() {
        let outcome = example();
        assert!((outcome.track.median_ms().expect("heard") - 20.0).abs() < 0.1);
        assert!((80.0..=110.0).contains(&outcome.missing_ms(Place::Start)), "{:?}", outcome.dropouts);
        assert_eq!(outcome.missing_ms(Place::End), 0.0);
        assert!(outcome.is_heard());
    }

    #[test]
    fn silence_is_not_heard() {
        let example = example();
        let silence = Recording::new(vec![0.0; 48_000], 16_000, 0.0);
        assert!(!Outcome::measure(["a", "b"], example.said, silence, Figures::default()).is_heard());
    }
}
