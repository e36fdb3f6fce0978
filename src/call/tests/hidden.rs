//! Addresses that are hidden behind names of multicast DNS.

use super::*;
use crate::call::pair::address;
use crate::ice::CandidateKind;
use crate::ice::mdns::HostName;

fn name(party: Party) -> HostName {
    HostName::from_random([party as u8 + 1; 16])
}

fn hidden(party: Party) -> LocalCandidate {
    LocalCandidate { name: Some(name(party)), ..LocalCandidate::host(address(party, 0)) }
}

/// Tells each side what stands behind the other's name.
fn resolve(pair: &mut Pair<Steady>) {
    for party in BOTH {
        let now = pair.now();
        let (name, ip) = (name(party.other()), address(party.other(), 0).ip());
        let asked = |(_, event): &(Duration, CallEvent)| matches!(event, CallEvent::UnresolvedHost { name: other } if *other == name);
        assert!(pair.end(party).events.iter().any(asked), "{party:?} was told the name");
        pair.of(party).resolve_host(name, ip, now);
    }
}

#[track_caller]
fn assert_nothing_leaks(pair: &mut Pair<Steady>) {
    for party in BOTH {
        for message in &pair.end(party).sent {
            let text = serde_json::to_string(message).unwrap();
            for leak in ["10.0.", "192.168."] {
                assert!(!text.contains(leak), "{text}");
            }
        }
    }
}

#[test]
fn two_that_hide_their_addresses_find_each_other_and_signal_names_alone() {
    let mut pair = pair();
    for party in BOTH {
        // Its reflexive address is public, and the base of it stays hidden.
        let reflexive = LocalCandidate {
            kind: CandidateKind::ServerReflexive,
            address: ([203, 0, 113, 1 + party as u8], 5000).into(),
            ..LocalCandidate::host(address(party, 0))
        };
        pair.set_candidates(party, vec![hidden(party), reflexive]);
    }
    pair.call();
    pair.run_for(300 * MS);
    resolve(&mut pair);
    assert!(pair.run_until_both(SECOND, "connected"));
    let sent = serde_json::to_string(&pair.end(Party::Caller).sent).unwrap();
    assert!(sent.contains(&format!("{} 5000 typ host", name(Party::Caller))), "{sent}");
    assert!(sent.contains("203.0.113.1 5000 typ srflx raddr 0.0.0.0 rport 0"), "{sent}");
    assert_nothing_leaks(&mut pair);
}

#[test]
fn a_hidden_address_stays_hidden_when_it_comes_late_and_after_a_restart() {
    let mut pair = pair();
    for party in BOTH {
        pair.set_candidates(party, Vec::new());
    }
    pair.call();
    pair.run_for(100 * MS);
    for party in BOTH {
        let now = pair.now();
        pair.end(party).addresses.push(address(party, 0));
        pair.of(party).add_local_candidate(hidden(party), now).unwrap();
    }
    pair.run_for(100 * MS);
    resolve(&mut pair);
    assert!(pair.run_until_both(SECOND, "connected"));
    let now = pair.now();
    pair.of(Party::Caller).restart_ice(&[hidden(Party::Caller)], now);
    pair.run_for(300 * MS);
    // The names are told anew, and have to be resolved anew.
    resolve(&mut pair);
    pair.talk_for(SECOND, b"speech");
    assert_eq!(pair.state(Party::Caller), Some(State::Connected));
    assert_nothing_leaks(&mut pair);
}

#[test]
fn a_relay_of_ours_does_not_learn_a_hidden_address() {
    let mut pair = pair();
    let relay = ([203, 0, 113, 9], 61_000).into();
    let relayed = LocalCandidate {
        kind: CandidateKind::Relayed,
        address: relay,
        base: address(Party::Caller, 0),
        name: None,
    };
    pair.set_candidates(Party::Caller, vec![LocalCandidate::host(address(Party::Caller, 0)), relayed]);
    pair.set_candidates(Party::Callee, vec![hidden(Party::Callee)]);
    pair.call();
    pair.run_for(200 * MS);
    let now = pair.now();
    let theirs = address(Party::Callee, 0);
    pair.of(Party::Caller).resolve_host(name(Party::Callee), theirs.ip(), now);
    let mut sent = Vec::new();
    while let Some(transmit) = pair.of(Party::Caller).poll_transmit() {
        sent.push((transmit.source, transmit.destination));
    }
    assert!(sent.iter().all(|(source, destination)| *source != relay || *destination != theirs), "{sent:?}");
    assert!(pair.run_until_both(SECOND, "connected"));
    let told =
        |(_, event): &(Duration, CallEvent)| matches!(event, CallEvent::RemoteAddress(a) if *a == theirs);
    assert!(!pair.end(Party::Caller).events.iter().any(told), "no relay is asked to let it through");
}
