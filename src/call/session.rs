//! The call itself: its verbs, what it hears, and what it tells.

use std::collections::VecDeque;
use std::fmt;
use std::net::SocketAddr;
use std::time::Instant;

use super::description;
use super::negotiation::Negotiation;
use super::state::{Hold, Side, Step};
use super::transport::{Happening, Transport};
use super::trickle::Addresses;
use super::{CallConfig, CallError, CallEvent, EndReason, IceState, SelectedPair, State, timing};
use crate::rtp::PayloadFormat;
use crate::sdp::gate::{Kind, Remote};
use crate::signaling::{
    self, CallId, ClientMessage, DeclineReason, ErrorCode, HangupReason, PeerId, ServerMessage,
};

/// A datagram to send.
#[derive(Clone, PartialEq, Eq)]
pub struct Transmit {
    /// The local socket's address, or the relayed address: then it goes through that allocation.
    pub source: SocketAddr,
    /// Where to.
    pub destination: SocketAddr,
    /// The UDP payload.
    pub payload: Vec<u8>,
}

impl fmt::Debug for Transmit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Transmit({} bytes)", self.payload.len())
    }
}

/// One encoded frame for [`Call::send_audio`].
#[derive(Debug, Clone, Copy)]
pub struct AudioFrame<'a> {
    /// What goes into the RTP packet, laid out as `format` says.
    pub payload: &'a [u8],
    /// Opus, or RED where that was [negotiated](super::Negotiated::red).
    pub format: PayloadFormat,
    /// The frame's first sample, in 48 kHz units since any fixed start.
    pub timestamp: u64,
    /// When that sample was captured.
    pub captured_at: Instant,
    /// Level for the audio-level extension, dBov (0 loudest, -127 silence; RFC 6464).
    pub level_dbov: i8,
    /// First frame of all, or after a silence that was not sent (RFC 3551 section 4.1).
    pub starts_talk: bool,
}

/// Which end of the call we are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// We placed it.
    Caller,
    /// It came in.
    Callee,
}

/// One call, sans-IO. The [module](super) says in which order to use it.
pub struct Call {
    id: CallId,
    role: Role,
    peer: PeerId,
    pub(super) config: CallConfig,
    state: State,
    hold: Option<Hold>,
    created: Instant,
    /// When the present state began.
    entered: Instant,
    /// When the other side was last heard of on the wire.
    heard: Instant,
    /// When the transport last had its turn.
    ticked: Instant,
    pub(super) transport: Transport,
    pub(super) negotiation: Negotiation,
    pub(super) addresses: Addresses,
    messages: VecDeque<ClientMessage>,
    events: VecDeque<CallEvent>,
}

impl Call {
    /// A call that we place. Nothing is sent before [`start`](Self::start): first add the host candidates, so
    /// that the offer carries them.
    pub fn outgoing(config: CallConfig, id: CallId, to: PeerId, now: Instant) -> Self {
        Self::new(config, id, Role::Caller, to, None, now)
    }

    /// A call that comes in. The offer passes the policy gate here, so that a bad one is refused at once;
    /// nothing is sent to the other side's addresses before [`accept`](Self::accept).
    ///
    /// # Errors
    /// The offer is refused: decline the call as [`DeclineReason::Unsupported`].
    pub fn incoming(
        config: CallConfig,
        id: CallId,
        from: PeerId,
        offer: &str,
        now: Instant,
    ) -> Result<Self, CallError> {
        let remote = description::read(offer, Kind::Offer, None)?;
        Ok(Self::new(config, id, Role::Callee, from, Some(remote), now))
    }

    fn new(
        config: CallConfig,
        id: CallId,
        role: Role,
        peer: PeerId,
        invited: Option<Remote>,
        now: Instant,
    ) -> Self {
        let credentials = config.entropy.credentials(0);
        let salt = config.entropy.rtp_salt();
        Self {
            transport: Transport::new(&config, &credentials, salt, now),
            negotiation: Negotiation::new(credentials, invited),
            addresses: Addresses::default(),
            id,
            role,
            peer,
            config,
            state: if role == Role::Caller { State::Dialing } else { State::Ringing },
            hold: None,
            created: now,
            entered: now,
            heard: now,
            ticked: now,
            messages: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    /// Places the call: makes the offer.
    ///
    /// # Errors
    /// Not an outgoing call, over, or started before.
    pub fn start(&mut self, now: Instant) -> Result<(), CallError> {
        if self.state != State::Dialing {
            return Err(self.out_of_order("start"));
        }
        self.send_offer()?;
        self.absorb(now);
        Ok(())
    }

    /// Tells the caller that it rings here.
    pub fn ring(&mut self) {
        if self.role == Role::Callee && self.state == State::Ringing {
            self.send(ClientMessage::Ringing { call: self.id.clone() });
        }
    }

    /// Takes the call: sends the answer and starts looking for a path.
    ///
    /// # Errors
    /// Not an incoming call that rings; or nothing in common with the offer: then the call has ended and the
    /// caller has been told.
    pub fn accept(&mut self, now: Instant) -> Result<(), CallError> {
        if self.role != Role::Callee || self.state != State::Ringing {
            return Err(self.out_of_order("accept"));
        }
        self.send_answer(now)
    }

    /// Refuses an incoming call that rings.
    pub fn decline(&mut self, reason: DeclineReason, now: Instant) {
        if self.role == Role::Callee && self.state == State::Ringing {
            self.send(ClientMessage::Decline { call: self.id.clone(), reason });
            self.end(declined(reason, Side::Us), None, now);
        }
    }

    /// Ends the call in any state and tells the other side. Drain once more afterwards: the last datagrams
    /// say goodbye.
    pub fn hang_up(&mut self, reason: HangupReason, now: Instant) {
        let why = match reason {
            HangupReason::Normal => EndReason::HungUp(Side::Us),
            HangupReason::Error => EndReason::Error(Side::Us),
            HangupReason::Timeout => self.timeout_reason(),
            HangupReason::Lost => EndReason::Lost,
        };
        self.end(why, Some(reason), now);
    }

    /// Holds or resumes: our audio stops at once, and the other side is asked to stop theirs.
    pub fn set_hold(&mut self, hold: bool, now: Instant) {
        let ours = self.hold.is_some_and(Hold::is_ours);
        if ours != hold && !self.state.is_ended() {
            self.change_hold(Side::Us, hold, now);
            self.want_direction(now);
        }
    }

    /// Takes a signaling message.
    ///
    /// # Errors
    /// The message was refused. Nothing changed by it, unless the state says that the call ended: that is so for
    /// an answer that cannot be used.
    pub fn handle_message(&mut self, message: &ServerMessage, now: Instant) -> Result<(), CallError> {
        if message.call() != Some(&self.id) {
            return Err(CallError::OtherCall);
        }
        if self.state.is_ended() {
            return Err(self.out_of_order("a message"));
        }
        match message {
            ServerMessage::Ringing { .. } => self.on_ringing(now),
            ServerMessage::Accept { sdp, .. } => self.on_accept(sdp, now),
            ServerMessage::Decline { reason, .. } => self.on_decline(*reason, now),
            ServerMessage::Candidate(candidate) => self.on_candidate(&candidate.candidate, now),
            ServerMessage::Update { sdp, .. } => self.on_update(sdp, now),
            ServerMessage::Updated { sdp, .. } => self.on_updated(sdp, now),
            ServerMessage::Hangup { reason, .. } => self.on_hangup(*reason, now),
            ServerMessage::Error { code, .. } => self.on_error(*code, now),
            _ => Err(self.out_of_order("a message of this kind")),
        }
    }

    fn on_ringing(&mut self, now: Instant) -> Result<(), CallError> {
        if self.role != Role::Caller || !self.negotiation.is_local_sent() {
            return Err(self.out_of_order("ringing"));
        }
        self.step(Step::Rings, now);
        Ok(())
    }

    fn on_decline(&mut self, reason: DeclineReason, now: Instant) -> Result<(), CallError> {
        if self.role != Role::Caller || !matches!(self.state, State::Dialing | State::Ringing) {
            return Err(self.out_of_order("decline"));
        }
        self.end(declined(reason, Side::Them), None, now);
        Ok(())
    }

    fn on_hangup(&mut self, reason: signaling::EndReason, now: Instant) -> Result<(), CallError> {
        use signaling::EndReason as Wire;
        let why = match reason {
            // The switchboard lost sight of the other side, but we have not: the call does not need it.
            Wire::PeerGone if matches!(self.state, State::Connected | State::Held(_)) => return Ok(()),
            Wire::PeerGone => EndReason::PeerGone,
            Wire::Normal => EndReason::HungUp(Side::Them),
            Wire::Error => EndReason::Error(Side::Them),
            Wire::Timeout => self.timeout_reason(),
            Wire::Lost => EndReason::Lost,
            Wire::Glare => EndReason::Glare,
            Wire::Shutdown => EndReason::Shutdown,
        };
        self.end(why, None, now);
        Ok(())
    }

    fn on_error(&mut self, code: ErrorCode, now: Instant) -> Result<(), CallError> {
        match code {
            ErrorCode::UpdatePending => self.on_update_refused(now),
            // A switchboard that was restarted does not know the call; the call does not need it.
            _ if self.state.is_established() => {}
            ErrorCode::CalleeBusy | ErrorCode::AlreadyInCall => {
                self.end(EndReason::Busy(Side::Them), None, now)
            }
            _ if code.ends_call() || code == ErrorCode::SdpTooLarge => {
                self.end(EndReason::Refused(code), None, now);
            }
            _ => {}
        }
        Ok(())
    }

    /// Whether a datagram belongs to this call: for an owner with several calls on one socket.
    pub fn accepts(&self, source: SocketAddr, destination: SocketAddr, payload: &[u8]) -> bool {
        !self.state.is_ended() && self.transport.accepts(source, destination, payload)
    }

    /// Takes a datagram. `destination` is the local socket's (or the relayed) address, exactly as it was
    /// given to [`add_local_candidate`](Self::add_local_candidate). Garbage is dropped.
    pub fn handle_datagram(
        &mut self,
        now: Instant,
        source: SocketAddr,
        destination: SocketAddr,
        payload: &[u8],
    ) {
        if self.state.is_ended() {
            return;
        }
        self.ticked = now;
        if self.transport.receive(now, source, destination, payload) {
            self.heard = now;
            if matches!(self.state, State::Reconnecting(_)) {
                self.step(Step::PathUp, now);
            }
        }
        self.absorb(now);
    }

    /// Lets time pass; call at [`poll_timeout`](Self::poll_timeout).
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.state.is_ended() {
            return;
        }
        self.ticked = now;
        self.transport.tick(now);
        self.absorb(now);
        self.retry_update(now);
        if self.patience_ends().is_some_and(|at| at <= now) {
            self.on_patience_ended(now);
        }
    }

    /// When waiting in the present state has an end.
    fn patience_ends(&self) -> Option<Instant> {
        match self.state {
            State::Dialing | State::Ringing => Some(self.created + timing::RINGING_LIMIT),
            State::Connecting => Some(self.entered + timing::CONNECT_LIMIT),
            State::Connected | State::Held(_) => Some(self.heard + timing::SILENCE_LIMIT),
            State::Reconnecting(_) => Some(self.entered + timing::RECONNECT_LIMIT),
            State::Ended(_) => None,
        }
    }

    fn on_patience_ended(&mut self, now: Instant) {
        match self.state {
            State::Connected | State::Held(_) => {
                self.step(Step::PathLost, now);
                // Over the addresses that we have; the owner may know better ones and restart again. Media goes on
                // over the old pair meanwhile, should that come back.
                self.negotiation.want_restart();
                self.send_wanted_update(now);
            }
            State::Reconnecting(_) => self.end(EndReason::Lost, Some(HangupReason::Lost), now),
            State::Dialing | State::Ringing | State::Connecting => {
                self.end(self.timeout_reason(), Some(HangupReason::Timeout), now);
            }
            State::Ended(_) => {}
        }
    }

    /// What running out of time means before the call is established.
    fn timeout_reason(&self) -> EndReason {
        if self.state == State::Connecting { EndReason::NotConnected } else { EndReason::NoAnswer }
    }

    /// Sends one frame; it is in `poll_transmit` when this returns. Gives `false` when nothing may be sent now:
    /// not established, on hold, or a direction that does not send.
    pub fn send_audio(&mut self, frame: AudioFrame<'_>, now: Instant) -> bool {
        let may = self.state.is_established() && self.negotiated().is_some_and(|n| n.direction.sends());
        if !may || self.hold.is_some() {
            return false;
        }
        self.ticked = now;
        let sent = self.transport.send(frame, now);
        self.absorb(now);
        sent
    }

    /// Takes up what the transport has to tell.
    pub(super) fn absorb(&mut self, now: Instant) {
        while let Some(happening) = self.transport.poll_happening() {
            match happening {
                Happening::Ice(state) => self.tell(CallEvent::Ice(state)),
                Happening::Dtls(version) => {
                    self.tell(CallEvent::DtlsConnected(version));
                    self.on_path_up(now);
                }
                Happening::Pair { local, remote } => self.tell(CallEvent::PairSelected(SelectedPair {
                    local,
                    remote,
                    local_kind: self.addresses.local_kind(local),
                    remote_kind: self.addresses.remote_kind(remote),
                })),
                Happening::Packet(packet) => {
                    // On hold nothing is played, whatever still comes.
                    if self.hold.is_none() {
                        self.tell(CallEvent::Audio(packet));
                    }
                }
                Happening::Stats(stats) => self.tell(CallEvent::Stats(stats)),
                Happening::Report(report) => self.tell(CallEvent::Report(report)),
                Happening::Estimate(estimate) => self.tell(CallEvent::Estimate(estimate)),
                Happening::SenderClock(clock) => self.tell(CallEvent::SenderClock(clock)),
                Happening::Closed => {
                    self.end(EndReason::HungUp(Side::Them), Some(HangupReason::Normal), now);
                }
                Happening::Failed(reason) => {
                    tracing::warn!(call = %self.id.as_str(), %reason, "the transport failed");
                    self.end(EndReason::Error(Side::Us), Some(HangupReason::Error), now);
                }
            }
        }
    }

    fn on_path_up(&mut self, now: Instant) {
        self.heard = now;
        self.step(Step::PathUp, now);
        // A hold wished for before there was anything to hold.
        if self.hold.is_some() {
            self.step(Step::HoldChanged(self.hold), now);
        }
        self.send_wanted_update(now);
    }

    pub(super) fn change_hold(&mut self, side: Side, on: bool, now: Instant) {
        self.hold = Hold::with(self.hold, side, on);
        self.step(Step::HoldChanged(self.hold), now);
    }

    /// Moves along the [table](State::after), if it has such a way.
    pub(super) fn step(&mut self, step: Step, now: Instant) {
        let Some(to) = self.state.after(step) else { return };
        let from = std::mem::replace(&mut self.state, to);
        self.entered = now;
        tracing::debug!(call = %self.id.as_str(), from = from.name(), to = to.name(), "call state");
        self.tell(CallEvent::StateChanged { from, to, at: now });
        if let State::Ended(reason) = to {
            self.tell(CallEvent::Ended { reason });
        }
    }

    /// Ends the call, and tells the other side where `tell` says so.
    pub(super) fn end(&mut self, reason: EndReason, tell: Option<HangupReason>, now: Instant) {
        if self.state.is_ended() {
            return;
        }
        if let Some(reason) = tell
            && (self.role == Role::Callee || self.negotiation.is_local_sent())
        {
            self.send(ClientMessage::Hangup { call: self.id.clone(), reason });
        }
        self.step(Step::End(reason), now);
        self.transport.close(now);
    }

    pub(super) fn send(&mut self, message: ClientMessage) {
        self.messages.push_back(message);
    }

    pub(super) fn tell(&mut self, event: CallEvent) {
        self.events.push_back(event);
    }

    pub(super) fn out_of_order(&self, what: &'static str) -> CallError {
        CallError::OutOfOrder { what, state: self.state.name() }
    }

    /// The next datagram to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        loop {
            let transmit = self.transport.poll_transmit()?;
            if !self.addresses.would_disclose(&transmit) {
                return Some(transmit);
            }
        }
    }

    /// The next signaling message to send.
    pub fn poll_message(&mut self) -> Option<ClientMessage> {
        self.messages.pop_front()
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<CallEvent> {
        self.events.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due; `None` once the call is over.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let patience = self.patience_ends()?;
        let mut next = patience.min(self.transport.deadline());
        if let Some(update) = self.negotiation.deadline() {
            next = next.min(update);
        }
        if self.is_checking() {
            next = next.min(self.ticked + timing::CHECK_PACE);
        }
        Some(next)
    }

    /// Whether the agent wants to be driven at its own pace: it sends one check per turn and would ask for a turn
    /// every 50 ms only.
    fn is_checking(&self) -> bool {
        let searching = matches!(self.transport.ice_state(), IceState::New | IceState::Checking);
        searching && self.negotiation.is_remote_known()
    }

    /// Where the call stands.
    pub fn state(&self) -> State {
        self.state
    }

    /// Who holds, if anybody.
    pub fn hold(&self) -> Option<Hold> {
        self.hold
    }

    /// The call's name.
    pub fn id(&self) -> &CallId {
        &self.id
    }

    /// The other side.
    pub fn peer(&self) -> &PeerId {
        &self.peer
    }

    /// Which end we are.
    pub fn role(&self) -> Role {
        self.role
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Call");
        shown
            .field("id", &self.id)
            .field("role", &self.role)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

fn declined(reason: DeclineReason, by: Side) -> EndReason {
    match reason {
        DeclineReason::Busy => EndReason::Busy(by),
        DeclineReason::Declined => EndReason::Declined(by),
        DeclineReason::Unsupported => EndReason::Unsupported(by),
        DeclineReason::Error => EndReason::Error(by),
    }
}
