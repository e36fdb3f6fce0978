//! Calls on one network, with names in place of addresses, and neither STUN nor TURN.

use std::net::{IpAddr, SocketAddr};

use super::laboratory::Namespace;
use super::programs::switchboard;
use super::talk::{Side, Talk};

pub(crate) fn two_that_hide_their_addresses_find_each_other_over_ipv4() {
    call_on(["192.168.77.1/24", "192.168.77.2/24", "192.168.77.3/24"]);
}

pub(crate) fn two_that_hide_their_addresses_find_each_other_over_ipv6() {
    call_on(["fd77::1/64", "fd77::2/64", "fd77::3/64"]);
}

/// A switchboard and two peers at these addresses of one network, in a call.
#[track_caller]
fn call_on(addresses: [&str; 3]) {
    let [at, alice_at, bob_at] = addresses;
    let hub = Namespace::new("hub");
    hub.ip(&format!("link add br0 type bridge\nlink set br0 up\naddr add {at} dev br0{}", without_dad(at)));
    let [alice, bob] = [(alice_at, "port1"), (bob_at, "port2")].map(|(at, port)| {
        let peer = Namespace::new("peer");
        hub.cable(port, &peer, "eth0");
        hub.ip(&format!("link set {port} master br0"));
        peer.ip(&format!("addr add {at} dev eth0{}", without_dad(at)));
        peer
    });
    let listen = SocketAddr::new(ip(at), 8080).to_string();
    let (_switchboard, server) = switchboard(&hub.place(), &listen);
    let sides = [&alice, &bob].map(|peer| Side::new(&peer.place(), &server, &["--hide-addresses"]));
    let mut talk = Talk::begin(&sides[0], &sides[1]);
    talk.assert_direct();
    for (peer, at) in [(&talk.alice, alice_at), (&talk.bob, bob_at)] {
        let told: Vec<_> = peer.seen.iter().filter(|event| event["type"] == "candidate").collect();
        assert_eq!(told.len(), 1, "{told:?}");
        let address: SocketAddr =
            told[0]["address"].as_str().and_then(|a| a.parse().ok()).expect("an address");
        assert_eq!(address.ip(), ip(at));
        let name = told[0]["name"].as_str().expect("a name");
        assert!(name.len() == 42 && name.ends_with(".local"), "{name}");
        assert_eq!(peer.errors(), Vec::<String>::new());
    }
    talk.end();
}

fn ip(network: &str) -> IpAddr {
    network.split('/').next().and_then(|ip| ip.parse().ok()).expect("an address")
}

fn without_dad(network: &str) -> &'static str {
    if ip(network).is_ipv6() { " nodad" } else { "" }
}
