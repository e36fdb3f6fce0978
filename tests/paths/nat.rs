//! Calls across address translators and firewalls.

use super::laboratory::{Home, Namespace, Nat, Public, rules};
use super::talk::{Side, Talk};

/// What a relay is reached by.
const EVERYTHING: [&str; 3] = ["udp", "tcp", "tls"];

/// Alice's and bob's homes, and both in a call that knows the relay.
struct Scene {
    // The call ends before its networks.
    talk: Talk,
    alice: Home,
    public: Public,
    _bob: Home,
}

impl Scene {
    #[track_caller]
    fn begin(alice: Nat, bob: Nat) -> Self {
        Self::begin_behind(alice, bob, "", &EVERYTHING)
    }

    /// With a firewall on alice's side that blocks something, and a relay that both reach by these.
    #[track_caller]
    fn begin_behind(alice: Nat, bob: Nat, blocked: &str, carriers: &[&str]) -> Self {
        let public = Public::open(false);
        let (alice, bob) = (Home::new(&public, 1, alice), Home::new(&public, 2, bob));
        if !blocked.is_empty() {
            alice.block(blocked);
        }
        let talk = talk(&public, &alice.peer, &bob.peer, carriers);
        Self { talk, alice, public, _bob: bob }
    }
}

#[track_caller]
fn talk(public: &Public, alice: &Namespace, bob: &Namespace, carriers: &[&str]) -> Talk {
    let servers = public.servers(carriers);
    let options: Vec<&str> = servers.iter().map(String::as_str).collect();
    let side = |peer: &Namespace| Side::new(&peer.place(), &public.server, &options);
    Talk::begin(&side(alice), &side(bob))
}

pub(crate) fn two_cones_are_crossed_directly() {
    let mut scene = Scene::begin(Nat::Cone, Nat::Cone);
    scene.talk.assert_direct();
    scene.talk.end();
}

pub(crate) fn a_symmetric_translator_and_a_full_cone_are_crossed_directly() {
    let mut scene = Scene::begin(Nat::Symmetric, Nat::FullCone);
    scene.talk.assert_direct();
    scene.talk.end();
}

pub(crate) fn two_symmetric_translators_need_the_relay() {
    let mut scene = Scene::begin(Nat::Symmetric, Nat::Symmetric);
    scene.talk.assert_relayed();
    scene.talk.end();
}

pub(crate) fn where_udp_is_blocked_the_relay_is_reached_over_tcp() {
    let mut scene = Scene::begin_behind(Nat::Cone, Nat::Cone, "meta l4proto udp", &["udp", "tcp"]);
    scene.talk.assert_carried_by("tcp");
    scene.talk.end();
}

pub(crate) fn where_all_but_port_443_is_blocked_the_relay_is_reached_over_tls() {
    let blocked = "meta l4proto { udp, tcp } th dport != 443";
    let mut scene = Scene::begin_behind(Nat::Cone, Nat::Cone, blocked, &EVERYTHING);
    scene.talk.assert_carried_by("tls");
    scene.talk.end();
}

pub(crate) fn ipv6_alone_is_enough() {
    let public = Public::open(true);
    let [alice, bob] = [0xa, 0xb].map(|n| {
        let peer = Namespace::new("peer");
        public.plug(&peer, "eth0");
        peer.ip(&format!("addr add 2001:db8:113::{n:x}/64 dev eth0 nodad"));
        peer
    });
    let mut talk = talk(&public, &alice, &bob, &EVERYTHING);
    talk.assert_direct();
    talk.alice.wait_for_pair("a pair of its own addresses", |pair| {
        pair["local"].as_str().is_some_and(|local| local.starts_with("[2001:db8:113::a]"))
    });
    talk.end();
}

pub(crate) fn two_translators_in_a_row_are_crossed() {
    let public = Public::open(false);
    // Alice's translator has the provider's private address, the provider's has the public one.
    let provider = Namespace::new("provider");
    public.plug(&provider, "wan");
    provider.ip("addr add 203.0.113.11/24 dev wan");
    provider.nft(&rules(Nat::Cone, "100.64.0.2"));
    let alice = Home { peer: Namespace::new("peer"), translator: Namespace::new("nat") };
    provider.cable("lan", &alice.translator, "wan");
    provider.ip("addr add 100.64.0.1/24 dev lan");
    alice.translator.ip("addr add 100.64.0.2/24 dev wan\nroute add default via 100.64.0.1\n");
    alice.plug_in("lan", "eth0", "192.168.1");
    alice.translator.nft(&rules(Nat::Cone, "192.168.1.2"));
    let bob = Home::new(&public, 2, Nat::Cone);
    let mut talk = talk(&public, &alice.peer, &bob.peer, &EVERYTHING);
    talk.assert_direct();
    talk.end();
}

pub(crate) fn a_translation_that_is_lost_in_a_call_is_made_anew() {
    let mut scene = Scene::begin(Nat::Cone, Nat::Cone);
    // As when a line is dialled anew: another public address, and all translations of the old one are forgotten.
    scene.alice.translator.ip("addr del 203.0.113.11/24 dev wan\naddr add 203.0.113.21/24 dev wan\n");
    for peer in [&mut scene.talk.alice, &mut scene.talk.bob] {
        peer.wait_for_next("word of the silence", |event| event["state"] == "reconnecting");
        peer.wait_for_next("another path", |event| event["state"] == "connected");
    }
    scene.talk.hear();
    scene.talk.end();
}

pub(crate) fn an_interface_that_is_replaced_in_a_call_costs_a_moment() {
    let mut scene = Scene::begin(Nat::Cone, Nat::Cone);
    scene.alice.peer.ip("link del eth0");
    scene.alice.plug_in("lan2", "eth1", "192.168.4");
    scene.talk.alice.wait_for_next("another address", |event| {
        event["type"] == "candidate" && event["address"].as_str().is_some_and(|a| a.starts_with("192.168.4."))
    });
    scene.talk.alice.wait_for_next("another pair", |event| event["type"] == "pair");
    scene.talk.hear();
    scene.talk.end();
}

pub(crate) fn a_switchboard_that_cannot_be_reached_is_not_missed_by_a_call() {
    let mut scene = Scene::begin(Nat::Cone, Nat::Cone);
    let unreachable =
        "table inet outage { chain arriving { type filter hook input priority filter; policy accept;
        ip daddr 203.0.113.3 drop
        }
        }\n";
    scene.public.namespace.nft(unreachable);
    scene.talk.hear();
    scene.talk.hear();
    for peer in [&scene.talk.alice, &scene.talk.bob] {
        assert!(peer.seen.iter().all(|event| event["state"] != "reconnecting"));
    }
    scene.public.namespace.nft("delete table inet outage\n");
    scene.talk.end();
}
