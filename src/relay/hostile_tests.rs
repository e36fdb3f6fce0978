//! Requests that nobody means well with, each with its answer.

use std::net::SocketAddr;
use std::time::Duration;

use super::server_tests::{ByHand, PEER, World, code, remote};
use crate::ice::stun::attribute::{Lifetime, Nonce, Realm, RequestedTransport, Username, XorPeerAddress};
use crate::ice::stun::{
    AttributeType, ChannelNumber, Class, Key, Message, MessageWriter, Method, PasswordHash,
};

fn alice(world: &mut World) -> ByHand {
    ByHand::new(world, remote(1), "alice", "secret")
}

/// A request whose attributes stand in an order of the caller's.
fn request(method: Method, fill: impl FnOnce(&mut MessageWriter<'_>)) -> Vec<u8> {
    let mut buffer = vec![0; 70_000];
    let mut writer = MessageWriter::new(&mut buffer, Class::Request, method, [3; 12].into()).unwrap();
    fill(&mut writer);
    writer.finish().to_vec()
}

/// Changes the length in the header by so many bytes, and the bytes with it.
fn with_tail(mut packet: Vec<u8>, tail: &[u8]) -> Vec<u8> {
    packet.extend_from_slice(tail);
    let length = u16::try_from(packet.len() - 20).unwrap();
    packet[2..4].copy_from_slice(&length.to_be_bytes());
    packet
}

#[test]
fn what_stands_behind_the_signature_counts_for_nothing() {
    let mut world = World::new();
    let alice = alice(&mut world);
    assert_eq!(alice.allocate(&mut world), 0);
    let refresh = alice.request(Method::REFRESH, 2, |w| {
        w.push(&Lifetime::from_secs(900)).unwrap();
    });
    // LIFETIME 0 behind MESSAGE-INTEGRITY would end the allocation, an attribute nobody knows would be refused.
    for tail in [&b"\x00\x0d\x00\x04\x00\x00\x00\x00"[..], b"\x7f\x01\x00\x00"] {
        let answer = world.ask(remote(1), &with_tail(refresh.clone(), tail)).expect("an answer");
        let lifetime: Option<Lifetime> = Message::parse(&answer).unwrap().get().unwrap();
        assert_eq!((code(&answer), lifetime), (0, Some(Lifetime::from_secs(900))));
    }
    assert_eq!(world.relay.counters().active, 1);
}

#[test]
fn a_second_signature_does_not_help_a_first_that_is_wrong() {
    let mut world = World::new();
    let alice = alice(&mut world);
    let wrong = Key::long_term(PasswordHash::Md5, "alice", "example.org", "guessed");
    let forged = request(Method::ALLOCATE, |w| {
        w.push(&RequestedTransport::UDP).unwrap();
        w.push(&Username::new("alice").unwrap()).unwrap();
        w.push(&Realm::new("example.org").unwrap()).unwrap();
        w.push(&Nonce::new(&alice.nonce).unwrap()).unwrap();
        w.integrity(&wrong).unwrap();
    });
    let mut honest = alice.request(Method::ALLOCATE, 3, |w| {
        w.push(&RequestedTransport::UDP).unwrap();
    });
    let signature = honest.split_off(honest.len() - 24);
    assert_eq!(code(&world.ask(remote(1), &with_tail(forged, &signature)).unwrap()), 401);
    assert_eq!(world.relay.counters().active, 0);
}

#[test]
fn a_signature_that_is_changed_anywhere_is_refused() {
    let mut world = World::new();
    let alice = alice(&mut world);
    let honest = alice.request(Method::ALLOCATE, 3, |w| {
        w.push(&RequestedTransport::UDP).unwrap();
    });
    // From the transaction identifier on; the head before it decides what the packet is at all.
    for at in 8..honest.len() {
        let mut changed = honest.clone();
        changed[at] ^= 1;
        if let Some(answer) = world.ask(remote(1), &changed) {
            assert_ne!(code(&answer), 0, "byte {at}");
        }
        assert_eq!(world.relay.counters().active, 0, "byte {at}");
    }
    assert_eq!(code(&world.ask(remote(1), &honest).unwrap()), 0);
}

#[test]
fn a_name_of_sixty_four_kilobytes_is_a_bad_request() {
    let mut world = World::new();
    let alice = alice(&mut world);
    let long = vec![b'a'; 65_000];
    let packet = request(Method::ALLOCATE, |w| {
        w.push(&RequestedTransport::UDP).unwrap();
        w.push_raw(AttributeType::USERNAME, &long).unwrap();
        w.push(&Realm::new("example.org").unwrap()).unwrap();
        w.push(&Nonce::new(&alice.nonce).unwrap()).unwrap();
        w.integrity(&alice.key).unwrap();
    });
    assert_eq!(code(&world.ask(remote(1), &packet).unwrap()), 400);
}

#[test]
fn answers_and_indications_out_of_nowhere_are_passed_over() {
    let mut world = World::new();
    let alice = alice(&mut world);
    assert_eq!(alice.allocate(&mut world), 0);
    for class in [Class::Success, Class::Error] {
        for method in [Method::ALLOCATE, Method::BINDING, Method::REFRESH] {
            let mut buffer = [0; 64];
            let writer = MessageWriter::new(&mut buffer, class, method, [3; 12].into()).unwrap();
            let packet = writer.finish().to_vec();
            assert_eq!(world.ask(remote(1), &packet), None);
        }
    }
    let mut buffer = [0; 64];
    let mut writer =
        MessageWriter::new(&mut buffer, Class::Indication, Method::DATA, [3; 12].into()).unwrap();
    writer.push(&XorPeerAddress(PEER.into())).unwrap();
    let packet = writer.finish().to_vec();
    assert_eq!(world.ask(remote(1), &packet), None);
    assert!(world.sent.is_empty());
}

#[test]
fn wrapped_addresses_are_refused_to_an_ipv6_allocation_too() {
    let mut world = World::with(|config| config.public_v6 = Some("2600::1".parse().unwrap()));
    let alice = alice(&mut world);
    let allocated = alice.ask(&mut world, Method::ALLOCATE, 2, |w| {
        w.push(&RequestedTransport::UDP).unwrap();
        w.push_raw(AttributeType::REQUESTED_ADDRESS_FAMILY, &[2, 0, 0, 0]).unwrap();
    });
    assert_eq!(allocated, 0);
    let mut id = 10;
    for (peer, expected) in [
        ("::", 403),
        ("::1", 403),
        ("fe80::1", 403),
        ("fc00::1", 403),
        ("ff02::1", 403),
        ("2001:db8::1", 403),
        ("64:ff9b::10.0.0.1", 403),
        ("64:ff9b::169.254.169.254", 403),
        ("2002:7f00:1::1", 403),
        ("2002:a9fe:a9fe::1", 403),
        ("::127.0.0.1", 403),
        // Mapped addresses are IPv4 in truth, which this allocation does not have.
        ("::ffff:127.0.0.1", 443),
        ("::ffff:8.8.8.8", 443),
        ("2600::2", 0),
    ] {
        let peer = SocketAddr::new(peer.parse().unwrap(), 80);
        for method in [Method::CREATE_PERMISSION, Method::CHANNEL_BIND] {
            id += 1;
            let found = alice.ask(&mut world, method, id, |w| {
                if method == Method::CHANNEL_BIND {
                    w.push(&ChannelNumber::FIRST).unwrap();
                }
                w.push(&XorPeerAddress(peer)).unwrap();
            });
            assert_eq!(found, expected, "{peer}");
        }
    }
}

#[test]
fn one_bad_peer_among_good_ones_gives_no_permission_at_all() {
    let mut world = World::new();
    let alice = alice(&mut world);
    assert_eq!(alice.allocate(&mut world), 0);
    let mixed = alice.ask(&mut world, Method::CREATE_PERMISSION, 2, |w| {
        w.push(&XorPeerAddress(PEER.into())).unwrap();
        w.push(&XorPeerAddress(([169, 254, 169, 254], 80).into())).unwrap();
    });
    assert_eq!(mixed, 403);
    let relay = *world.sockets.keys().next().unwrap();
    let mut envelope = super::Envelope::new();
    assert_eq!(world.relay.handle_peer(relay, PEER.into(), 4, &mut envelope, world.now), None);
}

#[test]
fn a_replayed_request_does_nothing_once_its_nonce_is_old() {
    let mut world = World::new();
    let alice = alice(&mut world);
    let allocate = alice.request(Method::ALLOCATE, 1, |w| {
        w.push(&RequestedTransport::UDP).unwrap();
    });
    assert_eq!(code(&world.ask(remote(1), &allocate).unwrap()), 0);
    world.pass(Duration::from_secs(700));
    assert_eq!(world.relay.counters().active, 0);
    assert_eq!(code(&world.ask(remote(1), &allocate).unwrap()), 438);
    assert_eq!(code(&world.ask(remote(2), &allocate).unwrap()), 438, "nor from elsewhere");
}
