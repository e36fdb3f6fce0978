//! One call with its two halves of audio: what the run loop holds while somebody is on the line.

use std::time::Instant;

use crate::audio::device::SourceSpec;
use crate::call::{AudioFrame, Call, CallEvent, EndReason, Negotiated, State, Transmit, timing};
use crate::ice::Carrier;
use crate::net::{Datagram, Wake};
use crate::signaling::{CallId, ClientMessage, DeclineReason, HangupReason, PeerId, ServerMessage};

use super::downlink::Downlink;
use super::engine::Reporter;
use super::negotiation::{self, end_of};
use super::paths::Paths;
use super::recorder::Recorder;
use super::statistics::Statistics;
use super::uplink::Uplink;
use super::{Ends, PeerConfig, PeerError, PeerEvent};

/// A call, its audio and its figures.
pub(super) struct Session {
    id: CallId,
    peer: PeerId,
    call: Call,
    ring_until: Option<Instant>,
    uplink: Uplink,
    downlink: Downlink,
    statistics: Statistics,
    wishes: crate::audio::SenderConfig,
    connected_at: Option<Instant>,
    /// Whether the call is looking for a path, and its ways know it.
    is_searching: bool,
    ended: Option<EndReason>,
    recorder: Option<Recorder>,
}

/// What a session is made of, beside its call.
pub(super) struct Parts<'a> {
    pub(super) id: CallId,
    pub(super) peer: PeerId,
    pub(super) ends: &'a mut Ends,
    pub(super) config: &'a PeerConfig,
    pub(super) wake: &'a Wake,
    /// Which call of this peer it is, counted from 1.
    pub(super) number: u32,
}

impl Session {
    /// A call that we place: the offer is made.
    pub(super) fn outgoing(mut call: Call, parts: Parts<'_>, now: Instant) -> Result<Self, PeerError> {
        call.start(now).map_err(PeerError::Call)?;
        let ring_until = Some(now + parts.config.ring_limit);
        Self::with(call, parts, ring_until, now)
    }

    /// A call that comes in: it rings.
    pub(super) fn incoming(mut call: Call, parts: Parts<'_>, now: Instant) -> Result<Self, PeerError> {
        call.ring();
        Self::with(call, parts, None, now)
    }

    fn with(
        call: Call,
        parts: Parts<'_>,
        ring_until: Option<Instant>,
        now: Instant,
    ) -> Result<Self, PeerError> {
        let Parts { id, peer, ends, config, wake, number } = parts;
        let recorder = config.trace.as_ref().map(|spec| Recorder::start(spec, number, now)).transpose()?;
        let (input, output) = ends.open(config, wake)?;
        Ok(Self {
            id,
            peer,
            call,
            ring_until,
            uplink: Uplink::new(input, config)?,
            downlink: Downlink::new(output, config)?,
            statistics: Statistics::default(),
            wishes: config.audio.clone(),
            connected_at: None,
            is_searching: false,
            ended: None,
            recorder,
        })
    }

    pub(super) fn id(&self) -> &CallId {
        &self.id
    }

    pub(super) fn peer(&self) -> &PeerId {
        &self.peer
    }

    /// The call, for its ways to add to and take from.
    pub(super) fn call(&mut self) -> &mut Call {
        &mut self.call
    }

    /// Has the call's ways search while it has no path; says whether the path was lost just now.
    pub(super) fn follow(&mut self, paths: &mut Paths, now: Instant) -> bool {
        let searches = matches!(self.call.state(), State::Reconnecting(_));
        let news = searches != std::mem::replace(&mut self.is_searching, searches);
        match (news, searches) {
            (true, true) => paths.search(now),
            (true, false) => paths.settle(),
            (false, _) => {}
        }
        news && searches
    }

    /// The state that it begins in.
    pub(super) fn announce(&self, reporter: &mut Reporter) {
        reporter.tell(self.state_event(self.call.state()));
    }

    fn state_event(&self, state: State) -> PeerEvent {
        let detail = matches!(state, State::Reconnecting(_)).then(|| {
            let silence = timing::SILENCE_LIMIT.as_secs_f32();
            format!("nothing was heard of {} for {silence} s; looking for a path", self.peer)
        });
        PeerEvent::State { call: self.id.clone(), peer: self.peer.clone(), state: state.name(), detail }
    }

    pub(super) fn accept(&mut self, now: Instant, reporter: &mut Reporter) {
        if let Err(error) = self.call.accept(now) {
            reporter.tell(PeerEvent::error("accept", error.to_string()));
        }
    }

    pub(super) fn decline(&mut self, reason: DeclineReason, now: Instant) {
        self.call.decline(reason, now);
    }

    /// Ends the call whatever its state is; one that rings here is declined.
    pub(super) fn hang_up(&mut self, now: Instant) {
        self.call.hang_up(HangupReason::Normal, now);
    }

    pub(super) fn set_muted(&mut self, muted: bool, reporter: &mut Reporter) {
        self.uplink.set_muted(muted);
        reporter.tell(PeerEvent::Muted { muted });
    }

    pub(super) fn set_hold(&mut self, held: bool, now: Instant) {
        self.call.set_hold(held, now);
    }

    pub(super) fn handle_message(&mut self, message: &ServerMessage, now: Instant, reporter: &mut Reporter) {
        if let ServerMessage::Ringing { .. } = message {
            tracing::debug!(call = %self.id, "it rings there");
        }
        if let Err(error) = self.call.handle_message(message, now) {
            reporter.tell(PeerEvent::error("message", error.to_string()));
        }
    }

    pub(super) fn handle_datagram(&mut self, datagram: &Datagram<'_>) {
        let Datagram { arrival, source, destination, payload } = *datagram;
        self.call.handle_datagram(arrival, source, destination, payload);
    }

    pub(super) fn handle_timeout(&mut self, now: Instant, reporter: &mut Reporter) {
        if self.call.poll_timeout().is_some_and(|due| due <= now) {
            self.call.handle_timeout(now);
        }
        let unanswered = matches!(self.call.state(), State::Dialing | State::Ringing);
        if self.ring_until.is_some_and(|limit| limit <= now) && unanswered {
            self.ring_until = None;
            self.call.hang_up(HangupReason::Timeout, now);
        }
        if self.uplink.is_said(now) {
            self.call.hang_up(HangupReason::Normal, now);
        }
        if let Some(stats) = self.statistics.poll(now, &self.uplink, &mut self.downlink) {
            reporter.tell_at(PeerEvent::Stats(Box::new(stats)), now);
        }
    }

    /// Takes what the call has to tell: audio to the jitter buffer, the rest to the owner.
    pub(super) fn deliver(&mut self, mut paths: Option<&mut Paths>, reporter: &mut Reporter) {
        while let Some(event) = self.call.poll_event() {
            self.on_event(event, paths.as_deref_mut(), reporter);
        }
    }

    fn on_event(&mut self, event: CallEvent, paths: Option<&mut Paths>, reporter: &mut Reporter) {
        match event {
            CallEvent::Audio(packet) => {
                self.statistics.on_packet(&packet);
                self.record(|recorder| recorder.on_packet(&packet));
                self.downlink.handle_packet(&packet);
            }
            CallEvent::StateChanged { from, to, at } => {
                if matches!(from, State::Reconnecting(_)) {
                    tell_refusal(self.uplink.handle_new_path(), reporter);
                }
                self.on_state(to, at, reporter);
            }
            CallEvent::Negotiated(negotiated) => self.on_negotiated(&negotiated, reporter),
            CallEvent::Ice(state) => reporter.tell(PeerEvent::Ice { ice: negotiation::ice_name(state) }),
            CallEvent::PairSelected(pair) => {
                let relay = paths.and_then(|paths| paths.use_pair(pair.local));
                let protocol = relay.unwrap_or(Carrier::Udp).as_str();
                self.statistics.on_pair(pair, protocol);
                tell_refusal(self.uplink.use_path(pair.local, relay), reporter);
                reporter.tell(negotiation::pair_event(pair, protocol));
            }
            CallEvent::RemoteAddress(address) => {
                if let Some(paths) = paths {
                    paths.expect(address.ip(), Instant::now());
                }
            }
            CallEvent::DtlsConnected(version) => {
                reporter.tell(PeerEvent::Dtls { version: negotiation::dtls_name(version) });
            }
            CallEvent::Stats(stats) => {
                if let Some(rtt) = stats.rtt {
                    self.uplink.handle_round_trip(rtt);
                }
                self.record(|recorder| recorder.on_report(&stats, Instant::now()));
                self.statistics.on_call_stats(stats, Instant::now());
            }
            CallEvent::SenderClock(clock) => self.statistics.on_sender_clock(&clock),
            CallEvent::Report(report) => {
                let followed = self.uplink.handle_report(&report);
                tell_refusal(followed, reporter);
            }
            CallEvent::Estimate(estimate) => {
                let followed = self.uplink.handle_estimate(&estimate);
                tell_refusal(followed, reporter);
            }
            CallEvent::UnresolvedHost { name } => {
                if let Some(paths) = paths {
                    paths.resolve(name, Instant::now());
                }
            }
            CallEvent::Ended { reason } => self.ended = Some(reason),
        }
    }

    fn on_state(&mut self, state: State, at: Instant, reporter: &mut Reporter) {
        reporter.tell_at(self.state_event(state), at);
        self.record(|recorder| recorder.note(state.name(), at));
        if state == State::Connected && self.connected_at.is_none() {
            self.connected_at = Some(at);
            let now = Instant::now();
            self.downlink.start(now, reporter);
            self.uplink.start(now, reporter);
            self.statistics.start(now);
        }
        self.downlink.set_silent(matches!(state, State::Held(_)));
        self.downlink.set_searching(matches!(state, State::Reconnecting(_)));
    }

    fn on_negotiated(&mut self, negotiated: &Negotiated, reporter: &mut Reporter) {
        let config = negotiation::sender_config(&self.wishes, negotiated);
        tell_refusal(self.uplink.reconfigure(&config, negotiated), reporter);
        // Error correction was agreed upon, whether or not it is sent at present.
        let fec = config.fec;
        let now = crate::audio::SenderConfig { fec, ..self.uplink.config().clone() };
        reporter.tell(negotiation::event(&now, negotiated));
    }

    /// Encodes what was captured and renders what is due.
    pub(super) fn move_audio(&mut self, now: Instant, reporter: &mut Reporter) {
        self.speak(now, reporter);
        self.listen(now, reporter);
    }

    /// Renders what is due.
    pub(super) fn listen(&mut self, now: Instant, reporter: &mut Reporter) {
        self.downlink.pump(now, reporter);
        if let Some(recorder) = &mut self.recorder {
            recorder.on_playout(self.downlink.receiver(), now);
        }
    }

    /// Encodes what was captured.
    pub(super) fn speak(&mut self, now: Instant, reporter: &mut Reporter) {
        let call = &mut self.call;
        self.uplink.pump(now, reporter, |frame| {
            let frame = AudioFrame {
                payload: frame.payload,
                format: frame.format,
                timestamp: frame.timestamp,
                captured_at: frame.captured_at,
                level_dbov: frame.level.dbov(),
                starts_talk: frame.marker,
            };
            call.send_audio(frame, now);
        });
    }

    fn record(&mut self, write: impl FnOnce(&mut Recorder)) {
        if let Some(recorder) = &mut self.recorder {
            write(recorder);
        }
    }

    pub(super) fn poll_transmit(&mut self) -> Option<Transmit> {
        self.call.poll_transmit()
    }

    pub(super) fn poll_message(&mut self) -> Option<ClientMessage> {
        self.call.poll_message()
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        let ring = self.ring_until.filter(|_| matches!(self.call.state(), State::Dialing | State::Ringing));
        let audio = [self.uplink.deadline(), self.downlink.deadline(), self.statistics.deadline()];
        [self.call.poll_timeout(), ring].into_iter().chain(audio).flatten().min()
    }

    /// When the next sound is to be rendered.
    pub(super) fn playout_deadline(&self) -> Option<Instant> {
        self.downlink.deadline()
    }

    /// When the next frame is complete.
    pub(super) fn speech_deadline(&self) -> Option<Instant> {
        self.uplink.deadline()
    }

    /// Whether the call is over and everything of it has been put out.
    pub(super) fn is_over(&self) -> bool {
        self.ended.is_some()
    }

    /// Whether the other side's call to us goes on in place of ours to them.
    pub(super) fn ended_by_glare(&self) -> bool {
        self.ended == Some(EndReason::Glare)
    }

    /// Closes the audio ends and says how it ended.
    pub(super) fn close(mut self, ends: &mut Ends, input: &SourceSpec, reporter: &mut Reporter) {
        let now = Instant::now();
        let reason = self.ended.unwrap_or(EndReason::Lost);
        let duration = self.connected_at.map(|since| now.saturating_duration_since(since));
        if let Some(stats) = self.statistics.last(now, &self.uplink, &mut self.downlink) {
            reporter.tell_at(PeerEvent::Stats(Box::new(stats)), now);
        }
        self.uplink.close(ends, input);
        self.downlink.close(now, reporter);
        reporter.tell(PeerEvent::Ended {
            call: self.id,
            peer: self.peer,
            reason: reason.name().into(),
            exit: end_of(reason) as u8,
            message: reason.sentence().into(),
            duration_ms: duration.map_or(0, |time| time.as_millis() as u64),
        });
    }
}

/// Opus refuses nothing that we know of; should it, the call goes on as it was.
fn tell_refusal(followed: Result<(), crate::audio::Error>, reporter: &mut Reporter) {
    if let Err(error) = followed {
        reporter.tell(PeerEvent::error("opus", error.to_string()));
    }
}
