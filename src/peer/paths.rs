//! One call's ways to the other side: its sockets, what is gathered from them, the streams to relays.
//!
//! A call speaks and hears through this. It outlives its call by a moment, to give back what relays lent.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::ClientConfig;

use crate::call::{Call, LocalCandidate, Transmit};
use crate::ice::gather::{
    Dial, GatherEvent, Gathered, Gatherer, IcePolicy, Inbound, Outgoing, StreamAction, StreamId, Way,
};
use crate::ice::mdns::HostName;
use crate::ice::{Carrier, TransactionIds};
use crate::net::interfaces::{self, Loopback};
use crate::net::{Datagram, EventLoop, MulticastMessage, StreamEvent, StreamKey, TlsTarget};

use super::engine::{Reporter, random};
use super::local_names::{LocalNames, Told};
use super::servers::{Servers, Usable};
use super::{PeerConfig, PeerEvent};

/// How long what was lent may take to be given back. Then it expires by itself.
const RELEASE_LIMIT: Duration = Duration::from_secs(1);

/// After an interface changed: whatever belongs to it changes within this.
const SETTLE_TIME: Duration = Duration::from_millis(100);

/// How often a call without a path looks for other addresses of its own.
const SEARCH_INTERVAL: Duration = Duration::from_secs(5);

/// See the module's documentation.
pub(super) struct Paths {
    gatherer: Gatherer,
    names: LocalNames,
    /// Addresses on our links are of use.
    goes_direct: bool,
    /// Tells the streams of one call from those of another.
    number: u32,
    hosts: Vec<SocketAddr>,
    /// The only local addresses to use; empty for all.
    bind: Vec<IpAddr>,
    loopback: Loopback,
    tls: Option<Arc<ClientConfig>>,
    streams: Vec<StreamId>,
    /// The local end of the pair in use.
    in_use: Option<SocketAddr>,
    /// It was taken from us: whatever comes in its place needs a restart to be used.
    is_lost: bool,
    /// When to look at the interfaces.
    look_at: Option<Instant>,
    /// When to search again, while there is no path.
    search_at: Option<Instant>,
    /// The call is over; what is not given back by then stays.
    release_by: Option<Instant>,
}

impl Paths {
    /// Opens a socket on each usable address and begins to gather.
    pub(super) fn open(
        net: &mut EventLoop,
        config: &PeerConfig,
        servers: &mut Servers,
        loopback: Loopback,
        number: u32,
        reporter: &mut Reporter,
        now: Instant,
    ) -> Self {
        servers.refresh(now);
        let mut gatherer = Gatherer::new(config.ice.policy, TransactionIds::from_seed(random()));
        gatherer.set_stream_sources(config.bind.clone());
        let mut paths = Self {
            gatherer,
            names: LocalNames::new(config.ice.hide_addresses, loopback, config.bind.clone()),
            goes_direct: config.ice.policy == IcePolicy::All,
            number,
            hosts: Vec::new(),
            bind: config.bind.clone(),
            loopback,
            tls: None,
            streams: Vec::new(),
            in_use: None,
            is_lost: false,
            look_at: None,
            search_at: None,
            release_by: None,
        };
        let listens = !paths.goes_direct || paths.names.listen(net);
        paths.tell_deaf(listens, reporter);
        for ip in paths.addresses(true) {
            paths.bind(ip, net, reporter, now);
        }
        paths.add_servers(servers.usable(), servers, now);
        paths
    }

    /// The local addresses that there are.
    fn addresses(&self, at_least_one: bool) -> Vec<IpAddr> {
        let listed = match at_least_one {
            true => interfaces::usable_addresses(self.loopback),
            false => interfaces::listed(self.loopback),
        };
        match (listed, self.bind.is_empty()) {
            (Ok(listed), true) => listed,
            (Ok(_), false) if at_least_one => self.bind.clone(),
            // A chosen address may be one that is left out otherwise, but it must be there.
            (Ok(_), false) => {
                self.bind.iter().copied().filter(|ip| UdpSocket::bind((*ip, 0)).is_ok()).collect()
            }
            (Err(error), _) => {
                tracing::warn!(%error, "the system does not list its interfaces; loopback only");
                vec![Ipv4Addr::LOCALHOST.into()]
            }
        }
    }

    fn bind(&mut self, ip: IpAddr, net: &mut EventLoop, reporter: &mut Reporter, now: Instant) {
        match net.bind(ip) {
            Ok(address) => {
                self.hosts.push(address);
                self.gatherer.add_host(address, now);
            }
            Err(error) => {
                let text = format!("cannot use the local address {ip}: {error}");
                reporter.tell(PeerEvent::error("bind", text));
            }
        }
    }

    fn tell_deaf(&self, listens: bool, reporter: &mut Reporter) {
        if !listens {
            let text = "no multicast DNS on any interface: the other side cannot find our hidden addresses";
            reporter.tell(PeerEvent::error("multicast_dns", text));
        }
    }

    /// Asks these servers too, or uses their new credentials.
    pub(super) fn add_servers(&mut self, usable: Vec<Usable>, servers: &Servers, now: Instant) {
        if self.release_by.is_some() {
            return;
        }
        self.tls = self.tls.take().or_else(|| servers.tls());
        for server in usable {
            match server {
                Ok(server) => self.gatherer.add_server(server, now),
                Err((uri, trouble)) => self.gatherer.add_unusable(uri, trouble),
            }
        }
        if servers.are_resolved() {
            self.gatherer.end_of_servers();
        }
    }

    /// Whether a socket is one of this call's.
    pub(super) fn owns(&self, datagram: &Datagram<'_>) -> bool {
        self.hosts.contains(&datagram.destination)
    }

    /// Whether a stream is one of this call's.
    pub(super) fn owns_stream(&self, key: StreamKey) -> bool {
        key >> 32 == u64::from(self.number)
    }

    /// Takes a datagram; hands what the other side sent to `take`.
    pub(super) fn handle_datagram(&mut self, datagram: &Datagram<'_>, take: &mut dyn FnMut(&Datagram<'_>)) {
        let Datagram { arrival, source, destination, payload } = *datagram;
        match self.gatherer.handle_datagram(arrival, source, destination, payload) {
            Inbound::Direct => take(datagram),
            Inbound::Relayed { source, destination, data } => {
                take(&Datagram { arrival, source, destination, payload: data });
            }
            Inbound::Taken => {}
        }
    }

    /// Takes what happened to a stream; hands what the other side sent to `take`.
    pub(super) fn handle_stream(
        &mut self,
        key: StreamKey,
        event: &StreamEvent<'_>,
        arrival: Instant,
        take: &mut dyn FnMut(&Datagram<'_>),
    ) {
        let Some(id) = self.streams.iter().copied().find(|id| self.key(*id) == key) else { return };
        match event {
            StreamEvent::Open => self.gatherer.handle_stream_open(arrival, id),
            StreamEvent::Data(bytes) => self.gatherer.handle_stream(arrival, id, bytes, |inbound| {
                if let Inbound::Relayed { source, destination, data } = inbound {
                    take(&Datagram { arrival, source, destination, payload: data });
                }
            }),
            StreamEvent::Closed(why) => {
                self.streams.retain(|other| *other != id);
                self.gatherer.handle_stream_closed(arrival, id, why);
            }
        }
    }

    fn key(&self, id: StreamId) -> StreamKey {
        u64::from(self.number) << 32 | u64::from(id.get())
    }

    /// Lets time pass: asks again what was not answered, looks for changed interfaces.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        if self.gatherer.poll_timeout().is_some_and(|at| at <= now) {
            self.gatherer.handle_timeout(now);
        }
        self.names.handle_timeout(now);
        if self.search_at.is_some_and(|at| at <= now) {
            self.search(now);
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) or [`look`](Self::look) is due.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let own = [self.look_at, self.search_at, self.release_by];
        own.into_iter().chain([self.gatherer.poll_timeout(), self.names.deadline()]).flatten().min()
    }

    /// The path was lost: looks for other addresses of our own until [`settle`](Self::settle).
    pub(super) fn search(&mut self, now: Instant) {
        self.search_at = Some(now + SEARCH_INTERVAL);
        self.gatherer.restart(now);
    }

    /// There is a path.
    pub(super) fn settle(&mut self) {
        self.search_at = None;
    }

    /// The pair in use; gives what carries our end of it.
    pub(super) fn use_pair(&mut self, local: SocketAddr) -> Option<Carrier> {
        self.in_use = Some(local);
        self.gatherer.origin(local).map(|origin| origin.carrier)
    }

    /// The other side may send from here.
    pub(super) fn expect(&mut self, peer: IpAddr, now: Instant) {
        self.gatherer.add_peer(peer, now);
    }

    /// The other side hides an address behind a name. Where all media goes through relays it is of no use.
    pub(super) fn resolve(&mut self, name: HostName, now: Instant) {
        if self.goes_direct && self.release_by.is_none() {
            self.names.ask(name, now);
        }
    }

    /// Takes what was said by multicast DNS.
    pub(super) fn handle_multicast_dns(&mut self, said: &MulticastMessage<'_>, now: Instant) {
        self.names.handle_message(said, now);
    }

    /// An interface or an address came or went.
    pub(super) fn note_change(&mut self, now: Instant) {
        self.look_at.get_or_insert(now + SETTLE_TIME);
    }

    /// Looks at the interfaces when that is due: sockets on addresses that are gone are closed, on new ones opened, and
    /// the call moves. Says whether anything changed.
    pub(super) fn look(
        &mut self,
        net: &mut EventLoop,
        call: &mut Call,
        reporter: &mut Reporter,
        now: Instant,
    ) -> bool {
        if self.look_at.is_none_or(|at| at > now) || self.release_by.is_some() {
            return false;
        }
        self.look_at = None;
        let there = self.addresses(false);
        let (kept, gone): (Vec<SocketAddr>, Vec<SocketAddr>) =
            self.hosts.iter().copied().partition(|host| there.contains(&host.ip()));
        let fresh: Vec<IpAddr> =
            there.into_iter().filter(|ip| !kept.iter().any(|host| host.ip() == *ip)).collect();
        if gone.is_empty() && fresh.is_empty() {
            return false;
        }
        tracing::debug!(gone = gone.len(), new = fresh.len(), "local addresses changed");
        self.hosts = kept;
        for host in &gone {
            self.gatherer.remove_host(*host);
            net.unbind(*host);
        }
        let listens = self.names.handle_change(gone.iter().map(SocketAddr::ip), net);
        self.tell_deaf(listens, reporter);
        for ip in fresh {
            self.bind(ip, net, reporter, now);
        }
        if !gone.is_empty() {
            self.gatherer.redial(now);
        }
        self.gatherer.restart(now);
        self.tell(call, reporter, now);
        if !self.hosts.is_empty() {
            self.restart(call, now);
        }
        true
    }

    /// Starts ICE anew over what there is by now; what is found later is trickled.
    fn restart(&mut self, call: &mut Call, now: Instant) {
        self.is_lost = false;
        let Self { gatherer, names, .. } = self;
        let found = gatherer.candidates().iter();
        let candidates: Vec<_> = found.filter_map(|gathered| local_candidate(gathered, names)).collect();
        call.restart_ice(&candidates, now);
    }

    /// Tells the call, and the owner, what was found and lost.
    pub(super) fn tell(&mut self, call: &mut Call, reporter: &mut Reporter, now: Instant) {
        while let Some(event) = self.gatherer.poll_event() {
            match event {
                GatherEvent::Found(gathered) => self.on_found(&gathered, call, reporter, now),
                GatherEvent::Lost { address } => {
                    self.is_lost |= self.in_use == Some(address);
                    call.remove_local_candidate(address);
                }
                GatherEvent::Mapped { .. } => {}
                GatherEvent::Failed { server, trouble } => {
                    let text = format!("{server} is left out: {trouble}");
                    reporter.tell(PeerEvent::error("ice_server", text));
                }
                GatherEvent::Complete => call.end_of_local_candidates(),
            }
        }
        while let Some(resolved) = self.names.poll_resolved() {
            call.resolve_host(resolved.name, resolved.ip, now);
        }
    }

    fn on_found(&mut self, gathered: &Gathered, call: &mut Call, reporter: &mut Reporter, now: Instant) {
        let origin = gathered.origin.as_ref();
        let candidate = local_candidate(gathered, &mut self.names);
        reporter.tell(PeerEvent::Candidate {
            kind: gathered.kind.as_str(),
            address: gathered.address.to_string(),
            name: candidate.and_then(|candidate| candidate.name).map(|name| name.to_string()),
            protocol: origin.map_or(Carrier::Udp, |origin| origin.carrier).as_str(),
            server: origin.map(|origin| origin.server.to_string()),
            took_ms: origin.map(|origin| origin.took.as_secs_f32() * 1000.0),
        });
        let added = candidate.map_or(Ok(()), |candidate| call.add_local_candidate(candidate, now));
        if let Err(error) = added {
            tracing::debug!(%error, "a local address is no candidate");
        }
        if self.is_lost && call.state().is_established() {
            self.restart(call, now);
        }
    }

    /// Sends a packet of the call.
    pub(super) fn send(&mut self, net: &mut EventLoop, transmit: &Transmit, now: Instant) {
        let number = self.number;
        let Transmit { source, destination, payload } = transmit;
        self.gatherer.send(now, *source, *destination, payload, |outgoing| put(net, number, outgoing));
    }

    /// Puts out what servers are to be asked and told.
    pub(super) fn put_out(&mut self, net: &mut EventLoop, now: Instant) {
        while let Some(action) = self.gatherer.poll_stream() {
            match action {
                StreamAction::Open(dial) => self.dial(dial, net, now),
                StreamAction::Close(id) => {
                    // What was written to it goes out first.
                    self.transmit(net);
                    self.streams.retain(|other| *other != id);
                    net.close_stream(self.key(id));
                }
            }
        }
        self.transmit(net);
        self.names.put_out(net);
    }

    fn transmit(&mut self, net: &mut EventLoop) {
        while let Some(outgoing) = self.gatherer.poll_transmit() {
            put(net, self.number, outgoing);
        }
    }

    fn dial(&mut self, dial: Dial, net: &mut EventLoop, now: Instant) {
        let tls = match (dial.tls_name, &self.tls) {
            (None, _) => None,
            (Some(name), Some(config)) => Some(TlsTarget { name, config: config.clone() }),
            (Some(_), None) => {
                return self.gatherer.handle_stream_closed(now, dial.id, "TLS is not set up");
            }
        };
        self.streams.push(dial.id);
        net.open_stream(self.key(dial.id), dial.server, dial.from, tls);
    }

    /// The call is over: gives back what was lent.
    pub(super) fn release(&mut self, net: &mut EventLoop, now: Instant) {
        self.gatherer.release(now);
        self.names.close(net);
        self.release_by = Some(now + RELEASE_LIMIT);
        (self.look_at, self.search_at) = (None, None);
        self.put_out(net, now);
    }

    /// Whether everything was given back, or was waited for long enough.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.release_by.is_some_and(|limit| limit <= now || self.gatherer.is_over())
    }

    /// Closes all sockets and streams.
    pub(super) fn close(self, net: &mut EventLoop) {
        for id in &self.streams {
            net.close_stream(self.key(*id));
        }
        for host in &self.hosts {
            net.unbind(*host);
        }
    }
}

/// What the call is to know of an address; nothing of one that cannot be hidden and has to be.
fn local_candidate(gathered: &Gathered, names: &mut LocalNames) -> Option<LocalCandidate> {
    let name = match names.told(gathered) {
        Told::Openly => None,
        Told::As(name) => Some(name),
        Told::Not => return None,
    };
    Some(LocalCandidate { kind: gathered.kind, address: gathered.address, base: gathered.base, name })
}

fn put(net: &mut EventLoop, number: u32, outgoing: Outgoing<'_>) {
    match outgoing.way {
        Way::Datagram { source, destination } => {
            if let Err(error) = net.send(source, destination, outgoing.bytes) {
                tracing::trace!(%error, "a datagram was not sent");
            }
        }
        Way::Stream(id) => {
            let key = u64::from(number) << 32 | u64::from(id.get());
            if !net.send_stream(key, outgoing.bytes) {
                tracing::trace!("a stream to a relay is full, or gone");
            }
        }
    }
}
