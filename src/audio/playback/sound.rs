//! The decoder, and the line that it fills.

use super::codec::Codec;
use super::line::Line;
use super::noise::{Background, root_mean_square};
use super::splice::{self, FADE, Placement};
use super::stretch::{self, Change};
use crate::audio::opus::MAX_PACKET_SAMPLES;
use crate::rtp::{Packet, RtpTimestamp, Samples};

/// Concealment is heard as it was made for so long; from then on it fades into the background,
const FULL: usize = 48 * 60;
/// and has gone after so long: what a model makes up of a voice is wrong by then.
const GONE: usize = 48 * 160;
/// In a silence on purpose it has gone after so long.
const GONE_WHEN_QUIET: usize = 48 * 40;
/// Least concealment made for a joint alone.
const TAIL: usize = 480;

/// A frame to be decoded, from the jitter buffer's decision.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Speech<'a> {
    /// The packet.
    pub(crate) payload: &'a [u8],
    /// Media time of the frame's first sample.
    pub(crate) timestamp: RtpTimestamp,
    /// What of it is meant.
    pub(crate) source: Source,
    /// Length of the frame.
    pub(crate) samples: Samples,
    /// What to leave out of its beginning.
    pub(crate) skip: Samples,
    /// Whether it does not go on where the decoder stands.
    pub(crate) seam: bool,
}

/// What of a packet is to be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// Its own frame.
    Frame,
    /// The low-rate copy of the frame before it.
    Fec,
    /// Its deep redundancy, from so long before its own first sample on.
    Dred {
        /// Media time of the packet's first sample.
        timestamp: RtpTimestamp,
        /// See above.
        before: Samples,
    },
}

/// What was done to the sound.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct SoundCounts {
    pub(crate) concealed: u64,
    pub(crate) concealments: u64,
    pub(crate) shortened: u64,
    pub(crate) lengthened: u64,
    pub(crate) undecodable: u64,
}

/// Turns decisions into a line of samples.
pub(crate) struct Sound {
    channels: usize,
    codec: Box<dyn Codec>,
    line: Line,
    background: Background,
    /// Room for one packet and the tail of a joint.
    scratch: Box<[f32]>,
    /// Media time up to which packets were decoded.
    stands: Option<RtpTimestamp>,
    /// Whether the codec remembers how it stood there: something was made up since.
    marked: bool,
    /// Samples made up one after the other up to now.
    run: usize,
    /// Whether they stand for a silence on purpose, and not for what was lost.
    pause: bool,
    counts: SoundCounts,
}

impl Sound {
    pub(crate) fn new(channels: usize, codec: Box<dyn Codec>) -> Sound {
        Sound {
            channels,
            codec,
            line: Line::new(channels),
            background: Background::default(),
            scratch: vec![0.0; MAX_PACKET_SAMPLES * channels].into(),
            stands: None,
            marked: false,
            run: 0,
            pause: false,
            counts: SoundCounts::default(),
        }
    }

    pub(crate) fn line(&self) -> &Line {
        &self.line
    }

    pub(crate) fn line_mut(&mut self) -> &mut Line {
        &mut self.line
    }

    pub(crate) fn counts(&self) -> SoundCounts {
        self.counts
    }

    /// Whether the end of the line is made up.
    pub(crate) fn is_concealing(&self) -> bool {
        self.run > 0
    }

    /// Whether that stands for a silence on purpose.
    pub(crate) fn is_pausing(&self) -> bool {
        self.run > 0 && self.pause
    }

    /// Whether what is heard next is no louder than the background.
    pub(crate) fn is_quiet(&self) -> bool {
        self.background.is_quiet(root_mean_square(self.line.real_samples()))
    }

    /// How far before `packet` its deep redundancy reaches.
    pub(crate) fn reach(&mut self, packet: &Packet) -> Samples {
        self.codec.reach(packet)
    }

    /// Adds silence, behind a fade if something was heard.
    pub(crate) fn silence(&mut self, samples: usize) {
        let samples = samples.min(MAX_PACKET_SAMPLES);
        let out = &mut self.scratch[..samples * self.channels];
        out.fill(0.0);
        splice::fade_into(self.line.made_up_samples(), out, self.channels);
        self.line.drop_made_up();
        self.line.push_real(out);
    }

    /// Makes up `samples` behind what is there; `quiet` when the sender is silent on purpose.
    pub(crate) fn conceal(&mut self, samples: usize, quiet: bool) {
        let samples = samples.min(MAX_PACKET_SAMPLES);
        let (from, to) = (presence(self.run, quiet), presence(self.run + samples, quiet));
        if self.run == 0 && !quiet {
            self.mark();
        }
        let out = &mut self.scratch[..samples * self.channels];
        let made = match (from > 0.0, quiet) {
            (true, true) => self.codec.conceal_pause(out).is_ok(),
            (true, false) => self.codec.conceal(out).is_ok(),
            // Nothing of it would be heard.
            (false, _) => false,
        };
        if !made {
            out.fill(0.0);
        }
        if self.run == 0 && !quiet {
            self.counts.concealments += 1;
        }
        self.pause = quiet;
        if to < 1.0 {
            for (index, frame) in out.chunks_mut(self.channels).enumerate() {
                let gain = from + (to - from) * index as f32 / samples as f32;
                frame.iter_mut().for_each(|sample| *sample *= gain);
            }
            self.background.add_to(out, self.channels, 1.0 - from, 1.0 - to);
        }
        self.run += samples;
        self.line.push_made_up(out);
    }

    /// Counts the first `samples` made up as real.
    pub(crate) fn settle(&mut self, samples: usize) {
        self.count_concealed(samples.min(self.line.made_up()));
        self.line.settle(samples);
    }

    /// Notes that `samples` made up are about to be heard.
    pub(crate) fn heard_made_up(&mut self, samples: usize) {
        self.count_concealed(samples);
    }

    /// The noise of a silence on purpose stands for nothing that was lost.
    fn count_concealed(&mut self, samples: usize) {
        if !self.pause {
            self.counts.concealed += samples as u64;
        }
    }

    /// Decodes a frame and joins it to what is there. Returns what it left out for the joint, less what was made up that it
    /// kept.
    pub(crate) fn decode(&mut self, speech: Speech<'_>) -> Samples {
        // The background is no continuation, however much of it there was.
        let pausing = self.is_pausing();
        let seam = speech.seam || pausing;
        if seam && self.line.made_up() < FADE {
            self.conceal(TAIL, self.pause);
        }
        let samples = speech.samples.len().min(MAX_PACKET_SAMPLES);
        self.rewind_for(&speech);
        self.decode_to_scratch(speech, samples);
        let fresh =
            &mut self.scratch[speech.skip.len().min(samples) * self.channels..samples * self.channels];
        self.background.observe(fresh, fresh.len() as f32 / (48_000 * self.channels) as f32);
        let mut placed = Placement::default();
        if seam {
            // Noise is like nothing: what would be found in it is chance, and moves playout away from its target.
            if !pausing {
                placed = splice::place(self.line.made_up_samples(), fresh, self.channels);
            }
            let old = &self.line.made_up_samples()[placed.keep * self.channels..];
            let old = &old[..old.len().min(FADE * self.channels)];
            splice::fade_into(old, &mut fresh[placed.leave_out * self.channels..], self.channels);
        }
        let settled = if seam { placed.keep } else { self.line.made_up() };
        self.line.settle(settled);
        self.line.drop_made_up();
        self.line.push_real(&fresh[placed.leave_out * self.channels..]);
        self.count_concealed(settled);
        self.run = 0;
        self.pause = false;
        Samples::from(placed.leave_out) - Samples::from(placed.keep)
    }

    /// Decodes a frame of which nothing is to be heard, for the sake of those behind it: the decoder learns from it what they
    /// build on.
    pub(crate) fn decode_unheard(&mut self, speech: Speech<'_>) {
        let samples = speech.samples.len().min(MAX_PACKET_SAMPLES);
        self.rewind_for(&speech);
        self.decode_to_scratch(speech, samples);
        self.mark();
    }

    fn mark(&mut self) {
        self.codec.mark();
        self.marked = true;
    }

    /// What was made up for want of this frame is undone in the decoder, if it is the one that was to come.
    fn rewind_for(&mut self, speech: &Speech<'_>) {
        if std::mem::take(&mut self.marked) && self.stands == Some(speech.timestamp) {
            self.codec.rewind();
        }
        self.stands = Some(speech.timestamp + speech.samples);
    }

    fn decode_to_scratch(&mut self, speech: Speech<'_>, samples: usize) {
        let out = &mut self.scratch[..samples * self.channels];
        let done = match speech.source {
            Source::Frame => self.codec.decode(speech.payload, out).is_ok_and(|decoded| decoded == samples),
            Source::Fec => self.codec.decode_fec(speech.payload, out).is_ok(),
            Source::Dred { timestamp, before } => {
                self.codec.restore(speech.payload, (timestamp, before), out)
            }
        };
        if !done {
            self.counts.undecodable += 1;
            if self.codec.conceal(out).is_err() {
                out.fill(0.0);
            }
        }
    }

    /// Leaves out a piece of at most `most` samples, and returns its length.
    pub(crate) fn shorten(&mut self, change: Change) -> usize {
        let left_out = stretch::shorten(&mut self.line, self.channels, change);
        self.counts.shortened += left_out as u64;
        left_out
    }

    /// Repeats a piece of at most `most` samples, and returns its length.
    pub(crate) fn lengthen(&mut self, change: Change) -> usize {
        let added = stretch::lengthen(&mut self.line, self.channels, change);
        self.counts.lengthened += added as u64;
        added
    }
}

/// How much of what the decoder makes up is heard after `run` samples of it; the rest is background.
fn presence(run: usize, quiet: bool) -> f32 {
    let (full, gone) = if quiet { (0, GONE_WHEN_QUIET) } else { (FULL, GONE) };
    1.0 - (run.saturating_sub(full) as f32 / (gone - full) as f32).min(1.0)
}
