//! The line of decoded samples, from what was heard a moment ago to what has yet to be heard.

use crate::rtp::{Samples, Unplayed};

/// What stays in memory behind the play position, for comparing with what comes: three of the longest pitch periods.
pub(crate) const HISTORY: usize = 48 * 60;
/// Room for what has yet to be heard. The longest packet is 120 ms and is decoded only when less than a pull and a
/// stretch's look-ahead is left; this is several times their sum, and what does not fit is dropped, oldest first.
const ROOM: usize = 48 * 500;

/// Interleaved samples in three parts: heard, real, and made up.
#[derive(Debug)]
pub(crate) struct Line {
    channels: usize,
    samples: Vec<f32>,
    /// First sample, per channel, that was not heard yet.
    head: usize,
    /// End of what is real.
    real_end: usize,
}

impl Line {
    /// Silence behind, nothing ahead.
    pub(crate) fn new(channels: usize) -> Line {
        let mut samples = Vec::with_capacity((4 * HISTORY + ROOM) * channels);
        samples.resize(HISTORY * channels, 0.0);
        Line { channels, samples, head: HISTORY, real_end: HISTORY }
    }

    fn end(&self) -> usize {
        self.samples.len() / self.channels
    }

    /// How much has yet to be heard.
    pub(crate) fn unplayed(&self) -> Unplayed {
        Unplayed {
            real: Samples::from(self.real_end - self.head),
            made_up: Samples::from(self.end() - self.real_end),
        }
    }

    /// Real samples that have yet to be heard, per channel.
    pub(crate) fn real(&self) -> usize {
        self.real_end - self.head
    }

    /// Samples made up behind the real ones, per channel.
    pub(crate) fn made_up(&self) -> usize {
        self.end() - self.real_end
    }

    /// The real part, interleaved.
    pub(crate) fn real_samples(&self) -> &[f32] {
        &self.samples[self.head * self.channels..self.real_end * self.channels]
    }

    /// The made-up part, interleaved.
    pub(crate) fn made_up_samples(&self) -> &[f32] {
        &self.samples[self.real_end * self.channels..]
    }

    /// The last `n` samples before the play position, interleaved; `n` is at most [`HISTORY`].
    pub(crate) fn history(&self, n: usize) -> &[f32] {
        let n = n.min(self.head);
        &self.samples[(self.head - n) * self.channels..self.head * self.channels]
    }

    /// Adds real samples. Nothing made up may stand behind the real ones.
    pub(crate) fn push_real(&mut self, samples: &[f32]) {
        debug_assert_eq!(self.made_up(), 0);
        self.push(samples);
        self.real_end = self.end();
    }

    /// Adds made-up samples.
    pub(crate) fn push_made_up(&mut self, samples: &[f32]) {
        self.push(samples);
    }

    fn push(&mut self, samples: &[f32]) {
        let free = self.samples.capacity() - self.samples.len();
        let taken = samples.len().min(free);
        self.samples.extend_from_slice(&samples[..taken]);
    }

    /// Counts the first `n` made-up samples as real.
    pub(crate) fn settle(&mut self, n: usize) {
        self.real_end = (self.real_end + n).min(self.end());
    }

    /// Drops what was made up.
    pub(crate) fn drop_made_up(&mut self) {
        self.samples.truncate(self.real_end * self.channels);
    }

    /// Takes `n` samples out of the real part, `at` samples behind the play position.
    pub(crate) fn cut(&mut self, at: usize, n: usize) {
        let from = (self.head + at) * self.channels;
        self.samples.drain(from..from + n * self.channels);
        self.real_end -= n;
    }

    /// Steps the play position back by `n`: the last `n` samples heard are heard once more.
    pub(crate) fn rewind(&mut self, n: usize) {
        self.head -= n.min(self.head);
    }

    /// Samples from the play position on, for changing them in place.
    pub(crate) fn ahead_mut(&mut self, n: usize) -> &mut [f32] {
        let to = (self.head + n).min(self.end());
        &mut self.samples[self.head * self.channels..to * self.channels]
    }

    /// Hears `n` samples: the play position moves past them. They are returned, interleaved; fewer when there are
    /// fewer.
    pub(crate) fn play(&mut self, n: usize) -> &[f32] {
        if self.head > 3 * HISTORY {
            self.forget();
        }
        let from = self.head;
        let to = (from + n).min(self.end());
        self.head = to;
        self.real_end = self.real_end.max(to);
        &self.samples[from * self.channels..to * self.channels]
    }

    /// Drops what was heard longer ago than [`HISTORY`].
    fn forget(&mut self) {
        let gone = self.head - HISTORY;
        self.samples.drain(..gone * self.channels);
        self.head -= gone;
        self.real_end -= gone;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_come_out_in_the_order_in_which_they_went_in() {
        let mut line = Line::new(2);
        let mut next = 0.0;
        let mut heard = 0.0;
        for _ in 0..100 {
            let block: Vec<f32> = (0..960).map(|n| next + n as f32).collect();
            next += 960.0;
            line.push_real(&block);
            for &sample in line.play(480) {
                assert_eq!(sample, heard);
                heard += 1.0;
            }
        }
        assert_eq!(line.history(1), &[heard - 2.0, heard - 1.0]);
    }

    #[test]
    fn made_up_samples_settle_or_go() {
        let mut line = Line::new(1);
        line.push_real(&[1.0; 10]);
        line.push_made_up(&[2.0; 10]);
        line.settle(4);
        assert_eq!(line.unplayed(), Unplayed { real: Samples(14), made_up: Samples(6) });
        line.drop_made_up();
        assert_eq!(line.play(20), [[1.0; 10].as_slice(), &[2.0; 4]].concat());
    }

    #[test]
    fn playing_into_what_was_made_up_leaves_nothing_real() {
        let mut line = Line::new(1);
        line.push_real(&[1.0; 10]);
        line.push_made_up(&[2.0; 10]);
        assert_eq!(line.play(15).len(), 15);
        assert_eq!(line.unplayed(), Unplayed { real: Samples(0), made_up: Samples(5) });
    }
}
