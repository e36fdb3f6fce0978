//! What is passed on, and as what.

use std::time::Duration;

use super::super::entry::price;
use super::super::maps::Sums;
use super::super::program::{DROP, NEXT, PASS, REDIRECT};
use super::datagram::{Checksum, Datagram};
use super::stand::{Entrance, LOOPBACK, Stand, now_ns};

/// Encrypted speech.
const DATA: [u8; 172] = [0x9b; 172];

pub(super) fn a_clients_data_goes_to_its_peer_without_the_header() {
    let stand = Stand::new();
    let whole = stand.client_sends(&DATA);
    assert_eq!(stand.relay(LOOPBACK, &whole), (PASS, stand.peer_gets(&DATA)));
    // For sockets of this machine there need not be a checksum, and where none was made none is needed.
    for checksum in [Checksum::Zero, Checksum::Partial] {
        let expected = Datagram { checksum: Checksum::Zero, ..stand.peer_gets(&DATA) };
        assert_eq!(stand.relay(LOOPBACK, &Datagram { checksum, ..whole.clone() }), (PASS, expected));
    }
}

pub(super) fn a_peers_data_goes_to_its_client_behind_a_header() {
    let stand = Stand::new();
    let whole = stand.peer_sends(&DATA);
    assert_eq!(stand.relay(LOOPBACK, &whole), (PASS, stand.client_gets(&DATA)));
    for checksum in [Checksum::Zero, Checksum::Partial] {
        let expected = Datagram { checksum: Checksum::Zero, ..stand.client_gets(&DATA) };
        assert_eq!(stand.relay(LOOPBACK, &Datagram { checksum, ..whole.clone() }), (PASS, expected));
    }
    // What looks like ChannelData of somebody is a peer's data like any other.
    let alike = stand.client_sends(&DATA).data;
    assert_eq!(stand.relay(LOOPBACK, &stand.peer_sends(&alike)), (PASS, stand.client_gets(&alike)));
}

pub(super) fn what_leaves_has_a_checksum_that_is_right_or_stays_with_the_sockets() {
    // Without an interface nothing leaves this machine.
    let Some(outside) = Entrance::from_outside() else { return };
    let stand = Stand::new().by(outside);
    let ways = [
        (stand.client_sends(&DATA), stand.peer_gets(&DATA)),
        (stand.peer_sends(&DATA), stand.client_gets(&DATA)),
    ];
    for (before, after) in ways {
        assert_eq!(stand.relay(outside, &before), (REDIRECT, after.clone()));
        let zero = |datagram: &Datagram| Datagram { checksum: Checksum::Zero, ..datagram.clone() };
        assert_eq!(stand.relay(outside, &zero(&before)), (REDIRECT, zero(&after)));
        let partial = Datagram { checksum: Checksum::Partial, ..before };
        stand.assert_unchanged("a partial checksum", outside, &partial.to_frame(outside.hardware));
    }
}

pub(super) fn any_data_of_any_length_arrives_as_it_was_sent() {
    let stand = Stand::new();
    // Any numbers, so that sums overflow wherever they may.
    let mut number = 1_u32;
    let mut next = || {
        number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (number >> 24) as u8
    };
    for length in (0..64).chain([100, 171, 172, 173, 1199, 1200, 1400]) {
        for _ in 0..20 {
            let data: Vec<u8> = (0..length).map(|_| next()).collect();
            assert_eq!(stand.relay(LOOPBACK, &stand.client_sends(&data)), (PASS, stand.peer_gets(&data)));
            let (said, after) = stand.run(LOOPBACK, &stand.peer_sends(&data).to_frame(LOOPBACK.hardware));
            if length < 4 {
                // Less than is looked at: the sockets know what to do.
                assert_eq!(said, NEXT);
            } else {
                assert_eq!((said, Datagram::of_frame(&after)), (PASS, Ok(stand.client_gets(&data))));
            }
        }
    }
    for byte in [0, 0xff] {
        let data = vec![byte; 172];
        assert_eq!(stand.relay(LOOPBACK, &stand.client_sends(&data)), (PASS, stand.peer_gets(&data)));
        assert_eq!(stand.relay(LOOPBACK, &stand.peer_sends(&data)), (PASS, stand.client_gets(&data)));
    }
}

pub(super) fn bandwidth_is_bounded_both_ways_together_and_what_is_over_is_dropped() {
    let stand = Stand::new().with(|entry| entry.price = price(Some(1720)));
    let (to_peer, to_client) =
        (stand.client_sends(&DATA).to_frame([0; 6]), stand.peer_sends(&DATA).to_frame([0; 6]));
    let passed = || {
        let said = (0..20).map(|n| stand.run(LOOPBACK, if n % 2 == 0 { &to_peer } else { &to_client }).0);
        said.inspect(|said| assert!([PASS, DROP].contains(said))).filter(|said| *said == PASS).count()
    };
    // A second in reserve; the machine may take a tenth of one for this.
    let first = passed();
    assert!((10..=11).contains(&first), "{first}");
    assert_eq!(stand.maps.sums().over_rate, 20 - first as u64);
    std::thread::sleep(Duration::from_millis(350));
    let later = passed();
    assert!((3..=9).contains(&later), "{later}");
    stand.maps.reset_account(stand.entry.slot);
    assert!(passed() >= 10, "an account that is new is full");
    let nothing = Stand::new().with(|entry| entry.price = price(Some(0)));
    assert_eq!(nothing.run(LOOPBACK, &to_peer).0, DROP);
    let all = Stand::new();
    assert!((0..1000).all(|_| all.run(LOOPBACK, &to_peer).0 == PASS));
}

pub(super) fn sockets_and_kernel_have_one_bandwidth_together() {
    let (price, slot) = (price(Some(17_200)), 2);
    let stand = Stand::new().with(|entry| entry.price = price);
    let frame = stand.client_sends(&DATA).to_frame([0; 6]);
    // 100 packets a second, of which the sockets have relayed 90.
    let left = stand.maps.charge_account(slot, price, 90 * 172, now_ns());
    assert!((10 * 172 - 5..=10 * 172).contains(&left), "{left}");
    let passed = (0..100).filter(|_| stand.run(LOOPBACK, &frame).0 == PASS).count();
    // The machine may take a tenth of a second for this.
    assert!((9..=20).contains(&passed), "{passed}");
    assert!(stand.maps.charge_account(slot, price, 0, now_ns()) < 20 * 172);
    assert_eq!(stand.maps.charge_account(slot, price, 1 << 40, now_ns()), 0);
    let later = stand.maps.charge_account(slot, price, 0, now_ns() + 500_000_000);
    assert!((50 * 172 - 200..=70 * 172).contains(&later), "half of it after half a second: {later}");
}

pub(super) fn what_is_relayed_is_counted() {
    let stand = Stand::new();
    for _ in 0..3 {
        stand.relay(LOOPBACK, &stand.client_sends(&DATA));
    }
    stand.relay(LOOPBACK, &stand.peer_sends(&[7; 10]));
    stand.run(LOOPBACK, &stand.client_sends(&DATA).to_frame([2; 6]));
    let expected =
        Sums { to_peers: 3, to_peers_bytes: 3 * 172, to_clients: 1, to_clients_bytes: 10, over_rate: 0 };
    assert_eq!(stand.maps.sums(), expected);
}
