//! Which entries there are.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::{Duration, Instant};

use super::super::entry::EntryKey;
use super::super::path::{KernelPath, Passage};
use crate::ice::stun::ChannelNumber;

const LISTENER: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 3);
const RELAYED: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 4);

/// An allocation at this index.
const SLOT: usize = 0;

fn path(allocations: usize) -> KernelPath {
    KernelPath::start(&[IpAddr::V4(Ipv4Addr::LOCALHOST)], allocations, None).expect("looked for")
}

fn channel(n: u16) -> ChannelNumber {
    ChannelNumber::new(0x4000 + n).expect("legal")
}

fn client() -> SocketAddrV4 {
    SocketAddrV4::new([127, 0, 0, 2].into(), 1)
}

fn peer(n: u8) -> SocketAddrV4 {
    SocketAddrV4::new([127, 0, 1, n].into(), 2)
}

fn passage(number: u16, to: u8, now: Instant) -> Passage {
    Passage {
        client: client().into(),
        listener: LISTENER.into(),
        relayed: RELAYED.into(),
        channel: channel(number),
        peer: peer(to).into(),
        until: now + Duration::from_secs(60),
    }
}

impl KernelPath {
    fn has_client(&self, number: u16) -> bool {
        self.has(EntryKey { from: client(), to: LISTENER, channel: Some(channel(number)) })
    }

    fn has_peer(&self, n: u8) -> bool {
        self.has(EntryKey { from: peer(n), to: RELAYED, channel: None })
    }

    fn has(&self, key: EntryKey) -> bool {
        self.maps.entries.get(&key.to_bytes()).is_ok()
    }

    fn has_both(&self, n: u8) -> bool {
        let both = [self.has_client(n.into()), self.has_peer(n)];
        assert_eq!(both[0], both[1], "both or none");
        both[0]
    }
}

pub(super) fn a_channel_that_passes_has_its_entries_until_it_is_closed() {
    let (mut path, now) = (path(4), Instant::now());
    assert!(!path.has_both(1));
    for _ in 0..3 {
        path.pass(SLOT, passage(1, 1, now), now);
        assert!(path.has_both(1));
    }
    path.pass(SLOT, passage(2, 2, now), now);
    assert!(path.has_both(1) && path.has_both(2));
    path.close(3);
    assert!(path.has_both(1));
    path.close(SLOT);
    assert!(!path.has_both(1) && !path.has_both(2));
    path.close(SLOT);
}

pub(super) fn a_channel_that_goes_to_another_peer_leaves_nothing_behind() {
    let (mut path, now) = (path(4), Instant::now());
    path.pass(SLOT, passage(1, 1, now), now);
    path.pass(SLOT, passage(1, 2, now), now);
    assert!(path.has_client(1) && path.has_peer(2) && !path.has_peer(1));
    // And a peer that gets another channel.
    path.pass(SLOT, passage(2, 2, now), now);
    assert!(path.has_both(2) && !path.has_client(1));
    path.close(SLOT);
    assert!(!path.has_both(2));
}

pub(super) fn who_has_many_channels_has_a_few_in_the_kernel() {
    let (mut path, now) = (path(100), Instant::now());
    (0..64).for_each(|n| path.pass(SLOT, passage(n.into(), n, now), now));
    assert_eq!((0..64).filter(|n| path.has_both(*n)).count(), 4);
}

pub(super) fn a_full_table_costs_nothing_but_the_kernels_help() {
    // Room for four entries.
    let (mut path, now) = (path(1), Instant::now());
    (0..3).for_each(|n| path.pass(SLOT, passage(n.into(), n, now), now));
    assert_eq!((0..3).filter(|n| path.has_both(*n)).count(), 2);
    path.close(SLOT);
    path.pass(SLOT, passage(9, 9, now), now);
    assert!(path.has_both(9), "there is room again");
}

pub(super) fn while_the_network_changes_nothing_is_carried_and_then_everything_again() {
    let (mut path, now) = (path(1000), Instant::now());
    // More than are looked up at once.
    for slot in 0..200 {
        let relayed = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 1000 + slot);
        path.pass(slot.into(), Passage { relayed: relayed.into(), ..passage(slot, 1, now) }, now);
    }
    let carried = |path: &KernelPath| (0..200).filter(|n| path.has_client(*n)).count();
    assert_eq!((carried(&path), path.poll_timeout()), (200, None));
    path.handle_network_change(now);
    assert_eq!(carried(&path), 0);
    path.pass(7, Passage { until: now + Duration::from_secs(90), ..passage(7, 1, now) }, now);
    assert_eq!(carried(&path), 0, "not before it has settled");
    path.handle_timeout(now);
    assert_eq!(carried(&path), 0);
    let due = path.poll_timeout().expect("it settles");
    path.handle_timeout(due);
    assert!((1..200).contains(&carried(&path)), "some at once");
    while let Some(due) = path.poll_timeout() {
        path.handle_timeout(due);
    }
    assert_eq!(carried(&path), 200);
}

pub(super) fn a_client_behind_a_wildcard_is_reached_from_the_address_that_the_system_chooses() {
    let (mut path, now) = (path(4), Instant::now());
    for any in ["0.0.0.0:3", "[::]:3"] {
        let listener: SocketAddr = any.parse().expect("an address");
        let mapped = SocketAddr::new(client().ip().to_ipv6_mapped().into(), client().port());
        path.pass(SLOT, Passage { listener, client: mapped, ..passage(1, 1, now) }, now);
        // Loopback addresses answer each other as themselves.
        let to = SocketAddrV4::new(*client().ip(), LISTENER.port());
        let local = SocketAddrV4::new(Ipv4Addr::LOCALHOST, LISTENER.port());
        let is_there = |to| path.has(EntryKey { from: client(), to, channel: Some(channel(1)) });
        assert!(is_there(to) != is_there(local), "from one of them");
        path.close(SLOT);
        assert!(!path.has_peer(1));
    }
}

pub(super) fn what_is_not_ipv4_is_not_carried() {
    let (mut path, now) = (path(4), Instant::now());
    let six: SocketAddr = "[2001:db8::1]:9".parse().expect("an address");
    path.pass(SLOT, Passage { client: six, ..passage(1, 1, now) }, now);
    path.pass(SLOT, Passage { peer: six, ..passage(2, 2, now) }, now);
    path.pass(SLOT, Passage { listener: six, ..passage(3, 3, now) }, now);
    assert!((1..4).all(|n| !path.has_both(n)));
}
