//! The peer's side of signaling, without sockets or clocks.

use std::collections::VecDeque;
use std::fmt;
use std::time::{Duration, Instant};

use super::backoff::Backoff;
use super::code::{CloseReason, ErrorCode};
use super::frame::{Frame, FrameError};
use super::id::PeerId;
use super::message::{ClientMessage, PROTOCOL_VERSION, Register, Registered, ServerMessage};
use super::pending::{Pending, QueueFull};
use super::reason::EndReason;
use super::secret::Token;
use super::tracked::TrackedCalls;

/// Largest frame that a server may send: `registered` with ten thousand peers in it has 0.7 MiB.
pub const MAX_SERVER_FRAME_BYTES: usize = 1024 * 1024;

/// A connection that held for this long was a good one: the next wait is short again.
const GOOD_CONNECTION: Duration = Duration::from_secs(5);

/// The longest wait that a server may ask for in `closing`.
const LONGEST_ASKED_WAIT: Duration = Duration::from_secs(300);

/// How long an id may stay taken after a `register` of ours that was never answered: the session
/// that it may have begun lasts for the server's grace time, by default 30 s.
const OWN_GHOST_TIME: Duration = Duration::from_secs(60);

/// How long a server that is asked whether it is still there may be silent.
const CHECK_TIME: Duration = Duration::from_secs(1);

/// How long a client that stops waits for the server to confirm.
const STOP_TIME: Duration = Duration::from_secs(1);

/// How a client behaves.
#[derive(Debug, Clone)]
pub struct ClientConfig {
    /// The id to be known by.
    pub id: PeerId,
    /// How long a connection may take to be made, names, TLS and WebSocket included.
    pub connect_time: Duration,
    /// How long the server may take to answer `register`.
    pub register_time: Duration,
    /// How often the client pings.
    pub ping_interval: Duration,
    /// How long the server may be silent, answers to pings included.
    pub idle_time: Duration,
    /// The first wait before connecting again; later ones double.
    pub first_wait: Duration,
    /// The longest wait before connecting again.
    pub longest_wait: Duration,
}

impl ClientConfig {
    /// The usual times, for this id.
    pub fn new(id: PeerId) -> Self {
        Self {
            id,
            connect_time: Duration::from_secs(10),
            register_time: Duration::from_secs(5),
            ping_interval: Duration::from_secs(10),
            idle_time: Duration::from_secs(25),
            first_wait: Duration::from_millis(200),
            longest_wait: Duration::from_secs(5),
        }
    }
}

/// What the owner of the socket must do.
#[derive(Clone, PartialEq, Eq)]
pub enum ClientAction {
    /// Open a connection; say [`Client::handle_connected`] or [`Client::handle_disconnected`].
    Connect,
    /// Send a text frame.
    Send(String),
    /// Send a ping with this number as its eight bytes, the highest first.
    Ping(u64),
    /// Close the connection, or give up opening it, and report nothing more of it.
    Close,
}

impl fmt::Debug for ClientAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect => f.write_str("Connect"),
            Self::Send(text) => write!(f, "Send({} bytes)", text.len()),
            Self::Ping(payload) => write!(f, "Ping({payload})"),
            Self::Close => f.write_str("Close"),
        }
    }
}

/// What the client tells the peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientEvent {
    /// The client is registered. Comes again after each reconnection.
    Registered(Registered),
    /// The connection is gone, or couldn't be made; the client tries again by itself.
    Lost {
        /// Why.
        reason: String,
        /// After how long it tries again.
        retry_in: Duration,
    },
    /// The server said something; never `registered`. When a session is lost with the server, the
    /// calls that weren't answered yet end with a `hangup` for [`EndReason::Shutdown`] made here.
    Message(ServerMessage),
    /// Trying again is of no use; the client has stopped.
    Fatal {
        /// What went wrong.
        code: ErrorCode,
        /// The same for people.
        message: String,
    },
    /// The client has stopped as asked.
    Stopped,
}

/// Why a connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disconnect {
    /// The WebSocket close code, if the server closed.
    pub code: Option<u16>,
    /// Why, in a few words.
    pub reason: String,
}

/// Where the connection stands.
#[derive(Debug, Clone, Copy)]
enum Link {
    /// Being made.
    Connecting { until: Instant },
    /// `register` was sent.
    Registering { until: Instant },
    /// Registered.
    Up { since: Instant, last_heard: Instant, ping_at: Instant, checked_by: Option<Instant> },
    /// Gone; waiting to try again.
    Waiting { until: Instant },
    /// `unregister` was sent.
    Stopping { until: Instant },
    /// Over.
    Stopped,
}

/// The client of a switchboard as a pure state machine: registers, keeps the connection alive, comes
/// back when it breaks, and carries on where the session was.
///
/// After any `handle_*`, [`Self::send`] or [`Self::stop`], drain [`Self::poll_action`] and
/// [`Self::poll_event`]; call [`Self::handle_timeout`] when [`Self::poll_timeout`] has come.
#[derive(Debug)]
pub struct Client {
    config: ClientConfig,
    link: Link,
    backoff: Backoff,
    token: Option<Token>,
    /// The number of the last message received in the session; 0 for none.
    last_received: u64,
    pending: Pending,
    calls: TrackedCalls,
    /// When a `register` was sent whose answer never came, so that it may have begun a session.
    unanswered_register: Option<Instant>,
    /// The wait that `closing` asked for.
    asked_wait: Option<Duration>,
    actions: VecDeque<ClientAction>,
    events: VecDeque<ClientEvent>,
}

impl Client {
    /// A client that connects at once. `seed` makes the jitter of its waits.
    pub fn new(config: ClientConfig, seed: u64, now: Instant) -> Self {
        let backoff = Backoff::new(config.first_wait, config.longest_wait, seed);
        Self {
            link: Link::Connecting { until: now + config.connect_time },
            config,
            backoff,
            token: None,
            last_received: 0,
            pending: Pending::default(),
            calls: TrackedCalls::default(),
            unanswered_register: None,
            asked_wait: None,
            actions: VecDeque::from([ClientAction::Connect]),
            events: VecDeque::new(),
        }
    }

    /// Sends a message, now or once the client is registered (again). `register` and `unregister` are
    /// the client's own and are passed over; see [`Self::stop`].
    pub fn send(&mut self, message: ClientMessage) -> Result<(), QueueFull> {
        if matches!(message, ClientMessage::Register(_) | ClientMessage::Unregister) {
            return Ok(());
        }
        self.pending.push(message.clone())?;
        self.calls.note_sent(&message);
        self.flush();
        Ok(())
    }

    /// Leaves for good: what was sent before goes out first, the calls end, the id is free.
    pub fn stop(&mut self, now: Instant) {
        match self.link {
            Link::Up { .. } => {
                self.push_frame(ClientMessage::Unregister);
                self.link = Link::Stopping { until: now + STOP_TIME };
            }
            Link::Stopping { .. } | Link::Stopped => {}
            Link::Connecting { .. } | Link::Registering { .. } => self.finish(true),
            Link::Waiting { .. } => self.finish(false),
        }
    }

    /// The connection that [`ClientAction::Connect`] asked for is open.
    pub fn handle_connected(&mut self, now: Instant) {
        if !matches!(self.link, Link::Connecting { .. }) {
            return;
        }
        self.link = Link::Registering { until: now + self.config.register_time };
        self.push_frame(ClientMessage::Register(Register {
            version: PROTOCOL_VERSION,
            id: self.config.id.clone(),
            token: self.token.clone(),
            last_seq: self.token.is_some().then_some(self.last_received),
            calls: self.calls.live(),
        }));
    }

    /// A text frame came in.
    pub fn handle_text(&mut self, text: &str, now: Instant) {
        if !matches!(self.link, Link::Registering { .. } | Link::Up { .. } | Link::Stopping { .. }) {
            return;
        }
        self.handle_heard(now);
        match Frame::<ServerMessage>::parse(text, MAX_SERVER_FRAME_BYTES) {
            Ok(frame) => self.on_frame(frame, now),
            // A later server may say things that this client need not know.
            Err(FrameError::UnknownType { .. }) => {}
            Err(error) => self.drop_link(format!("the server sent what is no message: {error}"), now),
        }
    }

    /// The answer to a [`ClientAction::Ping`] came in: the server has everything sent before it.
    pub fn handle_pong(&mut self, payload: u64, now: Instant) {
        self.handle_heard(now);
        if matches!(self.link, Link::Up { .. }) {
            self.pending.acknowledge(payload);
        }
    }

    /// Something else came in, a ping for one.
    pub fn handle_heard(&mut self, now: Instant) {
        if let Link::Up { last_heard, checked_by, .. } = &mut self.link {
            (*last_heard, *checked_by) = (now, None);
        }
    }

    /// The connection ended, or couldn't be made.
    pub fn handle_disconnected(&mut self, why: Disconnect, now: Instant) {
        match self.link {
            Link::Stopping { .. } => self.finish(false),
            Link::Waiting { .. } | Link::Stopped => {}
            _ if why.code == Some(CloseReason::Replaced.code()) => self.fail(
                ErrorCode::IdTaken,
                "the session goes on over another connection that showed its token".to_owned(),
                false,
            ),
            _ => self.wait_to_retry(why.reason, now),
        }
    }

    /// Asks the server whether it is still there; without an answer within a second the connection is made anew. For
    /// when there are signs elsewhere that the network is not what it was.
    pub fn check(&mut self, now: Instant) {
        if let Link::Up { checked_by: checked_by @ None, .. } = &mut self.link {
            *checked_by = Some(now + CHECK_TIME);
            self.ping(now);
        }
    }

    /// An address of ours is gone or new: makes the connection anew, at once, as the old one may hang for long.
    pub fn handle_network_change(&mut self, now: Instant) {
        match self.link {
            Link::Up { .. } | Link::Registering { .. } | Link::Connecting { .. } => {
                self.drop_link("the network changed".to_owned(), now);
                self.retry_at_once(now);
            }
            Link::Waiting { .. } => self.retry_at_once(now),
            Link::Stopping { .. } | Link::Stopped => {}
        }
    }

    /// The wait before the next attempt is over; [`Self::handle_timeout`] makes it.
    fn retry_at_once(&mut self, now: Instant) {
        if let Link::Waiting { until } = &mut self.link {
            *until = now;
        }
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.poll_timeout().is_none_or(|due| due > now) {
            return;
        }
        match self.link {
            Link::Connecting { .. } => {
                let time = self.config.connect_time;
                self.drop_link(format!("no connection within {} s", time.as_secs()), now);
            }
            Link::Registering { .. } => {
                let time = self.config.register_time;
                self.drop_link(format!("no answer to `register` within {} s", time.as_secs()), now);
            }
            Link::Up { checked_by: Some(limit), .. } if limit <= now => {
                self.drop_link("the server does not answer".to_owned(), now);
                self.retry_at_once(now);
            }
            Link::Up { last_heard, .. } if last_heard + self.config.idle_time <= now => {
                let time = self.config.idle_time;
                self.drop_link(format!("nothing heard from the server for {} s", time.as_secs()), now);
            }
            Link::Up { .. } => self.ping(now),
            Link::Waiting { .. } => {
                self.link = Link::Connecting { until: now + self.config.connect_time };
                self.actions.push_back(ClientAction::Connect);
            }
            Link::Stopping { .. } => self.finish(true),
            Link::Stopped => {}
        }
    }

    /// What to do next, if anything.
    pub fn poll_action(&mut self) -> Option<ClientAction> {
        self.actions.pop_front()
    }

    /// What happened, if anything.
    pub fn poll_event(&mut self) -> Option<ClientEvent> {
        self.events.pop_front()
    }

    /// When to call [`Self::handle_timeout`].
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.link {
            Link::Connecting { until }
            | Link::Registering { until }
            | Link::Waiting { until }
            | Link::Stopping { until } => Some(until),
            Link::Up { last_heard, ping_at, checked_by, .. } => {
                let due = ping_at.min(last_heard + self.config.idle_time);
                Some(checked_by.map_or(due, |limit| limit.min(due)))
            }
            Link::Stopped => None,
        }
    }

    /// Whether the client is registered at the moment.
    pub fn is_registered(&self) -> bool {
        matches!(self.link, Link::Up { .. })
    }

    /// Whether the client has stopped for good.
    pub fn is_stopped(&self) -> bool {
        matches!(self.link, Link::Stopped)
    }

    fn on_frame(&mut self, frame: Frame<ServerMessage>, now: Instant) {
        if let Some(seq) = frame.seq {
            if seq <= self.last_received {
                return;
            }
            self.last_received = seq;
        }
        match (frame.message, self.link) {
            (ServerMessage::Registered(registered), Link::Registering { .. }) => {
                self.on_registered(registered, now);
            }
            (ServerMessage::Registered(_), _) => {}
            (ServerMessage::Error { code, message, .. }, Link::Registering { .. }) => {
                self.on_register_refused(code, message, now);
            }
            (message, _) => {
                if let ServerMessage::Closing { retry_ms, .. } = &message {
                    self.asked_wait = Some(Duration::from_millis(*retry_ms).min(LONGEST_ASKED_WAIT));
                }
                self.calls.note_received(&message);
                self.events.push_back(ClientEvent::Message(message));
            }
        }
    }

    fn on_registered(&mut self, registered: Registered, now: Instant) {
        let ping_at = now + self.config.ping_interval;
        self.link = Link::Up { since: now, last_heard: now, ping_at, checked_by: None };
        self.unanswered_register = None;
        self.token = Some(registered.token.clone());
        let is_resumed = registered.resumed;
        if is_resumed {
            self.pending.resume(registered.last_seq.unwrap_or(0));
        } else {
            self.last_received = 0;
            self.pending.restart();
        }
        self.events.push_back(ClientEvent::Registered(registered));
        if !is_resumed {
            for call in self.calls.drop_unanswered(&self.pending) {
                let hangup = ServerMessage::Hangup { call, reason: EndReason::Shutdown };
                self.events.push_back(ClientEvent::Message(hangup));
            }
        }
        self.flush();
    }

    fn on_register_refused(&mut self, code: ErrorCode, message: String, now: Instant) {
        let may_be_own_ghost =
            self.unanswered_register.is_some_and(|sent| now.duration_since(sent) < OWN_GHOST_TIME);
        if code.is_final() && !(code == ErrorCode::IdTaken && may_be_own_ghost) {
            self.fail(code, message, true);
        } else {
            // It was answered, so it began no session.
            self.link = Link::Waiting { until: now };
            self.drop_link(message, now);
        }
    }

    /// Sends what is pending and not yet sent.
    fn flush(&mut self) {
        let Link::Up { .. } = self.link else { return };
        while let Some(text) = self.pending.take_unsent() {
            self.actions.push_back(ClientAction::Send(text));
        }
        if let Some(payload) = self.pending.ping_if_many() {
            self.actions.push_back(ClientAction::Ping(payload));
        }
    }

    fn ping(&mut self, now: Instant) {
        if let Link::Up { ping_at, .. } = &mut self.link {
            *ping_at = now + self.config.ping_interval;
            self.actions.push_back(ClientAction::Ping(self.pending.ping()));
        }
    }

    /// Sends a message outside of the session's numbering.
    fn push_frame(&mut self, message: ClientMessage) {
        self.actions.push_back(ClientAction::Send(Frame { message, seq: None }.to_text()));
    }

    /// Gives the connection up and tries again later.
    fn drop_link(&mut self, reason: String, now: Instant) {
        self.actions.push_back(ClientAction::Close);
        match self.link {
            Link::Stopping { .. } => self.finish(false),
            _ => self.wait_to_retry(reason, now),
        }
    }

    fn wait_to_retry(&mut self, reason: String, now: Instant) {
        match self.link {
            Link::Up { since, .. } if now.duration_since(since) >= GOOD_CONNECTION => self.backoff.reset(),
            Link::Registering { .. } => {
                self.unanswered_register.get_or_insert(now);
            }
            _ => {}
        }
        let retry_in = match self.asked_wait.take() {
            Some(wait) => self.backoff.spread(wait),
            None => self.backoff.next_wait(),
        };
        self.link = Link::Waiting { until: now + retry_in };
        self.events.push_back(ClientEvent::Lost { reason, retry_in });
    }

    fn fail(&mut self, code: ErrorCode, message: String, is_open: bool) {
        if is_open {
            self.actions.push_back(ClientAction::Close);
        }
        self.link = Link::Stopped;
        self.events.push_back(ClientEvent::Fatal { code, message });
    }

    fn finish(&mut self, is_open: bool) {
        if is_open {
            self.actions.push_back(ClientAction::Close);
        }
        self.link = Link::Stopped;
        self.events.push_back(ClientEvent::Stopped);
    }
}
