//! One trace, one receiver: what came of it.

use std::time::{Duration, Instant};

use handset::audio::trial::{Outcome, Playout, Pull, Totals};
use handset::audio::{Latency, Receiver, ReceiverConfig};
use handset::rtp::{Packet, RtpTimestamp, TargetSettings};

use crate::arrivals::{Call, TICK, Trace};
use crate::neteq::{self, NetEq};

/// The first part of a run is left out of the delays.
const SETTLING_MS: f64 = 1000.0;

/// A receiver with its settings.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Contestant {
    /// Ours, as it is set in a call.
    Handset(Latency),
    /// Ours at any point of its range.
    Target(TargetSettings),
    /// NetEq.
    NetEq(neteq::Settings),
}

impl Contestant {
    pub(crate) fn name(&self) -> String {
        match self {
            Contestant::Handset(latency) => format!("handset {latency}"),
            Contestant::Target(target) => format!("handset {}", target.ms_per_percent),
            Contestant::NetEq(neteq::Settings { min_delay_ms: 0.0, quantile }) => format!("neteq {quantile}"),
            Contestant::NetEq(settings) => format!("neteq {} ms", settings.min_delay_ms),
        }
    }

    /// Runs it over a trace.
    pub(crate) fn run(&self, call: &Call, trace: &Trace, in_device: bool) -> Outcome {
        let phase = trace.phase;
        let packets = trace.arrivals.iter();
        let ours = match *self {
            Contestant::NetEq(settings) => {
                return call.trial(Pull::Of(TICK)).run(&mut NetEq::new(settings, phase), packets);
            }
            Contestant::Handset(latency) => ReceiverConfig { latency, ..Default::default() },
            Contestant::Target(target) => ReceiverConfig { target: Some(target), ..Default::default() },
        };
        let mut receiver = Receiver::new(ours).expect("memory");
        if !in_device {
            return call.trial(Pull::Ready).run(&mut receiver, packets);
        }
        call.trial(Pull::Of(TICK)).run(&mut InDevice { receiver, phase, begin: None }, packets)
    }
}

/// Our receiver behind a clock that nobody chose.
struct InDevice {
    receiver: Receiver,
    phase: Duration,
    begin: Option<Instant>,
}

impl Playout for InDevice {
    fn handle_packet(&mut self, packet: &Packet) {
        self.begin.get_or_insert(packet.arrival + self.phase);
        self.receiver.handle_packet(packet);
    }

    fn render(&mut self, now: Instant, out: &mut [f32]) {
        self.receiver.render(now, out);
    }

    fn poll_playout(&self) -> Option<Instant> {
        self.begin
    }

    fn heard(&self) -> Option<RtpTimestamp> {
        self.receiver.heard()
    }

    fn totals(&mut self) -> Totals {
        Playout::totals(&mut self.receiver)
    }
}

/// The figures of one run, delays in milliseconds above the path's own, shares in percent.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Row {
    pub(crate) delay_ms: f64,
    pub(crate) p95_ms: f64,
    pub(crate) concealed: f64,
    pub(crate) stretched: f64,
    pub(crate) recovery_ms: f64,
}

impl Row {
    pub(crate) fn of(outcome: &Outcome, path_ms: f64) -> Row {
        Row {
            delay_ms: outcome.mean_delay_ms(SETTLING_MS) - path_ms,
            p95_ms: outcome.delay_ms(0.95, SETTLING_MS) - path_ms,
            concealed: outcome.concealed_percent(),
            stretched: outcome.stretched_percent(),
            recovery_ms: outcome.recovery_ms(20.0),
        }
    }

    pub(crate) fn mean(rows: &[Row]) -> Row {
        let mean = |of: fn(&Row) -> f64| rows.iter().map(of).sum::<f64>() / rows.len().max(1) as f64;
        Row {
            delay_ms: mean(|row| row.delay_ms),
            p95_ms: mean(|row| row.p95_ms),
            concealed: mean(|row| row.concealed),
            stretched: mean(|row| row.stretched),
            recovery_ms: mean(|row| row.recovery_ms),
        }
    }
}
