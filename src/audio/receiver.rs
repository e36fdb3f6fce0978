//! From packets to samples.

use std::time::Instant;

use super::playback::{
    Change, Codec, Drift, LOOK_AHEAD, MAX_PIECE, OpusCodec, ReceiverConfig, ReceiverStats, Sound, Source,
    Speech,
};
use super::{Error, Level};
use crate::rtp::{Decision, JitterBuffer, JitterStats, Packet, RtpTimestamp, Samples};

/// Excess from which pieces are left out of speech. A change of tempo within a sentence is heard, a few milliseconds of
/// delay are not: below it the resampler and pauses have to do.
const SHORTEN_FROM: Samples = Samples::from_ms(20);
/// The same while nobody speaks.
const SHORTEN_QUIET_FROM: Samples = Samples::from_ms(3);
/// Missing lag from which pieces are repeated, and how much is then added at least.
const LENGTHEN_FROM: Samples = Samples::from_ms(-10);
const LEAST_LENGTHENED: Samples = Samples::from_ms(6);
/// An excess is given back with this time constant, as far as the sound allows.
const SHORTEN_MS: f64 = 400.0;
/// Least and greatest share of the sound that is left out.
const SHORTEN_SHARE: (f64, f64) = (0.05, 0.6);
/// Time until the next try where the sound did not allow a change.
const RETRY: usize = 480;
/// What [`Receiver::render_ready`] renders at least: half of the shortest Opus frame, 1.25 ms.
const LEAST_PULL: usize = 60;
/// Decisions for one piece of a pull, at the most: each adds 2.5 ms or changes what is there, and a piece is 20 ms
/// long. Past it the piece ends in silence.
const MAX_DECISIONS: usize = 64;

/// The playback half of a call: packets in, samples out.
///
/// Call [`handle_packet`](Receiver::handle_packet) for each packet as it arrives, and [`render`](Receiver::render)
/// whenever samples are needed: by a device as it asks, by a paced sink from the moment that
/// [`poll_playout`](Receiver::poll_playout) names, best in steps of 2.5 ms. Neither reads a clock, nor allocates once
/// the receiver is made.
pub struct Receiver {
    channels: usize,
    jitter: JitterBuffer,
    sound: Sound,
    drift: Drift,
    /// Samples to play before the next piece may be left out or repeated.
    rest: usize,
    /// Samples of the last pull: the time that has passed since.
    played: usize,
    total: u64,
    level: Level,
    /// Where the jitter buffer's counts stood when statistics were last asked for.
    reported: JitterStats,
}

impl Receiver {
    /// A receiver that has heard nothing.
    ///
    /// # Errors
    /// [`Error::Opus`] if there is no memory for the decoder.
    pub fn new(config: ReceiverConfig) -> Result<Receiver, Error> {
        let codec = OpusCodec::new(config.channels, config.effort)?;
        Ok(Receiver::with_codec(config, Box::new(codec)))
    }

    /// A receiver that has heard nothing and has its packets decoded by `codec`.
    pub fn with_codec(config: ReceiverConfig, codec: Box<dyn Codec>) -> Receiver {
        let channels = config.channels.count();
        Receiver {
            channels,
            jitter: JitterBuffer::new(config.target()),
            sound: Sound::new(channels, codec),
            drift: Drift::new(channels),
            rest: 0,
            played: 0,
            total: 0,
            level: Level::SILENCE,
            reported: JitterStats::default(),
        }
    }

    /// Takes a packet in.
    pub fn handle_packet(&mut self, packet: &Packet) {
        let reach = self.sound.reach(packet);
        self.jitter.handle_packet_reaching(packet, reach);
    }

    /// When a paced sink should begin to render, so that each frame is rendered right when it is there; `None` until
    /// the first packet has come, and again when playout has begun.
    pub fn poll_playout(&self) -> Option<Instant> {
        self.jitter.poll_playout()
    }

    /// Fills `out`, interleaved, with what is to be heard from `now` on.
    pub fn render(&mut self, now: Instant, out: &mut [f32]) {
        let whole = out.len() / self.channels * self.channels;
        for piece in out[..whole].chunks_mut(MAX_PIECE * self.channels) {
            self.render_piece(now, piece);
        }
        out[whole..].fill(0.0);
        self.level = Level::of(out);
    }

    /// Renders for a sink that takes sound as it is ready, a file or a pipe: [`LEAST_PULL`] samples per channel, and
    /// with them everything that is decoded by then, as far as `out` has room. Returns the samples per channel that
    /// were written to the front of `out`; the next call is due when these are over.
    ///
    /// Pulls end where frames end, so that none waits for its place within a pull, and a stream of 10 ms frames costs
    /// a hundred pulls a second and not four hundred.
    pub fn render_ready(&mut self, now: Instant, out: &mut [f32]) -> usize {
        self.render_overdue(now, 0, out)
    }

    /// The same for a sink that asks late, when the next `overdue` samples per channel should have been rendered: these come
    /// at once, whatever they are. In the short pulls in which losses are made up, who is behind would have the more to do
    /// the later it is.
    pub fn render_overdue(&mut self, now: Instant, overdue: usize, out: &mut [f32]) -> usize {
        let room = (out.len() / self.channels).min(MAX_PIECE);
        let least = LEAST_PULL.max(overdue).min(room);
        self.prepare(now, least);
        let length = match self.jitter.pause(self.sound.line().unplayed()) {
            Some(pause) => self.lengthen_pause(pause.len().clamp(least, room)),
            None => self.ready(least, room),
        };
        let out = &mut out[..length * self.channels];
        self.play(out);
        self.level = Level::of(out);
        length
    }

    /// Makes the pull that was prepared so long, in a silence on purpose.
    fn lengthen_pause(&mut self, length: usize) -> usize {
        let needed = self.drift.needed(length);
        self.jitter.extend(Samples::from(needed));
        self.fill(needed);
        length
    }

    /// How much of what is decoded can be played at once.
    fn ready(&mut self, least: usize, room: usize) -> usize {
        if self.sound.is_concealing() {
            return least;
        }
        let real = self.sound.line().real();
        let mut length = real.min(room);
        // The resampler takes a few more or fewer than it gives.
        while length > least && self.drift.needed(length) > real {
            length -= 1;
        }
        length.max(least)
    }

    fn render_piece(&mut self, now: Instant, out: &mut [f32]) {
        self.prepare(now, out.len() / self.channels);
        self.play(out);
    }

    /// Sees to it that `length` samples can be played at `now`.
    fn prepare(&mut self, now: Instant, length: usize) {
        let needed = self.drift.needed(length);
        self.jitter.begin(now, Samples::from(needed), self.sound.line().unplayed());
        self.fill(needed);
        self.adjust(length, needed);
    }

    fn play(&mut self, out: &mut [f32]) {
        let length = out.len() / self.channels;
        let needed = self.drift.needed(length);
        let made_up = needed.saturating_sub(self.sound.line().real());
        self.sound.heard_made_up(made_up);
        self.drift.play(self.sound.line_mut(), out);
        self.rest = self.rest.saturating_sub(length);
        self.played = length;
        self.total += length as u64;
    }

    /// Follows decisions until the line holds `needed` samples.
    fn fill(&mut self, needed: usize) {
        for _ in 0..MAX_DECISIONS {
            if self.sound.line().real() >= needed {
                return;
            }
            let unplayed = self.sound.line().unplayed();
            let decision = self.jitter.decide(unplayed);
            if decision == Decision::PlayMadeUp {
                return;
            }
            let left_out = follow(decision, &mut self.sound);
            self.jitter.moved(left_out);
        }
        let missing = needed.saturating_sub(self.sound.line().real());
        self.sound.silence(missing);
    }

    // ---- the delay ------------------------------------------------------------------------------------------------

    /// Brings playout nearer to where it should be: by the resampler, and by whole pieces when it is far away.
    fn adjust(&mut self, length: usize, needed: usize) {
        if self.sound.is_pausing() {
            // There is nothing to learn from, and the silence ends where the delay should be.
            return;
        }
        let excess = self.jitter.steer().excess;
        self.drift.steer(excess, Samples::from(self.played), length, self.sound.line());
        if self.rest > 0 || self.sound.is_concealing() {
            return;
        }
        if excess >= SHORTEN_QUIET_FROM {
            self.shorten(excess, needed);
        } else if excess <= LENGTHEN_FROM {
            let most = (-excess.0).max(LEAST_LENGTHENED.0) as usize;
            let added = self.sound.lengthen(Change { most, likeness: 0.8 });
            self.jitter.moved(-Samples::from(added));
            self.rest = RETRY + added;
        }
    }

    fn shorten(&mut self, excess: Samples, needed: usize) {
        let quiet = self.sound.is_quiet();
        if excess < SHORTEN_FROM && !quiet {
            return;
        }
        self.decode_ahead(needed + LOOK_AHEAD);
        let room = self.sound.line().real().saturating_sub(needed);
        let most = excess.len().min(room);
        let urgency = (excess.ms() / 150.0).min(1.0) as f32;
        let likeness = if quiet { -1.0 } else { 0.9 - 0.5 * urgency };
        let left_out = self.sound.shorten(Change { most, likeness });
        self.jitter.moved(Samples::from(left_out));
        let share = (excess.ms() / SHORTEN_MS).clamp(SHORTEN_SHARE.0, SHORTEN_SHARE.1);
        self.rest = if left_out == 0 { RETRY } else { (left_out as f64 / share) as usize };
    }

    /// Decodes what is there, in order, until the line holds `wanted` samples.
    fn decode_ahead(&mut self, wanted: usize) {
        while self.sound.line().real() < wanted {
            let unplayed = self.sound.line().unplayed();
            let Some(decision) = self.jitter.decode_ahead(unplayed) else { return };
            let left_out = follow(decision, &mut self.sound);
            self.jitter.moved(left_out);
        }
    }

    /// Media time of the sample that is rendered next; `None` while that is made up.
    pub fn heard(&self) -> Option<RtpTimestamp> {
        self.jitter.heard(self.sound.line().unplayed())
    }

    // ---- statistics -----------------------------------------------------------------------------------------------

    /// Counts since the beginning, and what holds now. The mean playout delay is that since the last call.
    pub fn stats(&mut self) -> ReceiverStats {
        let stats = self.peek_stats();
        self.reported = self.jitter.stats();
        stats
    }

    /// The same, and the mean playout delay goes on as if nobody had asked.
    pub fn peek_stats(&self) -> ReceiverStats {
        let jitter = self.jitter.stats();
        let sound = self.sound.counts();
        let frames = jitter.frames_primary - self.reported.frames_primary;
        let waited_us = jitter.waited_us - self.reported.waited_us;
        ReceiverStats {
            received: jitter.received,
            discarded: jitter.discarded,
            late: jitter.late,
            lost_samples: jitter.lost_samples,
            fec_used: jitter.frames_fec,
            red_used: jitter.frames_redundant,
            dred_used: jitter.frames_dred,
            concealed_samples: sound.concealed,
            concealments: sound.concealments,
            total_samples: self.total,
            shortened_samples: sound.shortened,
            lengthened_samples: sound.lengthened,
            restarts: jitter.restarts,
            undecodable: sound.undecodable,
            playout_delay_ms: waited_us as f32 / 1000.0 / frames.max(1) as f32,
            resampler_delay_ms: self.drift.delay_ms(),
            frame_ms: self.jitter.frame().ms() as f32,
            target_ms: self.jitter.target().ms() as f32,
            drift_ppm: self.drift.ppm() as f32,
            level_dbov: self.level.dbov(),
        }
    }
}

/// Does what a decision says. Returns what was left out beside that, for a joint; negative when something was added.
fn follow(decision: Decision<'_>, sound: &mut Sound) -> Samples {
    match decision {
        Decision::Silence { samples } => sound.silence(samples.len().max(1)),
        Decision::Conceal { samples, quiet } => sound.conceal(samples.len(), quiet),
        Decision::Settle { samples } => sound.settle(samples.len()),
        Decision::PlayMadeUp => {}
        Decision::Decode { payload, timestamp, samples, skip, seam } => {
            return sound.decode(Speech { payload, timestamp, source: Source::Frame, samples, skip, seam });
        }
        Decision::DecodeUnheard { payload, timestamp, samples } => {
            let (source, skip) = (Source::Frame, samples);
            sound.decode_unheard(Speech { payload, timestamp, source, samples, skip, seam: true });
        }
        Decision::DecodeFec { payload, timestamp, samples, skip, seam } => {
            return sound.decode(Speech { payload, timestamp, source: Source::Fec, samples, skip, seam });
        }
        Decision::DecodeDred { payload, timestamp, before, samples, skip, seam } => {
            let source = Source::Dred { timestamp: timestamp + before, before };
            return sound.decode(Speech { payload, timestamp, source, samples, skip, seam });
        }
    }
    Samples::ZERO
}

#[cfg(test)]
mod tests;
