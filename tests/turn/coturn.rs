//! Our client against coturn, as Debian has it.

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant, SystemTime};

use handset::ice::turn::{Event, Failure, Login, Wire};
use handset::relay::Credential;

use crate::client::Driven;
use crate::coturn_process::Coturn;
use crate::has;

fn client(coturn: &Coturn, wire: Wire, username: &str, password: &str) -> Driven {
    Driven::connect(coturn.address(), wire, Login::new(username, password).expect("of legal length"))
}

fn with_users(name: &str) -> Coturn {
    Coturn::start(name, &["--lt-cred-mech", "--user=alice:secret"])
}

/// Sends from behind the relay to a peer and back, first as indications and then on a channel.
fn speak_both_ways(driven: &mut Driven) {
    let peer = UdpSocket::bind("127.0.0.1:0").expect("a loopback socket");
    peer.set_read_timeout(Some(Duration::from_secs(5))).expect("a timeout above zero");
    let address = peer.local_addr().expect("bound");
    let mut buffer = [0; 256];
    driven.send_to(address, b"first");
    let (length, relayed) = peer.recv_from(&mut buffer).expect("the first packet arrives at once");
    speak_on(driven, &peer, (length, relayed), &buffer);
}

/// The same where a nonce may be stale: then the first packet comes too early for its permission, and is sent again.
fn speak_both_ways_in_time(driven: &mut Driven) {
    let peer = UdpSocket::bind("127.0.0.1:0").expect("a loopback socket");
    peer.set_read_timeout(Some(Duration::from_millis(500))).expect("a timeout above zero");
    let address = peer.local_addr().expect("bound");
    let mut buffer = [0; 256];
    let first = (0..20).find_map(|_| {
        driven.send_to(address, b"first");
        let pause = Instant::now() + Duration::from_millis(50);
        driven.until("a moment to pass", |_| Instant::now() > pause);
        peer.recv_from(&mut buffer).ok()
    });
    // None of the others is still on its way.
    while peer.recv_from(&mut [0; 256]).is_ok() {}
    peer.set_read_timeout(Some(Duration::from_secs(5))).expect("a timeout above zero");
    speak_on(driven, &peer, first.expect("one of them arrives"), &buffer);
}

/// Goes on after the first packet has arrived.
fn speak_on(driven: &mut Driven, peer: &UdpSocket, first: (usize, SocketAddr), buffer: &[u8]) {
    let (length, relayed) = first;
    let address = peer.local_addr().expect("bound");
    assert_eq!((&buffer[..length], Some(relayed)), (&b"first"[..], driven.client.relayed()));
    driven.until("a channel", |driven| driven.events.contains(&Event::ChannelBound { peer: address }));
    for length in [1_usize, 2, 3, 4, 5, 172, 1200] {
        let data = vec![7; length];
        driven.send_to(address, &data);
        let mut buffer = [0; 2048];
        let (got, _) = peer.recv_from(&mut buffer).expect("data on the channel arrives");
        assert_eq!(buffer[..got], data);
        driven.received.clear();
        peer.send_to(&data, relayed).expect("loopback takes a datagram");
        driven.until("the reply", |driven| !driven.received.is_empty());
        assert_eq!(driven.received, [(address, data)]);
    }
}

#[test]
fn an_allocation_over_udp_relays_both_ways_and_is_given_back() {
    if !has("turnserver") {
        return;
    }
    let coturn = with_users("udp");
    let mut driven = client(&coturn, Wire::Datagram, "alice", "secret");
    let event = driven.first_event();
    assert!(
        matches!(event, Event::Allocated { relayed, .. } if relayed.ip() == coturn.address().ip()),
        "{event:?}"
    );
    speak_both_ways(&mut driven);
    driven.client.release(Instant::now());
    driven.until("release", |driven| driven.events.contains(&Event::Released));
}

#[test]
fn an_allocation_over_tcp_relays_both_ways() {
    if !has("turnserver") {
        return;
    }
    let coturn = with_users("tcp");
    let mut driven = client(&coturn, Wire::Stream, "alice", "secret");
    assert!(matches!(driven.first_event(), Event::Allocated { .. }));
    speak_both_ways(&mut driven);
}

#[test]
fn credentials_we_mint_are_accepted_and_expired_ones_are_not() {
    if !has("turnserver") {
        return;
    }
    let coturn = Coturn::start("rest", &["--use-auth-secret", "--static-auth-secret=north"]);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_secs();
    let good = Credential::mint(b"north", "alice", now + 600);
    let mut driven = client(&coturn, Wire::Datagram, &good.username, &good.password);
    assert!(matches!(driven.first_event(), Event::Allocated { .. }));
    let expired = Credential::mint(b"north", "alice", now - 600);
    let foreign = Credential::mint(b"south", "alice", now + 600);
    for refused in [expired, foreign] {
        let mut driven = client(&coturn, Wire::Datagram, &refused.username, &refused.password);
        assert_eq!(driven.first_event(), Event::Failed(Failure::Credentials));
    }
}

#[test]
fn a_wrong_password_is_refused_in_a_sentence() {
    if !has("turnserver") {
        return;
    }
    let coturn = with_users("wrong");
    for wire in [Wire::Datagram, Wire::Stream] {
        let Event::Failed(failure) = client(&coturn, wire, "alice", "wrong").first_event() else {
            panic!("refused")
        };
        assert_eq!(failure.to_string(), "the TURN server refuses the username or password");
    }
}

#[test]
fn a_nonce_that_expires_does_not_end_the_allocation() {
    if !has("turnserver") {
        return;
    }
    let coturn = Coturn::start("stale", &["--lt-cred-mech", "--user=alice:secret", "--stale-nonce=1"]);
    let mut driven = client(&coturn, Wire::Datagram, "alice", "secret");
    assert!(matches!(driven.first_event(), Event::Allocated { .. }));
    for _ in 0..3 {
        let pause = Instant::now() + Duration::from_millis(1500);
        driven.until("the nonce to expire", |_| Instant::now() > pause);
        driven.client.refresh(Instant::now());
        speak_both_ways_in_time(&mut driven);
    }
}

#[test]
fn a_server_that_was_restarted_is_noticed() {
    if !has("turnserver") {
        return;
    }
    let mut coturn = with_users("restart");
    let mut driven = client(&coturn, Wire::Datagram, "alice", "secret");
    assert!(matches!(driven.first_event(), Event::Allocated { .. }));
    coturn.restart();
    driven.client.refresh(Instant::now());
    driven.until("the end", |driven| driven.client.is_ended());
    assert_eq!(driven.events.last(), Some(&Event::Failed(Failure::Gone)));
}
