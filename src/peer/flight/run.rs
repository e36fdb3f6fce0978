//! The run: packets in at their times, pulls as a paced sink makes them.

use std::time::{Duration, Instant};

use crate::audio::{Error, Receiver, ReceiverConfig, ReceiverStats, SAMPLE_RATE};
use crate::measure::PlayoutMoment;
use crate::rtp::{Packet, RtpTimestamp, Samples};

/// Longest pull, as in a call with a file or a pipe as its output.
const MAX_PULL: Samples = Samples::from_ms(20);
/// So long after the last packet the run goes on: what waits is heard, and a bit of what follows.
const AFTER: Duration = Duration::from_millis(200);

/// A packet as it arrives.
#[derive(Debug, Clone)]
pub(in crate::peer) struct Arrived {
    /// With the moment of its arrival.
    pub(in crate::peer) packet: Packet,
    /// When its first sample was spoken, or the moment on whatever line the delay is to be measured from; in
    /// milliseconds since the run's start.
    pub(in crate::peer) spoken_ms: f64,
}

/// How a receiver is run.
#[derive(Debug, Clone, Copy)]
pub(in crate::peer) struct Flight {
    /// Its settings.
    pub(in crate::peer) config: ReceiverConfig,
    /// When virtual time begins.
    pub(in crate::peer) start: Instant,
    /// How much faster than true time the sink plays, in parts per million.
    pub(in crate::peer) sink_ppm: f64,
}

/// What was seen.
#[derive(Debug, Clone, Default)]
pub(in crate::peer) struct FlightLog {
    /// Pull by pull.
    pub(in crate::peer) moments: Vec<PlayoutMoment>,
    /// Packets: when they arrived and how late they were, in milliseconds.
    pub(in crate::peer) arrivals: Vec<(f64, f64)>,
    /// Payload bytes that arrived.
    pub(in crate::peer) payload_bytes: u64,
    /// The receiver's counts at the end.
    pub(in crate::peer) stats: ReceiverStats,
}

impl Flight {
    /// Runs a receiver over `arrivals`, in order of their arrival.
    ///
    /// # Errors
    /// [`Error::Opus`] if there is no memory for a decoder.
    pub(in crate::peer) fn run(
        &self,
        arrivals: impl IntoIterator<Item = Arrived>,
    ) -> Result<FlightLog, Error> {
        let mut ear = Ear::new(self)?;
        let mut last_arrival = self.start;
        let mut arrivals = arrivals.into_iter().peekable();
        while let Some(first) = arrivals.next_if(|_| ear.due.is_none()) {
            last_arrival = first.packet.arrival;
            ear.hear(&first);
        }
        while let Some(due) = ear.due {
            while let Some(arrived) = arrivals.next_if(|arrived| arrived.packet.arrival <= due) {
                last_arrival = arrived.packet.arrival;
                ear.hear(&arrived);
            }
            if arrivals.peek().is_none() && due > last_arrival + AFTER {
                break;
            }
            ear.pull(due);
        }
        ear.log.stats = ear.before;
        Ok(ear.log)
    }
}

/// A receiver with the clock of its sink.
struct Ear<'a> {
    flight: &'a Flight,
    receiver: Receiver,
    /// When the next pull is due; none until the first packet.
    due: Option<Instant>,
    /// The newest packet's media time, and when it was spoken.
    line: Option<(RtpTimestamp, f64)>,
    ssrc: Option<u32>,
    out: Vec<f32>,
    before: ReceiverStats,
    log: FlightLog,
}

impl<'a> Ear<'a> {
    fn new(flight: &'a Flight) -> Result<Ear<'a>, Error> {
        let receiver = Receiver::new(flight.config)?;
        let out = vec![0.0; MAX_PULL.len() * flight.config.channels.count()];
        let (before, log) = (ReceiverStats::default(), FlightLog::default());
        Ok(Ear { flight, receiver, due: None, line: None, ssrc: None, out, before, log })
    }

    fn ms(&self, at: Instant) -> f64 {
        at.saturating_duration_since(self.flight.start).as_secs_f64() * 1000.0
    }

    fn hear(&mut self, arrived: &Arrived) {
        let packet = &arrived.packet;
        let at_ms = self.ms(packet.arrival);
        self.log.arrivals.push((at_ms, at_ms - arrived.spoken_ms));
        self.log.payload_bytes += packet.payload.len() as u64;
        self.receiver.handle_packet(packet);
        let newer =
            self.ssrc != Some(packet.ssrc) || self.line.is_none_or(|(newest, _)| packet.timestamp > newest);
        if newer {
            (self.ssrc, self.line) = (Some(packet.ssrc), Some((packet.timestamp, arrived.spoken_ms)));
        }
        if self.due.is_none() {
            self.due = Some(self.receiver.poll_playout().unwrap_or(packet.arrival));
        }
    }

    fn pull(&mut self, due: Instant) {
        let at_ms = self.ms(due);
        let heard = self.receiver.heard();
        let delay_ms = heard
            .zip(self.line)
            .map(|(heard, (newest, spoken_ms))| at_ms - (spoken_ms - newest.since(heard).ms()));
        let samples = self.receiver.render_ready(due, &mut self.out).max(1);
        let stats = self.receiver.stats();
        let before = std::mem::replace(&mut self.before, stats);
        let since = |of: fn(&ReceiverStats) -> u64| of(&stats).saturating_sub(of(&before)) as f64;
        self.log.moments.push(PlayoutMoment {
            at_ms,
            delay_ms,
            target_ms: f64::from(stats.target_ms),
            samples: samples as f64,
            concealed: since(|stats| stats.concealed_samples),
            stretched: since(|stats| stats.shortened_samples + stats.lengthened_samples),
        });
        let seconds = samples as f64 / f64::from(SAMPLE_RATE) / (1.0 + self.flight.sink_ppm * 1e-6);
        self.due = Some(due + Duration::from_secs_f64(seconds));
    }
}
