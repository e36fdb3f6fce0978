use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::*;
use crate::ice::stun::attribute::{
    ErrorCode, Lifetime, Nonce, Realm, Username, XorMappedAddress, XorRelayedAddress,
};
use crate::ice::stun::{Class, Key, Message, MessageWriter, Method, PasswordHash};
use crate::ice::turn::{Failure, Login};
use crate::ice::{CandidateKind, Carrier, TransactionIds};

const MS: Duration = Duration::from_millis(1);
const RTT: Duration = Duration::from_millis(50);

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn host(n: u8) -> SocketAddr {
    SocketAddr::from(([192, 168, 0, n], 5000))
}

fn server(uri: &str, at: &str) -> Server {
    let login = Login::new("alice", "secret").ok().filter(|_| uri.starts_with("turn"));
    Server { uri: uri.parse().unwrap(), addresses: vec![address(at)], login }
}

/// A STUN and TURN server and the way to it, in virtual time. Whatever goes to it is answered a round trip later.
struct Bench {
    gatherer: Gatherer,
    began: Instant,
    now: Instant,
    arriving: BTreeMap<(Instant, u32), Arrival>,
    arrivals: u32,
    /// Datagrams to servers are lost.
    udp_blocked: bool,
    /// Streams do not come about.
    tcp_blocked: bool,
    password: &'static str,
    events: Vec<(Duration, GatherEvent)>,
    asked: Vec<(Duration, Way, Method)>,
    relays: u16,
}

enum Arrival {
    Datagram { source: SocketAddr, destination: SocketAddr, bytes: Vec<u8> },
    Open(StreamId),
    Data(StreamId, Vec<u8>),
}

impl Bench {
    #[expect(clippy::disallowed_methods, reason = "any instant will do to begin virtual time")]
    fn new(policy: IcePolicy) -> Self {
        let now = Instant::now();
        Self {
            gatherer: Gatherer::new(policy, TransactionIds::from_seed([5; 32])),
            began: now,
            now,
            arriving: BTreeMap::new(),
            arrivals: 0,
            udp_blocked: false,
            tcp_blocked: false,
            password: "secret",
            events: Vec::new(),
            asked: Vec::new(),
            relays: 0,
        }
    }

    fn elapsed(&self) -> Duration {
        self.now - self.began
    }

    fn post(&mut self, delay: Duration, arrival: Arrival) {
        self.arrivals += 1;
        self.arriving.insert((self.now + delay, self.arrivals), arrival);
    }

    /// Takes everything that the gatherer has to say.
    fn collect(&mut self) {
        while let Some(action) = self.gatherer.poll_stream() {
            // TCP takes a round trip, TLS 1.3 one more.
            if let StreamAction::Open(dial) = action
                && !self.tcp_blocked
            {
                let trips = if dial.tls_name.is_some() { 2 } else { 1 };
                self.post(RTT * trips, Arrival::Open(dial.id));
            }
        }
        while let Some((way, bytes)) = self.gatherer.poll_transmit().map(|o| (o.way, o.bytes.to_vec())) {
            let message = Message::parse(&bytes).unwrap();
            self.asked.push((self.elapsed(), way, message.method()));
            let Some(answer) = self.answer(&message, way) else { continue };
            match way {
                Way::Datagram { .. } if self.udp_blocked => {}
                Way::Datagram { source, destination } => {
                    let arrival =
                        Arrival::Datagram { source: destination, destination: source, bytes: answer };
                    self.post(RTT, arrival);
                }
                Way::Stream(id) => self.post(RTT, Arrival::Data(id, answer)),
            }
        }
        while let Some(event) = self.gatherer.poll_event() {
            self.events.push((self.elapsed(), event));
        }
    }

    /// What the server says: who asks is seen at 203.0.113.9, relays are at 203.0.113.1.
    fn answer(&mut self, request: &Message<'_>, way: Way) -> Option<Vec<u8>> {
        let port = match way {
            Way::Datagram { source, .. } => 40_000 + u16::from(source.to_string().as_bytes()[10]),
            Way::Stream(id) => 41_000 + id.get() as u16,
        };
        let mapped = XorMappedAddress(SocketAddr::from(([203, 0, 113, 9], port)));
        let mut buffer = [0; 512];
        let key = Key::long_term(PasswordHash::Md5, "alice", "example.org", self.password);
        if request.class() != Class::Request {
            return None;
        }
        if request.method() == Method::BINDING {
            let mut writer = MessageWriter::answer(&mut buffer, Class::Success, request).unwrap();
            writer.push(&mapped).unwrap();
            return Some(writer.finish().to_vec());
        }
        if request.check_integrity(&key).is_err() {
            let mut writer = MessageWriter::answer(&mut buffer, Class::Error, request).unwrap();
            writer.push(&ErrorCode::new(401, "Unauthorized").unwrap()).unwrap();
            writer.push(&Realm::new("example.org").unwrap()).unwrap();
            writer.push(&Nonce::new("nonce").unwrap()).unwrap();
            return Some(writer.finish().to_vec());
        }
        assert!(request.get::<Username<'_>>().unwrap().is_some());
        let mut writer = MessageWriter::answer(&mut buffer, Class::Success, request).unwrap();
        if request.method() == Method::ALLOCATE {
            self.relays += 1;
            let relayed = SocketAddr::from(([203, 0, 113, 1], 60_000 + self.relays));
            writer.push(&XorRelayedAddress(relayed)).unwrap().push(&mapped).unwrap();
        }
        writer.push(&Lifetime::from_secs(600)).unwrap().integrity(&key).unwrap();
        Some(writer.finish().to_vec())
    }

    fn run(&mut self, duration: Duration) {
        let end = self.now + duration;
        loop {
            self.collect();
            let arrival = self.arriving.keys().next().map(|(at, _)| *at);
            let due = [arrival, self.gatherer.poll_timeout()].into_iter().flatten().min();
            let Some(at) = due.filter(|at| *at <= end) else { break };
            self.now = self.now.max(at);
            while let Some(entry) = self.arriving.first_entry()
                && entry.key().0 <= self.now
            {
                match entry.remove() {
                    Arrival::Datagram { source, destination, bytes } => {
                        self.gatherer.handle_datagram(self.now, source, destination, &bytes);
                    }
                    Arrival::Open(id) => self.gatherer.handle_stream_open(self.now, id),
                    Arrival::Data(id, bytes) => {
                        self.gatherer.handle_stream(self.now, id, &bytes, |_| {});
                    }
                }
            }
            self.gatherer.handle_timeout(self.now);
        }
        self.now = end;
    }

    fn found(&self) -> Vec<(u128, CandidateKind, Carrier)> {
        let found = self.events.iter().filter_map(|(at, event)| match event {
            GatherEvent::Found(gathered) => {
                let carrier = gathered.origin.as_ref().map_or(Carrier::Udp, |origin| origin.carrier);
                Some((at.as_millis(), gathered.kind, carrier))
            }
            _ => None,
        });
        found.collect()
    }

    fn complete_at(&self) -> Option<Duration> {
        self.events.iter().find_map(|(at, event)| (*event == GatherEvent::Complete).then_some(*at))
    }

    fn failures(&self) -> Vec<&Trouble> {
        let failed = self.events.iter().filter_map(|(_, event)| match event {
            GatherEvent::Failed { trouble, .. } => Some(trouble),
            _ => None,
        });
        failed.collect()
    }
}

const RELAY: &str = "198.51.100.1:3478";

fn all_servers(bench: &mut Bench) {
    for (uri, at) in [
        ("stun:stun.example", "198.51.100.2:3478"),
        ("turn:relay.example", RELAY),
        ("turn:relay.example?transport=tcp", RELAY),
        ("turns:relay.example:443", "198.51.100.1:443"),
    ] {
        bench.gatherer.add_server(server(uri, at), bench.now);
    }
    bench.gatherer.end_of_servers();
}

#[test]
fn everything_is_asked_at_once_and_told_as_it_is_found() {
    use CandidateKind::{Host, Relayed, ServerReflexive};
    let mut bench = Bench::new(IcePolicy::All);
    bench.gatherer.add_host(host(1), bench.now);
    all_servers(&mut bench);
    bench.run(1000 * MS);
    // A round trip for STUN; two for TURN, whose first answer is its challenge.
    assert_eq!(
        bench.found(),
        [(0, Host, Carrier::Udp), (50, ServerReflexive, Carrier::Udp), (100, Relayed, Carrier::Udp)]
    );
    assert_eq!(bench.complete_at(), Some(100 * MS));
    assert!(
        bench.asked.iter().all(|(_, way, _)| matches!(way, Way::Datagram { .. })),
        "no stream was opened"
    );
}

#[test]
fn where_udp_is_blocked_tcp_and_tls_follow_after_the_head_start() {
    let mut bench = Bench::new(IcePolicy::Relay);
    bench.udp_blocked = true;
    bench.gatherer.add_host(host(1), bench.now);
    all_servers(&mut bench);
    bench.run(1000 * MS);
    let relayed =
        |after: Duration, carrier| ((HEAD_START + after).as_millis(), CandidateKind::Relayed, carrier);
    assert_eq!(bench.found(), [relayed(RTT * 3, Carrier::Tcp), relayed(RTT * 4, Carrier::Tls)]);
    bench.run(20_000 * MS);
    assert_eq!(bench.failures(), [&Trouble::Turn(Failure::Timeout)]);
    assert!(bench.complete_at().is_some());
}

#[test]
fn streams_wait_for_nothing_where_there_is_no_relay_over_udp() {
    let mut bench = Bench::new(IcePolicy::Relay);
    bench.gatherer.add_host(host(1), bench.now);
    bench.gatherer.add_server(server("turn:relay.example?transport=tcp", RELAY), bench.now);
    bench.gatherer.end_of_servers();
    bench.run(1000 * MS);
    assert_eq!(bench.found(), [(150, CandidateKind::Relayed, Carrier::Tcp)]);
}

#[test]
fn each_interface_asks_for_itself() {
    let mut bench = Bench::new(IcePolicy::Relay);
    for n in 1..=6 {
        bench.gatherer.add_host(host(n), bench.now);
    }
    all_servers(&mut bench);
    bench.run(1000 * MS);
    assert_eq!(bench.found(), [(100, CandidateKind::Relayed, Carrier::Udp); 6]);
}

#[test]
fn with_relays_alone_the_other_side_learns_of_nothing_else() {
    let mut bench = Bench::new(IcePolicy::Relay);
    bench.gatherer.add_host(host(1), bench.now);
    all_servers(&mut bench);
    bench.run(1000 * MS);
    assert!(bench.found().iter().all(|(_, kind, _)| *kind == CandidateKind::Relayed));
    assert!(bench.asked.iter().all(|(_, _, method)| *method != Method::BINDING), "no STUN server was asked");
}

#[test]
fn an_address_family_or_loopback_that_cannot_reach_a_server_is_not_tried() {
    let mut bench = Bench::new(IcePolicy::All);
    for base in ["[2001:db8::5]:5000", "127.0.0.1:5000"] {
        bench.gatherer.add_host(address(base), bench.now);
    }
    all_servers(&mut bench);
    bench.collect();
    assert!(bench.asked.is_empty());
}

#[test]
fn refused_credentials_are_told_once_and_renewed_ones_are_used_at_the_next_start() {
    let mut bench = Bench::new(IcePolicy::All);
    bench.password = "another";
    for n in 1..=3 {
        bench.gatherer.add_host(host(n), bench.now);
    }
    bench.gatherer.add_server(server("turn:relay.example", RELAY), bench.now);
    bench.gatherer.end_of_servers();
    bench.run(1000 * MS);
    assert_eq!(bench.failures(), [&Trouble::Turn(Failure::Credentials)]);
    assert_eq!(bench.complete_at(), Some(100 * MS));
    let mut renewed = server("turn:relay.example", RELAY);
    renewed.login = Login::new("alice", "another").ok();
    bench.gatherer.add_server(renewed, bench.now);
    bench.gatherer.restart(bench.now);
    bench.run(1000 * MS);
    let relayed = bench.found().iter().filter(|(_, kind, _)| *kind == CandidateKind::Relayed).count();
    assert_eq!(relayed, 3);
}

#[test]
fn a_stream_that_breaks_is_opened_again_and_the_address_it_had_is_taken_back() {
    let mut bench = Bench::new(IcePolicy::Relay);
    bench.gatherer.add_server(server("turn:relay.example?transport=tcp", RELAY), bench.now);
    bench.gatherer.end_of_servers();
    bench.run(200 * MS);
    let lent = bench.gatherer.candidates()[0].address;
    bench.gatherer.handle_stream_closed(bench.now, StreamId(1), "reset");
    bench.run(200 * MS);
    assert!(bench.events.iter().any(|(_, event)| *event == GatherEvent::Lost { address: lent }));
    assert_eq!(bench.found().len(), 2);
    assert_ne!(bench.gatherer.candidates()[0].address, lent);
}

#[test]
fn what_the_call_sends_from_a_relayed_address_is_wrapped_and_what_comes_is_unwrapped() {
    let mut bench = Bench::new(IcePolicy::All);
    bench.gatherer.add_host(host(1), bench.now);
    bench.gatherer.add_server(server("turn:relay.example", RELAY), bench.now);
    bench.gatherer.end_of_servers();
    bench.run(200 * MS);
    let relayed = bench.gatherer.candidates().iter().find(|c| c.kind == CandidateKind::Relayed).unwrap();
    let (relayed, peer) = (relayed.address, address("198.51.100.77:7000"));
    let mut sent = Vec::new();
    bench.gatherer.send(bench.now, relayed, peer, b"speech", |out| sent.push((out.way, out.bytes.to_vec())));
    let way = Way::Datagram { source: host(1), destination: address(RELAY) };
    // The request for a channel, and the data behind it as an indication.
    let methods: Vec<_> = sent.iter().map(|(_, bytes)| Message::parse(bytes).unwrap().method()).collect();
    assert_eq!(methods, [Method::CHANNEL_BIND, Method::SEND]);
    assert!(sent.iter().all(|(to, _)| *to == way));
    sent.clear();
    bench.gatherer.send(bench.now, host(1), peer, b"speech", |out| sent.push((out.way, out.bytes.to_vec())));
    assert_eq!(sent, [(Way::Datagram { source: host(1), destination: peer }, b"speech".to_vec())]);
    let framed = *b"\x40\x00\x00\x06speech";
    assert_eq!(
        bench.gatherer.handle_datagram(bench.now, address(RELAY), host(1), &framed),
        Inbound::Relayed { source: peer, destination: relayed, data: b"speech" }
    );
    assert_eq!(bench.gatherer.handle_datagram(bench.now, peer, host(1), b"speech"), Inbound::Direct);
}

#[test]
fn a_socket_that_is_gone_takes_its_addresses_with_it() {
    let mut bench = Bench::new(IcePolicy::All);
    for n in 1..=2 {
        bench.gatherer.add_host(host(n), bench.now);
    }
    all_servers(&mut bench);
    bench.run(200 * MS);
    assert_eq!(bench.gatherer.candidates().len(), 6);
    bench.gatherer.remove_host(host(1));
    bench.collect();
    assert_eq!(bench.gatherer.candidates().len(), 3);
    assert!(bench.gatherer.candidates().iter().all(|candidate| candidate.base == host(2)));
    let lost = bench.events.iter().filter(|(_, event)| matches!(event, GatherEvent::Lost { .. })).count();
    assert_eq!(lost, 3);
}

#[test]
fn everything_lent_is_given_back() {
    let mut bench = Bench::new(IcePolicy::All);
    bench.gatherer.add_host(host(1), bench.now);
    all_servers(&mut bench);
    bench.run(200 * MS);
    bench.asked.clear();
    bench.gatherer.release(bench.now);
    bench.run(1000 * MS);
    assert_eq!(bench.asked.iter().map(|(_, _, method)| *method).collect::<Vec<_>>(), [Method::REFRESH]);
    assert!(bench.gatherer.is_over());
}
