//! Data on channels whose ways are at hand: they end when they should, and nobody gets another's.

use std::net::SocketAddr;
use std::time::Duration;

use super::server_tests::{ByHand, PEER, World, remote};
use super::{Client, Envelope, RelayId};
use crate::ice::stun::attribute::{Lifetime, RequestedTransport, XorPeerAddress};
use crate::ice::stun::{ChannelData, ChannelNumber, MessageWriter, Method};

fn channel(n: u16) -> ChannelNumber {
    ChannelNumber::new(0x4000 + n).unwrap()
}

fn peer(n: u8) -> SocketAddr {
    ([8, 8, 8, n], 9000).into()
}

/// A user with an allocation, who tells his requests apart.
struct Alice {
    hand: ByHand,
    client: Client,
    relay: RelayId,
    asked: u8,
}

impl Alice {
    fn new(world: &mut World, n: u8, lifetime_s: u32) -> Self {
        let hand = ByHand::new(world, remote(n), "alice", "secret");
        let granted = hand.ask(world, Method::ALLOCATE, 1, |w| {
            w.push(&RequestedTransport::UDP).unwrap().push(&Lifetime::from_secs(lifetime_s)).unwrap();
        });
        assert_eq!(granted, 0);
        let relay = world.sockets.keys().copied().find(|id| world.relay.client_of(*id) == Some(remote(n)));
        Self { hand, client: remote(n), relay: relay.unwrap(), asked: 1 }
    }

    /// Asks something that is granted, with a new nonce when the old one is stale.
    fn ask(&mut self, world: &mut World, method: Method, fill: impl Fn(&mut MessageWriter<'_>)) {
        self.asked += 1;
        let mut code = self.hand.ask(world, method, self.asked, &fill);
        if code == 438 {
            self.hand = ByHand::new(world, self.client, "alice", "secret");
            code = self.hand.ask(world, method, self.asked, &fill);
        }
        assert_eq!(code, 0);
    }

    fn bind(&mut self, world: &mut World, number: ChannelNumber, peer: SocketAddr) {
        self.ask(world, Method::CHANNEL_BIND, |w| {
            w.push(&number).unwrap().push(&XorPeerAddress(peer)).unwrap();
        });
    }

    fn permit(&mut self, world: &mut World, peer: SocketAddr) {
        self.ask(world, Method::CREATE_PERMISSION, |w| {
            w.push(&XorPeerAddress(peer)).unwrap();
        });
    }

    fn refresh(&mut self, world: &mut World, lifetime_s: u32) {
        self.ask(world, Method::REFRESH, |w| {
            w.push(&Lifetime::from_secs(lifetime_s)).unwrap();
        });
    }

    /// To whom data on a channel goes.
    fn say(&self, world: &mut World, number: ChannelNumber) -> Option<SocketAddr> {
        let packet = [&ChannelData::header(number, 5)[..], b"hello"].concat();
        world.sent.clear();
        assert_eq!(world.ask(self.client, &packet), None, "data is not answered");
        world.sent.pop().map(|(_, peer, _)| peer)
    }

    /// On which channel data from a peer comes.
    fn hear(&self, world: &mut World, peer: SocketAddr) -> Option<ChannelNumber> {
        let mut envelope = Envelope::new();
        let client = world.relay.handle_peer(self.relay, peer, 5, &mut envelope, world.now)?;
        assert_eq!(client, self.client);
        Some(ChannelData::parse(&[envelope.head(), b"hello"].concat()).unwrap().channel)
    }
}

#[test]
fn a_channel_in_use_ends_with_its_permission_and_goes_on_with_a_new_one() {
    let mut world = World::new();
    let mut alice = Alice::new(&mut world, 1, 3600);
    alice.bind(&mut world, channel(0), PEER.into());
    for passed_s in [0, 150, 149] {
        world.pass(Duration::from_secs(passed_s));
        assert_eq!(alice.say(&mut world, channel(0)), Some(PEER.into()));
        assert_eq!(alice.hear(&mut world, PEER.into()), Some(channel(0)));
    }
    world.pass(Duration::from_secs(1));
    assert_eq!(alice.say(&mut world, channel(0)), None);
    assert_eq!(alice.hear(&mut world, PEER.into()), None);
    assert_eq!(world.relay.counters().unpermitted, 2);
    alice.permit(&mut world, PEER.into());
    assert_eq!(alice.say(&mut world, channel(0)), Some(PEER.into()));
    assert_eq!(alice.hear(&mut world, PEER.into()), Some(channel(0)));
}

#[test]
fn a_channel_in_use_ends_in_its_time_though_its_peer_is_permitted() {
    let mut world = World::new();
    let mut alice = Alice::new(&mut world, 1, 3600);
    alice.bind(&mut world, channel(0), PEER.into());
    for _ in 0..2 {
        world.pass(Duration::from_secs(299));
        alice.permit(&mut world, PEER.into());
        assert_eq!(alice.say(&mut world, channel(0)), Some(PEER.into()));
    }
    // The way that is at hand ends with the first of these permissions; found again, it ends with the channel.
    world.pass(Duration::from_secs(1));
    assert_eq!(alice.say(&mut world, channel(0)), Some(PEER.into()));
    world.pass(Duration::from_secs(1));
    assert_eq!(alice.say(&mut world, channel(0)), None);
    let mut envelope = Envelope::new();
    let heard = world.relay.handle_peer(alice.relay, PEER.into(), 5, &mut envelope, world.now);
    assert!(heard.is_some() && envelope.head().len() > 4, "as an indication");
}

#[test]
fn a_channel_in_use_ends_with_an_allocation_that_is_cut_short() {
    let mut world = World::new();
    let mut alice = Alice::new(&mut world, 1, 3600);
    alice.bind(&mut world, channel(0), PEER.into());
    assert_eq!(alice.say(&mut world, channel(0)), Some(PEER.into()));
    alice.refresh(&mut world, 600);
    world.pass(Duration::from_secs(590));
    alice.bind(&mut world, channel(0), PEER.into());
    assert_eq!(alice.say(&mut world, channel(0)), Some(PEER.into()));
    assert_eq!(alice.hear(&mut world, PEER.into()), Some(channel(0)));
    // The shell is late with its timeout: what has ended is over nevertheless.
    world.now += Duration::from_secs(10);
    assert_eq!(alice.say(&mut world, channel(0)), None);
    assert_eq!(alice.hear(&mut world, PEER.into()), None);
    world.pass(Duration::ZERO);
    assert!(world.relay.is_empty_inside());
}

#[test]
fn who_gets_a_slot_gets_nothing_of_what_was_there() {
    let mut world = World::new();
    let mut first = Alice::new(&mut world, 1, 600);
    first.bind(&mut world, channel(0), PEER.into());
    assert_eq!(first.say(&mut world, channel(0)), Some(PEER.into()));
    first.refresh(&mut world, 0);
    let second = Alice::new(&mut world, 2, 600);
    assert!(first.relay != second.relay && first.relay.index() == second.relay.index());
    assert_eq!(second.say(&mut world, channel(0)), None);
    assert_eq!(second.hear(&mut world, PEER.into()), None);
    assert_eq!(first.say(&mut world, channel(0)), None);
    assert_eq!(first.hear(&mut world, PEER.into()), None);
}

#[test]
fn more_channels_than_are_at_hand_take_turns() {
    let mut world = World::new();
    let mut alice = Alice::new(&mut world, 1, 600);
    let all: Vec<_> = (0..5).map(|n| (channel(u16::from(n)), peer(n))).collect();
    for (number, peer) in &all {
        alice.bind(&mut world, *number, *peer);
    }
    for round in 0..3 {
        for (number, peer) in all.iter().chain(all.iter().rev()) {
            assert_eq!(alice.say(&mut world, *number), Some(*peer), "round {round}");
            assert_eq!(alice.hear(&mut world, *peer), Some(*number), "round {round}");
        }
    }
    let elsewhere = SocketAddr::new(peer(0).ip(), 9001);
    let mut envelope = Envelope::new();
    let heard = world.relay.handle_peer(alice.relay, elsewhere, 5, &mut envelope, world.now);
    assert!(heard.is_some() && envelope.head().len() > 4, "another port has no channel");
}

#[test]
fn the_shell_is_told_until_when_a_channel_passes() {
    let mut world = World::new();
    let mut alice = Alice::new(&mut world, 1, 600);
    let start = world.now;
    let until = |world: &World, n: u16| world.passes.get(&(alice_relay(world), channel(n))).copied();
    assert_eq!(until(&world, 0), None);
    alice.bind(&mut world, channel(0), peer(1));
    alice.bind(&mut world, channel(1), peer(2));
    // The permission ends first.
    let after = |seconds| start + Duration::from_secs(seconds);
    assert_eq!(until(&world, 0), Some((peer(1), after(300))));
    world.pass(Duration::from_secs(200));
    alice.permit(&mut world, peer(1));
    assert_eq!(until(&world, 0), Some((peer(1), after(500))));
    assert_eq!(until(&world, 1), Some((peer(2), after(300))), "it was not asked for");
    world.pass(Duration::from_secs(200));
    alice.permit(&mut world, peer(1));
    assert_eq!(until(&world, 0), Some((peer(1), after(600))), "channel and allocation end first");
    alice.ask(&mut world, Method::REFRESH, |w| {
        w.push(&Lifetime::from_secs(1200)).unwrap();
    });
    assert_eq!(until(&world, 0), Some((peer(1), after(600))), "the channel ends first");
    alice.bind(&mut world, channel(0), peer(1));
    assert_eq!(until(&world, 0), Some((peer(1), after(700))));
}

fn alice_relay(world: &World) -> RelayId {
    *world.sockets.keys().next().unwrap()
}
