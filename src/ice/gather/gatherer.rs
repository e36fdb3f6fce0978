//! The machine that gathers for one call.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use super::asking::{Asking, reflexive};
use super::config::{HEAD_START, IcePolicy, MAX_LEGS, MAX_SERVERS, Server, can_reach};
use super::event::{GatherEvent, Gathered, Inbound, Origin, Outgoing, StreamAction, StreamId, Trouble, Way};
use super::leg::{Leg, LegEvent};
use crate::ice::turn::Login;
use crate::ice::{CandidateKind, Carrier, ServerUri, Service, TransactionIds};

/// The longest datagram that a call sends, and what a relay's framing adds.
const MAX_FRAME_BYTES: usize = 2048 + 64;

/// Addresses of the other side that relays are asked to let through. A call takes as many candidates.
const MAX_PEERS: usize = 64;

/// Events kept for an owner that does not ask: a handful for each address.
const MAX_EVENTS: usize = 1024;

/// Gathers one call's addresses and carries its packets through relays.
///
/// Call order: [`new`](Self::new); [`add_host`](Self::add_host) for each socket and [`add_server`](Self::add_server)
/// for each server, at any time; [`end_of_servers`](Self::end_of_servers). Give it every datagram of its sockets
/// ([`handle_datagram`](Self::handle_datagram)), what its streams do, and the time at
/// [`poll_timeout`](Self::poll_timeout). After each of these, drain [`poll_stream`](Self::poll_stream),
/// [`poll_transmit`](Self::poll_transmit) and [`poll_event`](Self::poll_event). What the call sends goes through
/// [`send`](Self::send). At the end, [`release`](Self::release), and drive it on until [`is_over`](Self::is_over).
///
/// ```
/// # use std::time::Instant;
/// use handset::ice::TransactionIds;
/// use handset::ice::gather::{GatherEvent, Gatherer, IcePolicy};
/// # fn now() -> Instant { Instant::now() }
/// let mut gatherer = Gatherer::new(IcePolicy::All, TransactionIds::from_seed([9; 32]));
/// gatherer.add_host(([192, 0, 2, 1], 5000).into(), now());
/// gatherer.end_of_servers();
/// assert!(matches!(gatherer.poll_event(), Some(GatherEvent::Found(host)) if host.base == host.address));
/// assert_eq!(gatherer.poll_event(), Some(GatherEvent::Complete));
/// ```
#[derive(Debug)]
pub struct Gatherer {
    policy: IcePolicy,
    ids: TransactionIds,
    hosts: Vec<SocketAddr>,
    servers: Vec<Server>,
    asking: Vec<Asking>,
    legs: Vec<Leg>,
    /// Streams leave from here, where that was chosen.
    stream_sources: Vec<IpAddr>,
    found: Vec<Gathered>,
    peers: Vec<IpAddr>,
    events: VecDeque<GatherEvent>,
    streams: VecDeque<StreamAction>,
    /// Servers that were told to be of no use.
    failed: Vec<ServerUri>,
    /// Servers that saw us.
    answered: Vec<ServerUri>,
    last_stream: u32,
    all_servers_known: bool,
    told_complete: bool,
    frame: Box<[u8; MAX_FRAME_BYTES]>,
}

impl Gatherer {
    /// With no socket and no server yet.
    pub fn new(policy: IcePolicy, ids: TransactionIds) -> Self {
        Self {
            policy,
            ids,
            hosts: Vec::new(),
            servers: Vec::new(),
            asking: Vec::new(),
            legs: Vec::new(),
            stream_sources: Vec::new(),
            found: Vec::new(),
            peers: Vec::new(),
            events: VecDeque::new(),
            streams: VecDeque::new(),
            failed: Vec::new(),
            answered: Vec::new(),
            last_stream: 0,
            all_servers_known: false,
            told_complete: false,
            frame: Box::new([0; MAX_FRAME_BYTES]),
        }
    }

    /// Streams to servers leave from these local addresses; else the system chooses.
    pub fn set_stream_sources(&mut self, sources: Vec<IpAddr>) {
        self.stream_sources = sources;
    }

    /// Gathers from one more local socket, named by its address.
    pub fn add_host(&mut self, base: SocketAddr, now: Instant) {
        if self.hosts.contains(&base) {
            return;
        }
        self.hosts.push(base);
        self.told_complete = false;
        if self.policy == IcePolicy::All {
            self.find(Gathered { kind: CandidateKind::Host, address: base, base, origin: None });
        }
        for at in 0..self.servers.len() {
            let server = self.servers[at].clone();
            self.ask_from(base, &server, now);
        }
    }

    /// Forgets a socket and all that was gathered from it: its interface is gone.
    pub fn remove_host(&mut self, base: SocketAddr) {
        self.hosts.retain(|host| *host != base);
        self.asking.retain(|asking| asking.base != base);
        for leg in self.legs.iter_mut().filter(|leg| leg.base() == Some(base)) {
            for address in leg.abandon() {
                tell(&mut self.events, GatherEvent::Lost { address });
            }
        }
        self.legs.retain(|leg| leg.base() != Some(base));
        let (gone, kept) = std::mem::take(&mut self.found).into_iter().partition(|found| found.base == base);
        self.found = kept;
        let gone: Vec<Gathered> = gone;
        for gathered in gone.into_iter().filter(|gathered| gathered.kind != CandidateKind::Relayed) {
            tell(&mut self.events, GatherEvent::Lost { address: gathered.address });
        }
    }

    /// Asks one more server. A server known by its URI gets the new credentials instead, used from its next start.
    pub fn add_server(&mut self, server: Server, now: Instant) {
        if let Some(known) = self.servers.iter_mut().find(|known| known.uri == server.uri) {
            known.login.clone_from(&server.login);
            if let Some(login) = server.login {
                self.renew_login(&server.uri, &login);
            }
            return;
        }
        if self.servers.len() >= MAX_SERVERS {
            return;
        }
        self.told_complete = false;
        self.servers.push(server.clone());
        if matches!(server.uri.service(), Service::Turn(_)) && server.login.is_none() {
            return self.fail(server.uri, Trouble::NoLogin);
        }
        for at in 0..self.hosts.len() {
            self.ask_from(self.hosts[at], &server, now);
        }
        if let (Service::Turn(carrier), Some(login)) = (server.uri.service(), server.login.clone())
            && carrier.is_stream()
        {
            self.add_streams(&server, carrier, &login, now);
        }
    }

    /// A server that cannot be asked: its name has no address.
    pub fn add_unusable(&mut self, server: ServerUri, trouble: Trouble) {
        self.fail(server, trouble);
    }

    /// There will be no more servers: once all have answered or been given up, gathering is complete.
    pub fn end_of_servers(&mut self) {
        self.all_servers_known = true;
        self.conclude();
    }

    fn renew_login(&mut self, uri: &ServerUri, login: &Login) {
        for leg in self.legs.iter_mut().filter(|leg| leg.server == *uri) {
            leg.set_login(login.clone());
        }
    }

    /// Asks a server from one socket: over datagrams alone, streams choose their own way.
    fn ask_from(&mut self, base: SocketAddr, server: &Server, now: Instant) {
        match (server.uri.service(), &server.login) {
            (Service::Stun, _) if self.policy == IcePolicy::All => {
                self.asking.extend(Asking::new(base, server, &mut self.ids, now));
            }
            (Service::Turn(Carrier::Udp), Some(login)) => {
                let reachable = server.asked().filter(|address| can_reach(base, *address));
                for address in reachable.take(MAX_LEGS.saturating_sub(self.legs.len())) {
                    let leg = Leg::datagram(server, login.clone(), address, base, &mut self.ids, now);
                    self.legs.push(leg);
                }
            }
            _ => {}
        }
    }

    fn add_streams(&mut self, server: &Server, carrier: Carrier, login: &Login, now: Instant) {
        // Nothing to give a head start to: relays over UDP are not there, or have all failed.
        let others = self.legs.iter().any(|leg| !leg.carrier.is_stream() && leg.trouble().is_none());
        let until = Some(if others { now + HEAD_START } else { now });
        for address in server.asked().take(MAX_LEGS.saturating_sub(self.legs.len())) {
            let from =
                self.stream_sources.iter().copied().find(|source| source.is_ipv4() == address.is_ipv4());
            if from.is_none() && !self.stream_sources.is_empty() {
                continue;
            }
            let until = if self.has_datagram_relay() { None } else { until };
            self.legs.push(Leg::stream(server, carrier, login.clone(), address, from, until, now));
        }
        self.handle_timeout(now);
    }

    fn has_datagram_relay(&self) -> bool {
        self.legs.iter().any(|leg| !leg.carrier.is_stream() && !leg.relayed().is_empty())
    }

    /// Looks again: what STUN servers see, whether relays still know us, and what failed before. For a path that was
    /// lost and for a network that changed.
    pub fn restart(&mut self, now: Instant) {
        self.told_complete = false;
        self.failed.clear();
        self.asking.clear();
        for at in 0..self.servers.len() {
            let server = self.servers[at].clone();
            if server.uri.service() == Service::Stun && self.policy == IcePolicy::All {
                for base in self.hosts.clone() {
                    self.asking.extend(Asking::new(base, &server, &mut self.ids, now));
                }
            }
        }
        for at in 0..self.legs.len() {
            self.legs[at].refresh(now);
            // A relay over UDP that was usable may be the one that is not any more.
            let head_start = self.legs[at].carrier.is_stream().then_some(now + HEAD_START);
            let events = self.legs[at].begin(head_start, &mut self.ids, &mut self.last_stream, now);
            self.on_leg_events(at, events, now);
        }
    }

    /// Opens every stream anew: the interface that they left by may be gone, which they would notice late.
    pub fn redial(&mut self, now: Instant) {
        for at in 0..self.legs.len() {
            let events = self.legs[at].redial(&mut self.ids, &mut self.last_stream, now);
            self.on_leg_events(at, events, now);
        }
    }

    /// The other side may send from here: relays are asked to let it through before it is first sent to.
    pub fn add_peer(&mut self, peer: IpAddr, now: Instant) {
        if self.peers.len() >= MAX_PEERS || self.peers.contains(&peer) {
            return;
        }
        self.peers.push(peer);
        for leg in &mut self.legs {
            leg.permit(peer, now);
        }
    }

    /// All addresses that are usable now.
    pub fn candidates(&self) -> &[Gathered] {
        &self.found
    }

    /// Where a candidate's packets go, told from the address that they leave from.
    pub fn origin(&self, address: SocketAddr) -> Option<&Origin> {
        self.found.iter().find(|found| found.address == address).and_then(|found| found.origin.as_ref())
    }

    /// Takes a datagram that came to one of the sockets.
    pub fn handle_datagram<'p>(
        &mut self,
        now: Instant,
        source: SocketAddr,
        destination: SocketAddr,
        packet: &'p [u8],
    ) -> Inbound<'p> {
        for at in 0..self.legs.len() {
            if self.legs[at].is_between(source, destination) {
                let inbound = self.legs[at].handle_datagram(packet, now);
                match inbound {
                    Inbound::Direct => {}
                    Inbound::Relayed { .. } => return inbound,
                    Inbound::Taken => {
                        self.collect(at, now);
                        self.conclude();
                        return inbound;
                    }
                }
            }
        }
        for at in 0..self.asking.len() {
            if self.asking[at].base == destination && self.asking[at].handle_packet(source, packet) {
                self.learn(at, now);
                self.conclude();
                return Inbound::Taken;
            }
        }
        Inbound::Direct
    }

    /// A stream is open.
    pub fn handle_stream_open(&mut self, now: Instant, id: StreamId) {
        if let Some(leg) = self.legs.iter_mut().find(|leg| leg.is_stream(id)) {
            leg.handle_stream_open(now);
        }
    }

    /// A stream was closed by the other end, or never came about.
    pub fn handle_stream_closed(&mut self, now: Instant, id: StreamId, why: &str) {
        if let Some(at) = self.legs.iter().position(|leg| leg.is_stream(id)) {
            let events = self.legs[at].handle_stream_closed(why, now);
            self.on_leg_events(at, events, now);
            self.collect(at, now);
            self.conclude();
        }
    }

    /// Takes bytes of a stream; hands every packet of the other side to `take`.
    pub fn handle_stream(
        &mut self,
        now: Instant,
        id: StreamId,
        bytes: &[u8],
        mut take: impl FnMut(Inbound<'_>),
    ) {
        let Some(at) = self.legs.iter().position(|leg| leg.is_stream(id)) else { return };
        if !self.legs[at].handle_stream(bytes, now, &mut take) {
            self.streams.push_back(StreamAction::Close(id));
            return self.handle_stream_closed(now, id, "the server does not speak TURN");
        }
        self.collect(at, now);
        self.conclude();
    }

    /// Lets time pass.
    pub fn handle_timeout(&mut self, now: Instant) {
        for at in 0..self.legs.len() {
            let events = self.legs[at].handle_timeout(&mut self.ids, &mut self.last_stream, now);
            self.on_leg_events(at, events, now);
            self.collect(at, now);
        }
        for at in (0..self.asking.len()).rev() {
            self.asking[at].handle_timeout(now);
            self.learn(at, now);
        }
        self.conclude();
    }

    /// When to call [`handle_timeout`](Self::handle_timeout).
    pub fn poll_timeout(&self) -> Option<Instant> {
        let legs = self.legs.iter().filter_map(Leg::poll_timeout);
        legs.chain(self.asking.iter().filter_map(Asking::poll_timeout)).min()
    }

    /// Something to be sent.
    pub fn poll_transmit(&mut self) -> Option<Outgoing<'_>> {
        for leg in &mut self.legs {
            if let Some(outgoing) = leg.poll_transmit() {
                return Some(outgoing);
            }
        }
        for asking in &mut self.asking {
            let source = asking.base;
            if let Some((destination, bytes)) = asking.poll_transmit() {
                return Some(Outgoing { way: Way::Datagram { source, destination }, bytes });
            }
        }
        None
    }

    /// Something to be done about streams.
    pub fn poll_stream(&mut self) -> Option<StreamAction> {
        self.streams.pop_front()
    }

    /// Something to know.
    pub fn poll_event(&mut self) -> Option<GatherEvent> {
        self.events.pop_front()
    }

    /// Sends a packet of the call: as it is from a socket of ours, wrapped from a relayed address. `put` is called for
    /// it, and before that for what has to reach the relay first.
    pub fn send(
        &mut self,
        now: Instant,
        source: SocketAddr,
        destination: SocketAddr,
        payload: &[u8],
        mut put: impl FnMut(Outgoing<'_>),
    ) {
        let Some(leg) = self.legs.iter_mut().find(|leg| leg.relayed().contains(&source)) else {
            return put(Outgoing { way: Way::Datagram { source, destination }, bytes: payload });
        };
        let wrapped = leg.wrap(destination, payload, &mut self.frame[..], now);
        while let Some(outgoing) = leg.poll_transmit() {
            put(outgoing);
        }
        if let Some((way, bytes)) = wrapped {
            put(Outgoing { way, bytes: &self.frame[..bytes] });
        }
    }

    /// Gives back what was lent. Nothing is found from now on.
    pub fn release(&mut self, now: Instant) {
        self.asking.clear();
        self.found.clear();
        self.told_complete = true;
        for at in 0..self.legs.len() {
            let events = self.legs[at].release(now);
            self.on_leg_events(at, events, now);
            self.collect(at, now);
        }
    }

    /// Whether everything was given back.
    pub fn is_over(&self) -> bool {
        self.legs.iter().all(Leg::is_over)
    }

    fn collect(&mut self, at: usize, now: Instant) {
        let events = self.legs[at].collect(&mut self.ids, &mut self.last_stream, now);
        self.on_leg_events(at, events, now);
    }

    fn on_leg_events(&mut self, at: usize, events: Vec<LegEvent>, now: Instant) {
        for event in events {
            match event {
                LegEvent::Open(dial) => self.streams.push_back(StreamAction::Open(dial)),
                LegEvent::Close(id) => self.streams.push_back(StreamAction::Close(id)),
                LegEvent::Lent { relayed, mapped } => self.on_lent(at, relayed, mapped, now),
                LegEvent::Lost { relayed } => {
                    self.found.retain(|found| found.address != relayed);
                    tell(&mut self.events, GatherEvent::Lost { address: relayed });
                }
                LegEvent::Failed => self.on_leg_failed(at, now),
            }
        }
    }

    fn on_lent(&mut self, at: usize, relayed: SocketAddr, mapped: Option<SocketAddr>, now: Instant) {
        let leg = &mut self.legs[at];
        for peer in &self.peers {
            leg.permit(*peer, now);
        }
        let (base, origin) = (leg.base(), leg.origin(now));
        if !leg.carrier.is_stream() {
            for other in self.legs.iter_mut().filter(|leg| leg.carrier.is_stream()) {
                other.stay_parked();
            }
        }
        // What the server sees of a socket is as good as a STUN server's word.
        if let (Some(base), Some(mapped), IcePolicy::All) = (base, mapped, self.policy) {
            self.find(reflexive(base, mapped, origin.server.clone(), origin.took));
        }
        let base = base.unwrap_or(relayed);
        let kind = CandidateKind::Relayed;
        self.find(Gathered { kind, address: relayed, base, origin: Some(origin) });
    }

    fn on_leg_failed(&mut self, at: usize, now: Instant) {
        let Some(trouble) = self.legs[at].trouble().cloned() else { return };
        let server = self.legs[at].server.clone();
        // One interface of several may fail to reach a server; refused credentials are so for all.
        let all_failed =
            self.legs.iter().filter(|leg| leg.server == server).all(|leg| leg.trouble().is_some());
        if all_failed || trouble.is_of_credentials() {
            self.fail(server, trouble);
        }
        if self.legs.iter().filter(|leg| !leg.carrier.is_stream()).all(|leg| leg.trouble().is_some()) {
            self.begin_parked(now);
        }
    }

    /// No relay over UDP is left to wait for.
    fn begin_parked(&mut self, now: Instant) {
        for at in 0..self.legs.len() {
            if self.legs[at].carrier.is_stream() && (self.legs[at].is_parked() || self.legs[at].is_waiting())
            {
                let events = self.legs[at].begin(None, &mut self.ids, &mut self.last_stream, now);
                self.on_leg_events(at, events, now);
            }
        }
    }

    /// Takes up what a STUN server said.
    fn learn(&mut self, at: usize, now: Instant) {
        while let Some((event, gathered)) = self.asking[at].poll_event(now) {
            tell(&mut self.events, event);
            self.find(gathered);
        }
        if !self.asking[at].is_done() {
            return;
        }
        let asked = self.asking.swap_remove(at);
        if asked.has_answer() && !self.answered.contains(asked.server()) {
            self.answered.push(asked.server().clone());
        }
        let others = self.asking.iter().any(|other| other.is_of(asked.server()));
        if !others && !self.answered.contains(asked.server()) {
            self.fail(asked.server().clone(), asked.trouble());
        }
    }

    /// Tells of an address, unless it is known, or is the host's own because there is no NAT.
    fn find(&mut self, gathered: Gathered) {
        let is_known =
            self.found.iter().any(|known| known.address == gathered.address && known.base == gathered.base);
        let is_hosts_own =
            gathered.kind == CandidateKind::ServerReflexive && gathered.address == gathered.base;
        if !is_known && !is_hosts_own {
            self.found.push(gathered.clone());
            tell(&mut self.events, GatherEvent::Found(gathered));
        }
    }

    fn fail(&mut self, server: ServerUri, trouble: Trouble) {
        if !self.failed.contains(&server) {
            self.failed.push(server.clone());
            tell(&mut self.events, GatherEvent::Failed { server, trouble });
        }
    }

    fn conclude(&mut self) {
        let under_way = !self.asking.is_empty() || self.legs.iter().any(Leg::is_under_way);
        if self.all_servers_known && !self.told_complete && !under_way {
            self.told_complete = true;
            tell(&mut self.events, GatherEvent::Complete);
        }
    }
}

fn tell(events: &mut VecDeque<GatherEvent>, event: GatherEvent) {
    if events.len() < MAX_EVENTS {
        events.push_back(event);
    }
}
