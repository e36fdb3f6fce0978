//! The state machine of a TURN client.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use super::auth::Auth;
use super::config::{Config, Wire};
use super::event::{Event, Failure};
use super::peers::{Peers, Standing};
use super::request::{MAX_PENDING, Pending, Request};
use crate::ice::stun::attribute::{AddressFamily, Data, XorPeerAddress};
use crate::ice::stun::{ChannelData, Class, Message, MessageWriter, Method, WriteError};
use crate::ice::transaction::{Due, TransactionIds};

/// Silence after which a NAT is reminded of us (RFC 8445 §11: no less than 15 s).
const KEEPALIVE: Duration = Duration::from_secs(15);

/// Events kept for an owner that does not ask. Each peer makes two at most.
const MAX_EVENTS: usize = 1024;

/// A packet, or a piece of the stream, for the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transmit<'a> {
    /// The server; redirections change it.
    pub to: SocketAddr,
    /// What to send.
    pub bytes: &'a [u8],
}

/// What a packet from the server was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received<'a> {
    /// A peer's data.
    Data {
        /// Who sent it to the relayed address.
        peer: SocketAddr,
        /// What it sent.
        data: &'a [u8],
    },
    /// Dealt with: drain [`Client::poll_transmit`] and [`Client::poll_event`].
    Control,
    /// Nothing of ours.
    Foreign,
}

/// One allocation on one server.
///
/// Call order: [`new`](Self::new); for a stream [`handle_connected`](Self::handle_connected) when it is open. Then give
/// it each packet from the server's address ([`handle_packet`](Self::handle_packet)) or each frame of the stream, and
/// the time at [`poll_timeout`](Self::poll_timeout) ([`handle_timeout`](Self::handle_timeout)). After each of these,
/// drain [`poll_transmit`](Self::poll_transmit) and [`poll_event`](Self::poll_event). To send to a peer, [`wrap`] the
/// data; the first packet to a peer also asks for its channel, so `poll_transmit` comes *before* sending it.
///
/// [`wrap`]: Self::wrap
///
/// ```
/// # use std::time::Instant;
/// use handset::ice::TransactionIds;
/// use handset::ice::turn::{Client, Config, Login, Wire};
/// # fn now() -> Instant { Instant::now() }
/// let config = Config::new(([192, 0, 2, 1], 3478).into(), Wire::Datagram, Login::new("alice", "secret")?);
/// let mut client = Client::new(config, TransactionIds::from_seed([9; 32]), now());
/// let first = client.poll_transmit().expect("it asks at once");
/// assert_eq!(first.to, ([192, 0, 2, 1], 3478).into());
/// assert!(client.poll_timeout().is_some());
/// # Ok::<(), handset::ice::turn::LoginError>(())
/// ```
#[derive(Debug)]
pub struct Client {
    pub(super) config: Config,
    pub(super) ids: TransactionIds,
    pub(super) auth: Auth,
    pub(super) state: State,
    pub(super) pending: Vec<Pending>,
    pub(super) peers: Peers,
    events: VecDeque<Event>,
    pub(super) visited: Vec<SocketAddr>,
    keepalive: Keepalive,
}

#[derive(Debug)]
pub(super) enum State {
    /// A stream is being opened.
    Connecting,
    /// `cleared`: an allocation left on this 5-tuple was given back already.
    Allocating {
        cleared: bool,
    },
    Allocated {
        relayed: SocketAddr,
        second: Option<SocketAddr>,
        refresh_at: Instant,
    },
    /// Asked for and wanted no more: what is granted yet is given back.
    Withdrawing,
    Releasing,
    Ended,
}

/// A Binding indication: it asks for nothing, and passes the NAT.
#[derive(Debug)]
struct Keepalive {
    at: Instant,
    packet: [u8; 20],
    unsent: bool,
}

impl Client {
    /// Over UDP it asks for an allocation at once, over a stream when it is connected.
    pub fn new(config: Config, ids: TransactionIds, now: Instant) -> Self {
        let mut client = Self {
            auth: Auth::new(config.login.clone()),
            ids,
            state: State::Connecting,
            pending: Vec::new(),
            peers: Peers::default(),
            events: VecDeque::new(),
            visited: vec![config.server],
            keepalive: Keepalive { at: now + KEEPALIVE, packet: [0; 20], unsent: false },
            config,
        };
        if client.config.wire == Wire::Datagram {
            client.allocate(now);
        }
        client
    }

    /// The server it speaks to now.
    pub fn server(&self) -> SocketAddr {
        self.config.server
    }

    /// The address lent, while there is one.
    pub fn relayed(&self) -> Option<SocketAddr> {
        match self.state {
            State::Allocated { relayed, .. } => Some(relayed),
            _ => None,
        }
    }

    /// Whether it is at its end: failed or released.
    pub fn is_ended(&self) -> bool {
        matches!(self.state, State::Ended)
    }

    /// The stream to [`server`](Self::server) is open.
    pub fn handle_connected(&mut self, now: Instant) {
        if matches!(self.state, State::Connecting) {
            self.allocate(now);
        }
    }

    /// The stream was closed, or could not be opened.
    pub fn handle_disconnected(&mut self) {
        match self.state {
            State::Ended => {}
            State::Withdrawing | State::Releasing => self.end(Event::Released),
            _ => self.fail(Failure::Disconnected),
        }
    }

    /// Takes a datagram from the server, or one frame of the stream.
    pub fn handle_packet<'p>(&mut self, packet: &'p [u8], now: Instant) -> Received<'p> {
        if ChannelData::is_likely(packet) {
            return match ChannelData::parse(packet) {
                Ok(frame) => self.handle_channel_data(frame),
                Err(_) => Received::Foreign,
            };
        }
        if !Message::is_likely(packet) {
            return Received::Foreign;
        }
        let Ok(message) = Message::parse(packet) else { return Received::Foreign };
        match (message.class(), message.method()) {
            (Class::Indication, Method::DATA) => self.on_data_indication(&message),
            (Class::Success | Class::Error, _) => self.on_answer(&message, now),
            _ => Received::Foreign,
        }
    }

    /// Takes ChannelData that is already cut from its stream.
    pub fn handle_channel_data<'p>(&self, frame: ChannelData<'p>) -> Received<'p> {
        match self.peers.peer(frame.channel) {
            Some(peer) => Received::Data { peer, data: frame.data },
            None => Received::Foreign,
        }
    }

    /// Sends again, refreshes, renews and gives up what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(request) = self.give_up_one(now) {
            self.on_silence(request);
        }
        if let State::Allocated { refresh_at, .. } = &mut self.state {
            if *refresh_at <= now {
                // The answer sets it anew; the request itself is given up before this comes.
                *refresh_at = now + KEEPALIVE;
                self.start(Request::Refresh, now);
            }
            self.renew_peers(now);
            if self.config.wire == Wire::Datagram && self.keepalive.at <= now {
                self.remind_nat(now);
            }
        }
    }

    /// When to call [`handle_timeout`](Self::handle_timeout).
    pub fn poll_timeout(&self) -> Option<Instant> {
        let pending = self.pending.iter().map(|pending| pending.schedule.deadline()).min();
        let State::Allocated { refresh_at, .. } = self.state else { return pending };
        let keepalive = (self.config.wire == Wire::Datagram).then_some(self.keepalive.at);
        [pending, Some(refresh_at), self.peers.next_renewal(), keepalive].into_iter().flatten().min()
    }

    /// Something to send to the server.
    pub fn poll_transmit(&mut self) -> Option<Transmit<'_>> {
        let to = self.config.server;
        if let Some(pending) = self.pending.iter_mut().find(|pending| pending.unsent) {
            pending.unsent = false;
            return Some(Transmit { to, bytes: &pending.bytes });
        }
        if std::mem::take(&mut self.keepalive.unsent) {
            return Some(Transmit { to, bytes: &self.keepalive.packet });
        }
        None
    }

    /// What happened.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Asks for a permission: the relay will hand on what this address sends, from any port. Sending to a peer does it
    /// too.
    pub fn permit(&mut self, peer: IpAddr, now: Instant) {
        if self.relays_for(peer) && self.has_room() && self.peers.add_permission(peer) {
            self.start(Request::Permission(peer), now);
        }
    }

    /// Asks for a channel, and with it for a permission. Sending to a peer does it too.
    pub fn bind(&mut self, peer: SocketAddr, now: Instant) {
        if !self.relays_for(peer.ip()) || !self.has_room() || self.peers.channel(peer).is_some() {
            return;
        }
        if let Some(number) = self.peers.add_channel(peer) {
            self.start(Request::Channel(peer, number), now);
        }
    }

    /// Writes data for a peer into `out` as the server wants it, and says its length. `None` when there is no
    /// allocation, when the relay refuses the peer, when it does not fit, or when there are too many peers.
    ///
    /// The first packet to a peer asks for a channel. Drain [`poll_transmit`](Self::poll_transmit) before sending what
    /// this wrote: the permission then reaches the server first, and the packet behind it is already let through.
    pub fn wrap(&mut self, peer: SocketAddr, data: &[u8], out: &mut [u8], now: Instant) -> Option<usize> {
        if !self.relays_for(peer.ip()) {
            return None;
        }
        if self.peers.channel(peer).is_none() {
            self.bind(peer, now);
        }
        let (channel, standing) = self.peers.channel(peer)?;
        let length = match standing {
            Standing::Granted { .. } => {
                let frame = ChannelData { channel, data };
                match self.config.wire {
                    Wire::Datagram => frame.write_to_datagram(out)?,
                    Wire::Stream => frame.write_to_stream(out)?,
                }
            }
            Standing::Asked => self.write_send_indication(peer, data, out)?,
            Standing::Refused => return None,
        };
        self.keepalive.at = now + KEEPALIVE;
        Some(length)
    }

    /// Gives the allocation back, also one that is asked for and not granted yet. [`Event::Released`] follows, at the
    /// latest when the request under way is given up.
    pub fn release(&mut self, now: Instant) {
        match self.state {
            State::Allocated { .. } => self.give_back(now),
            State::Allocating { .. } => {
                self.pending.retain(|pending| pending.request == Request::Allocate);
                match self.pending.is_empty() {
                    true => self.end(Event::Released),
                    false => self.state = State::Withdrawing,
                }
            }
            State::Connecting => self.end(Event::Released),
            State::Withdrawing | State::Releasing | State::Ended => {}
        }
    }

    /// Refreshes now, to learn whether the server still knows the allocation: after media fell silent, after the
    /// network changed.
    pub fn refresh(&mut self, now: Instant) {
        let asked = self.pending.iter().any(|pending| pending.request == Request::Refresh);
        if matches!(self.state, State::Allocated { .. }) && !asked {
            self.start(Request::Refresh, now);
        }
    }
}

/// What the parts of the machine share.
impl Client {
    pub(super) fn allocate(&mut self, now: Instant) {
        self.state = State::Allocating { cleared: false };
        self.start(Request::Allocate, now);
    }

    pub(super) fn give_back(&mut self, now: Instant) {
        self.pending.clear();
        self.peers.clear();
        self.state = State::Releasing;
        self.start(Request::Release, now);
    }

    /// Puts a request on its way.
    pub(super) fn start(&mut self, request: Request, now: Instant) {
        match Pending::new(request, self.ids.draw(), &self.config, &self.auth, now) {
            Ok(pending) => self.pending.push(pending),
            Err(WriteError::NoRoom { .. } | WriteError::Order { .. }) => {
                self.fail(Failure::Challenge("it does not fit a request"));
            }
        }
        self.keepalive.at = now + KEEPALIVE;
    }

    pub(super) fn report(&mut self, event: Event) {
        if self.events.len() < MAX_EVENTS {
            self.events.push_back(event);
        }
    }

    pub(super) fn end(&mut self, event: Event) {
        self.state = State::Ended;
        self.pending.clear();
        self.peers.clear();
        self.report(event);
    }

    pub(super) fn fail(&mut self, failure: Failure) {
        tracing::debug!(%failure, "no TURN allocation");
        self.end(Event::Failed(failure));
    }

    pub(super) fn is_withdrawing(&self) -> bool {
        matches!(self.state, State::Withdrawing)
    }

    /// Whether there is an allocation from which a peer of this address can be reached.
    fn relays_for(&self, peer: IpAddr) -> bool {
        let State::Allocated { relayed, second, .. } = self.state else { return false };
        let family = AddressFamily::of(peer);
        let of = |address: SocketAddr| AddressFamily::of(address.ip());
        of(relayed) == family || second.is_some_and(|second| of(second) == family)
    }

    /// One place is kept for the allocation itself.
    fn has_room(&self) -> bool {
        self.pending.len() + 1 < MAX_PENDING
    }

    fn on_data_indication<'p>(&self, message: &Message<'p>) -> Received<'p> {
        if !matches!(self.state, State::Allocated { .. }) {
            return Received::Foreign;
        }
        match (message.get(), message.get()) {
            (Ok(Some(XorPeerAddress(peer))), Ok(Some(Data(data)))) => Received::Data { peer, data },
            // Without data it tells of an ICMP error (RFC 8656 §11.6): nothing that a call acts on.
            _ => Received::Control,
        }
    }

    /// Takes out a request that got no answer; the others that are due are sent again.
    fn give_up_one(&mut self, now: Instant) -> Option<Request> {
        for at in 0..self.pending.len() {
            let pending = &mut self.pending[at];
            match pending.schedule.handle_timeout(now) {
                Due::Nothing => {}
                Due::SendAgain => pending.unsent = true,
                Due::GiveUp => return Some(self.pending.swap_remove(at).request),
            }
        }
        None
    }

    fn on_silence(&mut self, request: Request) {
        match request {
            Request::Allocate if self.is_withdrawing() => self.end(Event::Released),
            Request::Allocate | Request::Refresh | Request::Clear => self.fail(Failure::Timeout),
            Request::Release => self.end(Event::Released),
            Request::Permission(ip) => {
                self.peers.set_permission(ip, Standing::Refused);
                self.report(Event::PeerRefused { peer: ip, code: None });
            }
            Request::Channel(peer, _) => {
                self.peers.set_channel(peer, Standing::Refused);
                self.report(Event::PeerRefused { peer: peer.ip(), code: None });
            }
        }
    }

    fn renew_peers(&mut self, now: Instant) {
        while self.has_room() {
            let Some((peer, number)) = self.peers.due_channel(now) else { break };
            self.start(Request::Channel(peer, number), now);
        }
        while self.has_room() {
            let Some(ip) = self.peers.due_permission(now) else { break };
            self.start(Request::Permission(ip), now);
        }
    }

    fn remind_nat(&mut self, now: Instant) {
        let id = self.ids.draw();
        // Without attributes it is its header, which fits.
        let written = MessageWriter::new(&mut self.keepalive.packet, Class::Indication, Method::BINDING, id);
        self.keepalive.unsent = written.is_ok();
        self.keepalive.at = now + KEEPALIVE;
    }

    fn write_send_indication(&mut self, peer: SocketAddr, data: &[u8], out: &mut [u8]) -> Option<usize> {
        let mut writer = MessageWriter::new(out, Class::Indication, Method::SEND, self.ids.draw()).ok()?;
        writer.push(&XorPeerAddress(peer)).ok()?.push(&Data(data)).ok()?;
        Some(writer.finish().len())
    }
}
