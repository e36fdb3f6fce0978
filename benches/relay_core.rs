//! What a packet costs the relay's core, apart from all sockets, with few clients and with many; what a stranger costs.

#![expect(clippy::disallowed_methods, reason = "a benchmark measures by the clock")]

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::hint::black_box;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use handset::ice::TransactionIds;
use handset::ice::stun::attribute::RequestedTransport;
use handset::ice::stun::{Class, MessageWriter, Method};
use handset::ice::turn::{self, Login, Wire};
use handset::relay::{Action, Client, Config, Envelope, Logins, Outcome, Relay, RelayId};

/// An Opus packet of a call, encrypted.
const PAYLOAD: [u8; 172] = [7; 172];

const SERVER: ([u8; 4], u16) = ([8, 0, 0, 1], 3478);

/// Packets of one round: each from another client, in no order, so that what was just used helps nobody and nothing can
/// be fetched in advance.
const ROUND: usize = 10_000;

/// How much later the next round is, so that limits of bandwidth are not reached.
const ROUND_TIME: Duration = Duration::from_millis(1);

/// A client with an allocation and a channel to a peer of its own.
struct Ready {
    client: Client,
    relay: RelayId,
    peer: SocketAddr,
    packet: Vec<u8>,
}

struct World {
    relay: Relay,
    now: Instant,
}

impl World {
    fn new() -> Self {
        let mut logins = Logins::new();
        logins.add_user("alice", "secret");
        let mut config = Config::new("handset", logins, SERVER.0.into());
        config.limits.allocations_per_user = usize::MAX;
        config.limits.unproven_answers_per_s = None;
        config.limits.bytes_per_s = Some(u32::MAX);
        let now = Instant::now();
        Self { relay: Relay::new(config, [1; 32], now, 1_763_719_200), now }
    }

    fn ready(&mut self, n: usize) -> Ready {
        let [_, a, b, c] = (n as u32).to_be_bytes();
        let client = Client { listener: 0, remote: ([9, a, b, c], 4000).into() };
        let peer = SocketAddr::from(([11, a, b, c], 5000));
        let login = Login::new("alice", "secret").expect("short");
        let config = turn::Config::new(SERVER.into(), Wire::Datagram, login);
        let mut turn = turn::Client::new(config, TransactionIds::from_seed([2; 32]), self.now);
        let relay = self.settle(client, &mut turn).expect("an allocation");
        turn.bind(peer, self.now);
        self.settle(client, &mut turn);
        let mut packet = [0; 256];
        let length = turn.wrap(peer, &PAYLOAD, &mut packet, self.now).expect("bound");
        Ready { client, relay, peer, packet: packet[..length].to_vec() }
    }

    /// Carries requests and answers; says which socket was opened on the way.
    fn settle(&mut self, client: Client, turn: &mut turn::Client) -> Option<RelayId> {
        let mut opened = None;
        while let Some(request) = turn.poll_transmit().map(|transmit| transmit.bytes.to_vec()) {
            let mut answer = [0; 512];
            let mut length = match self.relay.handle_client(client, &request, &mut answer, self.now) {
                Outcome::Answer(length) => length,
                _ => 0,
            };
            while let Some(Action::Open { relay, .. }) = self.relay.poll_action() {
                opened = Some(relay);
                if let Some((_, written)) = self.relay.handle_relay_opened(relay, true, &mut answer, self.now)
                {
                    length = written;
                }
            }
            turn.handle_packet(&answer[..length], self.now);
        }
        opened
    }
}

fn relayed(criterion: &mut Criterion) {
    for allocations in [1, 100, 1000, 10_000] {
        let mut world = World::new();
        let mut ready: Vec<Ready> = (0..allocations).map(|n| world.ready(n)).collect();
        let shuffle = BuildHasherDefault::<DefaultHasher>::default();
        ready.sort_by_cached_key(|ready| shuffle.hash_one(ready.relay));
        let mut group = criterion.benchmark_group("relay core, 172 bytes");
        group.throughput(Throughput::Elements(ROUND as u64));
        group.bench_function(BenchmarkId::new("client to peer", allocations), |bencher| {
            bencher.iter(|| {
                world.now += ROUND_TIME;
                for ready in ready.iter().cycle().take(ROUND) {
                    let mut answer = [0; 512];
                    let outcome =
                        world.relay.handle_client(ready.client, &ready.packet, &mut answer, world.now);
                    assert!(matches!(black_box(outcome), Outcome::ToPeer { .. }));
                }
            });
        });
        group.bench_function(BenchmarkId::new("peer to client", allocations), |bencher| {
            bencher.iter(|| {
                let mut envelope = Envelope::new();
                world.now += ROUND_TIME;
                for ready in ready.iter().cycle().take(ROUND) {
                    let client = world.relay.handle_peer(
                        ready.relay,
                        ready.peer,
                        PAYLOAD.len(),
                        &mut envelope,
                        world.now,
                    );
                    assert!(black_box(client).is_some());
                }
            });
        });
        group.finish();
    }
}

fn strangers(criterion: &mut Criterion) {
    let mut world = World::new();
    let mut request = [0; 64];
    let mut writer =
        MessageWriter::new(&mut request, Class::Request, Method::ALLOCATE, [1; 12].into()).expect("room");
    writer.push(&RequestedTransport::UDP).expect("room");
    let request = writer.finish().to_vec();
    let mut n = 0_u32;
    criterion.bench_function("relay core, an unauthenticated request", |bencher| {
        bencher.iter(|| {
            n = n.wrapping_add(1);
            let client = Client { listener: 0, remote: (n.to_be_bytes(), 4000).into() };
            let mut answer = [0; 512];
            black_box(world.relay.handle_client(client, &request, &mut answer, world.now))
        });
    });
    criterion.bench_function("relay core, an allocation from first request to answer", |bencher| {
        bencher.iter_batched(
            World::new,
            |mut world| {
                black_box(world.ready(1));
                world
            },
            BatchSize::SmallInput,
        );
    });
}

criterion_group!(benches, relayed, strangers);
criterion_main!(benches);
