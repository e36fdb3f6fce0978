//! Calls through coturn on loopback.

use std::time::SystemTime;

use handset::relay::Credential;

use super::coturn::Coturn;
use super::programs::{Place, switchboard, switchboard_with};
use super::talk::{Side, Talk};

const STATIC: [&str; 2] = ["--lt-cred-mech", "--user=alice:secret"];
const LOGIN: [&str; 4] = ["--turn-user", "alice", "--turn-password", "secret"];

/// Both sides with these options, over relays alone.
#[track_caller]
fn relayed(options: &[&str], server: &str) -> Talk {
    let options = [&["--ice-policy", "relay"], options].concat();
    let side = Side::new(&Place::Here, server, &options);
    Talk::begin(&side, &side)
}

pub(crate) fn over_udp_tcp_and_tls_with_a_static_password() {
    let coturn = Coturn::on_loopback(&STATIC);
    let (_switchboard, server) = switchboard(&Place::Here, "127.0.0.1:0");
    for (url, protocol) in [(coturn.udp(), "udp"), (coturn.tcp(), "tcp"), (coturn.tls(), "tls")] {
        let turn = ["--turn", &url, "--turn-ca", &coturn.files.authority];
        let mut talk = relayed(&[&turn[..], &LOGIN].concat(), &server);
        talk.assert_carried_by(protocol);
        talk.end();
    }
}

pub(crate) fn over_the_relay_that_the_switchboard_brings_along() {
    let (_switchboard, server) = switchboard_with(&Place::Here, &["--listen", "127.0.0.1:0"]);
    let mut talk = relayed(&[], &server);
    talk.assert_carried_by("udp");
    talk.end();
}

fn credential(secret: &str, seconds: i64) -> Credential {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_secs();
    Credential::mint(secret.as_bytes(), "alice", now.saturating_add_signed(seconds))
}

pub(crate) fn with_credentials_of_the_rest_scheme() {
    let coturn = Coturn::on_loopback(&["--use-auth-secret", "--static-auth-secret=north"]);
    let (_switchboard, server) = switchboard(&Place::Here, "127.0.0.1:0");
    let good = credential("north", 600);
    let options = ["--turn", &coturn.udp(), "--turn-user", &good.username, "--turn-password", &good.password];
    let mut talk = relayed(&options, &server);
    talk.assert_carried_by("udp");
    talk.end();
}

pub(crate) fn wrong_and_expired_credentials_are_told_and_the_call_goes_on_without_the_relay() {
    let coturn = Coturn::on_loopback(&["--use-auth-secret", "--static-auth-secret=north"]);
    let (_switchboard, server) = switchboard(&Place::Here, "127.0.0.1:0");
    for refused in [credential("north", -600), credential("south", 600)] {
        let options =
            ["--turn", &coturn.udp(), "--turn-user", &refused.username, "--turn-password", &refused.password];
        let plain = Side::new(&Place::Here, &server, &[]);
        let mut talk = Talk::begin(&Side::new(&Place::Here, &server, &options), &plain);
        let error = talk.alice.wait_for("a word on it", |event| event["code"] == "ice_server");
        let sentence = error["message"].as_str().unwrap_or_default();
        assert!(sentence.ends_with("the TURN server refuses the username or password"), "{error}");
        assert_eq!(talk.alice.errors().len(), 1, "it is said once: {:?}", talk.alice.errors());
        talk.assert_direct();
        talk.end();
    }
}

pub(crate) fn nonces_and_lifetimes_that_end_within_the_call_are_not_heard() {
    // coturn lets an allocation live a minute at least: it is asked for more often than that by the short nonce.
    let coturn =
        Coturn::on_loopback(&[&STATIC[..], &["--stale-nonce=2", "--max-allocate-lifetime=6"]].concat());
    let (_switchboard, server) = switchboard(&Place::Here, "127.0.0.1:0");
    let url = coturn.udp();
    let mut talk = relayed(&[&["--turn", &url][..], &LOGIN].concat(), &server);
    for _ in 0..4 {
        talk.hear();
    }
    for peer in [&talk.alice, &talk.bob] {
        let reconnected = peer.seen.iter().any(|event| event["state"] == "reconnecting");
        assert!(!reconnected && peer.errors().is_empty(), "{:?}", peer.errors());
    }
    talk.end();
}

pub(crate) fn a_relay_that_is_restarted_is_asked_again() {
    let mut coturn = Coturn::on_loopback(&STATIC);
    let (_switchboard, server) = switchboard(&Place::Here, "127.0.0.1:0");
    let url = coturn.udp();
    let mut talk = relayed(&[&["--turn", &url][..], &LOGIN].concat(), &server);
    coturn.restart();
    for peer in [&mut talk.alice, &mut talk.bob] {
        peer.wait_for_next("word of the silence", |event| event["state"] == "reconnecting");
        peer.wait_for_next("another path", |event| event["state"] == "connected");
    }
    talk.hear();
    talk.assert_carried_by("udp");
    talk.end();
}
