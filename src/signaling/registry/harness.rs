//! A registry in virtual time with scripted connections, for tests.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use super::super::code::{CloseReason, ErrorCode};
use super::super::frame::Frame;
use super::super::message::{ClientMessage, Registered, ServerMessage};
use super::switch::{ConnectionId, Output, Registry, RegistryConfig};

/// What a connection got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Got {
    Message(ServerMessage, Option<u64>),
    Ping(u64),
    Closed(CloseReason),
}

/// The registry, the time, and what every connection has received and not yet looked at.
pub(super) struct Bench {
    pub(super) registry: Registry,
    pub(super) now: Instant,
    inboxes: BTreeMap<u64, Vec<Got>>,
    next_connection: u64,
}

impl Bench {
    pub(super) fn new() -> Self {
        Self::with(|_| {})
    }

    #[expect(clippy::disallowed_methods, reason = "one reading of the clock is the origin of virtual time")]
    pub(super) fn with(change: impl FnOnce(&mut RegistryConfig)) -> Self {
        let mut config = RegistryConfig::default();
        change(&mut config);
        let mut made = 0u8;
        let make_token = move || {
            made = made.wrapping_add(1);
            [made; 32]
        };
        Self {
            registry: Registry::new(config, make_token),
            now: Instant::now(),
            inboxes: BTreeMap::new(),
            next_connection: 0,
        }
    }

    /// A new connection from 127.0.0.1.
    pub(super) fn connect(&mut self) -> u64 {
        self.connect_from(IpAddr::V4(Ipv4Addr::LOCALHOST))
    }

    pub(super) fn connect_from(&mut self, address: IpAddr) -> u64 {
        self.next_connection += 1;
        self.registry.handle_connect(ConnectionId(self.next_connection), address, self.now);
        self.drain();
        self.next_connection
    }

    /// Sends a text.
    pub(super) fn text(&mut self, connection: u64, text: &str) {
        self.registry.handle_text(ConnectionId(connection), text, self.now);
        self.drain();
    }

    /// Sends a message without a number.
    pub(super) fn send(&mut self, connection: u64, message: ClientMessage) {
        self.text(connection, &Frame { message, seq: None }.to_text());
    }

    pub(super) fn disconnect(&mut self, connection: u64) {
        self.registry.handle_disconnect(ConnectionId(connection), self.now);
        self.drain();
    }

    pub(super) fn pong(&mut self, connection: u64, payload: u64) {
        self.registry.handle_pong(ConnectionId(connection), payload, self.now);
        self.drain();
    }

    /// Lets time pass, stopping at every deadline on the way.
    pub(super) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(due) = self.registry.poll_timeout().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.registry.handle_timeout(self.now);
            self.drain();
        }
        self.now = end;
    }

    /// Lets time pass while these connections answer their pings.
    pub(super) fn pass_alive(&mut self, time: Duration, connections: &[u64]) {
        for _ in 0..time.as_secs() {
            self.pass(Duration::from_secs(1));
            connections.iter().for_each(|connection| self.pong(*connection, 0));
        }
    }

    /// Connects and registers; returns the connection, with nothing left in its inbox.
    pub(super) fn register(&mut self, id: &str) -> u64 {
        let connection = self.connect();
        self.text(connection, &format!(r#"{{"type":"register","version":1,"id":"{id}"}}"#));
        self.registered(connection);
        connection
    }

    /// Looks at the `registered` that must be first in the inbox.
    pub(super) fn registered(&mut self, connection: u64) -> Registered {
        let inbox = self.inboxes.entry(connection).or_default();
        match inbox.first() {
            Some(Got::Message(ServerMessage::Registered(_), None)) => {}
            other => panic!("expected `registered`, got {other:?}"),
        }
        match inbox.remove(0) {
            Got::Message(ServerMessage::Registered(registered), _) => registered,
            _ => unreachable!("looked at above"),
        }
    }

    /// Takes everything that a connection got.
    pub(super) fn got(&mut self, connection: u64) -> Vec<Got> {
        self.inboxes.remove(&connection).unwrap_or_default()
    }

    /// Takes everything that a connection got, in a short notation.
    pub(super) fn read(&mut self, connection: u64) -> Vec<String> {
        self.got(connection).iter().map(short).collect()
    }

    /// Moves what the registry says into the inboxes.
    pub(super) fn drain(&mut self) {
        while let Some(output) = self.registry.poll_output() {
            let (connection, got) = match output {
                Output::Send { connection, text } => {
                    let frame =
                        Frame::<ServerMessage>::parse(&text, 2_000_000).expect("the server speaks well");
                    (connection, Got::Message(frame.message, frame.seq))
                }
                Output::Ping { connection, payload } => (connection, Got::Ping(payload)),
                Output::Close { connection, reason } => (connection, Got::Closed(reason)),
            };
            self.inboxes.entry(connection.0).or_default().push(got);
        }
    }
}

/// `type` and what matters most of it.
pub(super) fn short(got: &Got) -> String {
    let message = match got {
        Got::Message(message, _) => message,
        Got::Ping(_) => return "(ping)".to_owned(),
        Got::Closed(reason) => return format!("(closed {reason})"),
    };
    match message {
        ServerMessage::Registered(registered) => format!("registered {}", registered.id),
        ServerMessage::Online { id } => format!("online {id}"),
        ServerMessage::Away { id } => format!("away {id}"),
        ServerMessage::Offline { id } => format!("offline {id}"),
        ServerMessage::Call { call, from, .. } => format!("call {call} from {from}"),
        ServerMessage::Ringing { call } => format!("ringing {call}"),
        ServerMessage::Accept { call, .. } => format!("accept {call}"),
        ServerMessage::Decline { call, reason } => format!("decline {call} {reason}"),
        ServerMessage::Candidate(candidate) => {
            format!("candidate {} {}", candidate.call, candidate.candidate.as_str())
        }
        ServerMessage::Update { call, .. } => format!("update {call}"),
        ServerMessage::Updated { call, .. } => format!("updated {call}"),
        ServerMessage::Hangup { call, reason } => format!("hangup {call} {reason}"),
        ServerMessage::Error { code, call, .. } => match call {
            Some(call) => format!("error {code} {call}"),
            None => format!("error {code}"),
        },
        ServerMessage::IceServers { ice_servers } => {
            let names = ice_servers.iter().filter_map(|server| server.username.as_deref());
            format!("ice_servers {}", names.collect::<Vec<_>>().join(" "))
        }
        ServerMessage::Closing { .. } => "closing".to_owned(),
    }
}

/// The code of the only message, an error.
pub(super) fn only_error(got: &[Got]) -> (ErrorCode, String) {
    match got {
        [Got::Message(ServerMessage::Error { code, message, .. }, _)] => (*code, message.clone()),
        other => panic!("expected one error, got {other:?}"),
    }
}
