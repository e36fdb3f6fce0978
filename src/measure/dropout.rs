//! What was lost on the way: silences that were speech, and jumps of the delay.

use super::band::{BAND_HZ, Band, mean_square};
use super::{DelayTrack, Recording};

/// Length of one judged piece of speech.
const BLOCK_MS: f64 = 10.0;

/// A piece counts as speech from this part of the loudest piece's power on: -30 dB.
const SPOKEN: f32 = 1e-3;

/// A piece is lost when what was heard has less than this part of the power it should have: -20 dB. Concealment and
/// low bitrates stay well above it.
const LOST: f32 = 1e-2;

/// So much before and after the expected moment is heard as well, for pieces on the edge of a syllable.
const SLACK_MS: f64 = 2.0;

/// Where in the recording a piece was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Nothing had been heard before it.
    Start,
    /// Between pieces that were heard.
    Middle,
    /// Nothing was heard after it.
    End,
}

/// Speech that was sent and is silence where it should have been heard.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dropout {
    /// When the lost speech began to be spoken.
    pub from_ms: f64,
    /// When it ended.
    pub to_ms: f64,
    /// Before, between or after what was heard.
    pub place: Place,
}

impl Dropout {
    /// How much was lost.
    pub fn length_ms(&self) -> f64 {
        self.to_ms - self.from_ms
    }
}

/// A change of the delay from one spoken stretch to the next.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Jump {
    /// When the first stretch after it was spoken.
    pub at_ms: f64,
    /// Above zero, sound was repeated or put in; below, it was left out.
    pub by_ms: f64,
}

/// Finds the speech of `sent` that is missing in `heard`, given the delays between them.
///
/// With no matched stretch at all, everything that was spoken is one loss from start to end.
pub fn find_dropouts(sent: &Recording, heard: &Recording, track: &DelayTrack) -> Vec<Dropout> {
    let (sent, heard) = (Band::of(sent), Band::of(heard));
    let block = (BLOCK_MS * f64::from(BAND_HZ) / 1e3) as usize;
    let powers = sent.block_power(block);
    let threshold = SPOKEN * powers.iter().copied().fold(0.0, f32::max);
    let gain = usual_gain(&sent, &heard, track);
    let pieces: Vec<Piece> = powers
        .iter()
        .enumerate()
        .filter(|(_, power)| **power > 0.0 && **power >= threshold)
        .map(|(index, power)| {
            let from_ms = sent.at_ms((index * block) as f64);
            let expected = LOST * gain * power;
            let lost = track.around(from_ms).into_iter().flatten().all(|delay_ms| {
                let from = heard.index_at(from_ms + delay_ms - SLACK_MS);
                let to = heard.index_at(from_ms + delay_ms + BLOCK_MS + SLACK_MS);
                mean_square(heard.slice(from, to)) < expected
            });
            Piece { from_ms, lost }
        })
        .collect();
    join(&pieces)
}

/// Changes of the delay of at least `least_ms` between neighbouring spoken stretches.
pub fn find_jumps(track: &DelayTrack, least_ms: f64) -> Vec<Jump> {
    let matched: Vec<_> = track.matched().collect();
    matched
        .windows(2)
        .map(|pair| Jump { at_ms: pair[1].spoken_ms, by_ms: pair[1].delay_ms - pair[0].delay_ms })
        .filter(|jump| jump.by_ms.abs() >= least_ms)
        .collect()
}

/// One spoken block, judged.
struct Piece {
    from_ms: f64,
    lost: bool,
}

/// Median ratio of heard to sent power over the matched stretches.
fn usual_gain(sent: &Band, heard: &Band, track: &DelayTrack) -> f32 {
    let half_ms = 100.0;
    let around = |band: &Band, at_ms: f64| {
        mean_square(band.slice(band.index_at(at_ms - half_ms), band.index_at(at_ms + half_ms)))
    };
    let mut gains: Vec<f32> = track
        .matched()
        .map(|window| (around(sent, window.spoken_ms), around(heard, window.spoken_ms + window.delay_ms)))
        .filter(|(sent, _)| *sent > 0.0)
        .map(|(sent, heard)| heard / sent)
        .collect();
    gains.sort_by(f32::total_cmp);
    gains.get(gains.len() / 2).copied().unwrap_or(1.0)
}

/// Joins lost pieces with no heard piece between them.
fn join(pieces: &[Piece]) -> Vec<Dropout> {
    let first_heard = pieces.iter().position(|piece| !piece.lost).unwrap_or(pieces.len());
    let last_heard = pieces.iter().rposition(|piece| !piece.lost);
    let mut dropouts: Vec<Dropout> = Vec::new();
    let mut open = false;
    for (index, piece) in pieces.iter().enumerate() {
        let to_ms = piece.from_ms + BLOCK_MS;
        match (piece.lost, open) {
            (true, true) => dropouts.last_mut().expect("a run is open").to_ms = to_ms,
            (true, false) => {
                let place = match last_heard {
                    _ if index < first_heard => Place::Start,
                    Some(last) if index < last => Place::Middle,
                    _ => Place::End,
                };
                dropouts.push(Dropout { from_ms: piece.from_ms, to_ms, place });
            }
            (false, _) => {}
        }
        open = piece.lost;
    }
    dropouts
}

#[cfg(test)]
mod tests {
    use super::super::voice::speak;
    use super::super::{Search, align};
    use super::*;

    fn lose(sent: &Recording, from_ms: f64, to_ms: f64) -> Recording {
        let index = |ms: f64| ((ms / 1e3 * f64::from(sent.rate_hz())) as usize).min(sent.samples().len());
        let mut samples = sent.samples().to_vec();
        samples[index(from_ms)..index(to_ms)].fill(0.0);
        Recording::new(samples, sent.rate_hz(), sent.start_ms() + 40.0)
    }

    fn dropouts(sent: &Recording, heard: &Recording) -> Vec<Dropout> {
        find_dropouts(sent, heard, &align(sent, heard, &Search::default()))
    }

    #[test]
    fn nothing_is_lost_when_all_was_heard() {
        let sent = speak(4.0, 48_000);
        assert_eq!(dropouts(&sent, &lose(&sent, 0.0, 0.0)), []);
    }

    #[test]
    fn quiet_is_not_lost() {
        let sent = speak(4.0, 48_000);
        let quiet = sent.samples().iter().map(|sample| sample * 0.05).collect();
        assert_eq!(dropouts(&sent, &Recording::new(quiet, 48_000, sent.start_ms())), []);
    }

    #[test]
    fn a_lost_start_a_lost_middle_and_a_lost_end_are_told_apart() {
        let sent = speak(4.0, 48_000);
        let end_ms = sent.duration_ms();
        for (from_ms, to_ms, place) in
            [(0.0, 120.0, Place::Start), (1_650.0, 1_730.0, Place::Middle), (3_350.0, end_ms, Place::End)]
        {
            let found = dropouts(&sent, &lose(&sent, from_ms, to_ms));
            let lost_ms: f64 = found.iter().map(Dropout::length_ms).sum();
            assert!(found.iter().all(|dropout| dropout.place == place), "{place:?}: {found:?}");
            assert!((40.0..=to_ms - from_ms + 20.0).contains(&lost_ms), "{place:?}: {lost_ms} ms");
        }
    }

    #[test]
    fn silence_loses_everything() {
        let sent = speak(2.0, 48_000);
        let found = dropouts(&sent, &Recording::new(vec![0.0; 96_000], 48_000, 0.0));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].place, Place::Start);
    }

    #[test]
    fn a_repeated_piece_and_a_left_out_one_are_jumps_up_and_down() {
        let sent = speak(6.0, 48_000);
        let at = |seconds: f64| (seconds * 48_000.0) as usize;
        let mut samples = sent.samples()[..at(2.06)].to_vec();
        samples.extend(&sent.samples()[at(2.04)..at(4.0)]);
        samples.extend(&sent.samples()[at(4.03)..]);
        let heard = Recording::new(samples, 48_000, sent.start_ms());
        let jumps = find_jumps(&align(&sent, &heard, &Search::default()), 3.0);
        let total: Vec<i64> = jumps.iter().map(|jump| jump.by_ms.round() as i64).collect();
        assert_eq!(total, [20, -30], "{jumps:?}");
    }
}
