//! The registry's doors: what happens to it and what it asks for.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::address::AddressBlock;
use super::super::code::{CloseReason, ErrorCode};
use super::super::frame::{Frame, FrameError};
use super::super::ice_servers::IceServers;
use super::super::id::{CallId, PeerId};
use super::super::limits::Limits;
use super::super::message::{ClientMessage, ServerMessage};
use super::super::reason::EndReason;
use super::super::secret::TOKEN_BYTES;
use super::counters::{Counters, Occupancy};
use super::delivery::Refusal;
use super::session::{Address, Call, CallState, Connection, Session};
use super::timers::{Timer, Timers};

/// A connection, numbered by whoever owns the sockets; never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

/// How the registry behaves.
#[derive(Debug, Clone)]
pub struct RegistryConfig {
    /// What peers may do.
    pub limits: Limits,
    /// How long a session outlives its connection.
    pub grace: Duration,
    /// How long peers should wait before they connect again after `closing`.
    pub retry: Duration,
    /// STUN and TURN servers that every registered peer is told.
    pub ice_servers: IceServers,
}

impl Default for RegistryConfig {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            grace: Duration::from_secs(30),
            retry: Duration::from_secs(1),
            ice_servers: IceServers::default(),
        }
    }
}

/// What the owner of the sockets must do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Send a text frame.
    Send {
        /// To whom.
        connection: ConnectionId,
        /// The frame; shared, since presence goes to everybody.
        text: Arc<str>,
    },
    /// Send a ping with this number as its eight bytes, the highest first; its pong goes to
    /// [`Registry::handle_pong`].
    Ping {
        /// To whom.
        connection: ConnectionId,
        /// The ping's payload.
        payload: u64,
    },
    /// Close the connection after what was sent before; the registry has forgotten it.
    Close {
        /// Which.
        connection: ConnectionId,
        /// Why.
        reason: CloseReason,
    },
}

/// Makes the random bytes of a token.
type TokenSource = Box<dyn FnMut() -> [u8; TOKEN_BYTES] + Send>;

/// The server's signaling as a pure state machine.
///
/// After any `handle_*`, drain [`Self::poll_output`]; call [`Self::handle_timeout`] when
/// [`Self::poll_timeout`] has come. Input about connections that the registry has closed or never
/// seen is passed over, so that what was on its way when a connection closed does no harm.
pub struct Registry {
    pub(super) config: RegistryConfig,
    pub(super) make_token: TokenSource,
    pub(super) connections: HashMap<ConnectionId, Connection>,
    pub(super) addresses: HashMap<AddressBlock, Address>,
    pub(super) sessions: BTreeMap<PeerId, Session>,
    pub(super) calls: HashMap<CallId, Call>,
    pub(super) timers: Timers,
    pub(super) outputs: VecDeque<Output>,
    /// Sessions whose outbox is past its limits; they end before the present `handle_*` returns.
    pub(super) overflowing: Vec<PeerId>,
    pub(super) closing: bool,
    pub(super) counters: Counters,
}

impl Registry {
    /// An empty registry. `make_token` gives 256 random bits from the operating system at each call.
    pub fn new(
        config: RegistryConfig,
        make_token: impl FnMut() -> [u8; TOKEN_BYTES] + Send + 'static,
    ) -> Self {
        Self {
            config,
            make_token: Box::new(make_token),
            connections: HashMap::new(),
            addresses: HashMap::new(),
            sessions: BTreeMap::new(),
            calls: HashMap::new(),
            timers: Timers::default(),
            outputs: VecDeque::new(),
            overflowing: Vec::new(),
            closing: false,
            counters: Counters::default(),
        }
    }

    /// A connection was opened from `address`.
    pub fn handle_connect(&mut self, connection: ConnectionId, address: IpAddr, now: Instant) {
        self.on_connect(connection, AddressBlock::from(address), now);
    }

    /// A text frame came in.
    pub fn handle_text(&mut self, connection: ConnectionId, text: &str, now: Instant) {
        if self.connections.contains_key(&connection) && self.admit_message(connection, now) {
            let limit = self.config.limits.frame_bytes;
            match Frame::<ClientMessage>::parse(text, limit) {
                Ok(frame) => self.on_frame(connection, frame, now),
                Err(FrameError::TooLarge { .. }) => self.close(connection, CloseReason::FrameTooLarge, now),
                Err(error) => self.refuse(connection, Refusal::from(error)),
            }
        }
        self.settle(now);
    }

    /// A ping came in; the owner of the sockets answers it. Counts as a message, so that a flood of
    /// pings ends as one of messages does.
    pub fn handle_ping(&mut self, connection: ConnectionId, now: Instant) {
        if self.connections.contains_key(&connection) {
            self.admit_message(connection, now);
        }
        self.settle(now);
    }

    /// The answer to an [`Output::Ping`] came in: the peer has everything that was sent before it.
    pub fn handle_pong(&mut self, connection: ConnectionId, payload: u64, now: Instant) {
        let Some(known) = self.connections.get_mut(&connection) else { return };
        known.last_heard = now;
        if let Some(session) = known.peer.as_ref().and_then(|peer| self.sessions.get_mut(peer)) {
            session.outbox.acknowledge(payload);
        }
    }

    /// The connection broke a rule that the owner of the sockets watches: a frame too large, a
    /// binary frame, a queue that isn't read.
    pub fn handle_violation(&mut self, connection: ConnectionId, reason: CloseReason, now: Instant) {
        self.close(connection, reason, now);
        self.settle(now);
    }

    /// The connection is gone.
    pub fn handle_disconnect(&mut self, connection: ConnectionId, now: Instant) {
        self.forget(connection, now);
        self.settle(now);
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(timer) = self.timers.pop(now) {
            match timer {
                Timer::Register(connection) => self.close(connection, CloseReason::RegisterTimeout, now),
                Timer::Heartbeat(connection) => self.on_heartbeat(connection, now),
                Timer::Grace(peer) => self.end_session(&peer),
                Timer::Pending(call) => self.on_pending_timeout(&call),
            }
            self.settle(now);
        }
    }

    /// The server stops: calls that weren't answered end, everyone is told, every connection is
    /// closed and no other taken. Answered calls go on between the peers.
    pub fn handle_shutdown(&mut self, now: Instant) {
        if std::mem::replace(&mut self.closing, true) {
            return;
        }
        let pending: Vec<CallId> =
            self.calls.iter().filter(|(_, c)| c.state.is_pending()).map(|(id, _)| id.clone()).collect();
        for call in pending {
            self.end_call(&call, None, EndReason::Shutdown);
        }
        let retry_ms = u64::try_from(self.config.retry.as_millis()).unwrap_or(u64::MAX);
        let closing = ServerMessage::Closing { reason: "the server stops".to_owned(), retry_ms };
        let text: Arc<str> = Frame { message: closing, seq: None }.to_text().into();
        let mut open: Vec<ConnectionId> = self.connections.keys().copied().collect();
        open.sort_unstable();
        for connection in open {
            self.outputs.push_back(Output::Send { connection, text: text.clone() });
            self.close(connection, CloseReason::Shutdown, now);
        }
        self.settle(now);
    }

    /// What to do next, if anything.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to call [`Self::handle_timeout`].
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// What has been counted since the start.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// What there is at the moment.
    pub fn occupancy(&self) -> Occupancy {
        let online = self.sessions.values().filter(|s| s.connection.is_some()).count();
        let pending = self.calls.values().filter(|c| c.state.is_pending()).count();
        let live = self.calls.values().filter(|c| matches!(c.state, CallState::Live { .. })).count();
        Occupancy {
            connections: self.connections.len(),
            online,
            away: self.sessions.len() - online,
            pending_calls: pending,
            live_calls: live,
        }
    }

    /// Hands a message to whom it concerns.
    fn on_frame(&mut self, connection: ConnectionId, frame: Frame<ClientMessage>, now: Instant) {
        let from = self.connections.get(&connection).and_then(|known| known.peer.clone());
        let call = frame.message.call().cloned();
        let done = match (frame.message, from) {
            (ClientMessage::Register(register), None) => self.on_register(connection, register, now),
            (ClientMessage::Register(_), Some(peer)) => Err(Refusal::new(
                ErrorCode::AlreadyRegistered,
                format!("expected one `register` on a connection; this one is {peer}"),
            )),
            (_, None) => Err(Refusal::new(
                ErrorCode::NotRegistered,
                "expected `register` before anything else".to_owned(),
            )),
            (message, Some(peer)) => {
                if !self.is_news(&peer, frame.seq) {
                    return;
                }
                match message {
                    ClientMessage::Unregister => {
                        self.on_unregister(connection, &peer, now);
                        Ok(())
                    }
                    message => self.on_call_message(&peer, message, now),
                }
            }
        };
        if let Err(refusal) = done {
            self.refuse(connection, Refusal { call, ..refusal });
        }
    }

    /// Whether a numbered message wasn't handled before; notes it.
    fn is_news(&mut self, peer: &PeerId, seq: Option<u64>) -> bool {
        let (Some(seq), Some(session)) = (seq, self.sessions.get_mut(peer)) else { return true };
        let is_news = seq > session.last_received;
        session.last_received = session.last_received.max(seq);
        is_news
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").field("occupancy", &self.occupancy()).finish_non_exhaustive()
    }
}
