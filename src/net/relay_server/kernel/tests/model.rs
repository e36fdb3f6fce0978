//! Random packets beside the core: what the program relays the core relays too, to the same address and byte for byte; and
//! what the core relays on a channel the program relays, unless it is one of the kinds that it leaves to the sockets.

use std::collections::HashMap;
use std::net::{SocketAddr, SocketAddrV4};
use std::time::{Duration, Instant};

use super::super::entry::{Entry, EntryKey};
use super::super::program::{NEXT, PASS};
use super::datagram::{Checksum, Datagram};
use super::stand::{LOOPBACK, Stand};
use crate::ice::TransactionIds;
use crate::ice::turn::{self, Login, Wire};
use crate::relay::{Action, Client, Config, Envelope, Logins, Outcome, Relay, RelayId};

const PACKETS: usize = 20_000;

const LISTENER: SocketAddrV4 = SocketAddrV4::new(std::net::Ipv4Addr::new(8, 0, 0, 1), 3478);

/// Clients with an allocation each; one more has none.
const CLIENTS: usize = 3;

fn client(n: usize) -> SocketAddrV4 {
    SocketAddrV4::new([8, 0, 1, 7].into(), 4000 + n as u16)
}

/// Every client has a channel to the first two, a permission for the third, and nothing for the last.
fn peer(n: usize) -> SocketAddrV4 {
    let ports = [9000, 9001, 9002, 9000];
    SocketAddrV4::new([8, 8, 8, 8 + (n / 3) as u8].into(), ports[n])
}

struct Model {
    stand: Stand,
    relay: Relay,
    relayed: HashMap<RelayId, SocketAddrV4>,
    now: Instant,
}

impl Model {
    fn new() -> Self {
        let mut logins = Logins::new();
        logins.add_user("alice", "secret");
        let mut config = Config::new("example.org", logins, (*LISTENER.ip()).into());
        config.limits.bytes_per_s = None;
        let now = Instant::now();
        let relay = Relay::new(config, [1; 32], now, 1_763_719_200);
        let mut model = Self { stand: Stand::empty(), relay, relayed: HashMap::new(), now };
        (0..CLIENTS).for_each(|n| model.establish(n));
        assert_eq!(model.relayed.len(), CLIENTS);
        model
    }

    /// An allocation with its channels, asked for by our own client.
    fn establish(&mut self, n: usize) {
        let login = Login::new("alice", "secret").expect("short");
        let config = turn::Config::new(LISTENER.into(), Wire::Datagram, login);
        let mut turn = turn::Client::new(config, TransactionIds::from_seed([n as u8; 32]), self.now);
        self.settle(n, &mut turn);
        for bound in 0..2 {
            turn.bind(peer(bound).into(), self.now);
            self.settle(n, &mut turn);
        }
    }

    fn settle(&mut self, n: usize, turn: &mut turn::Client) {
        let (who, mut answer) = (Client { listener: 0, remote: client(n).into() }, [0; 512]);
        while let Some(packet) = turn.poll_transmit().map(|transmit| transmit.bytes.to_vec()) {
            let outcome = self.relay.handle_client(who, &packet, &mut answer, self.now);
            let mut length = if let Outcome::Answer(length) = outcome { length } else { 0 };
            while let Some(action) = self.relay.poll_action() {
                length = self.act(action, &mut answer).unwrap_or(length);
            }
            turn.handle_packet(&answer[..length], self.now);
        }
    }

    fn act(&mut self, action: Action, answer: &mut [u8]) -> Option<usize> {
        match action {
            Action::Open { relay, port, .. } => {
                self.relayed.insert(relay, SocketAddrV4::new(*LISTENER.ip(), port));
                self.relay.handle_relay_opened(relay, true, answer, self.now).map(|(_, length)| length)
            }
            Action::Pass { relay, client, channel, peer, until } => {
                assert!(until > self.now + Duration::from_secs(60));
                let (relayed, peer, client) = (self.relayed[&relay], v4(peer), v4(client.remote));
                let entry = |source, target, channel| Entry { source, target, channel, ..self.stand.entry };
                self.stand.put(
                    EntryKey { from: client, to: LISTENER, channel: Some(channel) },
                    entry(relayed, peer, None),
                );
                let back = EntryKey { from: peer, to: relayed, channel: None };
                self.stand.put(back, entry(LISTENER, client, Some(channel)));
                None
            }
            Action::Close { .. } => panic!("nothing ends"),
        }
    }

    /// What the core makes of a datagram, and whether the program may leave it to the sockets all the same.
    fn expected(&mut self, datagram: &Datagram) -> (Option<Datagram>, bool) {
        let sent = |from, to, data| Datagram { from, to, data, checksum: Checksum::Whole };
        let data = &datagram.data;
        if datagram.to == LISTENER {
            let who = Client { listener: 0, remote: datagram.from.into() };
            return match self.relay.handle_client(who, data, &mut [0; 512], self.now) {
                Outcome::ToPeer { relay, peer, data: relayed } => {
                    let is_padded = relayed.len() + 4 != data.len();
                    (Some(sent(self.relayed[&relay], v4(peer), relayed.to_vec())), is_padded)
                }
                Outcome::Nothing | Outcome::Answer(_) => (None, true),
            };
        }
        let relay = self.relayed.iter().find(|(_, address)| **address == datagram.to).map(|(id, _)| *id);
        let Some(relay) = relay else { return (None, true) };
        let mut envelope = Envelope::new();
        let to = self.relay.handle_peer(relay, datagram.from.into(), data.len(), &mut envelope, self.now);
        // Anything longer than ChannelData's header is an indication's.
        let to = to.filter(|_| envelope.head().len() == 4);
        let relayed = to.map(|to| sent(LISTENER, v4(to.remote), [envelope.head(), data].concat()));
        (relayed, data.len() < 4)
    }
}

fn v4(address: SocketAddr) -> SocketAddrV4 {
    match address {
        SocketAddr::V4(address) => address,
        SocketAddr::V6(address) => panic!("{address} is of the other family"),
    }
}

/// Numbers that are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.below(256) as u8).collect()
    }
}

fn any_datagram(dice: &mut Dice, relayed: &[SocketAddrV4]) -> Datagram {
    let length = dice.below(40);
    let mut data = dice.bytes(length);
    let is_clients = dice.below(2) == 0;
    if is_clients || dice.below(4) == 0 {
        // ChannelData on a channel that is somebody's or nobody's, with a length that is right or nearly so.
        let declared = (length + [0, 0, 0, 0, 1, 2, 3, 4][dice.below(8)]).saturating_sub(dice.below(8) / 7);
        let number = 0x4000 + dice.below(3) as u16;
        let head = [number.to_be_bytes(), (declared as u16).to_be_bytes()].concat();
        data.splice(0..0, head);
        let padding = [0, 0, 0, 0, 1, 2, 3, 4][dice.below(8)];
        data.extend(vec![0; padding]);
    }
    let (from, to) = if is_clients {
        (client(dice.below(CLIENTS + 1)), [LISTENER, LISTENER, LISTENER, relayed[0]][dice.below(4)])
    } else {
        (peer(dice.below(4)), [relayed[0], relayed[1], relayed[2], LISTENER][dice.below(4)])
    };
    Datagram { from, to, data, checksum: Checksum::Whole }
}

pub(super) fn what_the_program_relays_the_core_relays_too_and_nothing_else() {
    let mut model = Model::new();
    let relayed: Vec<SocketAddrV4> = model.relayed.values().copied().collect();
    let (mut dice, mut passed) = (Dice(1), 0);
    for n in 0..PACKETS {
        let datagram = any_datagram(&mut dice, &relayed);
        let (expected, may_go_up) = model.expected(&datagram);
        let frame = datagram.to_frame(LOOPBACK.hardware);
        let (said, after) = model.stand.run(LOOPBACK, &frame);
        if said == NEXT {
            assert_eq!(after, frame, "packet {n} is unchanged");
            assert!(may_go_up || expected.is_none(), "packet {n} is left out: {datagram:?}");
            continue;
        }
        assert_eq!((said, Datagram::of_frame(&after).ok()), (PASS, expected), "packet {n}: {datagram:?}");
        passed += 1;
    }
    assert!(passed > PACKETS / 20, "{passed} of {PACKETS} are relayed");
}
