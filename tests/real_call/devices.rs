//! Calls through a sound server: microphones and speakers as programs find them on a desk.

use std::process::{Child, Stdio};
use std::thread;
use std::time::Duration;

use handset::measure::{Recording, Search, Similarity, align};
use rustix::process::Signal;
use serde_json::Value;

use super::folder::Folder;
use super::processes::{Peer, SOON, Switchboard, alone, assert_media_goes_on, asset};
use super::sound::{ALIKE, hear, now_ms, pesq, write_wav};
use super::sound_server::SoundServer;
use super::wav;

/// Calls in which speech must be recognised once: a busy machine starves a sound server too.
const ATTEMPTS: usize = 8;

/// Somebody who listens to a cable, until told to stop.
struct Ear {
    parec: Child,
    listener: thread::JoinHandle<Recording>,
}

impl Ear {
    fn at(cable: &str, server: &SoundServer) -> Self {
        let mut command = server.command("parec");
        command.args(["--raw", "--format=s16le", "--rate=48000", "--channels=1", "--latency-msec=20"]);
        command.args(["-d", &format!("{cable}.monitor")]).stdout(Stdio::piped());
        let mut parec = command.spawn().expect("parec comes with pulseaudio's tools");
        let pipe = parec.stdout.take().expect("piped");
        Self { parec, listener: thread::spawn(move || hear(pipe)) }
    }

    fn stop(mut self) -> Recording {
        self.parec.kill().expect("it runs");
        self.parec.wait().expect("it ends");
        self.listener.join().expect("the listener lives")
    }
}

/// Plays a file to a cable.
fn say(path: &str, cable: &str, server: &SoundServer) -> Child {
    server.command("paplay").args(["-d", cable, path]).spawn().expect("paplay comes with pulseaudio's tools")
}

/// Alice and bob, each with a microphone and a speaker of their own, in a call.
fn in_call(server: &SoundServer, switchboard: &Switchboard) -> [Peer; 2] {
    let url = switchboard.url();
    let start = |words: &[&str], mouth: &str, ear: &str| {
        let (input, output) = (format!("device:{mouth}.monitor"), format!("device:{ear}"));
        let ends = ["--server", &url, "--input", &input, "--output", &output, "--quiet", "--frame-ms", "20"];
        Peer::start_beside(server, &[words, &ends[..]].concat())
    };
    let mut bob = start(&["answer", "--auto", "--id", "bob"], "bobs-mouth", "bobs-ear");
    bob.wait_for("registered", |event| event["type"] == "registered");
    let mut alice = start(&["call", "bob", "--id", "alice"], "alices-mouth", "alices-ear");
    for peer in [&mut alice, &mut bob] {
        peer.wait_for("first_audio", |event| event["type"] == "first_audio");
    }
    [alice, bob]
}

/// How well what was said is recognised in what was heard.
fn recognise(said: &Recording, heard: &Recording) -> Similarity {
    // A sound server may take seconds until an idle device moves.
    align(said, heard, &Search { from_ms: -200.0, to_ms: 6_000.0 }).similarity()
}

/// Speech is recognised if most of its stretches are, and they look alike.
fn is_recognised(similarity: &Similarity) -> bool {
    similarity.heard_share() > ALIKE
}

#[test]
fn two_peers_talk_through_microphones_and_speakers() {
    let _alone = alone();
    let cables = ["alices-ear", "alices-mouth", "bobs-ear", "bobs-mouth"];
    let Some(server) = SoundServer::start("talk", &cables) else { return };
    let folder = Folder::new("devices");
    let mut told = Vec::new();
    for _ in 0..ATTEMPTS {
        let heard = talk(&server, &folder);
        if heard.iter().all(is_recognised) {
            return;
        }
        told.push(heard);
    }
    panic!("in {ATTEMPTS} calls: {told:?}");
}

/// One call in which both talk at once; what each heard of the other.
fn talk(server: &SoundServer, folder: &Folder) -> [Similarity; 2] {
    let switchboard = Switchboard::start();
    let [mut alice, mut bob] = in_call(server, &switchboard);
    let ears = ["bobs-ear", "alices-ear"].map(|cable| Ear::at(cable, server));
    let files = [asset("alice.wav"), asset("bob.wav")];
    let begun_ms = now_ms();
    let mouths = [say(&files[0], "alices-mouth", server), say(&files[1], "bobs-mouth", server)];
    for mut mouth in mouths {
        assert!(mouth.wait().expect("it ends").success());
    }
    // What was said last is still on its way.
    thread::sleep(Duration::from_secs(1));
    let heard = ears.map(Ear::stop);
    alice.program.signal(Signal::INT);
    assert_eq!([alice.exit(), bob.exit()], [0, 0], "{}{}", alice.program.stderr(), bob.program.stderr());
    [0, 1].map(|way| {
        let similarity = recognise(&wav::read(&files[way], begun_ms), &heard[way]);
        let recording = folder.path("heard.wav");
        write_wav(&recording, &heard[way]);
        eprintln!("{similarity:?}, PESQ-WB {:?}", pesq(&files[way], &recording, None));
        similarity
    })
}

#[test]
fn a_call_goes_on_without_a_device_and_takes_it_back() {
    let _alone = alone();
    let Some(server) = SoundServer::start("unplugged", &[]) else { return };
    let cables = ["bobs-ear", "bobs-mouth"].map(|cable| server.plug_in(cable));
    let switchboard = Switchboard::start();
    let url = switchboard.url();
    let devices = ["--input", "device:bobs-mouth.monitor", "--output", "device:bobs-ear", "--quiet"];
    let answers = ["answer", "--auto", "--id", "bob", "--server", &url];
    let mut bob = Peer::start_beside(&server, &[&answers[..], &devices].concat());
    bob.wait_for("registered", |event| event["type"] == "registered");
    let ends = ["--input", "tone:440", "--output", "null", "--quiet"];
    let mut alice = Peer::calling("bob", "alice", &switchboard, &ends);
    for peer in [&mut alice, &mut bob] {
        peer.wait_for("first_audio", |event| event["type"] == "first_audio");
    }

    cables.into_iter().for_each(|cable| server.pull_out(cable));
    for end in ["input", "output"] {
        wait_for_device(&mut bob, end, "lost");
    }
    assert_media_goes_on(&mut alice);
    assert_media_goes_on(&mut bob);

    let _again = ["bobs-ear", "bobs-mouth"].map(|cable| server.plug_in(cable));
    for end in ["input", "output"] {
        wait_for_device(&mut bob, end, "recovered");
    }
    // That each is back, not how good it is.
    let ear = Ear::at("bobs-ear", &server);
    let mut mouth = say(&asset("bob.wav"), "bobs-mouth", &server);
    let is_loud = |event: &Value| event["output_level_dbov"].as_f64().is_some_and(|level| level > -50.0);
    alice.wait_for_next("bob's voice", SOON, |event| event["type"] == "stats" && is_loud(event));
    assert!(mouth.wait().expect("it ends").success());
    let heard = ear.stop();
    let loudest = heard.samples().iter().fold(0.0f32, |loudest, sample| loudest.max(sample.abs()));
    assert!(loudest > 0.05, "alice's tone in bob's ear: at most {loudest}");
    alice.program.signal(Signal::INT);
    assert_eq!([alice.exit(), bob.exit()], [0, 0], "{}{}", alice.program.stderr(), bob.program.stderr());
}

/// Waits until the peer says this of an end of the wire.
#[track_caller]
fn wait_for_device(peer: &mut Peer, end: &str, status: &str) {
    peer.wait_for(&format!("{end} {status}"), |event| {
        event["type"] == "device" && event["end"] == end && event["status"] == status
    });
}
