//! A TURN client against a server of a few lines, in virtual time.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use super::{Client, Config, Event, Failure, Login, MAX_PEERS, MAX_PENDING, Received, RelayFamily, Wire};
use crate::ice::TransactionIds;
use crate::ice::stun::attribute::{
    AdditionalAddressFamily, AlternateServer, Data, ErrorCode, Lifetime, Nonce, PasswordAlgorithm,
    PasswordAlgorithms, Realm, RequestedTransport, SecurityFeatures, Userhash, Username, XorMappedAddress,
    XorPeerAddress, XorRelayedAddress,
};
use crate::ice::stun::{
    ChannelData, ChannelNumber, Class, Deframer, Frame, Key, Message, MessageWriter, Method, PasswordHash,
};

const SERVER: ([u8; 4], u16) = ([192, 0, 2, 1], 3478);
const RELAYED: ([u8; 4], u16) = ([192, 0, 2, 1], 50_000);
const MAPPED: ([u8; 4], u16) = ([198, 51, 100, 1], 40_000);
const PEER: ([u8; 4], u16) = ([203, 0, 113, 5], 9000);
const REALM: &str = "example.org";

#[derive(Clone, Copy, PartialEq)]
enum Answer {
    Success,
    Error(u16),
    Silence,
}

/// What the server demands and how it answers what is properly signed.
struct Server {
    nonce: String,
    sha256: bool,
    userhash: bool,
    lifetime: u32,
    answer: fn(Method, &Message<'_>) -> Answer,
    seen: Vec<(Method, Class)>,
    alternate: SocketAddr,
}

impl Server {
    fn new() -> Self {
        Self {
            nonce: "one".to_owned(),
            sha256: false,
            userhash: false,
            lifetime: 600,
            answer: |_, _| Answer::Success,
            seen: Vec::new(),
            alternate: ([192, 0, 2, 2], 3478).into(),
        }
    }

    fn full_nonce(&self) -> String {
        let features = SecurityFeatures { password_algorithms: self.sha256, userhash: self.userhash };
        if !self.sha256 && !self.userhash {
            return self.nonce.clone();
        }
        format!("{}{}", String::from_utf8_lossy(&features.cookie()), self.nonce)
    }

    fn key(&self) -> Key {
        let hash = if self.sha256 { PasswordHash::Sha256 } else { PasswordHash::Md5 };
        Key::long_term(hash, "alice", REALM, "secret")
    }

    fn is_proven(&self, request: &Message<'_>) -> bool {
        let name: Option<Username<'_>> = request.get().unwrap();
        let hash: Option<Userhash> = request.get().unwrap();
        if self.userhash {
            assert_eq!((name, hash.is_some()), (None, true), "the name is not shown");
        }
        if self.sha256 {
            let list: Option<PasswordAlgorithms<'_>> = request.get().unwrap();
            let chosen: Option<PasswordAlgorithm<'_>> = request.get().unwrap();
            return list == Some(PasswordAlgorithms::SHA256_AND_MD5)
                && chosen.and_then(|chosen| chosen.hash()) == Some(PasswordHash::Sha256)
                && request.check_integrity_sha256(&self.key()).is_ok();
        }
        request.check_integrity(&self.key()).is_ok()
    }

    fn handle(&mut self, packet: &[u8]) -> Option<Vec<u8>> {
        let request = Message::parse(packet).expect("what a client sends is STUN");
        self.seen.push((request.method(), request.class()));
        if request.class() == Class::Indication {
            return None;
        }
        let nonce: Option<Nonce<'_>> = request.get().unwrap();
        if !self.is_proven(&request) {
            return Some(self.refuse(&request, 401, false));
        }
        if nonce.is_none_or(|nonce| nonce.as_str() != self.full_nonce()) {
            return Some(self.refuse(&request, 438, false));
        }
        match (self.answer)(request.method(), &request) {
            Answer::Success => Some(self.grant(&request)),
            Answer::Error(code) => Some(self.refuse(&request, code, true)),
            Answer::Silence => None,
        }
    }

    fn sign(&self, mut writer: MessageWriter<'_>) -> Vec<u8> {
        if self.sha256 {
            writer.integrity_sha256(&self.key()).unwrap();
        } else {
            writer.integrity(&self.key()).unwrap();
        }
        writer.finish().to_vec()
    }

    fn grant(&self, request: &Message<'_>) -> Vec<u8> {
        let mut buffer = [0; 512];
        let mut writer = MessageWriter::answer(&mut buffer, Class::Success, request).unwrap();
        match request.method() {
            Method::ALLOCATE => {
                assert_eq!(request.get().unwrap(), Some(RequestedTransport::UDP));
                writer.push(&XorRelayedAddress(RELAYED.into())).unwrap();
                if request.get::<AdditionalAddressFamily>().unwrap().is_some() {
                    writer.push(&XorRelayedAddress("[2001:db8::9]:50001".parse().unwrap())).unwrap();
                }
                writer.push(&XorMappedAddress(MAPPED.into())).unwrap();
                writer.push(&Lifetime::from_secs(self.lifetime)).unwrap();
            }
            Method::REFRESH => {
                let wanted: Lifetime = request.get().unwrap().unwrap();
                writer.push(&Lifetime::from_secs(self.lifetime.min(wanted.as_secs()))).unwrap();
            }
            _ => {}
        }
        self.sign(writer)
    }

    fn refuse(&self, request: &Message<'_>, code: u16, signed: bool) -> Vec<u8> {
        let mut buffer = [0; 512];
        let mut writer = MessageWriter::answer(&mut buffer, Class::Error, request).unwrap();
        writer.push(&ErrorCode::new(code, "no").unwrap()).unwrap();
        if matches!(code, 401 | 438) {
            writer.push(&Realm::new(REALM).unwrap()).unwrap();
            writer.push(&Nonce::new(&self.full_nonce()).unwrap()).unwrap();
            if self.sha256 {
                writer.push(&PasswordAlgorithms::SHA256_AND_MD5).unwrap();
            }
        }
        if code == 300 {
            writer.push(&AlternateServer(self.alternate)).unwrap();
        }
        if signed { self.sign(writer) } else { writer.finish().to_vec() }
    }
}

struct Pair {
    client: Client,
    server: Server,
    now: Instant,
    events: Vec<Event>,
    sent: usize,
}

impl Pair {
    fn new(server: Server) -> Self {
        Self::with(server, |_| {})
    }

    #[expect(clippy::disallowed_methods, reason = "any instant will do to begin virtual time")]
    fn with(server: Server, adjust: impl FnOnce(&mut Config)) -> Self {
        let now = Instant::now();
        let mut config = Config::new(SERVER.into(), Wire::Datagram, Login::new("alice", "secret").unwrap());
        adjust(&mut config);
        let client = Client::new(config, TransactionIds::from_seed([5; 32]), now);
        Self { client, server, now, events: Vec::new(), sent: 0 }
    }

    /// Carries packets to and fro without delay until nobody has any.
    fn settle(&mut self) {
        for _ in 0..1000 {
            let Some(transmit) = self.client.poll_transmit() else {
                self.events.extend(std::iter::from_fn(|| self.client.poll_event()));
                return;
            };
            self.sent += 1;
            let packet = transmit.bytes.to_vec();
            if let Some(answer) = self.server.handle(&packet) {
                assert_eq!(self.client.handle_packet(&answer, self.now), Received::Control);
            }
        }
        panic!("client and server never come to rest");
    }

    /// Lets time pass, doing what is due when it is due.
    fn run(&mut self, duration: Duration) {
        let end = self.now + duration;
        self.settle();
        while let Some(at) = self.client.poll_timeout().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.client.handle_timeout(self.now);
            self.settle();
        }
        self.now = end;
    }

    fn count(&self, method: Method) -> usize {
        self.server.seen.iter().filter(|(seen, _)| *seen == method).count()
    }

    fn failure(&self) -> Option<&Failure> {
        match self.events.last() {
            Some(Event::Failed(failure)) => Some(failure),
            _ => None,
        }
    }
}

#[test]
fn an_allocation_takes_two_round_trips_and_no_waiting() {
    let mut pair = Pair::new(Server::new());
    pair.settle();
    assert_eq!(pair.sent, 2);
    assert_eq!(
        pair.events,
        [Event::Allocated {
            relayed: RELAYED.into(),
            second: None,
            mapped: Some(MAPPED.into()),
            lifetime: Duration::from_secs(600),
        }]
    );
    assert_eq!(pair.client.relayed(), Some(RELAYED.into()));
}

#[test]
fn sha256_and_userhash_are_used_where_the_nonce_announces_them() {
    for (sha256, userhash) in [(true, false), (false, true), (true, true)] {
        let mut pair = Pair::new(Server { sha256, userhash, ..Server::new() });
        if userhash {
            pair.settle_unproven_first();
        }
        pair.settle();
        assert!(matches!(pair.events[..], [Event::Allocated { .. }]), "{:?}", pair.events);
    }
}

impl Pair {
    /// The first request has neither name nor hash: the server's check for that must not see it.
    fn settle_unproven_first(&mut self) {
        let packet = self.client.poll_transmit().expect("it asks at once").bytes.to_vec();
        let request = Message::parse(&packet).unwrap();
        let answer = self.server.refuse(&request, 401, false);
        self.client.handle_packet(&answer, self.now);
    }
}

#[test]
fn a_list_of_algorithms_taken_away_is_noticed() {
    let server = Server { sha256: true, ..Server::new() };
    let mut pair = Pair::new(server);
    let packet = pair.client.poll_transmit().unwrap().bytes.to_vec();
    let request = Message::parse(&packet).unwrap();
    let nonce = pair.server.full_nonce();
    let mut buffer = [0; 256];
    let mut writer = MessageWriter::answer(&mut buffer, Class::Error, &request).unwrap();
    writer.push(&ErrorCode::UNAUTHENTICATED).unwrap().push(&Realm::new(REALM).unwrap()).unwrap();
    writer.push(&Nonce::new(&nonce).unwrap()).unwrap();
    pair.client.handle_packet(writer.finish(), pair.now);
    pair.settle();
    assert_eq!(pair.failure(), Some(&Failure::Challenge("password algorithms were removed")));
}

#[test]
fn wrong_credentials_end_after_one_signed_try() {
    let mut pair = Pair::with(Server::new(), |config| config.login = Login::new("alice", "wrong").unwrap());
    pair.settle();
    assert_eq!((pair.failure(), pair.sent), (Some(&Failure::Credentials), 2));
    assert!(pair.client.is_ended() && pair.client.poll_timeout().is_none());
}

#[test]
fn refusals_are_told_apart() {
    for (code, expected) in [
        (486, Failure::Quota),
        (508, Failure::Capacity),
        (441, Failure::Credentials),
        (403, Failure::Refused { code: 403, reason: "no".to_owned() }),
    ] {
        let answers: [fn(Method, &Message<'_>) -> Answer; 4] = [
            |_, _| Answer::Error(486),
            |_, _| Answer::Error(508),
            |_, _| Answer::Error(441),
            |_, _| Answer::Error(403),
        ];
        let answer = answers[[486, 508, 441, 403].iter().position(|known| *known == code).unwrap()];
        let mut pair = Pair::new(Server { answer, ..Server::new() });
        pair.settle();
        assert_eq!(pair.failure(), Some(&expected));
    }
}

#[test]
fn a_silent_server_is_given_up_after_seven_packets() {
    let mut pair = Pair::new(Server { answer: |_, _| Answer::Silence, ..Server::new() });
    pair.run(Duration::from_secs(20));
    assert_eq!((pair.failure(), pair.sent), (Some(&Failure::Timeout), 1 + 7));
}

#[test]
fn a_nonce_that_goes_stale_costs_a_round_trip_and_one_that_always_is_ends_it() {
    let mut pair = Pair::new(Server::new());
    pair.settle();
    pair.server.nonce = "two".to_owned();
    pair.client.permit(IpAddr::from([203, 0, 113, 5]), pair.now);
    pair.client.permit(IpAddr::from([203, 0, 113, 6]), pair.now);
    pair.client.permit(IpAddr::from([203, 0, 113, 7]), pair.now);
    pair.client.permit(IpAddr::from([203, 0, 113, 8]), pair.now);
    pair.client.permit(IpAddr::from([203, 0, 113, 9]), pair.now);
    pair.settle();
    assert_eq!(pair.events.len(), 1, "five requests met one stale nonce: {:?}", pair.events);

    pair.server.answer = |_, _| Answer::Error(438);
    pair.client.refresh(pair.now);
    pair.settle();
    assert_eq!(pair.failure(), Some(&Failure::StaleNonces));
}

#[test]
fn allocations_permissions_and_channels_are_kept_alive() {
    let mut pair = Pair::new(Server::new());
    pair.settle();
    pair.client.permit(IpAddr::from([203, 0, 113, 7]), pair.now);
    pair.client.bind(PEER.into(), pair.now);
    pair.run(Duration::from_secs(3600));
    assert_eq!(pair.count(Method::REFRESH), 6, "every 540 s");
    assert_eq!(pair.count(Method::CHANNEL_BIND), 1 + 3600 / 240);
    assert_eq!(pair.count(Method::CREATE_PERMISSION), 1 + 3600 / 240);
    assert!(pair.count(Method::BINDING) > 100, "a NAT is reminded of us");
    assert_eq!(pair.events.len(), 2, "{:?}", pair.events);
}

#[test]
fn a_lifetime_of_forever_is_not_believed_and_one_of_zero_is_no_allocation() {
    let mut pair = Pair::new(Server { lifetime: u32::MAX, ..Server::new() });
    pair.run(Duration::from_secs(3700));
    assert_eq!(pair.count(Method::REFRESH), 1);

    let mut pair = Pair::new(Server { lifetime: 0, ..Server::new() });
    pair.settle();
    assert_eq!(pair.failure(), Some(&Failure::Answer("a lifetime above zero")));
}

#[test]
fn the_first_packet_to_a_peer_asks_for_a_channel_and_later_ones_use_it() {
    let mut pair = Pair::new(Server::new());
    pair.settle();
    let mut out = [0; 256];
    let length = pair.client.wrap(PEER.into(), b"check", &mut out, pair.now).unwrap();
    let message = Message::parse(&out[..length]).unwrap();
    assert_eq!((message.method(), message.class()), (Method::SEND, Class::Indication));
    assert_eq!(message.get(), Ok(Some(XorPeerAddress(PEER.into()))));
    assert_eq!(message.get(), Ok(Some(Data(b"check"))));
    pair.settle();
    assert_eq!(pair.events.last(), Some(&Event::ChannelBound { peer: PEER.into() }));
    let length = pair.client.wrap(PEER.into(), b"media", &mut out, pair.now).unwrap();
    let frame = ChannelData { channel: ChannelNumber::FIRST, data: b"media" };
    assert_eq!(ChannelData::parse(&out[..length]), Ok(frame));
    assert_eq!(length, 9, "no padding in a datagram");
    let received = pair.client.handle_packet(&out[..length], pair.now);
    assert_eq!(received, Received::Data { peer: PEER.into(), data: b"media" });
}

#[test]
fn data_indications_bring_data_and_strangers_nothing() {
    let mut pair = Pair::new(Server::new());
    let mut buffer = [0; 128];
    let mut indication = |client: &mut Client, now| {
        let mut writer =
            MessageWriter::new(&mut buffer, Class::Indication, Method::DATA, [1; 12].into()).unwrap();
        writer.push(&XorPeerAddress(PEER.into())).unwrap().push(&Data(b"hi")).unwrap();
        let packet = writer.finish();
        client.handle_packet(packet, now) == Received::Data { peer: PEER.into(), data: b"hi" }
    };
    assert!(!indication(&mut pair.client, pair.now), "nothing before the allocation");
    pair.settle();
    assert!(indication(&mut pair.client, pair.now));
    for foreign in [&b"\x40\x05\x00\x00"[..], b"\x80rtp.", b"", b"\x16\x03\x01", &[0; 20]] {
        assert_eq!(pair.client.handle_packet(foreign, pair.now), Received::Foreign);
    }
}

#[test]
fn answers_are_taken_once_and_only_if_they_are_proven() {
    let mut pair = Pair::new(Server::new());
    pair.settle_unproven_first();
    let packet = pair.client.poll_transmit().unwrap().bytes.to_vec();
    let request = Message::parse(&packet).unwrap();
    let good = pair.server.grant(&request);
    let mut unsigned = [0; 256];
    let mut writer = MessageWriter::answer(&mut unsigned, Class::Success, &request).unwrap();
    writer.push(&XorRelayedAddress(([6, 6, 6, 6], 6).into())).unwrap();
    assert_eq!(pair.client.handle_packet(writer.finish(), pair.now), Received::Foreign, "not signed");
    let mut forged = good.clone();
    *forged.last_mut().unwrap() ^= 1;
    assert_eq!(pair.client.handle_packet(&forged, pair.now), Received::Foreign, "signed by another");
    let redirect = pair.server.refuse(&request, 300, false);
    assert_eq!(pair.client.handle_packet(&redirect, pair.now), Received::Foreign, "an unproven redirection");
    assert_eq!(pair.client.handle_packet(&good, pair.now), Received::Control);
    assert_eq!(pair.client.handle_packet(&good, pair.now), Received::Foreign, "the same again");
}

#[test]
fn redirections_are_followed_to_other_servers_only_and_not_without_end() {
    let mut pair = Pair::new(Server { answer: |_, _| Answer::Error(300), ..Server::new() });
    pair.settle();
    assert_eq!(pair.failure(), Some(&Failure::Redirects), "the second names the same");
    assert_eq!(pair.client.server(), ([192, 0, 2, 2], 3478).into());

    let mut pair = Pair::new(Server { answer: |_, _| Answer::Error(300), ..Server::new() });
    for n in 2..20 {
        pair.server.alternate = ([192, 0, 2, n], 3478).into();
        let Some(transmit) = pair.client.poll_transmit() else { break };
        let packet = transmit.bytes.to_vec();
        let answer = pair.server.handle(&packet).unwrap();
        pair.client.handle_packet(&answer, pair.now);
    }
    let events: Vec<_> = std::iter::from_fn(|| pair.client.poll_event()).collect();
    assert_eq!(events.len(), super::MAX_REDIRECTS + 1);
    assert_eq!(events.last(), Some(&Event::Failed(Failure::Redirects)));
}

#[test]
fn an_allocation_left_on_our_port_is_cleared_once() {
    fn left_over(method: Method, _: &Message<'_>) -> Answer {
        if method == Method::ALLOCATE { Answer::Error(437) } else { Answer::Success }
    }
    let mut pair = Pair::new(Server { answer: left_over, ..Server::new() });
    pair.settle();
    assert_eq!(pair.count(Method::REFRESH), 1);
    assert_eq!(pair.failure(), Some(&Failure::Mismatch));
}

#[test]
fn a_server_that_forgot_us_is_noticed_by_any_answer() {
    for start in [
        (|client, now| Client::refresh(client, now)) as fn(&mut Client, Instant),
        |client, now| client.permit(IpAddr::from([203, 0, 113, 7]), now),
        |client, now| client.bind(PEER.into(), now),
    ] {
        let mut pair = Pair::new(Server::new());
        pair.settle();
        pair.server.answer = |_, _| Answer::Error(437);
        start(&mut pair.client, pair.now);
        pair.settle();
        assert_eq!(pair.failure(), Some(&Failure::Gone));
    }
}

#[test]
fn a_refused_peer_is_reported_and_not_asked_for_again() {
    let mut pair = Pair::new(Server::new());
    pair.settle();
    pair.server.answer = |_, _| Answer::Error(403);
    let mut out = [0; 256];
    assert!(pair.client.wrap(PEER.into(), b"x", &mut out, pair.now).is_some());
    pair.settle();
    let refused = Event::PeerRefused { peer: SocketAddr::from(PEER).ip(), code: Some(403) };
    assert_eq!(pair.events.last(), Some(&refused));
    assert_eq!(pair.client.wrap(PEER.into(), b"x", &mut out, pair.now), None);
    pair.settle();
    assert_eq!(pair.count(Method::CHANNEL_BIND), 1);
}

#[test]
fn release_gives_the_allocation_back() {
    let mut pair = Pair::new(Server::new());
    pair.settle();
    pair.client.release(pair.now);
    pair.settle();
    assert_eq!((pair.events.last(), pair.client.is_ended()), (Some(&Event::Released), true));
    assert_eq!(pair.client.wrap(PEER.into(), b"x", &mut [0; 64], pair.now), None);

    let mut pair = Pair::new(Server::new());
    pair.settle();
    pair.server.answer = |_, _| Answer::Silence;
    pair.client.release(pair.now);
    pair.run(Duration::from_secs(3));
    assert_eq!(pair.events.last(), Some(&Event::Released));
    assert_eq!(pair.count(Method::REFRESH), 3);
}

#[test]
fn what_is_granted_after_the_release_is_given_back() {
    let mut pair = Pair::new(Server::new());
    pair.settle_unproven_first();
    let asked = pair.client.poll_transmit().expect("it asks again, signed").bytes.to_vec();
    pair.client.release(pair.now);
    assert!(!pair.client.is_ended());
    let granted = pair.server.handle(&asked).expect("the server answers");
    pair.client.handle_packet(&granted, pair.now);
    pair.settle();
    assert_eq!((&pair.events[..], pair.client.is_ended()), (&[Event::Released][..], true));
    assert_eq!(pair.count(Method::REFRESH), 1);
}

#[test]
fn a_release_before_anything_is_granted_asks_for_nothing_more() {
    let mut pair = Pair::new(Server::new());
    pair.client.release(pair.now);
    pair.settle();
    assert_eq!((pair.sent, &pair.events[..]), (1, &[Event::Released][..]));

    let mut pair = Pair::new(Server::new());
    pair.settle_unproven_first();
    pair.server.answer = |_, _| Answer::Silence;
    pair.client.release(pair.now);
    pair.run(Duration::from_secs(60));
    assert_eq!((&pair.events[..], pair.client.is_ended()), (&[Event::Released][..], true));
}

#[test]
fn both_families_can_be_had_at_once_and_peers_of_others_are_not_sent_to() {
    let v6: SocketAddr = "[2001:db8::7]:9".parse().unwrap();
    let mut out = [0; 128];
    let mut pair = Pair::with(Server::new(), |config| config.family = RelayFamily::Both);
    pair.settle();
    assert!(matches!(pair.events[..], [Event::Allocated { second: Some(second), .. }] if second.is_ipv6()));
    assert!(pair.client.wrap(v6, b"x", &mut out, pair.now).is_some());

    let mut pair = Pair::new(Server::new());
    pair.settle();
    assert_eq!(pair.client.wrap(v6, b"x", &mut out, pair.now), None);
}

#[test]
fn peers_and_requests_under_way_are_bounded() {
    let mut pair = Pair::new(Server::new());
    pair.settle();
    let mut out = [0; 128];
    let mut wrapped = 0;
    for n in 1..2000 {
        wrapped +=
            usize::from(pair.client.wrap(([203, 0, 113, 5], n).into(), b"x", &mut out, pair.now).is_some());
    }
    assert_eq!(wrapped, MAX_PENDING - 1);
    for n in 1..2000 {
        pair.settle();
        wrapped +=
            usize::from(pair.client.wrap(([203, 0, 113, 6], n).into(), b"x", &mut out, pair.now).is_some());
    }
    assert_eq!(wrapped, MAX_PEERS);
}

#[test]
fn over_a_stream_nothing_is_sent_again_and_data_is_padded() {
    let mut pair = Pair::with(Server::new(), |config| config.wire = Wire::Stream);
    assert_eq!(pair.client.poll_transmit(), None, "not before it is connected");
    pair.client.handle_connected(pair.now);
    pair.settle();
    assert!(matches!(pair.events[..], [Event::Allocated { .. }]));
    pair.client.bind(PEER.into(), pair.now);
    pair.settle();
    let mut out = [0; 64];
    let length = pair.client.wrap(PEER.into(), b"media", &mut out, pair.now).unwrap();
    assert_eq!(length, 12);
    let mut deframer = Deframer::new(2048);
    deframer.push(&out[..length]);
    assert!(matches!(deframer.next_frame(), Ok(Some(Frame::ChannelData(frame))) if frame.data == b"media"));

    pair.server.answer = |_, _| Answer::Silence;
    let sent = pair.sent;
    pair.client.refresh(pair.now);
    pair.run(Duration::from_secs(11));
    assert_eq!((pair.sent - sent, pair.failure()), (1, Some(&Failure::Timeout)));
}

#[test]
fn a_stream_that_closes_is_the_end() {
    let mut pair = Pair::with(Server::new(), |config| config.wire = Wire::Stream);
    pair.client.handle_connected(pair.now);
    pair.settle();
    pair.client.handle_disconnected();
    pair.settle();
    assert_eq!(pair.failure(), Some(&Failure::Disconnected));
    pair.client.handle_disconnected();
    pair.settle();
    assert_eq!(pair.events.len(), 2);
}

#[test]
fn nothing_secret_is_shown() {
    let mut pair = Pair::new(Server::new());
    pair.settle();
    let shown = format!("{:?}", pair.client.login_for_test());
    assert!(!shown.contains("alice") && !shown.contains("secret"), "{shown}");
}

impl Client {
    fn login_for_test(&self) -> &Config {
        &self.config
    }
}
