//! Two peers in a call, each with a voice of its own, and how much each hears of the other.

use serde_json::Value;

use super::folder::Folder;
use super::programs::{Peer, Place, now_ms};
use super::voice::{Heard, Span, Voice};
use super::wav;

/// Of what is spoken while packets come, so much must be found again. All of it is, where the machine keeps up, and
/// nothing of another voice.
const HEARD_SHARE: f32 = 0.3;

/// A second is good when no more of it than this was invented (percent): a busy machine delays packets.
const INVENTED_PERCENT: f64 = 20.0;

/// Of a recording.
const SAMPLES_PER_S: f64 = 48_000.0;

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
    voices: [Voice; 2],
    /// When packets came to alice, and when to bob.
    heard: [Vec<Heard>; 2],
    folder: Folder,
}

impl Talk {
    /// Alice calls bob; each hears the other when this returns.
    #[track_caller]
    pub(crate) fn begin(alice: &Side, bob: &Side) -> Self {
        let folder = Folder::new("talk");
        let voices = ["alice", "bob"].map(|name| Voice::of(name, &folder));
        let start = |side: &Side, words: &[&str], id: &str, voice: &Voice| {
            let output = folder.path(&format!("{id}.wav"));
            let own = ["--id", id, "--server", &side.server, "--input", &voice.file, "--output", &output];
            let options: Vec<&str> = side.options.iter().map(String::as_str).collect();
            Peer::start(&side.place, &[words, &own, &options].concat())
        };
        let mut bob = start(bob, &["answer", "--auto"], "bob", &voices[1]);
        bob.wait_for("registration", |event| event["type"] == "registered");
        let alice = start(alice, &["call", "bob"], "alice", &voices[0]);
        let mut talk = Self { alice, bob, voices, heard: [Vec::new(), Vec::new()], folder };
        for peer in [&mut talk.alice, &mut talk.bob] {
            peer.wait_for("first_audio", |event| event["type"] == "first_audio");
        }
        talk.hear();
        talk
    }

    /// Packets come to each, from now on for two seconds at least; [`Self::end`] looks into what was heard of them.
    #[track_caller]
    pub(crate) fn hear(&mut self) {
        let now_ms = now_ms();
        for (peer, heard) in [&mut self.alice, &mut self.bob].into_iter().zip(&mut self.heard) {
            heard.push(hear_one(peer, now_ms));
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

    /// Alice hangs up; both end properly, and each has heard the other speak, each time that this was looked at.
    #[track_caller]
    pub(crate) fn end(mut self) {
        let codes = [self.alice.interrupt(), self.bob.exit()];
        assert_eq!(codes, [0, 0], "{}{}", self.alice.stderr(), self.bob.stderr());
        let began = [&mut self.alice, &mut self.bob].map(|peer| peer.moment_ms("input_started"));
        for (listener, id) in ["alice", "bob"].into_iter().enumerate() {
            let speaker = 1 - listener;
            let recording = wav::read(&self.folder.path(&format!("{id}.wav")), 0.0);
            for heard in &self.heard[listener] {
                let found = self.voices[speaker].found_in(&recording, *heard, began[speaker]);
                assert!(
                    found.heard_share() >= HEARD_SHARE,
                    "{id} does not hear what is said: {found:?}; {heard:?} of {} ms, speaking since {}",
                    recording.end_ms(),
                    began[speaker]
                );
            }
        }
    }
}

/// Waits for two seconds in a row, each with most of its packets and little invented, after a moment on the clock of all
/// processes (ms).
#[track_caller]
fn hear_one(peer: &mut Peer, since_ms: f64) -> Heard {
    let mut before = Second::next_of(peer);
    // Figures that were under way are of a time before whatever happened.
    while before.at_ms < since_ms {
        before = Second::next_of(peer);
    }
    let (mut from_ms, mut in_a_row) = (before.at_ms, 0);
    // A path may take its time to come back; the waiting for each of the figures has a limit of its own.
    for _ in 0..40 {
        let second = Second::next_of(peer);
        if second.packets >= before.packets + 50 && second.invented_percent <= INVENTED_PERCENT {
            in_a_row += 1;
        } else {
            (from_ms, in_a_row) = (second.at_ms, 0);
        }
        if in_a_row == 2 {
            let span = Span { from_ms, to_ms: second.at_ms };
            return Heard { span, recorded_ms: second.rendered as f64 * 1e3 / SAMPLES_PER_S };
        }
        before = second;
    }
    let told: String = peer.seen.iter().map(|event| format!("\n  {event}")).collect();
    panic!("nothing is heard; told:{told}\n{}", peer.stderr());
}

/// What a peer tells of a second.
struct Second {
    /// When it was over (ms).
    at_ms: f64,
    /// Received since the call began.
    packets: u64,
    /// Samples in its recording.
    rendered: u64,
    invented_percent: f64,
}

impl Second {
    #[track_caller]
    fn next_of(peer: &mut Peer) -> Self {
        let stats = peer.wait_for_next("figures", |event: &Value| event["type"] == "stats");
        Self {
            at_ms: peer.when_ms(&stats),
            packets: stats["packets_received"].as_u64().expect("a count"),
            rendered: stats["rendered_samples"].as_u64().expect("a count"),
            invented_percent: stats["concealed_percent"].as_f64().expect("a share"),
        }
    }
}
