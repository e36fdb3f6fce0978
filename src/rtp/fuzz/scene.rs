//! Bytes as a script of what a sender, a network and a device may do to a receiver.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::rtp::{
    Packet, PayloadFormat, RedPacker, RtpTimestamp, Samples, SeqExtender, TimestampExtender, red,
};

/// Most steps of a script, and most packets that they make: beyond them an input is slow and not more interesting.
const MAX_STEPS: usize = 400;
/// See [`MAX_STEPS`].
const MAX_PACKETS: usize = 3000;
/// Frame lengths that a sender changes between.
const FRAMES: [Samples; 8] = [
    Samples(120),
    Samples(240),
    Samples(480),
    Samples(960),
    Samples(1920),
    Samples(2880),
    Samples(480),
    Samples(960),
];
/// Lengths of a pull: those of paced sinks and of devices, some of which have no common measure with any frame.
const PULLS: [Samples; 8] = [
    Samples(480),
    Samples(120),
    Samples(240),
    Samples(60),
    Samples(441),
    Samples(960),
    Samples(1),
    Samples(128),
];
/// Frame length of the [`Tail`].
pub const TAIL_FRAME: Samples = Samples::from_ms(20);
/// Pull of the tail.
const TAIL_PULL: Samples = Samples::from_ms(10);

/// What a frame is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Content {
    /// Its length.
    pub frame: Samples,
    /// Which one it is.
    pub number: u64,
    /// Whether it carries a low-rate copy of the one before.
    pub fec: bool,
    /// Whether it is the last one before a silence.
    pub dtx: bool,
}

/// Who receives and renders.
pub trait Listener {
    /// The Opus packet of a frame.
    fn payload(&mut self, content: Content) -> Arc<[u8]>;
    /// A packet arrives.
    fn handle_packet(&mut self, packet: &Packet);
    /// When the first pull should come, once the first packet has.
    fn poll_playout(&self) -> Option<Instant>;
    /// A pull.
    fn pull(&mut self, now: Instant, wanted: Samples);
    /// Media time of what is heard next; `None` while that is made up.
    fn heard(&self) -> Option<RtpTimestamp>;
}

/// Plays a script.
#[derive(Debug)]
pub struct Scene<'a> {
    bytes: &'a [u8],
    now: Instant,
    /// Virtual time ends here.
    limit: Instant,
    /// When the next pull is due, once there was one.
    next_pull: Option<Instant>,
    pull: Samples,
    frame: Samples,
    fec: bool,
    ssrc: u32,
    wire_seq: u16,
    wire_timestamp: u32,
    seqs: SeqExtender,
    timestamps: TimestampExtender,
    number: u64,
    /// The last payloads, for redundant copies.
    sent: VecDeque<(u32, Arc<[u8]>)>,
    copies: usize,
    /// How many frames a block of parity covers, where there are no copies.
    parity: u8,
    packer: RedPacker,
    /// How much faster than true time the sender's clock is, in parts per million.
    ppm: i32,
    random: u32,
    packets: usize,
}

/// How an honest stream after the script was heard.
#[derive(Debug, Clone, Copy)]
pub struct Tail {
    /// Time from a sample's arrival to its playout at the end, in milliseconds; `None` when it was made up.
    pub delay_ms: Option<f64>,
}

impl<'a> Scene<'a> {
    /// A scene whose virtual time lasts `limit` at the most.
    pub fn new(bytes: &'a [u8], limit: Duration) -> Scene<'a> {
        #[expect(clippy::disallowed_methods, reason = "a virtual clock has to begin somewhere")]
        let began = Instant::now();
        let mut scene = Scene {
            bytes,
            // Room before it for what arrives earlier than it was sent.
            now: began + Duration::from_secs(3600),
            limit: began + Duration::from_secs(3600) + limit,
            next_pull: None,
            pull: PULLS[0],
            frame: FRAMES[2],
            fec: false,
            ssrc: 1,
            wire_seq: 0,
            wire_timestamp: 0,
            seqs: SeqExtender::default(),
            timestamps: TimestampExtender::default(),
            number: 0,
            sent: VecDeque::new(),
            copies: 0,
            parity: 0,
            packer: RedPacker::default(),
            ppm: 0,
            random: 1,
            packets: 0,
        };
        let head = scene.byte();
        // Both counters begin near their wrap, or far from it.
        scene.wire_seq = if head & 1 == 0 { 65_500 } else { 7 };
        scene.wire_timestamp = if head & 2 == 0 { u32::MAX - 20_000 } else { 48_000 };
        scene.ppm = i32::from(scene.byte() as i8) * 4;
        scene
    }

    /// The next byte of the script; zero once it is over.
    pub fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.bytes.split_first() else { return 0 };
        self.bytes = rest;
        *first
    }

    fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.bytes.split_at(length.min(self.bytes.len()));
        self.bytes = rest;
        taken
    }

    fn word(&mut self) -> u32 {
        u32::from_be_bytes([self.byte(), self.byte(), self.byte(), self.byte()])
    }

    /// Plays the whole script.
    pub fn play(&mut self, listener: &mut impl Listener) {
        for _ in 0..MAX_STEPS {
            if self.bytes.is_empty() || self.now >= self.limit || self.packets >= MAX_PACKETS {
                break;
            }
            self.step(listener);
        }
    }

    fn step(&mut self, listener: &mut impl Listener) {
        let operation = self.byte();
        let value = operation >> 4;
        match operation & 0x0f {
            0 => self.run(u32::from(value) + 1, Duration::ZERO, listener),
            1 => {
                let (frames, jitter_ms) = (u32::from(self.byte()) + 1, u64::from(value) * 6);
                self.run(frames, Duration::from_millis(jitter_ms), listener);
            }
            2 => self.lose(u32::from(value) + 1, listener),
            3 => self.stray(-(i64::from(value) * self.frame.0), listener),
            4 => {
                let ahead = i64::from(value) * i64::from(self.byte()) * 16;
                self.stray(ahead, listener);
            }
            5 => {
                let lie = self.word() as i32;
                self.stray(i64::from(lie >> value), listener);
            }
            6 => self.wire_timestamp = self.wire_timestamp.wrapping_add(self.word() >> value),
            7 => self.change_source(value),
            8 => self.frame = FRAMES[usize::from(value & 7)],
            9 => {
                let is_parity = value & 8 != 0;
                (self.copies, self.fec) = (usize::from(value & 3), value & 4 != 0);
                (self.copies, self.parity) = if is_parity { (0, (value & 7) + 1) } else { (self.copies, 0) };
            }
            10 => self.arbitrary(value, listener),
            11 => {
                let ms = u64::from(self.byte());
                self.pass(Duration::from_millis(ms), listener);
            }
            12 => self.pass(Duration::from_millis(u64::from(value) * 250), listener),
            13 => {
                let frames = u32::from(self.byte()) / 2 + 1;
                self.stall(frames, listener);
            }
            14 => self.pull = PULLS[usize::from(value & 7)],
            _ => self.stand_still(Duration::from_millis(u64::from(value) * 40)),
        }
    }

    /// Frames one after the other, each up to `jitter` late.
    fn run(&mut self, frames: u32, jitter: Duration, listener: &mut impl Listener) {
        let mut under_way = Vec::new();
        let mut sent = self.now;
        for _ in 0..frames {
            sent += self.spacing();
            let late = jitter.mul_f64(f64::from(self.next_random() >> 8) / f64::from(1 << 24));
            under_way.push((sent + late, self.next_packet(false, listener)));
        }
        under_way.sort_by_key(|(arrival, _)| *arrival);
        for (arrival, packet) in under_way {
            self.pass_until(arrival, listener);
            self.deliver(packet, listener);
        }
        self.pass_until(sent, listener);
    }

    /// Frames that never come.
    fn lose(&mut self, frames: u32, listener: &mut impl Listener) {
        for _ in 0..frames {
            let _ = self.next_packet(false, listener);
        }
        self.pass(self.spacing() * frames, listener);
    }

    /// Frames that come all at once, after they should have come one by one.
    fn stall(&mut self, frames: u32, listener: &mut impl Listener) {
        let packets: Vec<Packet> = (0..frames).map(|_| self.next_packet(false, listener)).collect();
        self.pass(self.spacing() * frames, listener);
        for packet in packets {
            self.deliver(packet, listener);
        }
    }

    /// One packet whose timestamp is not its turn; the stream goes on as if it had not been.
    fn stray(&mut self, by: i64, listener: &mut impl Listener) {
        let kept = (self.wire_seq, self.wire_timestamp, self.number);
        self.wire_timestamp = self.wire_timestamp.wrapping_add(by as u32);
        let packet = self.next_packet(false, listener);
        (self.wire_seq, self.wire_timestamp, self.number) = kept;
        self.deliver(packet, listener);
    }

    fn change_source(&mut self, value: u8) {
        self.ssrc = u32::from(value);
        self.seqs = SeqExtender::default();
        self.timestamps = TimestampExtender::default();
        self.sent.clear();
    }

    /// Any bytes as a payload of either format, or the head of a silence.
    fn arbitrary(&mut self, value: u8, listener: &mut impl Listener) {
        let mut packet = self.next_packet(value & 2 != 0, listener);
        if value & 2 == 0 {
            let length = usize::from(self.byte()) * if value & 4 == 0 { 1 } else { 8 };
            packet.payload = self.take(length).into();
            packet.format = if value & 1 == 0 { PayloadFormat::Opus } else { PayloadFormat::Red };
        }
        self.pass(self.spacing(), listener);
        self.deliver(packet, listener);
    }

    /// The device asks for nothing for a while, and then goes on from there.
    fn stand_still(&mut self, time: Duration) {
        self.now += time;
        self.next_pull = self.next_pull.map(|due| due.max(self.now));
    }

    fn pass(&mut self, time: Duration, listener: &mut impl Listener) {
        self.pass_until(self.now + time, listener);
    }

    /// Time goes on, and with it the pulls.
    fn pass_until(&mut self, until: Instant, listener: &mut impl Listener) {
        while let Some(due) = self.next_pull.filter(|due| *due <= until) {
            self.now = self.now.max(due);
            listener.pull(due, self.pull);
            self.next_pull = Some(due + self.pull.duration());
        }
        self.now = self.now.max(until);
    }

    fn deliver(&mut self, packet: Packet, listener: &mut impl Listener) {
        self.packets += 1;
        listener.handle_packet(&Packet { arrival: self.now, ..packet });
        if self.next_pull.is_none() {
            self.next_pull = listener.poll_playout();
        }
    }

    /// The packet whose turn it is, with the copies that it should carry.
    fn next_packet(&mut self, dtx: bool, listener: &mut impl Listener) -> Packet {
        let content = Content { frame: self.frame, number: self.number, fec: self.fec, dtx };
        let plain = listener.payload(content);
        let (format, payload) = match self.copies {
            0 => self.with_parity(&plain),
            copies => (PayloadFormat::Red, self.with_copies(copies, &plain)),
        };
        let packet = Packet {
            ssrc: self.ssrc,
            seq: self.seqs.extend(self.wire_seq),
            timestamp: self.timestamps.extend(self.wire_timestamp),
            arrival: self.now,
            marker: false,
            format,
            payload,
        };
        self.sent.push_back((self.wire_timestamp, plain));
        if self.sent.len() > 4 {
            self.sent.pop_front();
        }
        self.number += 1;
        self.wire_seq = self.wire_seq.wrapping_add(1);
        self.wire_timestamp = self.wire_timestamp.wrapping_add(self.frame.0 as u32);
        packet
    }

    fn with_parity(&mut self, plain: &Arc<[u8]>) -> (PayloadFormat, Arc<[u8]>) {
        let timestamp = u64::from(self.wire_timestamp);
        match self.packer.pack_parity(111, self.parity, timestamp, (self.frame.0 as u64, plain)) {
            Some(payload) => (PayloadFormat::Red, payload.into()),
            None => (PayloadFormat::Opus, plain.clone()),
        }
    }

    fn with_copies(&self, copies: usize, plain: &Arc<[u8]>) -> Arc<[u8]> {
        let older = self.sent.iter().skip(self.sent.len().saturating_sub(copies));
        let older: Vec<(Samples, &[u8])> = older
            .map(|(timestamp, payload)| {
                (Samples(i64::from(self.wire_timestamp.wrapping_sub(*timestamp))), &payload[..])
            })
            .filter(|(age, payload)| *age <= red::MAX_OFFSET && payload.len() <= red::MAX_BLOCK_BYTES)
            .collect();
        let mut out = Vec::new();
        red::write(111, &older, plain, &mut out).expect("what does not fit was left out");
        out.into()
    }

    /// Time between two packets by the sender's clock.
    fn spacing(&self) -> Duration {
        self.frame.duration().mul_f64(1.0 - f64::from(self.ppm) * 1e-6)
    }

    fn next_random(&mut self) -> u32 {
        self.random = self.random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        self.random
    }

    /// An honest stream on a quiet network, on the same timeline, for so long: whatever was before, it is heard.
    pub fn tail(&mut self, length: Duration, listener: &mut impl Listener) -> Tail {
        (self.frame, self.pull, self.copies, self.fec, self.ppm) = (TAIL_FRAME, TAIL_PULL, 0, false, 0);
        self.parity = 0;
        let mut last = (self.now, RtpTimestamp(0));
        for _ in 0..length.as_micros() / TAIL_FRAME.duration().as_micros() {
            self.pass(TAIL_FRAME.duration(), listener);
            let packet = self.next_packet(false, listener);
            last = (self.now, packet.timestamp);
            self.deliver(packet, listener);
        }
        // To a pull: what is heard next is what the last one left.
        let (arrival, timestamp) = last;
        let due = self.next_pull.unwrap_or(self.now);
        let delay_ms = listener.heard().map(|heard| {
            let behind = timestamp.since(heard).ms();
            behind + due.saturating_duration_since(arrival).as_secs_f64() * 1000.0
        });
        Tail { delay_ms }
    }
}
