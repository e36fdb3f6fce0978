//! Any bytes as what strangers, clients and peers send.

use std::time::Duration;

use super::world::{Got, Signer, World};
use crate::ice::fuzz::Source;
use crate::ice::stun::attribute::{RequestedTransport, XorPeerAddress};
use crate::ice::stun::{ChannelNumber, Message, Method};
use crate::relay::Client;

/// Any bytes as packets of a client that has an allocation and of others that have none: whoever cannot sign gets no
/// allocation and no permission, is answered in STUN or not at all, and nothing goes to anybody but the one peer that was
/// permitted before.
pub fn packets(data: &[u8]) {
    let mut world = World::new();
    let alice = Client { listener: 0, remote: ([8, 0, 1, 1], 4000).into() };
    let permitted = ([8, 8, 8, 8], 9000).into();
    let signer = Signer::new("alice", "secret");
    let allocate = world.signed(alice, &signer, Method::ALLOCATE, |w| {
        w.push(&RequestedTransport::UDP).expect("room");
    });
    assert!(matches!(world.send(alice, &allocate), Got::Answer(_)));
    let bind = world.signed(alice, &signer, Method::CHANNEL_BIND, |w| {
        let written = w.push(&ChannelNumber::FIRST).and_then(|w| w.push(&XorPeerAddress(permitted)));
        written.map(drop).expect("room");
    });
    assert!(matches!(world.send(alice, &bind), Got::Answer(_)));
    let mut script = Source(data);
    while !script.is_empty() {
        let who = Client { listener: 0, remote: ([8, 0, 1, script.byte() % 3], 4000).into() };
        match script.byte() % 8 {
            0 => world.pass(Duration::from_secs(u64::from(script.byte()))),
            1 => from_peer(&mut world, alice, &mut script),
            _ => {
                let length = usize::from(script.byte());
                let packet = script.take(length);
                match world.send(who, packet) {
                    Got::Nothing => {}
                    Got::Answer(answer) => drop(Message::parse(&answer).expect("answers are STUN")),
                    Got::ToPeer { peer, .. } => {
                        assert_eq!((who, peer.ip()), (alice, permitted.ip()), "nobody else is sent to");
                    }
                }
            }
        }
        assert!(world.relay.counters().active <= 1, "without a signature nobody gets an allocation");
    }
    world.check_that_nothing_remains();
}

fn from_peer(world: &mut World, alice: Client, script: &mut Source<'_>) {
    let peer = ([8, 8, 8, script.byte()], 9000).into();
    let Some(relay) = world.socket_of(alice) else { return };
    if world.arrive(relay, peer, usize::from(script.byte())).is_some() {
        assert_eq!(peer, ([8, 8, 8, 8], 9000).into(), "nobody else is heard");
    }
}
