//! A relay in virtual time, its sockets, and clients who sign what they ask.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::ice::stun::attribute::{Nonce, Realm, Username};
use crate::ice::stun::{Class, Key, Message, MessageWriter, Method, PasswordHash};
use crate::relay::{Action, Client, Config, Credential, Envelope, Logins, Outcome, Relay, RelayId};

pub(super) const UNIX_S: u64 = 1_763_719_200;

const REALM: &str = "handset";

/// Where the relay is, for clients and for peers.
const SERVER: ([u8; 4], u16) = ([8, 0, 0, 1], 3478);

/// So few ports that they run out.
const PORTS: std::ops::RangeInclusive<u16> = 50_000..=50_007;

/// What came of a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Got {
    Nothing,
    Answer(Vec<u8>),
    ToPeer { relay: RelayId, peer: SocketAddr, data: Vec<u8> },
}

pub(super) struct World {
    pub(super) relay: Relay,
    pub(super) now: Instant,
    pub(super) sockets: HashMap<RelayId, (Client, SocketAddr)>,
    /// What the shell was told that passes on a channel, to whom and until when.
    pub(super) passes: HashMap<(RelayId, u16), (SocketAddr, Instant)>,
    /// Whether other programs have all ports.
    pub(super) is_busy: bool,
}

/// One who asks, and how it signs.
pub(super) struct Signer {
    pub(super) username: String,
    pub(super) key: Key,
}

impl Signer {
    pub(super) fn new(username: &str, password: &str) -> Self {
        let key = Key::long_term(PasswordHash::Md5, username, REALM, password);
        Self { username: username.to_owned(), key }
    }

    /// With a credential that expires so many seconds after the beginning.
    pub(super) fn minted(secret: &[u8], name: &str, expires_s: u64) -> Self {
        let made = Credential::mint(secret, name, UNIX_S + expires_s);
        Self::new(&made.username, &made.password)
    }
}

impl World {
    #[expect(clippy::disallowed_methods, reason = "one reading of the clock is the origin of virtual time")]
    pub(super) fn new() -> Self {
        let mut logins = Logins::new();
        logins.add_user("alice", "secret");
        logins.add_user("bob", "hunter2");
        logins.add_secret(b"north");
        let mut config = Config::new(REALM, logins, SERVER.0.into());
        config.ports = PORTS;
        config.limits.bytes_per_s = None;
        config.limits.unproven_answers_per_s = None;
        config.limits.allocations_per_user = 2;
        config.listener_ports = vec![SERVER.1];
        let now = Instant::now();
        let relay = Relay::new(config, [7; 32], now, UNIX_S);
        Self { relay, now, sockets: HashMap::new(), passes: HashMap::new(), is_busy: false }
    }

    /// One packet of a client; an answer may come by way of a socket that is opened.
    pub(super) fn send(&mut self, client: Client, packet: &[u8]) -> Got {
        let mut answer = [0; 512];
        let got = match self.relay.handle_client(client, packet, &mut answer, self.now) {
            Outcome::Nothing => Got::Nothing,
            Outcome::Answer(length) => Got::Answer(answer[..length].to_vec()),
            Outcome::ToPeer { relay, peer, data } => {
                let (owner, _) = self.sockets.get(&relay).expect("only an open socket is sent from");
                assert_eq!(*owner, client, "and only its owner sends from it");
                Got::ToPeer { relay, peer, data: data.to_vec() }
            }
        };
        let opened = self.act();
        match (got, opened) {
            (Got::Nothing, Some((to, answer))) => {
                assert_eq!(to, client);
                Got::Answer(answer)
            }
            (got, opened) => {
                assert_eq!(opened, None, "one packet has one answer");
                got
            }
        }
    }

    /// Does what the relay asks for; says which answer came of it.
    pub(super) fn act(&mut self) -> Option<(Client, Vec<u8>)> {
        let (mut buffer, mut answer) = ([0; 512], None);
        while let Some(action) = self.relay.poll_action() {
            match action {
                Action::Open { relay, public, port } => {
                    assert!(PORTS.contains(&port));
                    let address = SocketAddr::new(public, port);
                    assert!(self.sockets.values().all(|(_, open)| *open != address), "a port is lent once");
                    if !self.is_busy {
                        let owner = self.relay.client_of(relay).expect("somebody asked for it");
                        self.sockets.insert(relay, (owner, address));
                    }
                    let told = self.relay.handle_relay_opened(relay, !self.is_busy, &mut buffer, self.now);
                    answer = told.map(|(client, length)| (client, buffer[..length].to_vec())).or(answer);
                }
                Action::Pass { relay, client, channel, peer, until } => {
                    let (owner, _) = self.sockets.get(&relay).expect("only what is open lets pass");
                    assert_eq!(*owner, client, "and only its owner");
                    self.passes.insert((relay, channel.get()), (peer, until));
                }
                Action::Close { relay } => {
                    self.sockets.remove(&relay);
                    self.passes.retain(|(of, _), _| *of != relay);
                }
            }
        }
        answer
    }

    pub(super) fn pass(&mut self, time: Duration) {
        self.now += time;
        self.relay.handle_timeout(self.now);
        self.act();
    }

    /// A datagram that a peer sends to a client's socket: to whom it goes on.
    pub(super) fn arrive(&mut self, relay: RelayId, peer: SocketAddr, bytes: usize) -> Option<Client> {
        let mut envelope = Envelope::new();
        let client = self.relay.handle_peer(relay, peer, bytes, &mut envelope, self.now)?;
        assert!(envelope.head().len() >= 4, "it says from whom");
        Some(client)
    }

    /// The socket of a client, if it has one open.
    pub(super) fn socket_of(&self, client: Client) -> Option<RelayId> {
        self.sockets.iter().find(|(_, (owner, _))| *owner == client).map(|(id, _)| *id)
    }

    /// A signed request with a nonce that is good now.
    pub(super) fn signed(
        &mut self,
        client: Client,
        signer: &Signer,
        method: Method,
        fill: impl FnOnce(&mut MessageWriter<'_>),
    ) -> Vec<u8> {
        let mut buffer = [0; 512];
        let id = [self.relay.counters().challenges as u8; 12];
        let bare = MessageWriter::new(&mut buffer, Class::Request, Method::REFRESH, id.into());
        let bare = bare.expect("room for a header").finish().to_vec();
        let Got::Answer(challenge) = self.send(client, &bare) else { panic!("strangers are challenged") };
        let challenge = Message::parse(&challenge).expect("a relay answers in STUN");
        let nonce: Nonce<'_> = challenge.get().expect("legal").expect("a challenge has a nonce");
        let mut writer =
            MessageWriter::new(&mut buffer, Class::Request, method, id.into()).expect("room for a header");
        fill(&mut writer);
        let username = Username::new(&signer.username).expect("short");
        let realm = Realm::new(REALM).expect("short");
        let written = writer
            .push(&username)
            .and_then(|w| w.push(&realm))
            .and_then(|w| w.push(&nonce))
            .and_then(|w| w.integrity(&signer.key));
        written.expect("it fits");
        writer.finish().to_vec()
    }

    /// Two hours after the last request nothing is left.
    pub(super) fn check_that_nothing_remains(mut self) {
        self.pass(Duration::from_secs(7200));
        assert!(self.sockets.is_empty(), "every socket is closed");
        assert!(self.relay.is_empty_inside(), "nothing is left in the tables");
        assert_eq!((self.relay.counters().active, self.relay.poll_timeout()), (0, None));
    }
}
