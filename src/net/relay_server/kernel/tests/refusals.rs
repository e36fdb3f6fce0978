//! What is left to the sockets, exactly as it came in.

use std::net::SocketAddrV4;
use std::time::Duration;

use super::super::program::{NEXT, PASS};
use super::datagram::{Datagram, sum};
use super::stand::{Entrance, LOOPBACK, Stand, now_ns};

const DATA: [u8; 172] = [0x9b; 172];

/// Bytes in front of the IP header.
const IP: usize = 14;

pub(super) fn what_is_not_an_exact_match_goes_up_unchanged() {
    let stand = Stand::new();
    let elsewhere = |address: SocketAddrV4| {
        let [a, b, c, d] = address.ip().octets();
        [
            SocketAddrV4::new([a, b, c, d ^ 1].into(), address.port()),
            SocketAddrV4::new(*address.ip(), address.port() ^ 1),
            SocketAddrV4::new(*address.ip(), address.port() ^ 0x100),
        ]
    };
    for datagram in [stand.client_sends(&DATA), stand.peer_sends(&DATA)] {
        assert_eq!(stand.relay(LOOPBACK, &datagram).0, PASS);
        for from in elsewhere(datagram.from) {
            let other = Datagram { from, ..datagram.clone() };
            stand.assert_unchanged("somebody else", LOOPBACK, &other.to_frame([0; 6]));
        }
        for to in elsewhere(datagram.to) {
            let other = Datagram { to, ..datagram.clone() };
            stand.assert_unchanged("to somebody else", LOOPBACK, &other.to_frame([0; 6]));
        }
        let back = Datagram { from: datagram.to, to: datagram.from, ..datagram };
        stand.assert_unchanged("the other way around", LOOPBACK, &back.to_frame([0; 6]));
    }
    for first in [0x40, 0x4f, 0x00, 0x16, 0x80] {
        let mut other = stand.client_sends(&DATA);
        other.data[0] = first;
        other.data[1] = 2;
        stand.assert_unchanged("another channel, or none", LOOPBACK, &other.to_frame([0; 6]));
    }
}

/// A frame with the IP header changed and its checksum made right again.
fn with_header(frame: &[u8], change: impl FnOnce(&mut [u8])) -> Vec<u8> {
    let mut frame = frame.to_vec();
    change(&mut frame);
    let header_bytes = usize::from(frame[IP] & 0xf) * 4;
    frame[IP + 10..IP + 12].fill(0);
    let checksum = !sum(&[&frame[IP..IP + header_bytes]]);
    frame[IP + 10..IP + 12].copy_from_slice(&checksum.to_be_bytes());
    frame
}

pub(super) fn what_is_not_one_whole_plain_datagram_goes_up_unchanged() {
    let stand = Stand::new();
    for datagram in [stand.client_sends(&DATA), stand.peer_sends(&DATA)] {
        let frame = datagram.to_frame([0; 6]);
        let ip_bytes = (frame.len() - IP) as u16;
        assert_eq!(stand.run(LOOPBACK, &with_header(&frame, |_| {})).0, PASS);
        type Change = fn(&mut [u8]);
        let changes: [(&str, Change); 6] = [
            ("more fragments", |f| f[IP + 6] = 0x20),
            ("a later fragment", |f| f[IP + 7] = 1),
            ("TCP", |f| f[IP + 9] = 6),
            ("version 6", |f| f[IP] = 0x65),
            ("a datagram that is longer than its packet", |f| f[IP + 25] += 1),
            ("a datagram that is shorter than its packet", |f| f[IP + 25] -= 1),
        ];
        for (what, change) in changes {
            stand.assert_unchanged(what, LOOPBACK, &with_header(&frame, change));
        }
        for length in [ip_bytes - 1, ip_bytes + 1] {
            let lying = with_header(&frame, |f| f[IP + 2..IP + 4].copy_from_slice(&length.to_be_bytes()));
            stand.assert_unchanged("a length that lies", LOOPBACK, &lying);
        }
        let mut options = frame.clone();
        options.splice(IP + 20..IP + 20, [1, 1, 1, 0]);
        let options = with_header(&options, |f| {
            f[IP] = 0x46;
            f[IP + 2..IP + 4].copy_from_slice(&(ip_bytes + 4).to_be_bytes());
        });
        stand.assert_unchanged("options", LOOPBACK, &options);
        let mut wrong = frame.clone();
        wrong[IP + 8] ^= 1;
        stand.assert_unchanged("a header whose checksum is wrong", LOOPBACK, &wrong);
        let mut other = frame.clone();
        other[12..14].copy_from_slice(&[0x86, 0xdd]);
        stand.assert_unchanged("another protocol", LOOPBACK, &other);
        stand.assert_unchanged("another machine's", LOOPBACK, &datagram.to_frame([2; 6]));
        stand.assert_unchanged("everybody's", LOOPBACK, &datagram.to_frame([0xff; 6]));
        let (said, after) = stand.run_segments(LOOPBACK, &frame, 100);
        assert_eq!((said, &after), (NEXT, &frame), "several in one");
        for length in IP + 20..frame.len() {
            // Cut on the way, whatever its header says.
            stand.assert_unchanged("cut", LOOPBACK, &frame[..length]);
        }
        stand.assert_unchanged("with something behind it", LOOPBACK, &[&frame[..], &[0; 6]].concat());
    }
}

pub(super) fn channel_data_that_lies_or_is_padded_goes_up_unchanged() {
    let stand = Stand::new();
    for declared in [0, 1, 168, 169, 171, 173, 176, 0xffff] {
        let mut lying = stand.client_sends(&DATA);
        lying.data[2..4].copy_from_slice(&u16::to_be_bytes(declared));
        stand.assert_unchanged("a length that lies", LOOPBACK, &lying.to_frame([0; 6]));
    }
    // The sockets know how much of it is data.
    let mut padded = stand.client_sends(&DATA[..170]);
    padded.data.extend([0, 0]);
    stand.assert_unchanged("padding", LOOPBACK, &padded.to_frame([0; 6]));
}

pub(super) fn an_entry_that_is_over_or_gone_relays_nothing() {
    let ways = |stand: &Stand| [stand.client_sends(&DATA), stand.peer_sends(&DATA)];
    let stand = Stand::new().with(|entry| entry.expires_ns = now_ns() + 150_000_000);
    assert!(ways(&stand).iter().all(|datagram| stand.relay(LOOPBACK, datagram).0 == PASS));
    std::thread::sleep(Duration::from_millis(160));
    for datagram in ways(&stand) {
        stand.assert_unchanged("over", LOOPBACK, &datagram.to_frame([0; 6]));
    }
    let stand = stand.with(|entry| entry.expires_ns = now_ns() + 60_000_000_000);
    assert!(ways(&stand).iter().all(|datagram| stand.relay(LOOPBACK, datagram).0 == PASS), "renewed");
    for key in stand.keys() {
        stand.maps.entries.remove(&key.to_bytes()).expect("it was there");
    }
    for datagram in ways(&stand) {
        stand.assert_unchanged("gone", LOOPBACK, &datagram.to_frame([0; 6]));
    }
}

pub(super) fn what_is_too_long_for_the_way_goes_up_unchanged() {
    let stand = Stand::new().with(|entry| entry.mtu = 1200);
    let (to_peer, to_client) = (1200 - 28, 1200 - 32);
    assert_eq!(stand.relay(LOOPBACK, &stand.client_sends(&vec![7; to_peer])).0, PASS);
    assert_eq!(stand.relay(LOOPBACK, &stand.peer_sends(&vec![7; to_client])).0, PASS);
    for datagram in [stand.client_sends(&vec![7; to_peer + 1]), stand.peer_sends(&vec![7; to_client + 1])] {
        stand.assert_unchanged("too long", LOOPBACK, &datagram.to_frame([0; 6]));
    }
}

pub(super) fn what_comes_in_where_its_sender_is_not_goes_up_unchanged() {
    // Without an interface there is no other place to be.
    let Some(outside) = Entrance::from_outside() else { return };
    let stand = Stand::new();
    for datagram in [stand.client_sends(&DATA), stand.peer_sends(&DATA)] {
        stand.assert_unchanged(
            "of this machine, from outside",
            outside,
            &datagram.to_frame(outside.hardware),
        );
    }
    let stand = stand.by(outside);
    for datagram in [stand.client_sends(&DATA), stand.peer_sends(&DATA)] {
        stand.assert_unchanged(
            "from outside, of this machine",
            LOOPBACK,
            &datagram.to_frame(LOOPBACK.hardware),
        );
    }
}
