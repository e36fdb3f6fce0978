//! Connections and registrations: who may come in, who resumes, who is gone.

use std::time::Instant;

use super::super::address::AddressBlock;
use super::super::code::{CloseReason, ErrorCode};
use super::super::id::PeerId;
use super::super::message::{PROTOCOL_VERSION, Register, Registered, ServerMessage};
use super::super::reason::EndReason;
use super::super::secret::Token;
use super::bucket::Bucket;
use super::delivery::Refusal;
use super::session::{Address, Connection, Session};
use super::switch::{ConnectionId, Output, Registry};
use super::timers::Timer;

/// Addresses remembered beyond those that are connected, before the ones at rest are forgotten:
/// enough to hold a burst of strangers to its rate, some 100 KiB.
const REMEMBERED_ADDRESSES: usize = 1024;

impl Registry {
    pub(super) fn on_connect(&mut self, connection: ConnectionId, address: AddressBlock, now: Instant) {
        let refusal = if self.closing {
            Some(CloseReason::Shutdown)
        } else if self.connections.len() >= self.config.limits.connections {
            Some(CloseReason::ServerFull)
        } else if self
            .addresses
            .get(&address)
            .is_some_and(|known| known.connections >= self.config.limits.connections_per_address)
        {
            Some(CloseReason::TooManyConnections)
        } else {
            None
        };
        if let Some(reason) = refusal {
            self.counters.count_close(reason);
            self.outputs.push_back(Output::Close { connection, reason });
            return;
        }
        if self.addresses.len() >= self.connections.len() + REMEMBERED_ADDRESSES {
            self.addresses.retain(|_, known| known.connections > 0 || !known.registrations.is_full(now));
        }
        let fresh = || Address { connections: 0, registrations: Bucket::new(now) };
        self.addresses.entry(address).or_insert_with(fresh).connections += 1;
        self.counters.connections += 1;
        let known = Connection {
            address,
            peer: None,
            messages: Bucket::new(now),
            refused_messages: 0,
            last_heard: now,
            ice_servers_due: None,
        };
        self.connections.insert(connection, known);
        self.timers.set(Timer::Register(connection), now + self.config.limits.register_time);
    }

    pub(super) fn on_register(
        &mut self,
        connection: ConnectionId,
        register: Register,
        now: Instant,
    ) -> Result<(), Refusal> {
        if register.version != PROTOCOL_VERSION {
            return Err(Refusal::new(
                ErrorCode::UnsupportedVersion,
                format!("expected version {PROTOCOL_VERSION}, found {}", register.version),
            ));
        }
        self.admit_registration(connection, now)?;
        let id = register.id.clone();
        let resumed = match self.sessions.get(&id) {
            Some(session) if register.token.as_ref() == Some(&session.token) => true,
            Some(session) => return Err(taken(&id, session.connection.is_none())),
            None => false,
        };
        let was_online = resumed && self.detach_for_resume(&id, &register, now);
        if !resumed {
            self.begin_session(&id)?;
        }
        self.attach(connection, &id, now);
        if !was_online {
            self.announce(&id, ServerMessage::Online { id: id.clone() });
        }
        if !resumed {
            self.take_claims(&id, register.calls, now);
        }
        self.greet(connection, &id, resumed, now);
        Ok(())
    }

    /// Holds the address to its rate of registrations.
    fn admit_registration(&mut self, connection: ConnectionId, now: Instant) -> Result<(), Refusal> {
        let (rate, burst) =
            (self.config.limits.registrations_per_second, self.config.limits.registration_burst);
        let address = self.connections.get(&connection).map(|known| known.address);
        let known = address.and_then(|address| self.addresses.get_mut(&address));
        if known.is_none_or(|known| known.registrations.take(now, rate, burst)) {
            return Ok(());
        }
        Err(Refusal::new(
            ErrorCode::TooManyRegistrations,
            format!("expected at most {rate} registrations a second from an address; try again later"),
        ))
    }

    /// Takes a session from the connection that it had, if any, and winds its messages back to what
    /// the peer received. Returns whether it had one.
    fn detach_for_resume(&mut self, id: &PeerId, register: &Register, now: Instant) -> bool {
        self.counters.resumptions += 1;
        self.timers.clear(&Timer::Grace(id.clone()));
        let Some(session) = self.sessions.get_mut(id) else { return false };
        session.outbox.rewind(register.last_seq);
        let Some(old) = session.connection.take() else { return false };
        if let Some(known) = self.connections.get_mut(&old) {
            known.peer = None;
        }
        self.close(old, CloseReason::Replaced, now);
        true
    }

    fn begin_session(&mut self, id: &PeerId) -> Result<(), Refusal> {
        let limit = self.config.limits.registrations;
        if self.sessions.len() >= limit {
            return Err(Refusal::new(
                ErrorCode::ServerFull,
                format!("the server holds {limit} peers and takes no more"),
            ));
        }
        self.counters.registrations += 1;
        let session = Session {
            token: Token::from_random((self.make_token)()),
            connection: None,
            outbox: Default::default(),
            last_received: 0,
            calls: Default::default(),
        };
        self.sessions.insert(id.clone(), session);
        Ok(())
    }

    /// Joins a session and a connection.
    fn attach(&mut self, connection: ConnectionId, id: &PeerId, now: Instant) {
        if let Some(session) = self.sessions.get_mut(id) {
            session.connection = Some(connection);
        }
        if let Some(known) = self.connections.get_mut(&connection) {
            known.peer = Some(id.clone());
            known.last_heard = now;
            known.ice_servers_due = self.config.ice_servers.next_renewal(now);
        }
        self.timers.clear(&Timer::Register(connection));
        self.timers.set(Timer::Heartbeat(connection), now + self.config.limits.ping_interval);
    }

    /// Sends `registered`, then what the peer hasn't received.
    fn greet(&mut self, connection: ConnectionId, id: &PeerId, resumed: bool, now: Instant) {
        let (mut online, mut away) = (Vec::new(), Vec::new());
        for (other, session) in self.sessions.iter().filter(|(other, _)| *other != id) {
            if session.connection.is_some() { &mut online } else { &mut away }.push(other.clone());
        }
        let Some(session) = self.sessions.get(id) else { return };
        let registered = Registered {
            version: PROTOCOL_VERSION,
            id: id.clone(),
            token: session.token.clone(),
            resumed,
            grace_ms: u64::try_from(self.config.grace.as_millis()).unwrap_or(u64::MAX),
            last_seq: resumed.then_some(session.last_received),
            online,
            away,
            calls: session.calls.iter().cloned().collect(),
            ice_servers: self.config.ice_servers.for_peer(id, now),
        };
        self.send(connection, ServerMessage::Registered(registered));
        self.flush(id);
    }

    pub(super) fn on_unregister(&mut self, connection: ConnectionId, id: &PeerId, now: Instant) {
        self.end_session(id);
        self.close(connection, CloseReason::Unregistered, now);
    }

    /// Ends a session: its calls end, its id is free, everyone hears that it is offline. Whoever ends
    /// one that has a connection closes that next.
    pub(super) fn end_session(&mut self, id: &PeerId) {
        let Some(session) = self.sessions.remove(id) else { return };
        self.timers.clear(&Timer::Grace(id.clone()));
        for call in &session.calls {
            self.end_call(call, Some(id), EndReason::PeerGone);
        }
        if let Some(known) = session.connection.and_then(|connection| self.connections.get_mut(&connection)) {
            known.peer = None;
        }
        self.announce(id, ServerMessage::Offline { id: id.clone() });
    }

    /// Asks for a connection to be closed and forgets it.
    pub(super) fn close(&mut self, connection: ConnectionId, reason: CloseReason, now: Instant) {
        if self.connections.contains_key(&connection) {
            self.counters.count_close(reason);
            self.outputs.push_back(Output::Close { connection, reason });
            self.forget(connection, now);
        }
    }

    /// Forgets a connection; its peer is away from now on.
    pub(super) fn forget(&mut self, connection: ConnectionId, now: Instant) {
        let Some(known) = self.connections.remove(&connection) else { return };
        self.timers.clear(&Timer::Register(connection));
        self.timers.clear(&Timer::Heartbeat(connection));
        if let Some(address) = self.addresses.get_mut(&known.address) {
            address.connections -= 1;
            if address.connections == 0 && address.registrations.is_full(now) {
                self.addresses.remove(&known.address);
            }
        }
        let Some(id) = known.peer else { return };
        let Some(session) = self.sessions.get_mut(&id) else { return };
        session.connection = None;
        if self.closing {
            return;
        }
        if self.config.grace.is_zero() {
            self.end_session(&id);
        } else {
            self.timers.set(Timer::Grace(id.clone()), now + self.config.grace);
            self.announce(&id, ServerMessage::Away { id: id.clone() });
        }
    }

    /// Pings a connection, or closes one that has been silent for too long.
    pub(super) fn on_heartbeat(&mut self, connection: ConnectionId, now: Instant) {
        let Some(known) = self.connections.get(&connection) else { return };
        let limits = &self.config.limits;
        let idle_at = known.last_heard + limits.idle_time;
        if idle_at <= now {
            return self.close(connection, CloseReason::Idle, now);
        }
        self.timers.set(Timer::Heartbeat(connection), idle_at.min(now + limits.ping_interval));
        if let Some(peer) = known.peer.clone() {
            self.renew_ice_servers(connection, &peer, now);
            self.ping(&peer);
        }
    }

    /// Tells a peer its ICE servers anew when that is due. Not numbered: the next `registered` brings them too.
    fn renew_ice_servers(&mut self, connection: ConnectionId, peer: &PeerId, now: Instant) {
        let Some(known) = self.connections.get_mut(&connection) else { return };
        if known.ice_servers_due.is_none_or(|due| due > now) {
            return;
        }
        known.ice_servers_due = self.config.ice_servers.next_renewal(now);
        let ice_servers = self.config.ice_servers.for_peer(peer, now);
        self.send(connection, ServerMessage::IceServers { ice_servers });
    }

    /// Notes a message and holds the connection to its rate; false if the message is to be dropped.
    pub(super) fn admit_message(&mut self, connection: ConnectionId, now: Instant) -> bool {
        let Some(known) = self.connections.get_mut(&connection) else { return false };
        let limits = &self.config.limits;
        self.counters.messages += 1;
        known.last_heard = now;
        if known.messages.is_full(now) {
            known.refused_messages = 0;
        }
        if known.messages.take(now, limits.messages_per_second, limits.message_burst) {
            return true;
        }
        known.refused_messages += 1;
        if known.refused_messages > limits.refused_messages {
            self.close(connection, CloseReason::RateLimited, now);
            return false;
        }
        let message = format!(
            "expected at most {} messages a second; this one was dropped",
            limits.messages_per_second
        );
        self.counters.count_error(ErrorCode::RateLimited);
        // Not numbered: a flood must not fill the session's outbox.
        self.send(connection, ServerMessage::Error { code: ErrorCode::RateLimited, message, call: None });
        false
    }
}

/// The refusal of an id that another session has.
fn taken(id: &PeerId, is_away: bool) -> Refusal {
    let message = if is_away {
        format!("{id} lost its connection a moment ago and may still resume; resuming needs its token")
    } else {
        format!("{id} is registered from another connection")
    };
    Refusal::new(ErrorCode::IdTaken, message)
}
