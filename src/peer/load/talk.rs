//! What is said under load: one voice for all, each end at another place of it, in turns.

use std::sync::Arc;

use crate::audio::SAMPLE_RATE;
use crate::audio::device::PacedSource;

/// How long one speaks and then listens, together.
const ROUND: usize = 8 * SAMPLE_RATE as usize;

/// A voice that speaks in turns with silence, for ever.
pub(super) struct Talk {
    voice: Arc<[f32]>,
    /// Place in the voice.
    at: usize,
    /// Place in the round of speaking and listening.
    turn: usize,
    /// Samples of a round that are spoken.
    spoken: usize,
}

impl Talk {
    /// One that speaks for `percent` of the time. `number` is the call's; the one who was called speaks when the caller
    /// listens.
    pub(super) fn new(voice: Arc<[f32]>, number: usize, percent: u8, called: bool) -> Talk {
        // Steps without a common factor, so that neighbours say something else at another time.
        let (at, turn) = (number * 17_321 % voice.len(), number * 5_003 + if called { ROUND / 2 } else { 0 });
        Talk { voice, at, turn: turn % ROUND, spoken: ROUND * usize::from(percent) / 100 }
    }
}

impl PacedSource for Talk {
    fn read(&mut self, out: &mut [f32]) -> usize {
        let wanted = out.len();
        let mut rest = out;
        while !rest.is_empty() {
            let speaks = self.turn < self.spoken;
            let turn_left = if speaks { self.spoken } else { ROUND } - self.turn;
            let length = turn_left.min(self.voice.len() - self.at).min(rest.len());
            let (now, later) = rest.split_at_mut(length);
            match speaks {
                true => now.copy_from_slice(&self.voice[self.at..self.at + length]),
                false => now.fill(0.0),
            }
            self.at = (self.at + length) % self.voice.len();
            self.turn = (self.turn + length) % ROUND;
            rest = later;
        }
        wanted
    }

    fn is_over(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spoken(talk: &mut Talk) -> Vec<bool> {
        let mut round = vec![0.0; ROUND];
        talk.read(&mut round);
        round.iter().map(|sample| *sample != 0.0).collect()
    }

    #[test]
    fn one_speaks_while_the_other_listens() {
        let voice: Arc<[f32]> = vec![0.5; 1000].into();
        let [caller, called] =
            [false, true].map(|called| spoken(&mut Talk::new(voice.clone(), 7, 50, called)));
        assert!(caller.iter().zip(&called).all(|(one, other)| one != other));
        let quarter = spoken(&mut Talk::new(voice, 7, 25, false));
        assert_eq!(quarter.iter().filter(|spoken| **spoken).count(), ROUND / 4);
    }
}
