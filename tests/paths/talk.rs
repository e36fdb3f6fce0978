//! Two peers in a call, each with a tone of its own, and whether each hears the other.

use serde_json::Value;

use super::folder::Folder;
use super::programs::{Peer, Place};
use super::tone;

const ALICE_HZ: f64 = 440.0;
const BOB_HZ: f64 = 880.0;

/// Pieces of a twentieth of a second that must be heard of a tone.
const HEARD_PIECES: usize = 20;

/// How one side takes part.
pub(crate) struct Side {
    pub(crate) place: Place,
    pub(crate) server: String,
    pub(crate) options: Vec<String>,
}

impl Side {
    pub(crate) fn new(place: &Place, server: &str, options: &[&str]) -> Self {
        let options = options.iter().map(|option| (*option).to_owned()).collect();
        Self { place: place.clone(), server: server.to_owned(), options }
    }
}

/// Two peers in a call.
pub(crate) struct Talk {
    pub(crate) alice: Peer,
    pub(crate) bob: Peer,
    folder: Folder,
}

impl Talk {
    /// Alice calls bob; each hears the other when this returns.
    #[track_caller]
    pub(crate) fn begin(alice: &Side, bob: &Side) -> Self {
        let folder = Folder::new("talk");
        let start = |side: &Side, words: &[&str], id: &str, hz: f64| {
            let (input, output) = (format!("tone:{hz}"), folder.path(&format!("{id}.wav")));
            let own = ["--id", id, "--server", &side.server, "--input", &input, "--output", &output];
            let options: Vec<&str> = side.options.iter().map(String::as_str).collect();
            Peer::start(&side.place, &[words, &own, &options].concat())
        };
        let mut bob = start(bob, &["answer", "--auto"], "bob", BOB_HZ);
        bob.wait_for("registration", |event| event["type"] == "registered");
        let alice = start(alice, &["call", "bob"], "alice", ALICE_HZ);
        let mut talk = Self { alice, bob, folder };
        for peer in [&mut talk.alice, &mut talk.bob] {
            peer.wait_for("first_audio", |event| event["type"] == "first_audio");
        }
        talk.hear();
        talk
    }

    /// Each hears the other, from now on for two seconds at least.
    #[track_caller]
    pub(crate) fn hear(&mut self) {
        for peer in [&mut self.alice, &mut self.bob] {
            // The figures that are under way may be of a time before whatever happened.
            hear_one(peer);
        }
    }

    /// Media goes through no relay, or soon will.
    #[track_caller]
    pub(crate) fn assert_direct(&mut self) {
        for peer in [&mut self.alice, &mut self.bob] {
            peer.wait_for_pair("direct pair", |pair| {
                pair["local_kind"] != "relay" && pair["remote_kind"] != "relay"
            });
        }
    }

    /// Media goes through a relay of one side or the other.
    #[track_caller]
    pub(crate) fn assert_relayed(&mut self) {
        self.alice.wait_for_pair("relayed pair", |pair| {
            pair["local_kind"] == "relay" || pair["remote_kind"] == "relay"
        });
    }

    /// Alice's packets go through a relay of hers, carried by this.
    #[track_caller]
    pub(crate) fn assert_carried_by(&mut self, protocol: &str) {
        self.alice
            .wait_for_pair(protocol, |pair| pair["local_kind"] == "relay" && pair["protocol"] == protocol);
    }

    /// Alice hangs up; both end properly, and each has heard the other's tone, at the end too.
    #[track_caller]
    pub(crate) fn end(mut self) {
        let codes = [self.alice.interrupt(), self.bob.exit()];
        assert_eq!(codes, [0, 0], "{}{}", self.alice.stderr(), self.bob.stderr());
        for (id, hz) in [("alice", BOB_HZ), ("bob", ALICE_HZ)] {
            let heard = tone::heard(&self.folder.path(&format!("{id}.wav")), hz);
            let count = |pieces: &[bool]| pieces.iter().filter(|heard| **heard).count();
            // Of the last seconds: a busy machine may hold a second of them back.
            let last = &heard[heard.len().saturating_sub(4 * HEARD_PIECES)..];
            assert!(count(&heard) >= HEARD_PIECES, "{id} heard the tone {} times", count(&heard));
            assert!(count(last) >= HEARD_PIECES / 2, "{id} heard the tone at the end {} times", count(last));
        }
    }
}

/// Two seconds in a row, each with most of its packets and little invented.
#[track_caller]
fn hear_one(peer: &mut Peer) {
    let mut before = received(peer);
    let mut in_a_row = 0;
    // A path may take its time to come back; the waiting for each of the figures has a limit of its own.
    for _ in 0..40 {
        let now = received(peer);
        in_a_row = if now >= before + 50 { in_a_row + 1 } else { 0 };
        if in_a_row == 2 {
            return;
        }
        before = now;
    }
    let told: String = peer.seen.iter().map(|event| format!("\n  {event}")).collect();
    panic!("nothing is heard; told:{told}\n{}", peer.stderr());
}

#[track_caller]
fn received(peer: &mut Peer) -> u64 {
    let stats = peer.wait_for_next("figures", |event: &Value| event["type"] == "stats");
    stats["packets_received"].as_u64().expect("a count")
}
