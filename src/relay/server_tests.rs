//! The relay against our own client, in virtual time, and against everything it must survive.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use super::{
    Action, Client, Config, Credential, Envelope, Logins, MAX_CHANNELS, MAX_PERMISSIONS, Outcome, Relay,
    RelayId,
};
use crate::ice::TransactionIds;
use crate::ice::stun::attribute::{
    Data, ErrorCode, EvenPort, Lifetime, Nonce, Realm, RequestedTransport, ReservationToken,
    UnknownAttributes, Username, XorMappedAddress, XorPeerAddress, XorRelayedAddress,
};
use crate::ice::stun::{
    AttributeType, ChannelData, ChannelNumber, Class, Key, Message, MessageWriter, Method, PasswordHash,
};
use crate::ice::turn::{self, Event, Failure, Login, Received, Wire};

const SERVER: ([u8; 4], u16) = ([8, 0, 0, 1], 3478);
pub(super) const PUBLIC: [u8; 4] = [8, 0, 0, 1];
pub(super) const PEER: ([u8; 4], u16) = ([8, 8, 8, 8], 9000);
const UNIX_S: u64 = 1_763_719_200;

/// A relay whose sockets open at once, with what they sent.
pub(super) struct World {
    pub(super) relay: Relay,
    pub(super) now: Instant,
    pub(super) sockets: HashMap<RelayId, SocketAddr>,
    pub(super) passes: HashMap<(RelayId, ChannelNumber), (SocketAddr, Instant)>,
    /// Ports that the system has given to others.
    busy: Vec<u16>,
    pub(super) sent: Vec<(SocketAddr, SocketAddr, Vec<u8>)>,
    answers: Vec<(Client, Vec<u8>)>,
}

fn logins() -> Logins {
    let mut logins = Logins::new();
    logins.add_user("alice", "secret");
    logins.add_user("bob", "hunter2");
    logins.add_secret(b"north");
    logins
}

pub(super) fn remote(n: u8) -> Client {
    Client { listener: 0, remote: ([8, 0, 1, n], 4000).into() }
}

impl World {
    pub(super) fn new() -> Self {
        Self::with(|_| {})
    }

    #[expect(clippy::disallowed_methods, reason = "any instant will do to begin virtual time")]
    pub(super) fn with(adjust: impl FnOnce(&mut Config)) -> Self {
        let now = Instant::now();
        let mut config = Config::new("example.org", logins(), PUBLIC.into());
        config.ports = 50_000..=50_999;
        adjust(&mut config);
        Self {
            relay: Relay::new(config, [1; 32], now, UNIX_S),
            now,
            sockets: HashMap::new(),
            passes: HashMap::new(),
            busy: Vec::new(),
            sent: Vec::new(),
            answers: Vec::new(),
        }
    }

    fn handle(&mut self, client: Client, packet: &[u8]) {
        let mut answer = [0; 512];
        match self.relay.handle_client(client, packet, &mut answer, self.now) {
            Outcome::Nothing => {}
            Outcome::Answer(length) => self.answers.push((client, answer[..length].to_vec())),
            Outcome::ToPeer { relay, peer, data } => {
                let from = self.sockets[&relay];
                self.sent.push((from, peer, data.to_vec()));
            }
        }
        self.act();
    }

    fn act(&mut self) {
        let mut answer = [0; 512];
        while let Some(action) = self.relay.poll_action() {
            match action {
                Action::Open { relay, public, port } => {
                    let free = !self.busy.contains(&port);
                    if free {
                        let others = self.sockets.insert(relay, SocketAddr::new(public, port));
                        assert_eq!(others, None, "a socket is opened once");
                    }
                    let opened = self.relay.handle_relay_opened(relay, free, &mut answer, self.now);
                    if let Some((client, length)) = opened {
                        self.answers.push((client, answer[..length].to_vec()));
                    }
                }
                Action::Pass { relay, channel, peer, until, .. } => {
                    self.passes.insert((relay, channel), (peer, until));
                }
                Action::Close { relay } => {
                    self.sockets.remove(&relay).expect("only what is open is closed");
                }
            }
        }
    }

    /// A datagram from a peer to a relay socket; what the client gets.
    fn arrive_from(&mut self, peer: SocketAddr, to: SocketAddr, data: &[u8]) -> Option<(Client, Vec<u8>)> {
        let relay = *self.sockets.iter().find(|(_, address)| **address == to)?.0;
        let mut envelope = Envelope::new();
        let client = self.relay.handle_peer(relay, peer, data.len(), &mut envelope, self.now)?;
        Some((client, [envelope.head(), data, envelope.datagram_padding()].concat()))
    }

    pub(super) fn ask(&mut self, client: Client, packet: &[u8]) -> Option<Vec<u8>> {
        self.answers.clear();
        self.handle(client, packet);
        self.answers.pop().map(|(to, answer)| {
            assert_eq!(to, client);
            answer
        })
    }

    pub(super) fn pass(&mut self, duration: Duration) {
        self.now += duration;
        self.relay.handle_timeout(self.now);
        self.act();
    }
}

/// A client of ours and where it sits.
struct Ours {
    client: turn::Client,
    at: Client,
    events: Vec<Event>,
}

impl Ours {
    fn new(world: &World, at: Client, login: Login) -> Self {
        let config = turn::Config::new(SERVER.into(), Wire::Datagram, login);
        let client = turn::Client::new(config, TransactionIds::from_seed([2; 32]), world.now);
        Self { client, at, events: Vec::new() }
    }

    fn alice(world: &mut World, n: u8) -> Self {
        let mut ours = Self::new(world, remote(n), Login::new("alice", "secret").unwrap());
        ours.settle(world);
        ours
    }

    fn settle(&mut self, world: &mut World) {
        for _ in 0..1000 {
            let Some(packet) = self.client.poll_transmit().map(|transmit| transmit.bytes.to_vec()) else {
                break;
            };
            world.answers.clear();
            world.handle(self.at, &packet);
            for (_, answer) in std::mem::take(&mut world.answers) {
                assert_eq!(self.client.handle_packet(&answer, world.now), Received::Control);
            }
        }
        self.events.extend(std::iter::from_fn(|| self.client.poll_event()));
    }

    fn relayed(&self) -> SocketAddr {
        self.client.relayed().unwrap_or_else(|| panic!("no allocation: {:?}", self.events))
    }

    fn send(&mut self, world: &mut World, peer: SocketAddr, data: &[u8]) {
        let mut packet = [0; 256];
        if let Some(length) = self.client.wrap(peer, data, &mut packet, world.now) {
            self.settle(world);
            world.handle(self.at, &packet[..length]);
        }
    }
}

/// Requests made by hand, properly signed.
pub(super) struct ByHand {
    at: Client,
    pub(super) username: String,
    pub(super) key: Key,
    pub(super) nonce: String,
}

impl ByHand {
    pub(super) fn new(world: &mut World, at: Client, username: &str, password: &str) -> Self {
        let mut buffer = [0; 64];
        let writer =
            MessageWriter::new(&mut buffer, Class::Request, Method::ALLOCATE, [9; 12].into()).unwrap();
        let challenge = world.ask(at, writer.finish()).expect("a challenge");
        let challenge = Message::parse(&challenge).unwrap();
        let nonce: Nonce<'_> = challenge.get().unwrap().unwrap();
        let key = Key::long_term(PasswordHash::Md5, username, "example.org", password);
        Self { at, username: username.to_owned(), key, nonce: nonce.as_str().to_owned() }
    }

    pub(super) fn request(
        &self,
        method: Method,
        id: u8,
        fill: impl FnOnce(&mut MessageWriter<'_>),
    ) -> Vec<u8> {
        let mut buffer = [0; 2048];
        let mut writer = MessageWriter::new(&mut buffer, Class::Request, method, [id; 12].into()).unwrap();
        fill(&mut writer);
        writer.push(&Username::new(&self.username).unwrap()).unwrap();
        writer.push(&Realm::new("example.org").unwrap()).unwrap();
        writer.push(&Nonce::new(&self.nonce).unwrap()).unwrap();
        writer.integrity(&self.key).unwrap();
        writer.finish().to_vec()
    }

    /// The code of the answer, 0 for success.
    pub(super) fn ask(
        &self,
        world: &mut World,
        method: Method,
        id: u8,
        fill: impl FnOnce(&mut MessageWriter<'_>),
    ) -> u16 {
        let packet = self.request(method, id, fill);
        code(&world.ask(self.at, &packet).expect("an answer"))
    }

    pub(super) fn allocate(&self, world: &mut World) -> u16 {
        self.ask(world, Method::ALLOCATE, 1, |w| {
            w.push(&RequestedTransport::UDP).unwrap();
        })
    }
}

pub(super) fn code(answer: &[u8]) -> u16 {
    let answer = Message::parse(answer).expect("a relay answers in STUN");
    match answer.class() {
        Class::Success => 0,
        _ => answer.get::<ErrorCode<'_>>().unwrap().expect("an error has a code").code(),
    }
}

#[test]
fn our_client_gets_an_address_and_speaks_with_a_peer_both_ways() {
    let mut world = World::new();
    let mut ours = Ours::alice(&mut world, 1);
    let relayed = ours.relayed();
    assert_eq!(relayed.ip(), IpAddr::from(PUBLIC));
    let mapped = Event::Allocated {
        relayed,
        second: None,
        mapped: Some(remote(1).remote),
        lifetime: Duration::from_secs(600),
    };
    assert_eq!(ours.events, [mapped]);

    // The first packet travels behind the request that permits it, as an indication, the second on the channel.
    ours.send(&mut world, PEER.into(), b"first");
    ours.send(&mut world, PEER.into(), b"second");
    assert_eq!(
        world.sent,
        [(relayed, PEER.into(), b"first".to_vec()), (relayed, PEER.into(), b"second".to_vec())]
    );
    let (to, packet) = world.arrive_from(PEER.into(), relayed, b"reply").expect("permitted");
    assert_eq!(to, remote(1));
    assert_eq!(packet[..4], ChannelData::header(ChannelNumber::FIRST, 5));
    assert_eq!(
        ours.client.handle_packet(&packet, world.now),
        Received::Data { peer: PEER.into(), data: b"reply" }
    );

    // Another port of the same address has the permission and no channel.
    let other: SocketAddr = (PEER.0, 9001).into();
    let (_, packet) = world.arrive_from(other, relayed, b"check").expect("permitted");
    assert!(Message::parse(&packet).is_ok());
    assert_eq!(ours.client.handle_packet(&packet, world.now), Received::Data { peer: other, data: b"check" });
}

#[test]
fn nobody_without_a_permission_gets_through() {
    let mut world = World::new();
    let mut ours = Ours::alice(&mut world, 1);
    let relayed = ours.relayed();
    assert_eq!(world.arrive_from(PEER.into(), relayed, b"knock"), None);
    ours.client.permit(PEER.0.into(), world.now);
    ours.settle(&mut world);
    assert!(world.arrive_from(PEER.into(), relayed, b"hello").is_some());
    assert!(world.arrive_from((PEER.0, 1).into(), relayed, b"any port").is_some());
    assert_eq!(world.arrive_from(([8, 8, 8, 9], 9000).into(), relayed, b"knock"), None);
    world.pass(Duration::from_secs(301));
    assert_eq!(world.arrive_from(PEER.into(), relayed, b"late"), None, "permissions live five minutes");
    assert_eq!(world.relay.counters().unpermitted, 3);
}

#[test]
fn an_allocation_lives_as_long_as_it_is_refreshed_and_leaves_nothing() {
    let mut world = World::new();
    let mut ours = Ours::alice(&mut world, 1);
    ours.client.bind(PEER.into(), world.now);
    for _ in 0..100 {
        world.pass(Duration::from_secs(30));
        ours.client.handle_timeout(world.now);
        ours.settle(&mut world);
    }
    assert!(world.arrive_from(PEER.into(), ours.relayed(), b"still there").is_some());
    assert_eq!(world.relay.counters().active, 1);
    world.pass(Duration::from_secs(601));
    assert!(world.sockets.is_empty() && world.relay.is_empty_inside());
    assert_eq!((world.relay.counters().active, world.relay.counters().ended), (0, 1));
    assert_eq!(world.relay.poll_timeout(), None);
}

#[test]
fn releasing_ends_it_at_once() {
    let mut world = World::new();
    let mut ours = Ours::alice(&mut world, 1);
    ours.client.release(world.now);
    ours.settle(&mut world);
    assert_eq!(ours.events.last(), Some(&Event::Released));
    assert!(world.sockets.is_empty() && world.relay.is_empty_inside());
}

#[test]
fn no_allocation_without_the_right_credentials() {
    let mut world = World::new();
    for login in [("alice", "wrong"), ("mallory", "secret"), ("bob", "secret"), ("1:alice", "secret")] {
        let mut ours = Ours::new(&world, remote(1), Login::new(login.0, login.1).unwrap());
        ours.settle(&mut world);
        assert_eq!(ours.events, [Event::Failed(Failure::Credentials)], "{login:?}");
    }
    assert!(world.sockets.is_empty() && world.relay.is_empty_inside());
    assert_eq!(world.relay.counters().wrong_credentials, 4);
}

#[test]
fn minted_credentials_work_until_they_expire_and_a_call_outlives_them() {
    let mut world = World::new();
    let made = Credential::mint(b"north", "alice", UNIX_S + 60);
    let login = Login::new(&made.username, &made.password).unwrap();
    let mut ours = Ours::new(&world, remote(1), login.clone());
    ours.settle(&mut world);
    ours.relayed();
    world.pass(Duration::from_secs(120));
    ours.client.refresh(world.now);
    ours.settle(&mut world);
    ours.relayed();
    let mut late = Ours::new(&world, remote(2), login);
    late.settle(&mut world);
    assert_eq!(late.events, [Event::Failed(Failure::Credentials)]);
}

#[test]
fn sha256_is_used_where_it_is_offered_and_not_needed_where_it_is_not_known() {
    let mut world = World::with(|config| config.offer_sha256 = true);
    let ours = Ours::alice(&mut world, 1);
    ours.relayed();
    // A browser signs as RFC 5389 had it.
    let old = ByHand::new(&mut world, remote(2), "alice", "secret");
    assert!(old.nonce.starts_with("obMatJos2"));
    assert_eq!(old.allocate(&mut world), 0);
}

#[test]
fn a_nonce_goes_stale_without_anybody_noticing() {
    let mut world = World::new();
    let mut ours = Ours::alice(&mut world, 1);
    world.pass(Duration::from_secs(599));
    ours.client.refresh(world.now);
    ours.settle(&mut world);
    world.pass(Duration::from_secs(20));
    ours.client.refresh(world.now);
    ours.settle(&mut world);
    assert_eq!(world.relay.counters().stale_nonces, 1);
    ours.relayed();
}

#[test]
fn before_it_knows_somebody_it_keeps_nothing_and_says_little() {
    let mut world = World::with(|config| config.limits.unproven_answers_per_s = None);
    let mut request = [0; 64];
    let mut writer =
        MessageWriter::new(&mut request, Class::Request, Method::ALLOCATE, [1; 12].into()).unwrap();
    writer.push(&RequestedTransport::UDP).unwrap();
    let request = writer.finish().to_vec();
    let (mut asked, mut said) = (0, 0);
    for n in 0..10_000_u32 {
        let [_, a, b, c] = n.to_be_bytes();
        let client = Client { listener: 0, remote: ([9, a, b, c], 4000).into() };
        let mut answer = [0; 512];
        let Outcome::Answer(length) = world.relay.handle_client(client, &request, &mut answer, world.now)
        else {
            panic!("a challenge");
        };
        asked += request.len();
        said += length;
    }
    assert!(world.relay.is_empty_inside() && world.relay.poll_action().is_none());
    assert!(said < 3 * asked, "{said} bytes for {asked}");
    assert_eq!(world.relay.counters().challenges, 10_000);
}

#[test]
fn answers_to_strangers_are_bounded_by_the_second() {
    let mut world = World::with(|config| config.limits.unproven_answers_per_s = Some(10));
    let binding = *b"\x00\x01\x00\x00\x21\x12\xa4\x42ABCDEFGHIJKL";
    let answered = (0..100).filter(|_| world.ask(remote(1), &binding).is_some()).count();
    assert_eq!(answered, 10);
    assert_eq!(world.relay.counters().withheld, 90);
    world.pass(Duration::from_secs(1));
    assert!(world.ask(remote(1), &binding).is_some());
}

#[test]
fn binding_says_where_from_and_nothing_more() {
    let mut world = World::new();
    let binding = *b"\x00\x01\x00\x00\x21\x12\xa4\x42ABCDEFGHIJKL";
    let mapped = Client { listener: 1, remote: "[::ffff:8.0.1.7]:4000".parse().unwrap() };
    let answer = world.ask(mapped, &binding).unwrap();
    let message = Message::parse(&answer).unwrap();
    assert_eq!(message.get(), Ok(Some(XorMappedAddress(([8, 0, 1, 7], 4000).into()))), "canonical");
    assert_eq!((message.attributes().count(), answer.len()), (1, 32));
}

#[test]
fn what_must_be_understood_and_is_not_is_named() {
    let mut world = World::new();
    let binding = *b"\x00\x01\x00\x04\x21\x12\xa4\x42ABCDEFGHIJKL\x7f\x01\x00\x00";
    let answer = world.ask(remote(1), &binding).unwrap();
    let message = Message::parse(&answer).unwrap();
    let unknown: UnknownAttributes<'_> = message.get().unwrap().unwrap();
    assert!(code(&answer) == 420 && unknown.iter().eq([AttributeType::new(0x7f01)]));
    let alice = ByHand::new(&mut world, remote(1), "alice", "secret");
    let refused = alice.ask(&mut world, Method::ALLOCATE, 1, |w| {
        w.push(&RequestedTransport::UDP).unwrap();
        w.push(&crate::ice::stun::attribute::DontFragment).unwrap();
    });
    assert_eq!(refused, 420);
}

#[test]
fn peers_that_are_not_on_the_internet_are_refused_however_they_are_wrapped() {
    let mut world = World::with(|config| config.public_v6 = Some("2600::1".parse().unwrap()));
    let alice = ByHand::new(&mut world, remote(1), "alice", "secret");
    assert_eq!(alice.allocate(&mut world), 0);
    let refused = |world: &mut World, peer: &str, method, id| {
        let peer = SocketAddr::new(peer.parse().unwrap(), 80);
        alice.ask(world, method, id, |w| {
            if method == Method::CHANNEL_BIND {
                w.push(&ChannelNumber::FIRST).unwrap();
            }
            w.push(&XorPeerAddress(peer)).unwrap();
        })
    };
    let mut id = 10;
    for peer in [
        "0.0.0.0",
        "127.0.0.1",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.0.1",
        "100.64.0.1",
        "169.254.169.254",
        "224.0.0.1",
        "255.255.255.255",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "::ffff:10.0.0.1",
    ] {
        for method in [Method::CREATE_PERMISSION, Method::CHANNEL_BIND] {
            id += 1;
            assert_eq!(refused(&mut world, peer, method, id), 403, "{peer}");
        }
    }
    // Wrapped otherwise they are IPv6, which this allocation does not have.
    for peer in ["::1", "fe80::1", "fc00::1", "64:ff9b::10.0.0.1", "2002:7f00:1::1", "2600::2"] {
        id += 1;
        assert_eq!(refused(&mut world, peer, Method::CREATE_PERMISSION, id), 443, "{peer}");
    }
    assert_eq!(world.relay.counters().peers_refused, 24);
    assert!(world.sent.is_empty());
}

#[test]
fn our_own_listeners_are_not_reached_through_us_and_other_relay_sockets_are() {
    let mut world = World::new();
    let (mut a, mut b) = (Ours::alice(&mut world, 1), Ours::alice(&mut world, 2));
    a.send(&mut world, SERVER.into(), b"to the listener");
    let mut packet = [0; 256];
    let length = a.client.wrap((PUBLIC, 50_000).into(), b"x", &mut packet, world.now);
    a.settle(&mut world);
    assert!(length.is_some() && world.sent.is_empty(), "{:?}", world.sent);
    let (ra, rb) = (a.relayed(), b.relayed());
    a.send(&mut world, rb, b"over");
    b.send(&mut world, ra, b"under");
    assert_eq!(world.sent, [(ra, rb, b"over".to_vec()), (rb, ra, b"under".to_vec())]);
    // Permitted is the address; a port of it that is a listener's stays closed.
    let mut buffer = [0; 128];
    let mut writer =
        MessageWriter::new(&mut buffer, Class::Indication, Method::SEND, [1; 12].into()).unwrap();
    writer.push(&XorPeerAddress(SERVER.into())).unwrap().push(&Data(b"x")).unwrap();
    let indication = writer.finish().to_vec();
    world.handle(remote(1), &indication);
    assert_eq!(world.sent.len(), 2);
}

#[test]
fn channels_are_bound_as_rfc_8656_has_it() {
    let mut world = World::new();
    let alice = ByHand::new(&mut world, remote(1), "alice", "secret");
    let bind = |world: &mut World, id, number: u16, peer: ([u8; 4], u16)| {
        alice.ask(world, Method::CHANNEL_BIND, id, |w| {
            w.push_raw(AttributeType::CHANNEL_NUMBER, &(u32::from(number) << 16).to_be_bytes()).unwrap();
            w.push(&XorPeerAddress(peer.into())).unwrap();
        })
    };
    assert_eq!(bind(&mut world, 2, 0x4000, PEER), 437, "before the allocation");
    assert_eq!(alice.allocate(&mut world), 0);
    for (id, number, peer, expected) in [
        (3, 0x3fff, PEER, 400),
        (4, 0x5000, PEER, 400),
        (5, 0x4000, PEER, 0),
        (6, 0x4000, PEER, 0),
        (7, 0x4000, ([8, 8, 4, 4], 1), 400),
        (8, 0x4001, PEER, 400),
        (9, 0x4fff, ([8, 8, 4, 4], 1), 0),
    ] {
        assert_eq!(bind(&mut world, id, number, peer), expected, "{number:#x}");
    }
    let frame =
        |number: u16, data: &[u8]| [&number.to_be_bytes(), &(data.len() as u16).to_be_bytes(), data].concat();
    world.handle(remote(1), &frame(0x4fff, b"far"));
    world.handle(remote(1), &frame(0x4002, b"unbound"));
    world.handle(remote(1), b"\x40\x00\x00\x09lie");
    world.handle(remote(2), &frame(0x4000, b"stranger"));
    let sent: Vec<_> = world.sent.iter().map(|(_, to, data)| (*to, data.as_slice())).collect();
    assert_eq!(sent, [(([8, 8, 4, 4], 1).into(), &b"far"[..])]);
}

#[test]
fn permissions_and_channels_are_bounded() {
    let mut world = World::new();
    let alice = ByHand::new(&mut world, remote(1), "alice", "secret");
    assert_eq!(alice.allocate(&mut world), 0);
    let permit = |world: &mut World, id: u8, from: u16, count: u16| {
        alice.ask(world, Method::CREATE_PERMISSION, id, |w| {
            for n in from..from + count {
                let [high, low] = n.to_be_bytes();
                w.push(&XorPeerAddress(([8, 9, high, low], 0).into())).unwrap();
            }
        })
    };
    assert_eq!(permit(&mut world, 2, 0, 0), 400, "no peer");
    assert_eq!(permit(&mut world, 3, 0, MAX_PERMISSIONS as u16), 0);
    assert_eq!(permit(&mut world, 4, 0, MAX_PERMISSIONS as u16), 0, "again");
    assert_eq!(permit(&mut world, 5, 1000, 1), 508);
    world.pass(Duration::from_secs(301));
    let channel = |world: &mut World, id: u8, n: u16| {
        alice.ask(world, Method::CHANNEL_BIND, id, |w| {
            w.push(&ChannelNumber::new(0x4000 + n).unwrap()).unwrap();
            w.push(&XorPeerAddress(([8, 9, 9, 9], 1 + n).into())).unwrap();
        })
    };
    for n in 0..MAX_CHANNELS as u16 {
        assert_eq!(channel(&mut world, 100 + n as u8, n), 0);
    }
    assert_eq!(channel(&mut world, 200, MAX_CHANNELS as u16), 508);
}

#[test]
fn quotas_hold_for_each_user_and_for_all() {
    let mut world = World::with(|config| {
        config.limits.allocations = 5;
        config.limits.allocations_per_user = 3;
    });
    let allocate = |world: &mut World, n: u8, user: (&str, &str)| {
        ByHand::new(world, remote(n), user.0, user.1).allocate(world)
    };
    let minted: Vec<_> = (1..=4).map(|n| Credential::mint(b"north", "carol", UNIX_S + n * 100)).collect();
    for n in 0..3 {
        assert_eq!(allocate(&mut world, n, ("alice", "secret")), 0);
    }
    assert_eq!(allocate(&mut world, 3, ("alice", "secret")), 486);
    for (n, expected) in [(0, 0), (1, 0), (2, 508)] {
        let carol = &minted[usize::from(n)];
        assert_eq!(allocate(&mut world, 10 + n, (&carol.username, &carol.password)), expected);
    }
    world.pass(Duration::from_secs(601));
    for (n, expected) in [(0, 0), (1, 0), (2, 0), (3, 486)] {
        let late = Credential::mint(b"north", "carol", UNIX_S + 10_000 + u64::from(n));
        assert_eq!(allocate(&mut world, 20 + n, (&late.username, &late.password)), expected);
    }
}

#[test]
fn ports_of_others_are_stepped_over_and_running_out_is_said() {
    let mut world = World::with(|config| config.ports = 50_000..=50_003);
    world.busy = vec![50_000, 50_001, 50_002];
    let ours = Ours::alice(&mut world, 1);
    assert_eq!(ours.relayed().port(), 50_003);
    let mut next = Ours::alice(&mut world, 2);
    next.settle(&mut world);
    assert_eq!(next.events, [Event::Failed(Failure::Capacity)]);
    assert_eq!(world.relay.counters().active, 1);
}

#[test]
fn even_ports_and_reservations_work_together() {
    let mut world = World::with(|config| config.ports = 50_000..=50_003);
    let allocate = |world: &mut World, n: u8, fill: &dyn Fn(&mut MessageWriter<'_>)| {
        let hand = ByHand::new(world, remote(n), "alice", "secret");
        let packet = hand.request(Method::ALLOCATE, 1, |w| {
            w.push(&RequestedTransport::UDP).unwrap();
            fill(w);
        });
        let answer = world.ask(remote(n), &packet).expect("an answer");
        let message = Message::parse(&answer).unwrap();
        let relayed: Option<XorRelayedAddress> = message.get().unwrap();
        let token: Option<ReservationToken> = message.get().unwrap();
        (code(&answer), relayed.map(|XorRelayedAddress(relayed)| relayed.port()), token)
    };
    let (_, first, token) = allocate(&mut world, 1, &|w| {
        w.push(&EvenPort { reserve_next: true }).unwrap();
    });
    let (first, token) = (first.unwrap(), token.unwrap());
    assert!(first.is_multiple_of(2));
    let both = allocate(&mut world, 2, &|w| {
        w.push(&token).unwrap().push(&EvenPort { reserve_next: false }).unwrap();
    });
    assert_eq!(both.0, 400);
    let second = allocate(&mut world, 2, &|w| {
        w.push(&token).unwrap();
    });
    assert_eq!((second.0, second.1), (0, Some(first + 1)));
    let again = allocate(&mut world, 3, &|w| {
        w.push(&token).unwrap();
    });
    assert_eq!(again.0, 508);
}

#[test]
fn a_request_sent_again_is_answered_again_and_another_is_a_mismatch() {
    let mut world = World::new();
    let alice = ByHand::new(&mut world, remote(1), "alice", "secret");
    let packet = alice.request(Method::ALLOCATE, 1, |w| {
        w.push(&RequestedTransport::UDP).unwrap();
    });
    let first = world.ask(remote(1), &packet).unwrap();
    let again = world.ask(remote(1), &packet).unwrap();
    assert_eq!(first, again);
    assert_eq!(world.sockets.len(), 1);
    let other = alice.request(Method::ALLOCATE, 2, |w| {
        w.push(&RequestedTransport::UDP).unwrap();
    });
    assert_eq!(code(&world.ask(remote(1), &other).unwrap()), 437);
}

#[test]
fn another_users_five_tuple_is_not_taken_over() {
    let mut world = World::new();
    let alice = ByHand::new(&mut world, remote(1), "alice", "secret");
    assert_eq!(alice.allocate(&mut world), 0);
    let bob = ByHand::new(&mut world, remote(1), "bob", "hunter2");
    assert_eq!(bob.ask(&mut world, Method::REFRESH, 2, |_| {}), 441);
    assert_eq!(bob.ask(&mut world, Method::ALLOCATE, 3, |_| {}), 437);
    // Alice's nonce is for her address alone.
    let elsewhere = ByHand { at: remote(2), ..alice };
    assert_eq!(elsewhere.ask(&mut world, Method::REFRESH, 4, |_| {}), 438);
}

#[test]
fn lifetimes_are_kept_within_limits() {
    let mut world = World::new();
    let alice = ByHand::new(&mut world, remote(1), "alice", "secret");
    assert_eq!(alice.allocate(&mut world), 0);
    for (id, asked, granted) in [(2, 0xffff_ffff_u32, 3600), (3, 1, 600), (4, 1000, 1000), (5, 0, 0)] {
        let packet = alice.request(Method::REFRESH, id, |w| {
            w.push(&Lifetime::from_secs(asked)).unwrap();
        });
        let answer = world.ask(remote(1), &packet).unwrap();
        let lifetime: Option<Lifetime> = Message::parse(&answer).unwrap().get().unwrap();
        assert_eq!(lifetime, Some(Lifetime::from_secs(granted)), "{asked}");
    }
    assert!(world.relay.is_empty_inside());
    assert_eq!(alice.ask(&mut world, Method::REFRESH, 6, |_| {}), 437);
}

#[test]
fn a_shorter_refresh_ends_it_sooner() {
    let mut world = World::new();
    let alice = ByHand::new(&mut world, remote(1), "alice", "secret");
    let code = alice.ask(&mut world, Method::ALLOCATE, 1, |w| {
        w.push(&RequestedTransport::UDP).unwrap().push(&Lifetime::from_secs(3600)).unwrap();
    });
    assert_eq!(code, 0);
    let code = alice.ask(&mut world, Method::REFRESH, 2, |w| {
        w.push(&Lifetime::from_secs(600)).unwrap();
    });
    assert_eq!(code, 0);
    world.pass(Duration::from_secs(601));
    assert!(world.relay.is_empty_inside());
}

#[test]
fn bandwidth_is_bounded_both_ways_together() {
    let mut world = World::with(|config| config.limits.bytes_per_s = Some(1000));
    let mut ours = Ours::alice(&mut world, 1);
    ours.send(&mut world, PEER.into(), &[0; 100]);
    for _ in 0..20 {
        ours.send(&mut world, PEER.into(), &[0; 100]);
    }
    assert_eq!(world.sent.len(), 10);
    assert_eq!(world.arrive_from(PEER.into(), ours.relayed(), &[0; 100]), None);
    world.pass(Duration::from_millis(500));
    assert!(world.arrive_from(PEER.into(), ours.relayed(), &[0; 100]).is_some());
}

#[test]
fn a_stream_that_closes_takes_its_allocation_with_it() {
    let mut world = World::new();
    Ours::alice(&mut world, 1).relayed();
    world.relay.handle_client_gone(remote(1));
    world.act();
    assert!(world.sockets.is_empty() && world.relay.is_empty_inside());
}

#[test]
fn draining_keeps_what_is_there_and_gives_no_more() {
    let mut world = World::new();
    let mut ours = Ours::alice(&mut world, 1);
    world.relay.drain();
    let next = Ours::alice(&mut world, 2);
    assert_eq!(next.events, [Event::Failed(Failure::Capacity)]);
    ours.client.refresh(world.now);
    ours.send(&mut world, PEER.into(), b"still here");
    assert_eq!(world.sent.len(), 1);
}

#[test]
fn a_late_datagram_for_a_closed_socket_is_nobodys() {
    let mut world = World::new();
    let mut ours = Ours::alice(&mut world, 1);
    ours.client.permit(PEER.0.into(), world.now);
    ours.settle(&mut world);
    let old = *world.sockets.keys().next().unwrap();
    ours.client.release(world.now);
    ours.settle(&mut world);
    let mut next = Ours::alice(&mut world, 2);
    next.client.permit(PEER.0.into(), world.now);
    next.settle(&mut world);
    let new = *world.sockets.keys().next().unwrap();
    assert!(old != new && old.index() == new.index());
    let mut envelope = Envelope::new();
    assert_eq!(world.relay.handle_peer(old, PEER.into(), 10, &mut envelope, world.now), None);
    assert_eq!(world.relay.handle_peer(new, PEER.into(), 10, &mut envelope, world.now), Some(remote(2)));
}

#[test]
fn garbage_is_counted_and_not_answered() {
    let mut world = World::new();
    for garbage in [
        &b""[..],
        b"\x00",
        b"\x00\x01\x00\x00\x21\x12\xa4\x43ABCDEFGHIJKL",
        b"\x00\x01\x00\x08\x21\x12\xa4\x42ABCDEFGHIJKL\x80\x28\x00\x04\x00\x00\x00\x00",
        b"\x01\x01\x00\x00\x21\x12\xa4\x42ABCDEFGHIJKL",
        b"\x00\x16\x00\x00\x21\x12\xa4\x42ABCDEFGHIJKL",
        b"\x80\x60\x00\x01",
        b"\x16\x03\x01",
        b"\x40\x00",
        b"\x4f\xff\x00\x00",
    ] {
        assert_eq!(world.ask(remote(1), garbage), None, "{garbage:?}");
    }
    assert_eq!(world.relay.counters().foreign, 10);
}

#[test]
fn an_ill_formed_signed_request_is_a_bad_request() {
    let mut world = World::new();
    let alice = ByHand::new(&mut world, remote(1), "alice", "secret");
    assert_eq!(alice.ask(&mut world, Method::ALLOCATE, 1, |_| {}), 400, "no transport");
    let tcp = alice.ask(&mut world, Method::ALLOCATE, 2, |w| {
        w.push_raw(AttributeType::REQUESTED_TRANSPORT, &[6, 0, 0, 0]).unwrap();
    });
    assert_eq!(tcp, 442);
    let v6 = alice.ask(&mut world, Method::ALLOCATE, 3, |w| {
        w.push(&RequestedTransport::UDP).unwrap();
        w.push_raw(AttributeType::REQUESTED_ADDRESS_FAMILY, &[2, 0, 0, 0]).unwrap();
    });
    assert_eq!(v6, 440);
    assert_eq!(alice.ask(&mut world, Method::new(0x0b), 4, |_| {}), 400, "no such method");
    let mut buffer = [0; 256];
    let mut writer =
        MessageWriter::new(&mut buffer, Class::Request, Method::ALLOCATE, [5; 12].into()).unwrap();
    writer.integrity(&alice.key).unwrap();
    let unnamed = writer.finish().to_vec();
    assert_eq!(code(&world.ask(remote(1), &unnamed).unwrap()), 400, "signed by nobody");
}
