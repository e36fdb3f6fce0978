//! turn-client-proto, another's TURN client, against the relay of a real switchboard.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use turn_client_proto::api::{TurnClientApi, TurnConfig, TurnEvent, TurnRecvRet};
use turn_client_proto::stun::Instant as StunInstant;
use turn_client_proto::stun::agent::Transmit;
use turn_client_proto::tcp::TurnClientTcp;
use turn_client_proto::types::{TransportType, TurnCredentials};
use turn_client_proto::udp::TurnClientUdp;

use crate::switchboard::Switchboard;

/// How long anything on loopback may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long one read waits. The client's own timers are 50 ms apart.
const READ_TIMEOUT: Duration = Duration::from_millis(10);

/// Packets each way.
const PACKETS: u8 = 100;

enum Link {
    Udp(UdpSocket),
    Tcp(TcpStream),
}

impl Link {
    fn send(&mut self, bytes: &[u8]) {
        match self {
            Self::Udp(socket) => drop(socket.send(bytes).expect("loopback takes a datagram")),
            Self::Tcp(stream) => stream.write_all(bytes).expect("the relay reads"),
        }
    }

    /// What has come; nothing when the wait was in vain.
    fn receive<'a>(&mut self, buffer: &'a mut [u8]) -> &'a [u8] {
        let read = match self {
            Self::Udp(socket) => socket.recv(buffer),
            Self::Tcp(stream) => stream.read(buffer),
        };
        match read {
            Ok(length) => &buffer[..length],
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => &[],
            Err(error) => panic!("{error}"),
        }
    }
}

/// The client, its socket and what it told.
struct Driven<C> {
    client: C,
    link: Link,
    started: Instant,
    events: Vec<TurnEvent>,
    received: Vec<(SocketAddr, Vec<u8>)>,
}

impl<C: TurnClientApi> Driven<C> {
    fn new(client: C, link: Link) -> Self {
        Self { client, link, started: Instant::now(), events: Vec::new(), received: Vec::new() }
    }

    fn now(&self) -> StunInstant {
        StunInstant::from_std(self.started)
    }

    #[track_caller]
    fn until(&mut self, what: &str, done: impl Fn(&Self) -> bool) {
        let limit = Instant::now() + PATIENCE;
        while !done(self) {
            assert!(Instant::now() < limit, "waited for {what}: {:?}", self.events);
            self.step();
        }
    }

    fn step(&mut self) {
        let now = self.now();
        let _ = self.client.poll(now);
        while let Some(transmit) = self.client.poll_transmit(now) {
            self.link.send(&transmit.data);
        }
        self.events.extend(std::iter::from_fn(|| self.client.poll_event()));
        let mut buffer = [0; 4096];
        let bytes = self.link.receive(&mut buffer);
        if bytes.is_empty() {
            return;
        }
        let (ours, theirs) = (self.client.local_addr(), self.client.remote_addr());
        let arrived = Transmit::new(bytes, self.client.transport(), theirs, ours);
        if let TurnRecvRet::PeerData(data) = self.client.recv(arrived, now) {
            self.received.push((data.peer, data.data().to_vec()));
        }
        let more = std::iter::from_fn(|| self.client.poll_recv(now));
        self.received.extend(more.map(|data| (data.peer, data.data().to_vec())));
    }

    fn send_to(&mut self, peer: SocketAddr, data: &[u8]) {
        let now = self.now();
        let sent = self.client.send_to(TransportType::Udp, peer, data, now).expect("a permission is there");
        if let Some(transmit) = sent {
            self.link.send(&transmit.build().data);
        }
    }

    /// Allocates, and speaks to a peer and back: with a permission alone first, then on a channel.
    fn speak(mut self) {
        self.until("an allocation", |driven| driven.client.relayed_addresses().next().is_some());
        let peer = UdpSocket::bind("127.0.0.1:0").expect("a loopback socket");
        peer.set_read_timeout(Some(PATIENCE)).expect("a timeout above zero");
        let address = peer.local_addr().expect("bound");
        let now = self.now();
        self.client
            .create_permission(TransportType::Udp, address.ip(), now)
            .expect("it was not asked before");
        self.until("a permission", |driven| driven.client.have_permission(TransportType::Udp, address.ip()));
        self.exchange(&peer);
        let now = self.now();
        self.client.bind_channel(TransportType::Udp, address, now).expect("it was not asked before");
        let is_bound =
            |event: &TurnEvent| matches!(event, TurnEvent::ChannelCreated(_, to) if *to == address);
        self.until("a channel", |driven| driven.events.iter().any(is_bound));
        self.exchange(&peer);
        let now = self.now();
        self.client.delete(now).expect("it was not deleted before");
        self.until("the end", |driven| driven.client.relayed_addresses().next().is_none());
    }

    /// Packets to the peer, each answered, none lost.
    fn exchange(&mut self, peer: &UdpSocket) {
        let address = peer.local_addr().expect("bound");
        for number in 0..PACKETS {
            let data = [number; 172];
            self.send_to(address, &data);
            let mut buffer = [0; 2048];
            let (length, relayed) = peer.recv_from(&mut buffer).expect("it arrives");
            assert_eq!(buffer[..length], data);
            peer.send_to(&data, relayed).expect("loopback takes a datagram");
            self.received.clear();
            self.until("the reply", |driven| !driven.received.is_empty());
            assert_eq!(self.received, [(address, data.to_vec())]);
        }
    }
}

fn config(switchboard: &Switchboard) -> TurnConfig {
    let told = switchboard.tell("alice");
    TurnConfig::new(TurnCredentials::new(&told.username, &told.credential))
}

#[test]
fn it_speaks_through_the_relay_over_udp() {
    let switchboard = Switchboard::start(&[]);
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a loopback socket");
    socket.connect(switchboard.relay).expect("loopback is there");
    socket.set_read_timeout(Some(READ_TIMEOUT)).expect("a timeout above zero");
    let ours = socket.local_addr().expect("bound");
    let client = TurnClientUdp::allocate(ours, switchboard.relay, config(&switchboard));
    Driven::new(client, Link::Udp(socket)).speak();
}

#[test]
fn it_speaks_through_the_relay_over_tcp() {
    let switchboard = Switchboard::start(&[]);
    let stream = TcpStream::connect(switchboard.relay).expect("it listens");
    stream.set_nodelay(true).expect("TCP has no delay");
    stream.set_read_timeout(Some(READ_TIMEOUT)).expect("a timeout above zero");
    let ours = stream.local_addr().expect("bound");
    let client = TurnClientTcp::allocate(ours, switchboard.relay, config(&switchboard));
    Driven::new(client, Link::Tcp(stream)).speak();
}
