//! Speech goes through a call whole, good, and on time.

use std::process::{Command, Stdio};
use std::thread;

use handset::measure::{Place, Recording, Search, align, find_dropouts};

use super::folder::Folder;
use super::processes::{Peer, Switchboard, alone, asset, once_good};
use super::sound::{ALIKE, hear, pesq, speak, to_48_khz};
use super::wav;

/// What the field calls good: 4.0 on a scale that ends at 4.64.
const GOOD_PESQ_WB: f64 = 4.0;

/// Median delay in milliseconds. Finds fault if anything of the speech is lost, at the start and the end least of all, or late.
fn check_whole(said: &Recording, heard: &Recording) -> Result<f64, String> {
    let track = align(said, heard, &Search::default());
    let similarity = track.similarity();
    let dropouts = find_dropouts(said, heard, &track);
    let delays = [track.median_ms(), track.percentile_ms(95.0)];
    let figures = format!("mouth to ear (median, 95 %): {delays:.1?} ms; {similarity:?}; {dropouts:?}");
    eprintln!("{figures}");
    let whole = similarity.heard_share() > ALIKE
        && dropouts.iter().all(|dropout| dropout.place == Place::Middle && dropout.length_ms() < 30.0);
    match track.median_ms() {
        Some(delay_ms) if whole && (5.0..150.0).contains(&delay_ms) => Ok(delay_ms),
        _ => Err(figures),
    }
}

#[test]
fn speech_from_a_file_arrives_whole_and_good_both_ways() {
    let _alone = alone();
    once_good(speak_files_both_ways);
}

/// Makes one call; finds fault with what is lost and, if there is something to measure it with, with the quality.
fn speak_files_both_ways() -> Result<(), String> {
    let folder = Folder::new("speech");
    let switchboard = Switchboard::start();
    let said = [asset("alice.wav"), asset("bob.wav")];
    let heard = [folder.path("heard-by-bob.wav"), folder.path("heard-by-alice.wav")];
    let sound = ["--bitrate", "32000", "--quiet"];
    let bob_ends =
        [&["--input", &said[1], "--output", &heard[0], "--at-end", "silence"], &sound[..]].concat();
    let alice_ends =
        [&["--input", &said[0], "--output", &heard[1], "--at-end", "hangup"], &sound[..]].concat();
    let mut bob = Peer::answering("bob", &switchboard, &bob_ends);
    let mut alice = Peer::calling("bob", "alice", &switchboard, &alice_ends);
    assert_eq!([alice.exit(), bob.exit()], [0, 0], "{}{}", alice.program.stderr(), bob.program.stderr());

    let spoken = [alice.moment_ms("input_started"), bob.moment_ms("input_started")];
    let ears = [bob.moment_ms("output_started"), alice.moment_ms("output_started")];
    let mut scores = Vec::new();
    for way in [0, 1] {
        let delay_ms = check_whole(&wav::read(&said[way], spoken[way]), &wav::read(&heard[way], ears[way]))?;
        let starts_ms = spoken[way] + delay_ms - ears[way];
        scores.extend(pesq(&said[way], &heard[way], Some(starts_ms)).map(|(mean, _)| mean));
    }
    let good = scores.iter().all(|&score| score >= GOOD_PESQ_WB);
    if good { Ok(()) } else { Err(format!("PESQ-WB of alice's and bob's voices: {scores:?}")) }
}

#[test]
fn raw_sound_on_pipes_goes_out_as_it_comes_in() {
    let _alone = alone();
    once_good(speak_through_pipes);
}

fn speak_through_pipes() -> Result<(), String> {
    let folder = Folder::new("pipes");
    let switchboard = Switchboard::start();
    let url = switchboard.url();
    let peer = |words: &[&str]| {
        let words = [words, &["--server", &url, "--quiet"]].concat();
        Command::new(env!("CARGO_BIN_EXE_peer"))
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a peer")
    };
    let events = folder.path("alice.jsonl");
    let listens = ["answer", "--auto", "--id", "bob", "--direction", "receive", "--output", "-"];
    let speaks = ["call", "bob", "--id", "alice", "--direction", "send", "--input", "-", "--events", &events];
    let mut bob = peer(&listens);
    let ear = bob.stdout.take().expect("piped");
    let ear = thread::spawn(move || hear(ear));
    wait_until_online("bob", &switchboard);
    let mut alice = peer(&speaks);
    wait_for_line(&events, "\"connected\"");

    let said = to_48_khz(&wav::read(&asset("alice.wav"), 0.0));
    let said = speak(alice.stdin.take().expect("piped"), &said);
    assert_eq!(alice.wait().expect("it ends").code(), Some(0), "its input ended, so it hung up");
    assert_eq!(bob.wait().expect("it ends").code(), Some(0));
    check_whole(&said, &ear.join().expect("the listener lives")).map(drop)
}

/// Waits until a third party sees `id` online.
fn wait_until_online(id: &str, switchboard: &Switchboard) {
    let url = switchboard.url();
    let mut watcher = Peer::start(&[
        "answer", "--id", "watcher", "--server", &url, "--input", "silence", "--output", "null",
    ]);
    watcher.wait_for(id, |event| {
        event["type"] == "online" && event["id"] == id
            || event["type"] == "registered"
                && event["online"].as_array().is_some_and(|all| all.contains(&id.into()))
    });
}

/// Waits until a line of a growing file contains `word`.
fn wait_for_line(path: &str, word: &str) {
    let limit = std::time::Instant::now() + super::processes::SOON;
    loop {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        if text.lines().any(|line| line.contains(word)) {
            return;
        }
        assert!(std::time::Instant::now() < limit, "no {word} in {text}");
        thread::sleep(std::time::Duration::from_millis(2));
    }
}
