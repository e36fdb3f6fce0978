//! The figures of a call, once a second.

use std::time::{Duration, Instant};

use crate::audio::{ReceiverStats, SAMPLE_RATE};
use crate::call::{CallStats, SelectedPair};
use crate::rtp::{OneWayDelay, OpusPacketInfo, Packet, PayloadFormat, Samples, SenderClock, red};

use super::downlink::Downlink;
use super::uplink::Uplink;
use super::{DelayStages, Stats};

const PERIOD: Duration = Duration::from_secs(1);

/// Collects what the call, the network and the audio halves know.
#[derive(Debug, Default)]
pub(super) struct Statistics {
    started: Option<Instant>,
    due: Option<Instant>,
    call: CallStats,
    jitter: Jitter,
    losses: Losses,
    one_way: OneWayDelay,
    pair: Option<(SelectedPair, &'static str)>,
    previous: Snapshot,
}

/// Counters at the end of the last second.
#[derive(Debug, Default, Clone, Copy)]
struct Snapshot {
    at: Option<Instant>,
    bytes_sent: u64,
    bytes_received: u64,
    concealed: u64,
    rendered: u64,
}

impl Statistics {
    /// Media can flow from now on.
    pub(super) fn start(&mut self, now: Instant) {
        self.started = Some(now);
        self.due = Some(now + PERIOD);
        self.previous.at = Some(now);
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.due
    }

    pub(super) fn on_packet(&mut self, packet: &Packet) {
        self.jitter.on_packet(packet);
        self.losses.on_packet(packet);
        if let Some(frame) = frame_of(packet) {
            self.one_way.handle_packet(packet.timestamp, frame, packet.arrival);
        }
    }

    pub(super) fn on_pair(&mut self, pair: SelectedPair, protocol: &'static str) {
        self.pair = Some((pair, protocol));
    }

    pub(super) fn on_call_stats(&mut self, stats: CallStats, now: Instant) {
        self.call = stats;
        if let Some(rtt) = stats.rtt {
            self.one_way.handle_round_trip(rtt, now);
        }
    }

    /// The figures, if a second is over.
    pub(super) fn poll(&mut self, now: Instant, uplink: &Uplink, downlink: &mut Downlink) -> Option<Stats> {
        let due = self.due.filter(|due| *due <= now)?;
        // After a standstill the seconds that nobody saw are left out.
        self.due = Some(if now - due > PERIOD { now + PERIOD } else { due + PERIOD });
        self.last(now, uplink, downlink).inspect(|stats| {
            self.previous = Snapshot {
                at: Some(now),
                bytes_sent: stats.bytes_sent,
                bytes_received: stats.bytes_received,
                concealed: stats.concealed_samples,
                rendered: stats.rendered_samples,
            };
        })
    }

    /// The figures as they stand, if media ever could flow.
    pub(super) fn last(&self, now: Instant, uplink: &Uplink, downlink: &mut Downlink) -> Option<Stats> {
        let started = self.started?;
        let receiver = downlink.stats();
        let call = &self.call;
        let since = self.previous.at.unwrap_or(started);
        let rate = |bytes: u64| (bytes as f64 * 8.0 / (now - since).as_secs_f64().max(1e-3)) as u64;
        let delay = self.delay(&receiver, uplink, downlink);
        let (plan, path) = (uplink.controller().plan(), uplink.controller().path());
        let rendered = receiver.total_samples.saturating_sub(self.previous.rendered);
        let concealed = receiver.concealed_samples.saturating_sub(self.previous.concealed);
        Some(Stats {
            call_ms: (now - started).as_millis() as u64,
            packets_sent: call.packets_sent,
            packets_received: call.packets_received,
            packets_lost: self.losses.missing(),
            packets_late: receiver.late,
            remote_loss_percent: call.remote_loss.map(|share| share * 100.0),
            jitter_ms: self.jitter.ms(),
            rtt_ms: call.rtt.map(|rtt| rtt.as_secs_f32() * 1000.0),
            playout_delay_ms: receiver.playout_delay_ms,
            playout_target_ms: receiver.target_ms,
            concealed_percent: if rendered == 0 { 0.0 } else { 100.0 * concealed as f32 / rendered as f32 },
            concealed_samples: receiver.concealed_samples,
            rendered_samples: receiver.total_samples,
            input_level_dbov: uplink.level_dbov(),
            output_level_dbov: downlink.level_dbov(),
            send_bps: rate(call.bytes_sent.saturating_sub(self.previous.bytes_sent)),
            receive_bps: rate(call.bytes_received.saturating_sub(self.previous.bytes_received)),
            bytes_sent: call.bytes_sent,
            bytes_received: call.bytes_received,
            input_overruns: uplink.overruns(),
            output_underruns: downlink.underruns(),
            repaired_by_fec: receiver.fec_used,
            repaired_by_red: receiver.red_used,
            repaired_by_dred: receiver.dred_used,
            frame_ms: plan.frame.ms(),
            opus_bps: plan.bitrate.bps(),
            fec: plan.fec && plan.expected_loss_percent > 0,
            red_distance: plan.red_distance,
            red_copies: plan.red_copies,
            parity: plan.parity,
            dred_ms: plan.dred_ms,
            path_loss_percent: (path.lost * 100.0) as f32,
            path_burst: path.burst as f32,
            path_limit_bps: path.limit_bps.map(|bps| bps as u32),
            delay,
            pair: self.pair.map(|(pair, protocol)| {
                format!(
                    "{} {} -> {} {} over {protocol}",
                    pair.local_kind.as_str(),
                    pair.local,
                    pair.remote_kind.as_str(),
                    pair.remote
                )
            }),
        })
    }
}

impl Statistics {
    /// Takes in what the other side said of its clock.
    pub(super) fn on_sender_clock(&mut self, clock: &SenderClock) {
        self.one_way.handle_sender_clock(clock);
    }

    fn delay(&self, receiver: &ReceiverStats, uplink: &Uplink, downlink: &Downlink) -> DelayStages {
        // What every Opus encoder looks ahead, and what the restricted mode for short frames does.
        let look_ahead_ms = if receiver.frame_ms < 10.0 { 2.5 } else { 6.5 };
        let one_way = self.one_way.get();
        let stages = DelayStages {
            capture_ms: uplink.capture_ms(),
            framing_ms: receiver.frame_ms + look_ahead_ms,
            network_ms: one_way.map(|delay| delay.ms),
            network_error_ms: one_way.map(|delay| delay.error_ms),
            jitter_buffer_ms: receiver.playout_delay_ms,
            decoder_ms: receiver.resampler_delay_ms,
            ring_ms: downlink.ring_ms(),
            total_ms: None,
        };
        let here = stages.framing_ms + stages.jitter_buffer_ms + stages.decoder_ms + stages.ring_ms;
        DelayStages { total_ms: stages.network_ms.map(|network| network + here), ..stages }
    }
}

/// Packets that never came, as RFC 3550, appendix A.3, counts them: those expected by their sequence numbers
/// less those received.
#[derive(Debug, Default)]
struct Losses {
    stream: Option<(u32, u64)>,
    highest: u64,
    received: u64,
    /// Of the streams before this one.
    earlier: u64,
}

impl Losses {
    fn on_packet(&mut self, packet: &Packet) {
        let seq = packet.seq.0;
        if self.stream.is_none_or(|(ssrc, _)| ssrc != packet.ssrc) {
            self.earlier = self.missing();
            (self.stream, self.highest, self.received) = (Some((packet.ssrc, seq)), seq, 0);
        }
        self.highest = self.highest.max(seq);
        self.received += 1;
    }

    fn missing(&self) -> u64 {
        let expected = self.stream.map_or(0, |(_, first)| (self.highest + 1).saturating_sub(first));
        self.earlier + expected.saturating_sub(self.received)
    }
}

/// How much sound a packet holds.
fn frame_of(packet: &Packet) -> Option<Samples> {
    let opus = match packet.format {
        PayloadFormat::Opus => &packet.payload[..],
        PayloadFormat::Red => &packet.payload[red::parse(&packet.payload).ok()?.primary().bytes.clone()],
    };
    OpusPacketInfo::parse(opus).map(|info| info.duration)
}

/// Interarrival jitter as RFC 3550, section 6.4.1 and appendix A.8, defines it.
#[derive(Debug, Default)]
struct Jitter {
    last: Option<(Instant, u64)>,
    seconds: f64,
}

impl Jitter {
    fn on_packet(&mut self, packet: &Packet) {
        let timestamp = packet.timestamp.0;
        if let Some((arrival, previous)) = self.last
            && timestamp > previous
        {
            let spacing = packet.arrival.saturating_duration_since(arrival).as_secs_f64();
            let meant = (timestamp - previous) as f64 / f64::from(SAMPLE_RATE);
            self.seconds += ((spacing - meant).abs() - self.seconds) / 16.0;
        }
        self.last = Some((packet.arrival, timestamp));
    }

    fn ms(&self) -> f32 {
        (self.seconds * 1000.0) as f32
    }
}
