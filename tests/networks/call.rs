//! One direction of a call through a network and a receiver, in virtual time.

use std::time::{Duration, Instant};

use handset::audio::trial::{Outcome, Pull, Trial};
use handset::audio::{Receiver, ReceiverConfig};
use handset::rtp::{Packet, RtpTimestamp};
use handset::sim::{Link, LinkConfig, Sent, Stream, StreamConfig};

use crate::voice::{self, VoiceCodec};

/// IP, UDP, RTP with an extension, and the tag of SRTP.
const OVERHEAD_BYTES: usize = 20 + 8 + 12 + 8 + 10;

/// What is simulated.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) link: LinkConfig,
    pub(crate) seed: u64,
    pub(crate) seconds: u64,
    pub(crate) stream: StreamConfig,
    pub(crate) receiver: ReceiverConfig,
    /// How much faster than true time the listener's clock runs, in parts per million.
    pub(crate) sink_ppm: f64,
}

/// What came of it.
pub(crate) struct Made {
    pub(crate) outcome: Outcome,
    /// Mean time that packets were on their way.
    pub(crate) path_ms: f64,
    /// Share of what was sent that did not arrive, in percent.
    pub(crate) lost: f64,
    /// What arrived, with all headers.
    pub(crate) kbits: f64,
}

impl Call {
    pub(crate) fn over(link: LinkConfig, seed: u64, seconds: u64) -> Call {
        let (stream, receiver) = (StreamConfig::default(), ReceiverConfig::default());
        Call { link, seed, seconds, stream, receiver, sink_ppm: 0.0 }
    }

    pub(crate) fn make(&self) -> Made {
        #[expect(clippy::disallowed_methods, reason = "any instant will do to begin virtual time")]
        let start = Instant::now();
        let end = start + Duration::from_secs(self.seconds);
        let mut wire = Wire::new(self, start, end);
        let trial = Trial {
            start,
            origin_at: start,
            origin: RtpTimestamp(wire.first_timestamp()),
            pull: Pull::Ready,
            sink_ppm: self.sink_ppm,
            source_ppm: self.stream.ppm,
            end,
            keeps_sound: false,
        };
        let codec = Box::new(VoiceCodec::new());
        let mut receiver = Receiver::with_codec(self.receiver, codec);
        let outcome = trial.run(&mut receiver, &mut wire);
        Made {
            outcome,
            path_ms: wire.path_ms / wire.arrived.max(1) as f64,
            lost: 100.0 * (1.0 - wire.arrived as f64 / wire.sent.max(1) as f64).max(0.0),
            kbits: wire.bytes as f64 * 8.0 / 1000.0 / self.seconds as f64,
        }
    }
}

/// The packets as they come out of the network, made as they are asked for: an hour of them is never held at once.
struct Wire {
    stream: Stream,
    link: Link<(Instant, Packet)>,
    next: Option<Sent>,
    end: Instant,
    sent: u64,
    arrived: u64,
    bytes: u64,
    path_ms: f64,
}

impl Wire {
    fn new(call: &Call, start: Instant, end: Instant) -> Wire {
        let mut wire = Wire {
            stream: Stream::new(call.stream.clone(), start),
            link: Link::new(call.link.clone(), call.seed, start),
            next: None,
            end,
            sent: 0,
            arrived: 0,
            bytes: 0,
            path_ms: 0.0,
        };
        wire.advance();
        wire
    }

    /// Media time of the first sample of all.
    fn first_timestamp(&self) -> u64 {
        self.next.as_ref().map_or(0, |sent| sent.packet.timestamp.0)
    }

    fn advance(&mut self) {
        self.next = Some(self.stream.next(voice::packet)).filter(|sent| sent.at <= self.end);
    }

    /// Puts packets in until the network's next one cannot be overtaken by one that is still to be sent.
    fn feed(&mut self) {
        while let Some(sent) = self.next.take() {
            if self.link.poll_timeout().is_some_and(|arrival| arrival < sent.at) {
                self.next = Some(sent);
                return;
            }
            self.sent += 1;
            self.link.send(sent.at, sent.packet.payload.len() + OVERHEAD_BYTES, (sent.at, sent.packet));
            self.advance();
        }
    }
}

impl Iterator for Wire {
    type Item = Packet;

    fn next(&mut self) -> Option<Packet> {
        self.feed();
        let (arrival, (sent_at, packet)) = self.link.poll(self.link.poll_timeout()?)?;
        self.arrived += 1;
        self.bytes += (packet.payload.len() + OVERHEAD_BYTES) as u64;
        self.path_ms += arrival.saturating_duration_since(sent_at).as_secs_f64() * 1000.0;
        Some(Packet { arrival, ..packet })
    }
}
