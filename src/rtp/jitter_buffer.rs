//! When each frame is played: the jitter buffer.
//!
//! A sans-IO machine. Packets go in with [`handle_packet`](JitterBuffer::handle_packet) as they arrive. Whoever
//! renders calls [`begin`](JitterBuffer::begin) at each pull of samples, then [`decide`](JitterBuffer::decide) for as
//! long as it holds too few samples, and asks [`steer`](JitterBuffer::steer) whether to play a little faster or slower.
//!
//! # The clock
//!
//! Packets carry media time, arrivals are on our clock. One line through the first packet relates the two; a packet's
//! *delay* is how far above that line it arrived, and playout's *lag* is how far above it a sample is heard. Lag at
//! the moment when a frame is needed must not be below the frame's delay. Everything is a comparison of the two, so
//! neither the network's own delay nor the difference of the two clocks has to be known. Drift moves both alike, and is
//! taken out of what is remembered of past delays by running our clock at the sender's pace.
//!
//! # Lag, phase and quantum
//!
//! A pull of `n` samples needs all its frames at its beginning, so of the lag at a pull only what is left after
//! subtracting the frame's place within the pull serves to wait for it. Lag that is lost in this way, and samples that
//! are left over after every pull, are waste; [`steer`](JitterBuffer::steer) offers both, and lag above the target, as
//! excess. Lag below a pull's length cannot be won by playing faster as long as pulls come at their times: the pull
//! is the quantum.
//!
//! # Lateness
//!
//! A frame that is not there when it is due is concealed. Should it come while its time is being concealed, the rest
//! of it is played; as much of its beginning as the target asks for is played too, which is how playout falls back. Frames that
//! come later than that are not heard, but the last of them are decoded: those behind build on them.

use std::ops::Range;
use std::time::Instant;

use super::buffer::{Copy, Frame, Inserted, PacketBuffer};
use super::decision::{Decision, Steering, Unplayed};
use super::pace::Pace;
use super::parity::{ParityRepair, Restored};
use super::seen::Seen;
use super::target::{Target, TargetSettings};
use super::timeline_watch::TimelineWatch;
use super::window::RecentLeast;
use super::{JitterStats, Packet, PayloadFormat, RtpTimestamp, Samples, red};

/// Delay above the first packet's at which playout begins: enough for a quiet network. A busy one shows itself within
/// the first frames and playout falls back as they come late.
const START_DELAY_US: i64 = 1300;
/// Concealment is made in pieces of this length, or of a frame where that is shorter: Opus' speech coder cannot
/// conceal less, and what turns out not to be needed gives way.
const CONCEALMENT: Samples = Samples::from_ms(10);
/// A frame that comes while it is being concealed loses at most so much of its beginning; the rest is played late and
/// caught up with.
const MAX_SKIP: Samples = Samples::from_ms(10);
/// A gap may be played so much longer or shorter than it was, where that moves the lag to its target.
const MAX_GAP_CHANGE: Samples = Samples::from_ms(20);
/// A gap of this length is a silence, whatever the cause.
const LONG_GAP: Samples = Samples::from_ms(1000);
/// How far a pull reaches into a silence, at the most, where that was not announced or packets come late.
const PAUSE_STEP: Samples = Samples::from_ms(5);
/// Packets come late where this share of them comes later than the target.
const OFTEN_LATE: f32 = 0.01;
/// Packets over which that share is averaged.
const LATE_MEMORY: f32 = 256.0;
/// Deep redundancy restores in steps of this length, and so much at once at the most.
const STEP: Samples = Samples(120);
/// See [`STEP`].
const LONGEST_RESTORED: Samples = Samples::from_ms(20);
/// Slots before one packet that count as restored by it: a second of 10 ms frames.
const MAX_RESTORED: i64 = 100;
/// So many frames that come too late to be heard are decoded for the sake of the one behind them, at the most. Opus
/// has forgotten by then what went before.
const LESSONS: usize = 4;
/// What is made up has to reach so far for a joint with the sound behind it. It is made before the decoder moves on.
const JOINT: Samples = Samples::from_ms(3);
/// Playout is steered no nearer to the greatest delay than this.
const BELOW_CEILING_US: i64 = 2_000;
/// Longer than any pull.
const FOREVER: Samples = Samples(i64::MAX / 4);
/// Slots of one gap that are remembered as given up, for telling late packets from useless ones.
const MAX_GIVEN_UP: i64 = 64;
/// The jitter buffer of one stream at a time. See the [module](self).
#[derive(Debug, Clone)]
pub struct JitterBuffer {
    buffer: PacketBuffer,
    target: Target,
    seen: Seen,
    parity: ParityRepair,
    origin: Option<Origin>,
    pace: Pace,
    play: Play,
    timeline: TimelineWatch,
    pull: Pull,
    /// The frame last handed out: its payload is borrowed by the decision.
    current: Option<Frame>,
    /// Length of the frames of late.
    frame: Samples,
    /// Share of the packets of late that came later than the target.
    late_share: f32,
    stats: JitterStats,
}

/// The point through which the line between media time and our clock goes.
#[derive(Debug, Clone, Copy)]
struct Origin {
    ssrc: u32,
    timestamp: RtpTimestamp,
    at: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Play {
    /// Nothing has come yet.
    Empty,
    /// The first packet has come; its playout is due at a moment on our clock.
    Starting { due_us: i64 },
    /// Playing.
    Running(Head),
}

/// Where playout stands at the end of what was decoded.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Head {
    /// Media time of the next sample to be decoded.
    next: RtpTimestamp,
    /// Samples made up since then.
    made_up: Samples,
    /// Whether the sender went quiet on purpose with its last frame.
    quiet: bool,
}

/// What became of frames that came too late.
enum Overdue {
    /// Those that there were are gone.
    Dropped,
    /// The last of them is the current one, and is to be decoded.
    Lesson,
    /// So will be one, when enough is made up for the joint behind it.
    Joint,
}

/// What the pulls of late looked like.
#[derive(Debug, Clone, Default)]
struct Pull {
    now_us: i64,
    wanted: Samples,
    unplayed: Samples,
    /// Least lag, in microseconds, at the beginning of a pull.
    lag: RecentLeast,
    /// Greatest place of a frame within its pull, negated.
    phase: RecentLeast,
    /// Length of the longest pull, negated.
    longest: RecentLeast,
    /// Samples left over after every pull.
    left_over: RecentLeast,
}

impl JitterBuffer {
    /// An empty buffer.
    pub fn new(settings: TargetSettings) -> JitterBuffer {
        JitterBuffer {
            buffer: PacketBuffer::default(),
            target: Target::new(settings),
            seen: Seen::default(),
            parity: ParityRepair::default(),
            origin: None,
            pace: Pace::default(),
            play: Play::Empty,
            timeline: TimelineWatch::default(),
            pull: Pull::default(),
            current: None,
            frame: Samples::from_ms(20),
            late_share: 0.0,
            stats: JitterStats::default(),
        }
    }

    // ---- packets ----------------------------------------------------------------------------------------------

    /// Takes a packet in.
    pub fn handle_packet(&mut self, packet: &Packet) {
        self.handle_packet_reaching(packet, Samples::ZERO);
    }

    /// Takes a packet in whose deep redundancy restores the time `reach` before it.
    pub fn handle_packet_reaching(&mut self, packet: &Packet, reach: Samples) {
        self.stats.received += 1;
        if self.origin.is_none_or(|origin| origin.ssrc != packet.ssrc) {
            self.restart(packet);
        }
        let delay_us = self.delay_us(packet.timestamp, packet.arrival);
        if self.is_elsewhere(delay_us, packet.arrival) {
            self.restart(packet);
        } else if self.target.is_foreign(delay_us) {
            self.stats.discarded += 1;
            return;
        } else {
            let true_us = self.true_us(packet.arrival);
            self.pace.observe(true_us, true_us - self.line_us(packet.timestamp));
            self.target.handle_arrival(delay_us, self.clock_us(packet.arrival));
        }
        match packet.format {
            PayloadFormat::Opus => self.on_block(packet, 0..packet.payload.len(), Samples::ZERO, reach),
            PayloadFormat::Red => self.on_red(packet, reach),
        }
        self.restore_by_parity(packet.arrival);
    }

    fn on_red(&mut self, packet: &Packet, reach: Samples) {
        let Ok(blocks) = red::parse(&packet.payload) else {
            self.stats.discarded += 1;
            return;
        };
        self.on_block(packet, blocks.primary().bytes.clone(), Samples::ZERO, reach);
        if let Some(block) = blocks.parity() {
            self.parity.take_in(packet.timestamp, self.frame, &packet.payload[block.bytes.clone()]);
        }
        for block in blocks.redundant() {
            if !block.offset.is_empty() && !block.bytes.is_empty() {
                self.on_block(packet, block.bytes.clone(), block.offset, Samples::ZERO);
            }
        }
    }

    /// Takes in what parity restores now.
    fn restore_by_parity(&mut self, now: Instant) {
        while let Some(Restored { timestamp, age, room, len }) = self.parity.restore() {
            if let Some(frame) = Frame::new(timestamp, now, Copy::Redundant, &room, 0..len) {
                self.on_frame(frame, age);
            }
        }
    }

    /// Takes in the copy of a frame that stands at `bytes`: its own packet's, or that of one `age` older.
    fn on_block(&mut self, packet: &Packet, bytes: Range<usize>, age: Samples, reach: Samples) {
        let copy = if age.is_empty() { Copy::Primary } else { Copy::Redundant };
        let timestamp = packet.timestamp - age;
        match Frame::new(timestamp, packet.arrival, copy, &packet.payload, bytes) {
            Some(mut frame) => {
                frame.reach = reach;
                self.on_frame(frame, age);
            }
            None => self.stats.discarded += u64::from(copy == Copy::Primary),
        }
    }

    /// Takes in one copy of one frame, in a packet that was sent `age` later than its own.
    fn on_frame(&mut self, frame: Frame, age: Samples) {
        self.parity.remember(&frame);
        let Frame { timestamp, arrival, copy, info, .. } = frame;
        if copy == Copy::Redundant && self.is_before_the_stream(timestamp) {
            return;
        }
        let (delay_us, target_us) = (self.delay_us(timestamp, arrival), self.target.us());
        if self.seen.insert(timestamp) {
            self.target.observe(delay_us, age, info.duration);
        }
        if copy == Copy::Primary {
            self.frame = info.duration;
            let is_late = delay_us > target_us;
            self.late_share += (f32::from(u8::from(is_late)) - self.late_share) / LATE_MEMORY;
            let repaired = timestamp - info.frame;
            if info.has_fec && !self.is_before_the_stream(repaired) && self.seen.insert(repaired) {
                self.target.observe(self.delay_us(repaired, arrival), info.frame, info.frame);
            }
            self.on_restorable(&frame);
        }
        if let Play::Running(head) = self.play
            && frame.end() <= head.next
        {
            let own = copy == Copy::Primary;
            self.stats.discarded += u64::from(own);
            self.stats.late += u64::from(own && self.seen.given_up(timestamp));
            return;
        }
        if self.buffer.insert(frame) == Inserted::Duplicate && copy == Copy::Primary {
            self.stats.discarded += 1;
        }
    }

    /// Frames that nothing brought yet become available with the packet whose deep redundancy restores them.
    fn on_restorable(&mut self, frame: &Frame) {
        let step = frame.info.duration;
        let slots = (frame.reach.0 / step.0.max(1)).min(MAX_RESTORED);
        for slot in 1..=slots {
            let restored = frame.timestamp - Samples(slot * step.0);
            if !self.is_before_the_stream(restored) && self.seen.insert(restored) {
                let later = Samples(slot * step.0);
                self.target.observe(self.delay_us(restored, frame.arrival), later, step);
            }
        }
    }

    /// Playout begins with the first packet, not with what it repeats.
    fn is_before_the_stream(&self, timestamp: RtpTimestamp) -> bool {
        self.origin.is_some_and(|origin| timestamp < origin.timestamp)
    }

    /// Whether the stream goes on elsewhere in time, now that a packet came with `delay_us`.
    fn is_elsewhere(&mut self, delay_us: i64, arrival: Instant) -> bool {
        let now_us = self.clock_us(arrival);
        if self.target.is_foreign(delay_us) {
            self.timeline.on_foreign(delay_us, now_us)
        } else if delay_us > self.target.ceiling_us() {
            self.timeline.on_late(now_us)
        } else {
            self.timeline = TimelineWatch::default();
            false
        }
    }

    /// Begins a timeline with `packet`.
    fn restart(&mut self, packet: &Packet) {
        self.stats.restarts += u64::from(self.origin.is_some());
        self.origin = Some(Origin { ssrc: packet.ssrc, timestamp: packet.timestamp, at: packet.arrival });
        self.pace = Pace::default();
        self.buffer.clear();
        self.seen.clear();
        self.parity.clear();
        self.timeline = TimelineWatch::default();
        self.late_share = 0.0;
        let start_us = self.target.restart(0, START_DELAY_US);
        self.pull = Pull::default();
        self.play = Play::Starting { due_us: start_us };
    }

    // ---- clocks -----------------------------------------------------------------------------------------------

    /// Our clock at the sender's pace, in microseconds since the timeline began.
    fn clock_us(&self, at: Instant) -> i64 {
        self.pace.clock_us(self.true_us(at))
    }

    /// Our clock as it is.
    fn true_us(&self, at: Instant) -> i64 {
        let Some(origin) = self.origin else { return 0 };
        match at.checked_duration_since(origin.at) {
            Some(after) => after.as_micros() as i64,
            None => -(origin.at.duration_since(at).as_micros() as i64),
        }
    }

    /// How far above the line a moment is for a sample of media time `timestamp`.
    fn delay_us(&self, timestamp: RtpTimestamp, at: Instant) -> i64 {
        self.clock_us(at) - self.line_us(timestamp)
    }

    fn line_us(&self, timestamp: RtpTimestamp) -> i64 {
        self.origin.map_or(0, |origin| timestamp.since(origin.timestamp).us())
    }

    /// When a paced sink should begin its clock, so that a pull falls right behind the arrival of each frame.
    /// `None` until the first packet.
    pub fn poll_playout(&self) -> Option<Instant> {
        match self.play {
            Play::Starting { due_us } => {
                let origin = self.origin?;
                Some(origin.at + std::time::Duration::from_micros(due_us.max(0) as u64))
            }
            _ => None,
        }
    }

    // ---- pulls ------------------------------------------------------------------------------------------------

    /// A pull of `wanted` samples begins at `now`, with `unplayed` at hand.
    pub fn begin(&mut self, now: Instant, wanted: Samples, unplayed: Unplayed) {
        let now_us = self.clock_us(now);
        self.pull.now_us = now_us;
        self.pull.longest.observe(-wanted.0, now_us);
        self.pull.wanted = wanted;
        self.pull.unplayed = unplayed.real + unplayed.made_up;
        let Play::Running(head) = self.play else { return };
        if head.made_up > Samples::ZERO {
            return;
        }
        let heard = head.next - unplayed.real;
        let lag_us = now_us - self.line_us(heard);
        self.pull.lag.observe(lag_us, now_us);
        // Frames decoded ahead of their time are not left over by the pulls.
        self.pull.left_over.observe(unplayed.real.0 % self.frame.0.max(1), now_us);
    }

    /// How far the pull that was begun may reach, with `unplayed` at hand, where the sender is silent on purpose or nothing
    /// has come for long: to the next moment at which a frame would be due, if it speaks again. `None` where there is sound
    /// to play.
    ///
    /// A pull that begins there finds the frame as it would have found the one after a frame, so a pause takes no more pulls
    /// than speech. Where packets come late, or none was to be expected, pulls are shorter, so that little is made up in the
    /// place of the first one.
    pub fn pause(&self, unplayed: Unplayed) -> Option<Samples> {
        let Play::Running(head) = self.play else { return None };
        let is_silent = head.quiet && !head.made_up.is_empty() || head.made_up >= LONG_GAP;
        if !is_silent || self.buffer.first().is_some() {
            return None;
        }
        let to_due_us = self.target.us() - self.lag_us(head.next, unplayed);
        // To the first sample that is not before it.
        let wait = Samples::from_us(to_due_us.rem_euclid(self.frame.us().max(1))) + Samples(1);
        let is_punctual = head.quiet && self.late_share <= OFTEN_LATE;
        let most = if is_punctual { self.frame } else { PAUSE_STEP };
        Some(unplayed.real + wait.min(most))
    }

    /// The pull that was begun takes `wanted` samples after all.
    pub fn extend(&mut self, wanted: Samples) {
        self.pull.wanted = wanted;
    }

    /// The playout delay at the last pull above the fastest packets' delay.
    pub fn lag(&self) -> Option<Samples> {
        let lag_us = self.pull.lag.get()?;
        Some(Samples::from_us(lag_us - self.target.floor_us()))
    }

    /// Media time of what is heard next, with `unplayed` at hand; `None` while that is made up.
    pub fn heard(&self, unplayed: Unplayed) -> Option<RtpTimestamp> {
        match self.play {
            Play::Running(head) if head.made_up.is_empty() => Some(head.next - unplayed.real),
            _ => None,
        }
    }

    /// The target above the fastest packets' delay.
    pub fn target(&self) -> Samples {
        Samples::from_us(self.target.us() - self.target.floor_us())
    }

    /// What was counted.
    pub fn stats(&self) -> JitterStats {
        self.stats
    }

    /// How many frames wait.
    pub fn waiting(&self) -> usize {
        self.buffer.len()
    }

    /// Media time of what waits, from its first sample to its last.
    pub fn waiting_span(&self) -> Samples {
        self.buffer.span()
    }

    /// Length of the frames of late.
    pub fn frame(&self) -> Samples {
        self.frame
    }

    /// How far playout is from its target. Waits until enough pulls have been seen.
    pub fn steer(&self) -> Steering {
        let (Some(lag_us), Some(phase), Some(left_over)) =
            (self.pull.lag.get(), self.pull.phase.get(), self.pull.left_over.get())
        else {
            return Steering::default();
        };
        let (phase, quantum) = match self.quantum() {
            Some(quantum) => (Samples(-phase), quantum),
            None => (self.longest_pull(), Samples(1)),
        };
        // What lies above the ceiling is left out frame by frame, so nothing may be steered there for the sake of the pulls.
        let most_us = self.target.ceiling_us() - phase.us() - BELOW_CEILING_US;
        let slack = Samples::from_us(lag_us - self.target.us().min(most_us)) - phase;
        if slack < Samples::ZERO {
            return Steering { excess: slack };
        }
        let whole = Samples(slack.0 / quantum.0 * quantum.0);
        Steering { excess: Samples(left_over) + whole }
    }

    /// Steps in which playing faster brings frames forward, see the module's head. `None` when pulls and frames have
    /// no common measure: then a frame may fall anywhere within a pull, and any step does something.
    fn quantum(&self) -> Option<Samples> {
        let (pull, frame) = (self.longest_pull().0, self.frame.0);
        let aligned =
            pull == self.pull.wanted.0 && pull > 0 && (frame % pull == 0 || pull % frame.max(1) == 0);
        aligned.then_some(Samples(pull))
    }

    fn longest_pull(&self) -> Samples {
        self.pull.longest.get().map_or(self.pull.wanted, |negated| Samples(-negated))
    }

    /// Playout was moved by `by`: positive when samples were taken out, so that less lag is left.
    pub fn moved(&mut self, by: Samples) {
        self.shift_lag(-by);
        let left = self.pull.left_over.get().unwrap_or(0);
        self.pull.left_over.shift(-by.0.clamp(0, left.max(0)));
    }

    // ---- decisions --------------------------------------------------------------------------------------------

    /// What to do next, when what is unplayed does not reach to the end of the pull. Samples that were made up count
    /// as absent: the frame that they stand for may have come by now.
    pub fn decide(&mut self, unplayed: Unplayed) -> Decision<'_> {
        match self.play {
            Play::Empty => Decision::Silence { samples: self.pull.wanted },
            Play::Starting { due_us } => self.on_starting(due_us, unplayed),
            Play::Running(head) => self.on_running(head, unplayed),
        }
    }

    /// The next frame ahead of its time, for changing the tempo; `None` unless it is there and nothing is amiss.
    pub fn decode_ahead(&mut self, unplayed: Unplayed) -> Option<Decision<'_>> {
        let Play::Running(head) = self.play else { return None };
        let first = self.buffer.first()?;
        if first.timestamp != head.next || !head.made_up.is_empty() {
            return None;
        }
        Some(self.decode(head, unplayed, Samples::ZERO))
    }

    fn on_starting(&mut self, due_us: i64, unplayed: Unplayed) -> Decision<'_> {
        let at_us = self.pull.now_us + (unplayed.real + unplayed.made_up).us();
        let room = if self.quantum().is_some() { Samples::ZERO } else { self.longest_pull() };
        let wait = Samples::from_us(due_us - at_us) + room;
        if !wait.is_empty() {
            return Decision::Silence { samples: wait };
        }
        let Some(first) = self.buffer.first() else {
            return Decision::Silence { samples: self.pull.wanted };
        };
        let head = Head { next: first.timestamp, made_up: unplayed.made_up, quiet: false };
        self.play = Play::Running(head);
        self.on_running(head, unplayed)
    }

    fn on_running(&mut self, head: Head, unplayed: Unplayed) -> Decision<'_> {
        self.buffer.drop_before(head.next);
        let overdue = self.drop_overdue(head, unplayed);
        let Play::Running(head) = self.play else { unreachable!("dropping does not stop playout") };
        match overdue {
            Overdue::Dropped => {}
            Overdue::Lesson => return self.decode_unheard(),
            Overdue::Joint => return self.make_up(head),
        }
        let heard = head.made_up - unplayed.made_up;
        let Some(first) = self.buffer.first() else { return self.conceal(head, unplayed, FOREVER) };
        let gap = first.timestamp.since(head.next);
        if gap.is_empty() {
            return self.decode(head, unplayed, heard);
        }
        // In-band error correction restores the end of a gap, deep redundancy what it reaches of the rest.
        let repair = if first.info.has_fec { first.info.frame } else { Samples::ZERO };
        let before = gap - repair;
        if heard >= before && heard < gap {
            return self.decode_fec(head, unplayed, heard, before);
        }
        if let Some(span) = self.restorable(first, heard, gap) {
            return self.decode_dred(head, heard, span);
        }
        if heard < before && before < gap {
            let wait = self.gap_to_wait(head, unplayed, first.timestamp - repair, before).min(before) - heard;
            return match wait.is_empty() {
                true => self.decode_fec(head, unplayed, heard, before),
                false => self.conceal(head, unplayed, wait),
            };
        }
        let wait = self.gap_to_wait(head, unplayed, first.timestamp, gap) - heard;
        if wait.is_empty() {
            return self.decode(head, unplayed, heard);
        }
        self.conceal(head, unplayed, wait)
    }

    /// Lag at which a sample of media time `timestamp` would be heard behind what is real and unplayed.
    fn lag_us(&self, timestamp: RtpTimestamp, unplayed: Unplayed) -> i64 {
        self.pull.now_us + unplayed.real.us() - self.line_us(timestamp)
    }

    /// The lag beyond which a frame is not played. Behind what was made up it is less.
    fn overdue_us(&self, head: Head) -> i64 {
        let overdue_us = self.target.overdue_us();
        if head.made_up.is_empty() {
            return overdue_us;
        }
        overdue_us.min(self.target.resumed_us(self.longest_pull().us()))
    }

    /// Frames that could only be played much later than is waited for are given up, as long as newer ones wait. The last of
    /// them are to be decoded all the same, one at a time.
    fn drop_overdue(&mut self, head: Head, unplayed: Unplayed) -> Overdue {
        let overdue_us = self.overdue_us(head);
        let mut next = head.next;
        let mut done = Overdue::Dropped;
        while let Some((first, second)) = self.buffer.first_two() {
            let is_overdue = |frame: &Frame| self.lag_us(frame.end(), unplayed) >= overdue_us;
            if !is_overdue(first) {
                break;
            }
            let is_long_past = self.buffer.get(LESSONS).is_some_and(is_overdue);
            let is_followed = !is_long_past && second.timestamp == first.end();
            let is_lesson = is_followed && !head.made_up.is_empty();
            if is_lesson && unplayed.made_up < JOINT {
                done = Overdue::Joint;
                break;
            }
            let (timestamp, end) = (first.timestamp, first.end());
            self.seen.give_up(timestamp);
            self.stats.lost_samples += end.since(next.max(timestamp)).len() as u64;
            next = end;
            let frame = self.buffer.pop();
            if is_lesson {
                self.current = frame;
                done = Overdue::Lesson;
                break;
            }
        }
        if next != head.next {
            self.shift_lag(head.next.since(next));
            self.play = Play::Running(Head { next, ..head });
        }
        done
    }

    /// Has the frame that was dropped last decoded.
    fn decode_unheard(&self) -> Decision<'_> {
        let Some(frame) = &self.current else { return Decision::PlayMadeUp };
        let (timestamp, samples) = (frame.timestamp, frame.info.duration);
        Decision::DecodeUnheard { payload: frame.payload(), timestamp, samples }
    }

    /// How much of a gap of media time to make up for before going on with the frame behind it: the gap, bent
    /// towards what brings the lag to its target. After silence on purpose only the target counts.
    fn gap_to_wait(&self, head: Head, unplayed: Unplayed, timestamp: RtpTimestamp, gap: Samples) -> Samples {
        let heard = head.made_up - unplayed.made_up;
        let to_target = Samples::from_us(self.target.us() - self.lag_us(timestamp, unplayed)) + heard;
        let bend = if head.quiet { gap } else { MAX_GAP_CHANGE };
        let least = (gap - bend).max(Samples(gap.0 / 2)).max(Samples::ZERO);
        let least = if head.quiet { Samples::ZERO } else { least };
        to_target.clamp(least, gap + bend)
    }

    /// Makes up for `wait` from the end of what is real, or for the rest of the pull if that is shorter.
    fn conceal(&mut self, head: Head, unplayed: Unplayed, wait: Samples) -> Decision<'_> {
        if head.made_up.is_empty() && !head.quiet {
            // Here the frame would have been needed. Were this place not noted, a frame that is late by a part of a
            // pull each time would seem to be in time for the pull after it.
            self.note_phase(unplayed);
        }
        let short = self.pull.wanted - unplayed.real;
        if unplayed.made_up < wait.min(short) {
            return self.make_up(head);
        }
        if wait < short {
            return Decision::Settle { samples: wait };
        }
        Decision::PlayMadeUp
    }

    /// Makes up one piece more.
    fn make_up(&mut self, mut head: Head) -> Decision<'_> {
        let samples = CONCEALMENT.min(self.frame);
        head.made_up += samples;
        self.play = Play::Running(head);
        Decision::Conceal { samples, quiet: head.quiet }
    }

    fn decode(&mut self, head: Head, unplayed: Unplayed, heard: Samples) -> Decision<'_> {
        let Some(frame) = self.buffer.pop() else { return Decision::PlayMadeUp };
        let gap = frame.timestamp.since(head.next);
        let skip = self.skip(&frame, unplayed, heard, gap);
        self.note_phase(unplayed);
        self.note_gap(head, gap);
        let heard_us = self.pull.now_us + unplayed.real.us();
        match frame.copy {
            Copy::Primary => {
                self.stats.frames_primary += 1;
                self.stats.waited_us += (heard_us - self.clock_us(frame.arrival)).max(0) as u64;
            }
            Copy::Redundant => self.stats.frames_redundant += 1,
        }
        self.play =
            Play::Running(Head { next: frame.end(), made_up: Samples::ZERO, quiet: frame.info.is_dtx });
        let seam = head.made_up != gap || !skip.is_empty();
        self.note_seam(seam, heard - gap - skip);
        let frame = self.current.insert(frame);
        Decision::Decode {
            payload: frame.payload(),
            timestamp: frame.timestamp,
            samples: frame.info.duration,
            skip,
            seam,
        }
    }

    /// Restores the end of a gap, which begins `before` after the gap's beginning, from the packet behind it.
    fn decode_fec(
        &mut self,
        head: Head,
        unplayed: Unplayed,
        heard: Samples,
        before: Samples,
    ) -> Decision<'_> {
        let Some(first) = self.buffer.first() else { return Decision::PlayMadeUp };
        let (repair, end) = (first.info.frame, first.timestamp);
        let skip = (heard - before).clamp(Samples::ZERO, repair);
        self.stats.frames_fec += 1;
        self.current = Some(first.clone());
        self.note_phase(unplayed);
        self.note_gap(head, before);
        self.play = Play::Running(Head { next: end, made_up: Samples::ZERO, quiet: false });
        let seam = head.made_up != before.max(Samples::ZERO) || !skip.is_empty();
        self.note_seam(seam, heard - before - skip);
        let payload = self.current.as_ref().map_or(&[][..], Frame::payload);
        Decision::DecodeFec { payload, timestamp: end - repair, samples: repair, skip, seam }
    }

    /// What of a gap the first frame's deep redundancy is to restore next: how long after the gap's beginning, and for
    /// how long. The last frame before the packet is left to in-band error correction where there is some.
    fn restorable(&self, first: &Frame, heard: Samples, gap: Samples) -> Option<(Samples, Samples)> {
        let by_fec = if first.info.has_fec { first.info.frame } else { Samples::ZERO };
        let from = Samples(heard.0 / STEP.0 * STEP.0).max(gap - first.reach);
        let length = (gap - by_fec - from).min(LONGEST_RESTORED);
        let length = Samples(length.0 / STEP.0 * STEP.0);
        (first.reach > Samples::ZERO && from <= heard && length > Samples::ZERO).then_some((from, length))
    }

    fn decode_dred(
        &mut self,
        head: Head,
        heard: Samples,
        (from, samples): (Samples, Samples),
    ) -> Decision<'_> {
        let Some(first) = self.buffer.first() else { return Decision::PlayMadeUp };
        let timestamp = head.next + from;
        let before = first.timestamp.since(timestamp);
        self.current = Some(first.clone());
        self.stats.frames_dred += (samples.0 / self.frame.0.max(1)).max(1) as u64;
        if !from.is_empty() {
            self.note_gap(head, from);
        }
        self.play = Play::Running(Head { next: timestamp + samples, made_up: Samples::ZERO, quiet: false });
        let skip = heard - from;
        let seam = !head.made_up.is_empty() || !skip.is_empty();
        let payload = self.current.as_ref().map_or(&[][..], Frame::payload);
        Decision::DecodeDred { payload, timestamp, before, samples, skip, seam }
    }

    /// How much of a frame's beginning to leave out: what overlaps with what was played, what passes the greatest
    /// delay, and of what was concealed in its stead as much as is not wanted as lag.
    fn skip(&self, frame: &Frame, unplayed: Unplayed, heard: Samples, gap: Samples) -> Samples {
        let overlap = (-gap).max(Samples::ZERO);
        let lag_us = self.lag_us(frame.timestamp + overlap, unplayed);
        let over_target = Samples::from_us(lag_us - self.target.us());
        let over_target = self.spare(over_target, unplayed.real + frame.info.duration - overlap);
        let over_ceiling = Samples::from_us(lag_us - self.target.ceiling_us());
        let concealed = if gap.0 > 0 { (heard - gap).max(Samples::ZERO) } else { heard };
        let neutral = over_target.min(concealed).min(MAX_SKIP).max(Samples::ZERO);
        (overlap + neutral.max(over_ceiling)).min(frame.info.duration)
    }

    /// How much less lag will do, of which `over` is above the target, where the next frame begins at `place` of the pull
    /// that was begun: what a pull takes has to be there at its beginning.
    fn spare(&self, over: Samples, place: Samples) -> Samples {
        let Some(Samples(quantum)) = self.quantum() else {
            return (over - self.longest_pull()).max(Samples::ZERO);
        };
        let within = place.0 % quantum;
        match over.0 - within {
            slack @ 0.. => Samples(within + slack / quantum * quantum),
            _ => Samples::ZERO,
        }
    }

    /// What was heard in the place of a gap was longer than it by so much. Without a seam all that was made up is played, and
    /// that is as long as the gap.
    fn note_seam(&mut self, seam: bool, longer: Samples) {
        if seam {
            self.shift_lag(longer);
        }
    }

    /// From here on everything is heard so much later. The pulls before would be believed for a fifth of a second, and the
    /// tempo changed for nothing.
    fn shift_lag(&mut self, by: Samples) {
        self.pull.lag.shift(by.us());
    }

    fn note_phase(&mut self, unplayed: Unplayed) {
        if unplayed.real >= self.pull.wanted {
            return;
        }
        let now_us = self.pull.now_us;
        self.pull.phase.observe(-unplayed.real.0, now_us);
    }

    fn note_gap(&mut self, head: Head, gap: Samples) {
        if gap > Samples::ZERO && !head.quiet {
            self.stats.lost_samples += gap.len() as u64;
            for slot in 0..(gap.0 / self.frame.0.max(1)).min(MAX_GIVEN_UP) {
                self.seen.give_up(head.next + Samples(slot * self.frame.0));
            }
        }
    }
}
