//! The run loop: the one place where call, audio and network meet.
//!
//! It runs on a thread of its own, named `loop`, and reads top to bottom: take what came in, let time pass,
//! move audio, put out what is to be sent, wait. Nothing in a turn blocks; [`EventLoop::wait`] is the only wait.

use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::call::{Call, CallConfig, Certificate, Entropy, WallClock};
use crate::net::websocket::SignalThread;
use crate::net::{Datagram, EventLoop, Wake, interfaces};
use crate::signaling::{
    CallId, ClientConfig, ClientEvent, ClientMessage, DeclineReason, IceServer, PeerId, Registered,
    ServerMessage,
};

use super::handle::Command;
use super::paths::Paths;
use super::recorder::Recorder;
use super::servers::Servers;
use super::session::{Parts, Session};
use super::{Ends, Exit, PeerConfig, PeerError, PeerEvent, TimedEvent};

/// How long a shutdown waits for the goodbye to reach the switchboard.
const GOODBYE_LIMIT: Duration = Duration::from_secs(2);

/// Tells the owner what happened, with the time since the start.
pub(super) struct Reporter {
    started: Instant,
    on_event: Box<dyn FnMut(TimedEvent) + Send>,
}

impl Reporter {
    /// One that counts from `started`.
    pub(super) fn new(started: Instant, on_event: Box<dyn FnMut(TimedEvent) + Send>) -> Self {
        Self { started, on_event }
    }

    pub(super) fn tell(&mut self, event: PeerEvent) {
        self.tell_at(event, Instant::now());
    }

    pub(super) fn tell_at(&mut self, event: PeerEvent, at: Instant) {
        let t_ms = at.saturating_duration_since(self.started).as_nanos() as f64 / 1e6;
        (self.on_event)(TimedEvent { event, t_ms: (t_ms * 1000.0).round() / 1000.0 });
    }
}

/// See the module's documentation.
pub(super) struct Engine {
    config: PeerConfig,
    ends: Ends,
    requests: Receiver<Command>,
    reporter: Reporter,
    net: EventLoop,
    signal: SignalThread,
    certificate: Certificate,
    registration: Registration,
    /// Whom to call as soon as we are registered.
    wanted: Option<PeerId>,
    session: Option<Session>,
    servers: Servers,
    /// The ways of the call in progress.
    paths: Option<Paths>,
    /// Those of calls that are over, until relays have taken back what they lent.
    departing: Vec<Paths>,
    /// Calls so far: it numbers their ways and their traces.
    calls_begun: u32,
    /// The one whose call crossed ours and survived: taken without asking.
    crossed_with: Option<PeerId>,
    leaving: Option<Leaving>,
}

#[derive(Debug, PartialEq, Eq)]
enum Registration {
    /// The switchboard does not know us, or not any more.
    Out,
    /// It does.
    In,
}

/// We are on our way out, at the latest at this time.
struct Leaving {
    limit: Instant,
}

impl Engine {
    /// Opens what needs no network: sockets' poll, audio files, certificate, the signaling thread.
    pub(super) fn new(
        config: PeerConfig,
        mut ends: Ends,
        requests: Receiver<Command>,
        on_event: Box<dyn FnMut(TimedEvent) + Send>,
    ) -> Result<(Self, Wake), PeerError> {
        let mut net =
            EventLoop::new().map_err(|source| PeerError::System { what: "make the event loop", source })?;
        net.watch_interfaces();
        let wake = net.wake();
        ends.check(&config, &wake)?;
        config.trace.as_ref().map_or(Ok(()), Recorder::check)?;
        let certificate = Certificate::generate()?;
        let servers = Servers::new(&config.ice, wake.clone())?;
        let mut reporter = Reporter::new(Instant::now(), on_event);
        reporter.tell_at(started(&config), reporter.started);
        let client = ClientConfig::new(config.id.clone());
        let seed = u64::from_ne_bytes(random());
        let signal = SignalThread::start(&config.server, client, seed, wake.clone())?;
        let engine = Self {
            config,
            ends,
            requests,
            reporter,
            net,
            signal,
            certificate,
            registration: Registration::Out,
            wanted: None,
            session: None,
            servers,
            paths: None,
            departing: Vec::new(),
            calls_begun: 0,
            crossed_with: None,
            leaving: None,
        };
        Ok((engine, wake))
    }

    /// Runs until told to shut down.
    pub(super) fn run(mut self) {
        loop {
            let now = Instant::now();
            self.take_requests(now);
            self.take_signals(now);
            self.take_names(now);
            self.take_datagrams();
            self.let_time_pass(now);
            self.move_audio();
            self.put_out();
            if self.is_done() {
                break;
            }
            let deadline = self.deadline();
            if let Err(error) = self.net.wait(deadline) {
                let text = format!("the event loop failed: {error}");
                self.reporter.tell(PeerEvent::fatal(Exit::Internal, "event_loop", text));
                break;
            }
        }
        self.signal.stop();
        self.reporter.tell(PeerEvent::Stopped {});
    }

    fn is_done(&self) -> bool {
        let Some(leaving) = &self.leaving else { return false };
        (self.session.is_none() && self.departing.is_empty()) || Instant::now() >= leaving.limit
    }

    fn deadline(&self) -> Option<Instant> {
        let session = self.session.as_ref().and_then(Session::deadline);
        let leaving = self.leaving.as_ref().map(|leaving| leaving.limit);
        let paths = self.paths.iter().chain(&self.departing).filter_map(Paths::deadline);
        [session, leaving].into_iter().flatten().chain(paths).min()
    }

    fn take_requests(&mut self, now: Instant) {
        while let Ok(command) = self.requests.try_recv() {
            self.on_request(command, now);
        }
    }

    fn on_request(&mut self, command: Command, now: Instant) {
        match (command, &mut self.session) {
            (Command::Call(to), None) => self.on_call_request(to, now),
            (Command::Call(_), Some(_)) => self.refuse("in_call", "there is a call already: hang up first"),
            (Command::Shutdown, session) => {
                if let Some(session) = session {
                    session.hang_up(now);
                }
                self.wanted = None;
                self.leaving.get_or_insert(Leaving { limit: now + GOODBYE_LIMIT });
            }
            (Command::HangUp, None) if self.wanted.take().is_some() => {}
            (_, None) => self.refuse("no_call", "there is no call"),
            (Command::Answer, Some(session)) => session.accept(now, &mut self.reporter),
            (Command::Decline(reason), Some(session)) => session.decline(reason, now),
            (Command::HangUp, Some(session)) => session.hang_up(now),
            (Command::Mute(muted), Some(session)) => session.set_muted(muted, &mut self.reporter),
            (Command::Hold(held), Some(session)) => session.set_hold(held, now),
        }
    }

    fn refuse(&mut self, code: &str, message: &str) {
        self.reporter.tell(PeerEvent::error(code, message));
    }

    fn on_call_request(&mut self, to: PeerId, now: Instant) {
        if to == self.config.id {
            let text = format!("you are {to}: you cannot call yourself");
            return self.reporter.tell(PeerEvent::fatal(Exit::Nobody, "self_call", text));
        }
        match self.registration {
            Registration::In => self.place_call(to, now),
            Registration::Out => self.wanted = Some(to),
        }
    }

    fn place_call(&mut self, to: PeerId, now: Instant) {
        let id = CallId::from_random(random());
        let mut call = Call::outgoing(self.call_config(), id.clone(), to.clone(), now);
        self.open_paths(&mut call, now);
        let wake = self.net.wake();
        let (ends, config, number) = (&mut self.ends, &self.config, self.calls_begun);
        let parts = Parts { id, peer: to, ends, config, wake: &wake, number };
        match Session::outgoing(call, parts, now) {
            Ok(session) => {
                session.announce(&mut self.reporter);
                self.session = Some(session);
            }
            Err(error) => self.fail(&error),
        }
    }

    fn fail(&mut self, error: &PeerError) {
        self.release_paths(Instant::now());
        self.reporter.tell(PeerEvent::fatal(error.exit(), "audio", error.to_string()));
    }

    fn on_incoming(&mut self, id: CallId, from: PeerId, offer: &str, now: Instant) {
        if self.session.is_some() || self.leaving.is_some() {
            return self.signal.send(ClientMessage::Decline { call: id, reason: DeclineReason::Busy });
        }
        let call = Call::incoming(self.call_config(), id.clone(), from.clone(), offer, now);
        let mut call = match call {
            Ok(call) => call,
            Err(error) => {
                self.signal.send(ClientMessage::Decline { call: id, reason: DeclineReason::Unsupported });
                let text = format!("a call of {from} was refused: {error}");
                return self.reporter.tell(PeerEvent::error("bad_offer", text));
            }
        };
        self.reporter.tell(PeerEvent::Incoming { call: id.clone(), from: from.clone() });
        self.open_paths(&mut call, now);
        let crossed = self.crossed_with.take().is_some_and(|other| other == from);
        let wake = self.net.wake();
        let (ends, config, number) = (&mut self.ends, &self.config, self.calls_begun);
        let parts = Parts { id: id.clone(), peer: from, ends, config, wake: &wake, number };
        match Session::incoming(call, parts, now) {
            Ok(mut session) => {
                session.announce(&mut self.reporter);
                if crossed || self.config.auto_answer {
                    session.accept(now, &mut self.reporter);
                }
                self.session = Some(session);
            }
            Err(error) => {
                self.signal.send(ClientMessage::Decline { call: id, reason: DeclineReason::Error });
                self.fail(&error);
            }
        }
    }

    fn call_config(&self) -> CallConfig {
        CallConfig {
            certificate: self.certificate.clone(),
            entropy: Entropy(random()),
            audio: super::negotiation::offer(&self.config),
            direction: self.config.direction,
            wall_clock: Some(WallClock { at: Instant::now(), time: SystemTime::now() }),
        }
    }

    /// Opens sockets for a call and begins to gather: it knows the hosts' own addresses when this returns.
    fn open_paths(&mut self, call: &mut Call, now: Instant) {
        self.release_paths(now);
        let loopback = match self.signal.is_loopback() {
            true => interfaces::Loopback::Include,
            false => interfaces::Loopback::Skip,
        };
        self.calls_begun = self.calls_begun.wrapping_add(1);
        let Self { net, config, servers, reporter, calls_begun, .. } = self;
        let mut paths = Paths::open(net, config, servers, loopback, *calls_begun, reporter, now);
        paths.tell(call, reporter, now);
        self.paths = Some(paths);
    }

    fn release_paths(&mut self, now: Instant) {
        let Some(mut paths) = self.paths.take() else { return };
        paths.release(&mut self.net, now);
        self.departing.push(paths);
        self.close_departed(now);
    }

    fn close_departed(&mut self, now: Instant) {
        let departing = std::mem::take(&mut self.departing);
        for paths in departing {
            if paths.is_over(now) {
                paths.close(&mut self.net);
            } else {
                self.departing.push(paths);
            }
        }
    }

    fn take_signals(&mut self, now: Instant) {
        while let Some(event) = self.signal.poll_event() {
            self.on_client_event(event, now);
        }
    }

    fn on_client_event(&mut self, event: ClientEvent, now: Instant) {
        match event {
            ClientEvent::Registered(registered) => self.on_registered(registered, now),
            ClientEvent::Lost { reason, .. } => {
                self.registration = Registration::Out;
                self.reporter.tell(PeerEvent::SwitchboardLost { reason });
            }
            ClientEvent::Fatal { code, message } => {
                let event = PeerEvent::fatal(Exit::Refused, &code.to_string(), message);
                self.reporter.tell(event);
            }
            ClientEvent::Message(message) => self.on_message(message, now),
            ClientEvent::Stopped => {}
        }
    }

    fn on_registered(&mut self, registered: Registered, now: Instant) {
        self.registration = Registration::In;
        self.set_servers(&registered.ice_servers, now);
        let (resumed, online) = (registered.resumed, registered.online);
        self.reporter.tell(PeerEvent::Registered { resumed, online });
        if let Some(to) = self.wanted.take() {
            self.place_call(to, now);
        }
    }

    /// The switchboard names these servers; new credentials are for the call in progress too.
    fn set_servers(&mut self, given: &[IceServer], now: Instant) {
        let usable = self.servers.set_given(given);
        if let Some(paths) = &mut self.paths {
            paths.add_servers(usable, &self.servers, now);
        }
    }

    fn take_names(&mut self, now: Instant) {
        let usable = self.servers.poll();
        if let Some(paths) = self.paths.as_mut().filter(|_| !usable.is_empty()) {
            paths.add_servers(usable, &self.servers, now);
        }
    }

    fn on_message(&mut self, message: ServerMessage, now: Instant) {
        match message {
            ServerMessage::Online { id } => self.reporter.tell(PeerEvent::Online { id }),
            ServerMessage::Away { id } => self.reporter.tell(PeerEvent::Away { id }),
            ServerMessage::Offline { id } => self.reporter.tell(PeerEvent::Offline { id }),
            ServerMessage::IceServers { ice_servers } => self.set_servers(&ice_servers, now),
            ServerMessage::Call { call, from, sdp } => self.on_incoming(call, from, sdp.as_str(), now),
            ServerMessage::Error { call: None, code, message } => {
                self.reporter.tell(PeerEvent::error(&code.to_string(), message));
            }
            message => {
                if let Some(session) = &mut self.session
                    && message.call() == Some(session.id())
                {
                    session.handle_message(&message, now, &mut self.reporter);
                }
            }
        }
    }

    fn take_datagrams(&mut self) {
        let Self { net, session, paths, departing, .. } = self;
        let mut take = |datagram: &Datagram<'_>| {
            if let Some(session) = session {
                session.handle_datagram(datagram);
            }
        };
        net.receive(|datagram| {
            if let Some(paths) = paths.as_mut().filter(|paths| paths.owns(&datagram)) {
                paths.handle_datagram(&datagram, &mut take);
            } else if let Some(paths) = departing.iter_mut().find(|paths| paths.owns(&datagram)) {
                paths.handle_datagram(&datagram, &mut |_| {});
            }
        });
        net.receive_streams(|key, event| {
            let arrival = Instant::now();
            if let Some(paths) = paths.as_mut().filter(|paths| paths.owns_stream(key)) {
                paths.handle_stream(key, &event, arrival, &mut take);
            } else if let Some(paths) = departing.iter_mut().find(|paths| paths.owns_stream(key)) {
                paths.handle_stream(key, &event, arrival, &mut |_| {});
            }
        });
        if let Some(paths) = paths {
            net.receive_multicast_dns(|said| paths.handle_multicast_dns(&said, Instant::now()));
        }
    }

    fn let_time_pass(&mut self, now: Instant) {
        if let Some(session) = &mut self.session {
            session.handle_timeout(now, &mut self.reporter);
        }
        for paths in self.paths.iter_mut().chain(&mut self.departing) {
            paths.handle_timeout(now);
        }
        if self.net.interfaces_changed()
            && let Some(paths) = &mut self.paths
        {
            paths.note_change(now);
        }
        self.close_departed(now);
    }

    /// What the call and its ways have to tell each other.
    fn join_paths(&mut self, now: Instant) {
        let (Some(session), Some(paths)) = (&mut self.session, &mut self.paths) else { return };
        if paths.look(&mut self.net, session.call(), &mut self.reporter, now) {
            self.signal.network_changed();
        }
        paths.tell(session.call(), &mut self.reporter, now);
        if session.follow(paths, now) {
            self.signal.check();
        }
    }

    fn move_audio(&mut self) {
        if let Some(session) = &mut self.session {
            session.deliver(self.paths.as_mut(), &mut self.reporter);
            session.move_audio(Instant::now(), &mut self.reporter);
        }
    }

    fn put_out(&mut self) {
        let now = Instant::now();
        self.join_paths(now);
        for paths in self.paths.iter_mut().chain(&mut self.departing) {
            paths.put_out(&mut self.net, now);
        }
        let Some(session) = &mut self.session else { return };
        while let Some(transmit) = session.poll_transmit() {
            if let Some(paths) = &mut self.paths {
                paths.send(&mut self.net, &transmit, now);
            }
        }
        while let Some(message) = session.poll_message() {
            self.signal.send(message);
        }
        session.deliver(self.paths.as_mut(), &mut self.reporter);
        if session.is_over() {
            self.end_session();
        }
    }

    fn end_session(&mut self) {
        let Some(session) = self.session.take() else { return };
        let glare = session.ended_by_glare();
        if glare {
            self.crossed_with = Some(session.peer().clone());
        }
        session.close(&mut self.ends, &self.config.input, &mut self.reporter);
        self.release_paths(Instant::now());
    }
}

/// Bytes from the operating system's generator.
pub(super) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system gives randomness; without it no call is safe");
    bytes
}

fn started(config: &PeerConfig) -> PeerEvent {
    let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    PeerEvent::Started {
        version: env!("CARGO_PKG_VERSION"),
        id: config.id.clone(),
        unix_ns: unix.as_nanos() as u64,
        monotonic_ns: monotonic_ns(),
    }
}

#[cfg(unix)]
fn monotonic_ns() -> Option<u64> {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    Some(u64::try_from(now.tv_sec).ok()? * 1_000_000_000 + u64::try_from(now.tv_nsec).ok()?)
}

#[cfg(not(unix))]
fn monotonic_ns() -> Option<u64> {
    None
}
