//! Random clients, random packets and virtual time, beside a model of what each may do.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use super::world::{Got, Signer, World};
use crate::ice::fuzz::Source;
use crate::ice::stun::attribute::{Data, Lifetime, RequestedTransport, XorPeerAddress};
use crate::ice::stun::{AttributeType, ChannelData, ChannelNumber, Class, Message, MessageWriter, Method};
use crate::relay::{Client, RelayId};

const CLIENTS: usize = 4;
const PERMISSION: Duration = Duration::from_secs(300);
const CHANNEL: Duration = Duration::from_secs(600);

/// Addresses that somebody may want to reach: others on the internet, this network, this machine, the relay itself.
const PEERS: [([u8; 4], u16); 8] = [
    ([8, 8, 8, 8], 9000),
    ([8, 8, 8, 8], 9001),
    ([8, 8, 4, 4], 9000),
    ([10, 0, 0, 1], 80),
    ([127, 0, 0, 1], 80),
    ([169, 254, 169, 254], 80),
    ([8, 0, 0, 1], 3478),
    ([8, 0, 0, 1], 50_003),
];

/// What a client was granted, by the answers that it got.
#[derive(Debug)]
struct Granted {
    username: String,
    relay: RelayId,
    until: Instant,
    permissions: HashMap<IpAddr, Instant>,
    channels: HashMap<u16, (SocketAddr, Instant)>,
}

impl Granted {
    fn permits(&self, ip: IpAddr, now: Instant) -> bool {
        self.until > now && self.permissions.get(&ip).is_some_and(|until| *until > now)
    }
}

/// Bytes as a script of what clients ask and say, what peers send and how time passes. Nothing goes to anybody without a
/// permission, nothing that has one is held back, no allocation is given without credentials, and what expires leaves
/// nothing behind.
pub fn model(data: &[u8]) {
    let mut run = Run {
        world: World::new(),
        granted: HashMap::new(),
        signers: vec![
            (Signer::new("alice", "secret"), true),
            (Signer::new("bob", "hunter2"), true),
            (Signer::minted(b"north", "carol", 1_000_000_000), true),
            (Signer::new("alice", "guessed"), false),
            (Signer::new("mallory", "secret"), false),
            (Signer::minted(b"north", "carol", 0), false),
            (Signer::minted(b"south", "carol", 1_000_000_000), false),
        ],
    };
    let mut script = Source(data);
    while !script.is_empty() {
        run.step(&mut script);
        run.check();
    }
    run.world.check_that_nothing_remains();
}

struct Run {
    world: World,
    granted: HashMap<Client, Granted>,
    signers: Vec<(Signer, bool)>,
}

impl Run {
    fn step(&mut self, script: &mut Source<'_>) {
        let n = script.below(CLIENTS) as u8;
        let client = Client { listener: u16::from(n / 2), remote: ([8, 0, 1, n], 4000).into() };
        match script.byte() % 12 {
            0 | 1 => self.allocate(client, script),
            2 => self.refresh(client, script),
            3 => self.permit(client, script),
            4 => self.bind(client, script),
            5 | 6 => self.say(client, script),
            7 | 8 => self.hear(client, script),
            9 => self.world.pass(Duration::from_secs(u64::from(script.byte()) * 3)),
            10 => {
                self.world.relay.handle_client_gone(client);
                self.world.act();
                self.granted.remove(&client);
            }
            _ => self.world.is_busy = script.byte().is_multiple_of(4),
        }
    }

    /// Asks something, perhaps with a bit turned on the way; the answer, if it is a success.
    fn ask(
        &mut self,
        client: Client,
        script: &mut Source<'_>,
        method: Method,
        fill: impl FnOnce(&mut MessageWriter<'_>),
    ) -> Option<(String, Vec<u8>)> {
        let choice = script.below(self.signers.len());
        let (signer, is_known) = &self.signers[choice];
        let mut packet = self.world.signed(client, signer, method, fill);
        let (username, is_known) = (signer.username.clone(), *is_known);
        let turn = script.byte();
        let is_whole = turn < 192;
        if !is_whole {
            let at = script.below(packet.len());
            packet[at] ^= 1 << (turn % 8);
        }
        match self.world.send(client, &packet) {
            Got::Nothing => None,
            Got::Answer(answer) => {
                let message = Message::parse(&answer).expect("answers are STUN");
                if message.class() != Class::Success {
                    return None;
                }
                assert!(is_whole, "a request that was changed on the way is not granted");
                // One that has an allocation may go on with the key that it was made with.
                assert!(is_known, "{method:?} is granted to nobody unknown");
                Some((username, answer))
            }
            Got::ToPeer { peer, .. } => {
                // Only when a bit was turned: the request became data on a channel, or an indication.
                assert!(!is_whole && self.may_send(client, peer.ip()));
                None
            }
        }
    }

    fn may_send(&self, client: Client, ip: IpAddr) -> bool {
        self.granted.get(&client).is_some_and(|granted| granted.permits(ip, self.world.now))
    }

    fn allocate(&mut self, client: Client, script: &mut Source<'_>) {
        let lifetime = lifetime(script);
        let had = self.granted.contains_key(&client);
        let answer = self.ask(client, script, Method::ALLOCATE, |w| {
            w.push(&RequestedTransport::UDP).and_then(|w| w.push(&lifetime)).map(drop).expect("room");
        });
        let Some((username, answer)) = answer else { return };
        assert!(!had, "a 5-tuple has one allocation");
        let granted = Granted {
            username,
            relay: self.world.socket_of(client).expect("an allocation has a socket"),
            until: self.world.now + granted_lifetime(&answer),
            permissions: HashMap::new(),
            channels: HashMap::new(),
        };
        self.granted.insert(client, granted);
    }

    fn refresh(&mut self, client: Client, script: &mut Source<'_>) {
        let lifetime = lifetime(script);
        let answer = self.ask(client, script, Method::REFRESH, |w| {
            w.push(&lifetime).map(drop).expect("room");
        });
        let Some((username, answer)) = answer else { return };
        let granted = self.granted.get_mut(&client).expect("only what is there is refreshed");
        assert_eq!(granted.username, username, "by its owner");
        granted.until = self.world.now + granted_lifetime(&answer);
        if granted_lifetime(&answer).is_zero() {
            self.granted.remove(&client);
        }
    }

    fn permit(&mut self, client: Client, script: &mut Source<'_>) {
        let peer = peer(script);
        let answer = self.ask(client, script, Method::CREATE_PERMISSION, |w| {
            w.push(&XorPeerAddress(peer)).map(drop).expect("room");
        });
        if let Some((username, _)) = answer {
            self.note_permission(client, &username, peer);
        }
    }

    fn bind(&mut self, client: Client, script: &mut Source<'_>) {
        let (peer, number) = (peer(script), 0x3fff + script.below(6) as u16);
        let answer = self.ask(client, script, Method::CHANNEL_BIND, |w| {
            let value = (u32::from(number) << 16).to_be_bytes();
            let written =
                w.push_raw(AttributeType::CHANNEL_NUMBER, &value).and_then(|w| w.push(&XorPeerAddress(peer)));
            written.map(drop).expect("room");
        });
        let Some((username, _)) = answer else { return };
        assert!((0x4000..=0x4fff).contains(&number) && peer.port() != 3478, "{number:#x} to {peer}");
        self.note_permission(client, &username, peer);
        let until = self.world.now + CHANNEL;
        let granted = self.granted.get_mut(&client).expect("noted");
        let before = granted.channels.insert(number, (peer, until));
        let is_free = before.is_none_or(|(before, until)| before == peer || until <= self.world.now);
        assert!(is_free, "a channel keeps its peer");
    }

    fn note_permission(&mut self, client: Client, username: &str, peer: SocketAddr) {
        let [a, b, ..] = match peer.ip() {
            IpAddr::V4(ip) => ip.octets(),
            IpAddr::V6(_) => [0; 4],
        };
        assert!(a == 8 && (b == 8 || b == 0), "{peer} is nobody's to permit");
        let until = self.world.now + PERMISSION;
        let granted = self.granted.get_mut(&client).expect("only an allocation has permissions");
        assert_eq!(granted.username, username, "its owner gives them");
        granted.permissions.insert(peer.ip(), until);
    }

    /// Data from a client, as an indication or on a channel: it arrives exactly if the model permits it.
    fn say(&mut self, client: Client, script: &mut Source<'_>) {
        let (peer, data) = (peer(script), [7; 9]);
        let mut buffer = [0; 128];
        let (packet, to) = if script.byte().is_multiple_of(2) {
            let mut writer = MessageWriter::new(&mut buffer, Class::Indication, Method::SEND, [9; 12].into())
                .expect("room");
            writer.push(&XorPeerAddress(peer)).and_then(|w| w.push(&Data(&data))).map(drop).expect("room");
            (writer.finish().to_vec(), (peer.port() != 3478).then_some(peer))
        } else {
            let number = 0x4000 + script.below(5) as u16;
            let channel = ChannelNumber::new(number).expect("legal");
            let head = ChannelData::header(channel, data.len() as u16);
            let bound = self.granted.get(&client).and_then(|granted| granted.channels.get(&number));
            let bound = bound.filter(|(_, until)| *until > self.world.now).map(|(peer, _)| *peer);
            ([&head[..], &data].concat(), bound)
        };
        let expected = to.filter(|peer| self.may_send(client, peer.ip()));
        match (self.world.send(client, &packet), expected) {
            (Got::Nothing, None) => {}
            (Got::ToPeer { relay, peer, data: sent }, Some(expected)) => {
                let granted = &self.granted[&client];
                assert_eq!((relay, peer, &sent[..]), (granted.relay, expected, &data[..]));
            }
            (got, expected) => panic!("expected {expected:?}, got {got:?}"),
        }
    }

    /// A datagram from a peer: it is heard exactly if the model permits it.
    fn hear(&mut self, client: Client, script: &mut Source<'_>) {
        let (peer, bytes) = (peer(script), usize::from(script.byte()));
        let Some(granted) = self.granted.get(&client) else { return };
        let (relay, is_permitted) = (granted.relay, granted.permits(peer.ip(), self.world.now));
        let heard = self.world.arrive(relay, peer, bytes);
        assert_eq!(heard, is_permitted.then_some(client), "from {peer}");
    }

    /// After each step: the relay has the allocations that were granted and not ended.
    fn check(&mut self) {
        let now = self.world.now;
        self.world.relay.handle_timeout(now);
        self.world.act();
        self.granted.retain(|_, granted| granted.until > now);
        assert_eq!(self.world.relay.counters().active, self.granted.len() as u64);
        assert_eq!(self.world.sockets.len(), self.granted.len(), "one socket each");
        self.check_passes(now);
    }
}

impl Run {
    /// What the shell may relay without asking is what it would be told if it asked, at this moment and until the end.
    fn check_passes(&self, now: Instant) {
        for ((relay, number), (peer, until)) in &self.world.passes {
            let granted = self.granted.values().find(|granted| granted.relay == *relay);
            let granted = granted.expect("what passes belongs to an allocation");
            if *until <= now {
                continue;
            }
            let (bound, channel_until) = granted.channels[number];
            let permitted_until = granted.permissions[&peer.ip()];
            assert_eq!(bound, *peer, "on a channel that is its peer's");
            assert!(*until <= channel_until && *until <= permitted_until && *until <= granted.until);
        }
    }
}

fn peer(script: &mut Source<'_>) -> SocketAddr {
    PEERS[script.below(PEERS.len())].into()
}

fn lifetime(script: &mut Source<'_>) -> Lifetime {
    Lifetime::from_secs([0, 1, 600, 700, 3600, u32::MAX][script.below(6)])
}

fn granted_lifetime(answer: &[u8]) -> Duration {
    let message = Message::parse(answer).expect("answers are STUN");
    let lifetime: Lifetime = message.get().expect("legal").expect("a success says how long");
    lifetime.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_script_agrees_with_the_model(script in prop::collection::vec(any::<u8>(), 0..400)) {
            model(&script);
        }

        #[test]
        fn any_packets_leave_strangers_with_nothing(data in prop::collection::vec(any::<u8>(), 0..400)) {
            super::super::packets(&data);
        }
    }
}
