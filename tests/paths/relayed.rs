//! Calls through coturn on loopback.

use std::collections::HashMap;
use std::time::{Duration, Instant, SystemTime};

use handset::relay::Credential;

use super::coturn::Coturn;
use super::programs::{Place, switchboard, switchboard_with};
use super::talk::{Side, Talk};

const STATIC: [&str; 2] = ["--lt-cred-mech", "--user=alice:secret"];
const LOGIN: [&str; 4] = ["--turn-user", "alice", "--turn-password", "secret"];

/// Refreshes of an allocation, each with a nonce that has become too old, that a call of minutes has: one each half minute.
const RENEWALS: usize = 4;

/// They take two minutes, and no more than this on a machine that does much else.
const RENEWALS_TAKE: Duration = Duration::from_secs(240);

/// Between two looks at whether the call is heard.
const BETWEEN_LOOKS: Duration = Duration::from_secs(8);

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

pub(crate) fn nonces_and_allocations_that_end_within_minutes_are_not_heard() {
    // A minute is the shortest life that coturn lends an address for; clients ask for more at half of it. Permissions and
    // channels live as long as the standard has it, which no answer tells and clients count on.
    let short = ["--stale-nonce=20", "--max-allocate-lifetime=60", "--verbose"];
    let coturn = Coturn::on_loopback(&[&STATIC[..], &short].concat());
    let (_switchboard, server) = switchboard(&Place::Here, "127.0.0.1:0");
    let url = coturn.udp();
    let mut talk = relayed(&[&["--turn", &url][..], &LOGIN].concat(), &server);
    let limit = Instant::now() + RENEWALS_TAKE;
    let mut renewals = Renewals::default();
    while !renewals.are_enough() {
        assert!(Instant::now() < limit, "too few renewals: {renewals:?}");
        std::thread::sleep(BETWEEN_LOOKS);
        talk.hear();
        coturn.log().iter().for_each(|line| renewals.read(line));
    }
    talk.assert_carried_by("udp");
    for peer in [&talk.alice, &talk.bob] {
        let reconnected = peer.seen.iter().any(|event| event["state"] == "reconnecting");
        assert!(!reconnected && peer.errors().is_empty(), "{:?}", peer.errors());
    }
    talk.end();
}

/// What coturn's log tells of its sessions: how often each was renewed, and how often its nonce was too old.
#[derive(Debug, Default)]
struct Renewals(HashMap<String, (usize, usize)>);

impl Renewals {
    fn read(&mut self, line: &str) {
        let Some((session, what)) = line.split_once("session ").and_then(|(_, rest)| rest.split_once(": "))
        else {
            return;
        };
        let (refreshed, stale) = self.0.entry(session.to_owned()).or_default();
        *refreshed += usize::from(what.starts_with("refreshed,") && what.ends_with("lifetime=60"));
        *stale += usize::from(what.contains("error 438"));
    }

    /// One session for each of the two.
    fn are_enough(&self) -> bool {
        let often = |(refreshed, stale): &&(usize, usize)| *refreshed >= RENEWALS && *stale >= RENEWALS;
        self.0.values().filter(often).count() >= 2
    }
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
