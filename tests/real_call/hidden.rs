//! What a stranger learns of a peer that hides its addresses.

use super::processes::{Peer, Switchboard, among_others};
use super::raw_client::RawClient;

const ENDS: [&str; 7] =
    ["--input", "tone:440", "--output", "null", "--quiet", "--hide-addresses", "--no-server-ice"];

#[test]
fn one_who_is_called_is_told_names_and_no_address() {
    let _others = among_others();
    let switchboard = Switchboard::start();
    let mut mallory = RawClient::registered("mallory", &switchboard);
    let mut alice = Peer::calling("mallory", "alice", &switchboard, &ENDS);
    let call = mallory.hear("call");
    let offer = call["sdp"].as_str().expect("an offer");
    let candidates: Vec<&str> = offer.lines().filter(|line| line.starts_with("a=candidate:")).collect();
    assert!(!candidates.is_empty(), "{offer}");
    for candidate in &candidates {
        let words: Vec<&str> = candidate.split(' ').collect();
        assert!(words[4].ends_with(".local") && words[4].len() == 42, "{candidate}");
        assert_eq!(&words[6..], ["typ", "host"], "{candidate}");
    }
    for line in offer.lines().filter(|line| line.starts_with("o=") || line.starts_with("c=")) {
        assert!(line.ends_with("IN IP4 0.0.0.0"), "{line}");
    }
    // Every address that this machine has, it told its owner of.
    alice.wait_for("dialing", |event| event["state"] == "dialing");
    let found: Vec<_> = alice.seen.iter().filter(|event| event["type"] == "candidate").collect();
    assert_eq!(found.len(), candidates.len(), "{found:?}");
    for event in found {
        let address = event["address"].as_str().expect("an address");
        let (ip, _) = address.rsplit_once(':').expect("a port");
        assert!(!offer.contains(ip.trim_matches(['[', ']'])), "{ip}: {offer}");
        assert!(event["name"].as_str().is_some_and(|name| offer.contains(name)), "{event}");
    }
    // That was all: nothing is trickled behind the offer but its end.
    assert_eq!(mallory.hear("candidate")["candidate"], "");
}
