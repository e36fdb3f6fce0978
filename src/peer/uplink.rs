//! Our voice on its way out: an input, cut into frames, encoded, handed to the call.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::audio::control::{Abilities, Controller, Plan};
use crate::audio::device::{EndEvent, Input, SourceSpec};
use crate::audio::{Bitrate, EncodedFrame, Error, Level, RedSettings, Sender, SenderConfig};
use crate::call::{Estimate, Negotiated};
use crate::ice::Carrier;
use crate::rtp::{ReceiverReport, RedHeader};

use super::engine::Reporter;
use super::playout_clock::duration_of;
use super::{AtEnd, Ends, PeerConfig, PeerError, PeerEvent};

/// How long after the last sample of an input we hang up: what was said has to get through the network and
/// the other side's jitter buffer.
const HANG_UP_AFTER: Duration = Duration::from_millis(600);

/// Samples that one turn takes from an input: more than any frame or callback holds, stereo included.
const TURN_SAMPLES: usize = 2 * 5760;

/// How far behind a paced input may be and still catch up; a longer standstill is left out.
const MAX_BEHIND: Duration = Duration::from_millis(500);

/// Packets of a silence that is left out that are sent all the same: they tell the other side that it is one.
const QUIET_PACKETS: u32 = 2;

/// Frames over which their waiting is averaged.
const CAPTURE_FRAMES: f32 = 50.0;

pub(super) struct Uplink {
    input: Option<Input>,
    sender: Sender,
    /// What was agreed.
    abilities: Abilities,
    /// What the path in use adds to its overhead.
    path_bytes: u16,
    controller: Controller,
    /// Payload type of Opus, and whether it may be wrapped in RED.
    opus: Option<(u8, bool)>,
    /// Packets of the present silence.
    quiet: u32,
    capture_ms: f32,
    at_end: AtEnd,
    /// Samples per channel taken from a paced input, and when the first of them was spoken.
    pace: Option<(Instant, u64)>,
    told_start: bool,
    ended_at: Option<Instant>,
    level: Level,
    buffer: Vec<f32>,
}

impl Uplink {
    /// # Errors
    /// When Opus refuses.
    pub(super) fn new(input: Option<Input>, config: &PeerConfig) -> Result<Self, PeerError> {
        let sender =
            Sender::new(config.audio.clone()).map_err(|source| PeerError::Audio { end: "input", source })?;
        let abilities = Abilities::plain(&config.audio);
        Ok(Self {
            input,
            sender,
            abilities,
            path_bytes: 0,
            controller: Controller::new(config.policy, abilities),
            opus: None,
            quiet: 0,
            capture_ms: 0.0,
            at_end: config.at_end,
            pace: None,
            told_start: false,
            ended_at: None,
            level: Level::SILENCE,
            buffer: vec![0.0; TURN_SAMPLES],
        })
    }

    /// Media can flow: from now on what is spoken is heard.
    pub(super) fn start(&mut self, now: Instant, reporter: &mut Reporter) {
        match &mut self.input {
            Some(Input::Paced(_)) => {
                self.pace = Some((now, 0));
                self.tell_start(now, reporter);
            }
            Some(Input::Live(live)) => live.start(),
            None => {}
        }
    }

    fn tell_start(&mut self, at: Instant, reporter: &mut Reporter) {
        if !std::mem::replace(&mut self.told_start, true) {
            reporter.tell_at(PeerEvent::InputStarted {}, at);
        }
    }

    /// Follows what the other side asked for.
    ///
    /// # Errors
    /// When Opus refuses; what was before then stays.
    pub(super) fn reconfigure(
        &mut self,
        wanted: &SenderConfig,
        negotiated: &Negotiated,
    ) -> Result<(), Error> {
        let current = self.sender.config();
        if current.channels != wanted.channels || current.dtx != wanted.dtx {
            let muted = self.sender.is_muted();
            self.sender = Sender::new(wanted.clone())?;
            self.sender.set_muted(muted);
        }
        self.opus = Some((negotiated.payload_type, negotiated.red));
        self.abilities = abilities(wanted, negotiated);
        self.tell_abilities();
        self.follow_plan()
    }

    /// Our packets go out from `local` from now on, by a relay's address over its carrier.
    ///
    /// # Errors
    /// When Opus refuses; what was before then stays.
    pub(super) fn use_path(&mut self, local: SocketAddr, relay: Option<Carrier>) -> Result<(), Error> {
        self.path_bytes = path_bytes(local, relay);
        self.tell_abilities();
        self.handle_new_path()
    }

    fn tell_abilities(&mut self) {
        let overhead_bytes = self.abilities.overhead_bytes + self.path_bytes;
        self.controller.set_abilities(Abilities { overhead_bytes, ..self.abilities });
    }

    /// Follows what the other side reports of our packets.
    ///
    /// # Errors
    /// When Opus refuses; what was before then stays.
    pub(super) fn handle_report(&mut self, report: &ReceiverReport) -> Result<(), Error> {
        self.controller.handle_report(report);
        self.follow_plan()
    }

    /// Follows what the other side says that the path carries.
    ///
    /// # Errors
    /// When Opus refuses; what was before then stays.
    pub(super) fn handle_estimate(&mut self, estimate: &Estimate) -> Result<(), Error> {
        let packets = 48_000.0 / self.controller.plan().frame.samples() as f64;
        let path_bps = 8.0 * packets * f64::from(self.path_bytes);
        self.controller.handle_overuse(estimate.at, estimate.ipv4_bps + path_bps);
        self.follow_plan()
    }

    /// Our packets take another path from now on, or the old one after a time in which it took none.
    ///
    /// # Errors
    /// When Opus refuses; what was before then stays.
    pub(super) fn handle_new_path(&mut self) -> Result<(), Error> {
        self.controller.start_over();
        self.follow_plan()
    }

    /// Takes in a round trip measured by a connectivity check.
    pub(super) fn handle_round_trip(&mut self, rtt: Duration) {
        self.controller.handle_round_trip(rtt);
    }

    fn follow_plan(&mut self) -> Result<(), Error> {
        let Plan { frame, bitrate, fec, red_distance, red_copies, parity, dred_ms, expected_loss_percent } =
            self.controller.plan();
        let red = self.opus.filter(|opus| opus.1);
        let settings =
            |payload_type| RedSettings { payload_type, distance: red_distance, copies: red_copies, parity };
        self.sender.set_red(red.map(|(payload_type, _)| settings(payload_type)));
        self.sender.set_frame(frame)?;
        self.sender.set_bitrate(bitrate)?;
        self.sender.set_fec(fec)?;
        self.sender.set_expected_loss(expected_loss_percent)?;
        self.sender.set_redundancy(dred_ms)
    }

    /// How it codes now.
    pub(super) fn config(&self) -> &SenderConfig {
        self.sender.config()
    }

    /// What is sent, and why.
    pub(super) fn controller(&self) -> &Controller {
        &self.controller
    }

    pub(super) fn set_muted(&mut self, muted: bool) {
        self.sender.set_muted(muted);
    }

    /// When the next frame of a paced input will have been spoken, or when the end is to be acted on.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let frame = match &self.input {
            Some(Input::Paced(_)) => self.frame_due(),
            Some(Input::Live(_)) if self.ended_at.is_some() => self.frame_due(),
            _ => None,
        };
        let hang_up = self.ended_at.filter(|_| self.at_end == AtEnd::HangUp).map(|at| at + HANG_UP_AFTER);
        [frame, hang_up].into_iter().flatten().min()
    }

    fn frame_due(&self) -> Option<Instant> {
        let (start, taken) = self.pace?;
        Some(start + duration_of(taken + self.sender.config().frame.samples() as u64))
    }

    /// Whether everything was said and has had time to arrive, and the wish is to hang up then.
    pub(super) fn is_said(&self, now: Instant) -> bool {
        self.at_end == AtEnd::HangUp && self.ended_at.is_some_and(|at| at + HANG_UP_AFTER <= now)
    }

    /// Takes what was spoken until `now` and hands every complete frame to `send`.
    pub(super) fn pump(
        &mut self,
        now: Instant,
        reporter: &mut Reporter,
        mut send: impl FnMut(EncodedFrame<'_>),
    ) {
        match &mut self.input {
            Some(_) if self.ended_at.is_some() => self.take_silence(now),
            Some(Input::Paced(_)) => self.take_paced(now, reporter),
            Some(Input::Live(_)) => self.take_live(now, reporter),
            None => return,
        }
        while let Some(frame) = self.sender.poll_frame() {
            self.level = frame.level;
            let complete = frame.captured_at + duration_of(u64::from(frame.samples));
            let waited_ms = now.saturating_duration_since(complete).as_secs_f32() * 1000.0;
            self.capture_ms += (waited_ms - self.capture_ms) / CAPTURE_FRAMES;
            self.quiet = if frame.dtx { self.quiet + 1 } else { 0 };
            if self.quiet <= QUIET_PACKETS {
                self.controller.on_sent(frame.payload.len());
                send(frame);
            }
        }
    }

    fn take_paced(&mut self, now: Instant, reporter: &mut Reporter) {
        let channels = self.sender.config().channels.count();
        let frame = self.sender.config().frame.samples();
        while self.ended_at.is_none()
            && let Some(due) = self.frame_due()
            && due <= now
        {
            let (Some(Input::Paced(source)), Some((start, taken))) = (&mut self.input, &mut self.pace) else {
                return;
            };
            if now - due > MAX_BEHIND {
                *start += now - due;
            }
            let samples = &mut self.buffer[..frame * channels];
            let spoken_at = *start + duration_of(*taken);
            let got = source.read(samples);
            *taken += frame as u64;
            let (missing, over) = (samples.len() - got, source.is_over());
            samples[got..].fill(0.0);
            // The last frame is filled up; so is one that a slow disk did not deliver in time.
            self.sender.push(samples, spoken_at);
            if over && missing > 0 {
                self.end(now, reporter);
            }
        }
    }

    /// After the last sample the line stays open: who listens is to hear silence, not to conceal a loss.
    fn take_silence(&mut self, now: Instant) {
        let samples = self.sender.config().frame.samples();
        while let Some(due) = self.frame_due().filter(|due| *due <= now) {
            let silence = &mut self.buffer[..samples * self.sender.config().channels.count()];
            silence.fill(0.0);
            self.sender.push(silence, due - duration_of(samples as u64));
            let Some((start, taken)) = &mut self.pace else { return };
            *start += now.saturating_duration_since(due + MAX_BEHIND);
            *taken += samples as u64;
        }
    }

    fn take_live(&mut self, now: Instant, reporter: &mut Reporter) {
        let channels = self.sender.config().channels.count();
        loop {
            let Some(Input::Live(live)) = &mut self.input else { return };
            let got = live.read(&mut self.buffer);
            if got == 0 {
                break;
            }
            let first = now.checked_sub(duration_of((got / channels) as u64)).unwrap_or(now);
            self.sender.push(&self.buffer[..got], first);
            self.tell_start(first, reporter);
        }
        while let Some(Input::Live(live)) = &mut self.input
            && let Some(event) = live.poll_event()
        {
            match event {
                EndEvent::Ended => self.end(now, reporter),
                event => reporter.tell(device_event("input", event)),
            }
        }
    }

    fn end(&mut self, now: Instant, reporter: &mut Reporter) {
        if self.ended_at.is_none() {
            self.ended_at = Some(now);
            // The silence that follows fills up the last frame and pushes it through the encoder's look-ahead. A
            // frame sent ahead of it would look to the other side like a path that has become slower since.
            // A live input set its own pace until here.
            self.pace = self.pace.or(Some((now, 0)));
            reporter.tell(PeerEvent::InputEnded {});
        }
    }

    /// How long frames wait of late, complete, before they are sent (ms).
    pub(super) fn capture_ms(&self) -> f32 {
        self.capture_ms
    }

    /// Loudness of the latest frame (dBov).
    pub(super) fn level_dbov(&self) -> f32 {
        f32::from(self.level.dbov())
    }

    /// Samples that were lost because nobody took them in time.
    pub(super) fn overruns(&self) -> u64 {
        match &self.input {
            Some(Input::Live(live)) => live.overrun_samples(),
            _ => 0,
        }
    }

    /// Gives the input back: stdin has only one, and goes on in the next call.
    pub(super) fn close(self, ends: &mut Ends, spec: &SourceSpec) {
        ends.take_back(self.input, spec);
    }
}

/// What both sides understand, in the controller's words.
fn abilities(wanted: &SenderConfig, negotiated: &Negotiated) -> Abilities {
    let saved = [
        (negotiated.short_tags, Abilities::SHORT_TAG_SAVES),
        (negotiated.short_headers, Abilities::SHORT_HEADER_SAVES),
    ];
    let saved: u16 = saved.iter().filter(|(agreed, _)| *agreed).map(|(_, bytes)| bytes).sum();
    Abilities {
        max_ptime_ms: negotiated.max_ptime_ms,
        max_bitrate: negotiated.max_bitrate_bps.map(Bitrate::clamped),
        fec: negotiated.fec,
        red: negotiated.red,
        dred: negotiated.dred,
        overhead_bytes: Abilities::OVERHEAD_BYTES - saved,
        red_header: if negotiated.short_headers { RedHeader::Short } else { RedHeader::Whole },
        ..Abilities::plain(wanted)
    }
}

/// Bytes that a packet takes on its first link beyond those of plain UDP over IPv4. Within a machine there is no link.
fn path_bytes(local: SocketAddr, relay: Option<Carrier>) -> u16 {
    const IPV6: u16 = 40 - 20;
    /// RFC 8656 section 12.4.
    const CHANNEL: u16 = 4;
    /// A header with timestamps (RFC 7323) in place of UDP's, and padding to four bytes (RFC 8656 section 12.5).
    const TCP: u16 = 32 - 8 + 2;
    /// The header, inner type and tag of a record (RFC 8446 section 5.2).
    const TLS: u16 = 5 + 1 + 16;
    let family = if local.is_ipv6() && !local.ip().is_loopback() { IPV6 } else { 0 };
    family
        + match relay {
            None => 0,
            Some(Carrier::Udp) => CHANNEL,
            Some(Carrier::Tcp) => CHANNEL + TCP,
            Some(Carrier::Tls) => CHANNEL + TCP + TLS,
        }
}

/// What happened to an end, as an event.
pub(super) fn device_event(end: &'static str, event: EndEvent) -> PeerEvent {
    let (status, detail) = match event {
        EndEvent::Lost { reason } => ("lost", reason),
        EndEvent::Failed { reason } => ("failed", reason),
        EndEvent::Recovered { device } => ("recovered", device),
        EndEvent::Ended => ("ended", "nobody reads it any more".to_owned()),
    };
    PeerEvent::Device { end, status, detail }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ipv6_and_relays_take_bytes_of_their_own() {
        let bytes = |local: &str, relay| path_bytes(local.parse().unwrap(), relay);
        assert_eq!(bytes("192.0.2.1:4000", None), 0);
        assert_eq!(bytes("[2001:db8::1]:4000", None), 20);
        assert_eq!(bytes("[::1]:4000", None), 0);
        assert_eq!(bytes("192.0.2.1:4000", Some(Carrier::Udp)), 4);
        assert_eq!(bytes("192.0.2.1:4000", Some(Carrier::Tcp)), 30);
        assert_eq!(bytes("[2001:db8::1]:4000", Some(Carrier::Tls)), 72);
    }
}
