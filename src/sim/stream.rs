//! One direction of a call as a sender makes it: when each packet goes out, and what its header says.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::SkewedClock;
use crate::rtp::{Packet, PayloadFormat, Samples, SeqExtender, TimestampExtender, red};

/// Payload type of the blocks in a redundant payload; receivers of ours do not look at it.
const PAYLOAD_TYPE: u8 = 111;

/// How a sender sends.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamConfig {
    /// Length of a frame.
    pub frame: Samples,
    /// Copies of earlier frames in each packet (RFC 2198), at distances of one frame; 0 sends plain Opus.
    pub copies: usize,
    /// Frames between a frame and its first copy; 1 is the next packet.
    pub distance: usize,
    /// How much faster than true time the sender's clock runs, in parts per million.
    pub ppm: f64,
    /// Talk and pause in turn: in a pause nothing is sent but its beginning.
    pub pauses: Option<Pauses>,
    /// When another source takes over, with numbers of its own, as after a transfer of the call.
    pub source_changes: Vec<Duration>,
    /// First sequence number on the wire.
    pub first_seq: u16,
    /// First timestamp on the wire.
    pub first_timestamp: u32,
}

/// Discontinuous transmission.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pauses {
    /// How long somebody talks.
    pub talk: Duration,
    /// How long nothing is sent.
    pub pause: Duration,
}

impl Default for StreamConfig {
    /// Plain frames of 10 ms whose sequence number wraps after 0.4 s and whose timestamp after a second.
    fn default() -> StreamConfig {
        StreamConfig {
            frame: Samples::from_ms(10),
            copies: 0,
            distance: 1,
            ppm: 0.0,
            pauses: None,
            source_changes: Vec::new(),
            first_seq: u16::MAX - 40,
            first_timestamp: u32::MAX - 48_000,
        }
    }
}

/// A packet on its way out.
#[derive(Debug, Clone)]
pub struct Sent {
    /// When, which is when its last sample was spoken.
    pub at: Instant,
    /// Media time of its first sample since the stream began, whatever its header says: spoken one frame before `at`.
    pub spoken: Samples,
    /// The packet; its arrival is yet to be set.
    pub packet: Packet,
}

/// Makes the packets of one direction. Payloads come from the caller, frame by frame.
#[derive(Debug)]
pub struct Stream {
    config: StreamConfig,
    start: Instant,
    clock: SkewedClock,
    /// Frames made, sent or not.
    frames: u64,
    ssrc: u32,
    wire_seq: u16,
    wire_timestamp: u32,
    seqs: SeqExtender,
    timestamps: TimestampExtender,
    is_pausing: bool,
    /// The last frames sent, with their number: what copies are made of.
    sent: VecDeque<(u64, Arc<[u8]>)>,
}

impl Stream {
    /// A stream whose first sample is spoken at `start`.
    pub fn new(config: StreamConfig, start: Instant) -> Stream {
        let (wire_seq, wire_timestamp) = (config.first_seq, config.first_timestamp);
        Stream {
            clock: SkewedClock::new(start, config.ppm),
            config,
            start,
            frames: 0,
            ssrc: 1,
            wire_seq,
            wire_timestamp,
            seqs: SeqExtender::default(),
            timestamps: TimestampExtender::default(),
            is_pausing: true,
            sent: VecDeque::new(),
        }
    }

    /// The next packet. `payload` gives the Opus packet of a frame by its number.
    pub fn next(&mut self, mut payload: impl FnMut(u64) -> Arc<[u8]>) -> Sent {
        loop {
            let number = self.frames;
            self.frames += 1;
            let spoken = Samples(number as i64 * self.config.frame.0);
            let at = self.clock.when((spoken + self.config.frame).duration());
            self.change_source(at);
            let timestamp = self.wire_timestamp;
            self.wire_timestamp = timestamp.wrapping_add(self.config.frame.0 as u32);
            let is_pause = self.is_pause(spoken.duration());
            if is_pause && self.is_pausing {
                continue;
            }
            let mut plain = payload(number);
            if is_pause {
                // The head of a packet alone: silence begins (RFC 6716, section 3.1).
                plain = plain[..plain.len().min(1)].into();
            }
            let packet = self.packet(number, timestamp, plain, at);
            self.is_pausing = is_pause;
            return Sent { at, spoken, packet };
        }
    }

    fn is_pause(&self, spoken: Duration) -> bool {
        self.config.pauses.is_some_and(|pauses| {
            let turn = (pauses.talk + pauses.pause).as_nanos().max(1);
            spoken.as_nanos() % turn >= pauses.talk.as_nanos()
        })
    }

    fn change_source(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.start);
        let changes = self.config.source_changes.iter().filter(|at| **at <= passed).count() as u32;
        if self.ssrc == changes + 1 {
            return;
        }
        self.ssrc = changes + 1;
        // Numbers that have nothing to do with those before.
        self.wire_seq = self.wire_seq.wrapping_mul(31).wrapping_add(7);
        self.wire_timestamp = self.wire_timestamp.wrapping_mul(2_654_435_761).wrapping_add(1);
        (self.seqs, self.timestamps) = (SeqExtender::default(), TimestampExtender::default());
        self.sent.clear();
        self.is_pausing = true;
    }

    fn packet(&mut self, number: u64, timestamp: u32, plain: Arc<[u8]>, at: Instant) -> Packet {
        let payload = match self.config.copies {
            0 => plain.clone(),
            _ => self.with_copies(number, &plain),
        };
        let packet = Packet {
            ssrc: self.ssrc,
            seq: self.seqs.extend(self.wire_seq),
            timestamp: self.timestamps.extend(timestamp),
            arrival: at,
            marker: self.is_pausing,
            format: if self.config.copies == 0 { PayloadFormat::Opus } else { PayloadFormat::Red },
            payload,
        };
        self.wire_seq = self.wire_seq.wrapping_add(1);
        self.sent.push_back((number, plain));
        while self.sent.len() > self.config.copies * self.config.distance {
            self.sent.pop_front();
        }
        packet
    }

    fn with_copies(&self, number: u64, plain: &Arc<[u8]>) -> Arc<[u8]> {
        let distance = self.config.distance.max(1) as u64;
        let older: Vec<(Samples, &[u8])> = self
            .sent
            .iter()
            .filter(|(earlier, _)| (number - earlier).is_multiple_of(distance))
            .map(|(earlier, payload)| {
                (Samples((number - earlier) as i64 * self.config.frame.0), &payload[..])
            })
            .filter(|(age, payload)| *age <= red::MAX_OFFSET && payload.len() <= red::MAX_BLOCK_BYTES)
            .collect();
        let first = older.len().saturating_sub(red::MAX_REDUNDANT);
        let mut out = Vec::new();
        red::write(PAYLOAD_TYPE, &older[first..], plain, &mut out).expect("what does not fit was left out");
        out.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(config: StreamConfig, count: usize) -> Vec<Sent> {
        #[expect(clippy::disallowed_methods, reason = "any instant will do to begin virtual time")]
        let start = Instant::now();
        let mut stream = Stream::new(config, start);
        (0..count).map(|_| stream.next(|number| vec![31 << 3, number as u8].into())).collect()
    }

    #[test]
    fn numbers_go_on_past_their_wrap() {
        let sent = sent(StreamConfig::default(), 300);
        assert!(sent.windows(2).all(|pair| {
            let (one, next) = (&pair[0].packet, &pair[1].packet);
            next.seq.since(one.seq) == 1 && next.timestamp.since(one.timestamp) == Samples(480)
        }));
        assert!(sent.iter().any(|s| s.packet.seq.wire() == 0));
        assert!(sent[0].packet.marker && !sent[1].packet.marker);
    }

    #[test]
    fn in_a_pause_nothing_is_sent_and_time_goes_on() {
        let pauses = Some(Pauses { talk: Duration::from_millis(50), pause: Duration::from_millis(950) });
        let sent = sent(StreamConfig { pauses, ..StreamConfig::default() }, 12);
        assert_eq!(sent[5].packet.payload.len(), 1, "the sender says that it falls silent");
        assert_eq!(sent[6].spoken - sent[5].spoken, Samples::from_ms(950));
        assert_eq!(sent[6].packet.timestamp.since(sent[5].packet.timestamp), Samples::from_ms(950));
        assert_eq!(sent[6].packet.seq.since(sent[5].packet.seq), 1);
        assert!(sent[6].packet.marker && !sent[5].packet.marker);
    }

    #[test]
    fn another_source_has_numbers_of_its_own() {
        let source_changes = vec![Duration::from_millis(105)];
        let sent = sent(StreamConfig { source_changes, copies: 1, ..StreamConfig::default() }, 20);
        assert_eq!((sent[9].packet.ssrc, sent[10].packet.ssrc), (1, 2));
        let blocks = |n: usize| red::parse(&sent[n].packet.payload).unwrap().redundant().len();
        assert_eq!((blocks(9), blocks(10), blocks(11)), (1, 0, 1), "copies are of its own frames");
    }

    #[test]
    fn copies_stand_at_their_distance() {
        let sent = sent(StreamConfig { copies: 2, distance: 2, ..StreamConfig::default() }, 10);
        let payload = &sent[9].packet.payload;
        let blocks = red::parse(payload).unwrap();
        let ages: Vec<_> =
            blocks.redundant().iter().map(|b| (b.offset.0, payload[b.bytes.clone()][1])).collect();
        assert_eq!(ages, [(4 * 480, 5), (2 * 480, 7)]);
    }

    #[test]
    fn a_fast_clock_sends_early() {
        let fast = sent(StreamConfig { ppm: 1000.0, ..StreamConfig::default() }, 1000);
        let lasted = fast[999].at - fast[0].at;
        assert!((lasted.as_secs_f64() - 9.99 / 1.001).abs() < 1e-6, "{lasted:?}");
    }
}
