//! Whatever is typed wrong or is not there: one clear sentence, and the right exit code.

use super::folder::Folder;
use super::processes::{Peer, Switchboard, among_others, asset, run_peer};

const USAGE: i32 = 2;
const UNREACHABLE: i32 = 3;
const REFUSED: i32 = 4;
const NOBODY: i32 = 5;
const AUDIO: i32 = 11;
const FILE: i32 = 12;

/// The exit code fits and there is one error, which contains `words`.
#[track_caller]
fn assert_refused(args: &[&str], code: i32, words: &[&str]) {
    let (exit, stderr) = run_peer(args);
    assert_eq!(exit, code, "{args:?}: {stderr}");
    let errors: Vec<&str> = stderr.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!(errors.len(), 1, "{args:?}: {stderr}");
    for word in words {
        assert!(stderr.contains(word), "{args:?}: expected {word:?} in {stderr}");
    }
    for trace in ["panicked", "RUST_BACKTRACE", "stack backtrace"] {
        assert!(!stderr.contains(trace), "{args:?}: {stderr}");
    }
}

#[test]
fn a_command_line_that_makes_no_sense_is_refused() {
    for (args, words) in [
        (&["call"][..], &["<ID>"][..]),
        (&["dial", "bob"], &["dial"]),
        (&["call", "bob", "--frame-ms", "7"], &["--frame-ms", "7"]),
        (&["call", "bob", "--bitrate", "5"], &["--bitrate", "5"]),
        (&["call", "bob", "--direction", "sideways"], &["--direction", "sideways"]),
        (&["call", "bob", "--input", "tone:loud"], &["--input", "loud"]),
        (&["call", "bob", "--server", "ftp://127.0.0.1/"], &["ftp"]),
        (&["call", "b o b", "--id", "alice"], &["call whom?", "' '"]),
        (&["call", "bob", "--id", "al/ice"], &["--id", "'/'"]),
        (&["call", "bob", "--id", "alice", "--output", "-", "--events", "-"], &["stdout"]),
    ] {
        assert_refused(args, USAGE, words);
    }
}

#[test]
fn a_file_or_device_that_cannot_be_used_is_named() {
    let folder = Folder::new("bad-files");
    let (text, empty, cut) = (folder.path("text.wav"), folder.path("empty.wav"), folder.path("cut.wav"));
    std::fs::write(&text, "this is no sound").expect("a file of the test");
    std::fs::write(&empty, "").expect("a file of the test");
    let whole = std::fs::read(asset("alice.wav")).expect("an asset");
    std::fs::write(&cut, &whole[..30]).expect("a file of the test");
    let missing = folder.path("missing.wav");
    let nowhere = folder.path("no-folder/heard.wav");
    let call = ["call", "bob", "--id", "alice"];
    let try_with =
        |more: &[&str], code, word: &str| assert_refused(&[&call[..], more].concat(), code, &[word]);
    for wav in [&text, &empty, &cut, &missing] {
        try_with(&["--input", wav, "--output", "null"], AUDIO, wav);
    }
    try_with(&["--input", "silence", "--output", &nowhere], AUDIO, &nowhere);
    try_with(&["--input", "device:no such microphone", "--output", "null"], AUDIO, "no such microphone");
    try_with(&["--input", "silence", "--output", "device:no such speaker"], AUDIO, "no such speaker");
    let events = folder.path("no-folder/events.jsonl");
    try_with(&["--input", "silence", "--output", "null", "--events", &events], FILE, &events);
}

#[test]
fn a_server_that_is_not_there_is_said_to_be_unreachable() {
    let args = ["call", "bob", "--id", "alice", "--input", "silence", "--output", "null"];
    assert_refused(
        &[&args[..], &["--server", "ws://127.0.0.1:9/ws"]].concat(),
        UNREACHABLE,
        &["127.0.0.1:9"],
    );
}

#[test]
fn calling_nobody_oneself_or_under_a_name_in_use_is_refused() {
    let _others = among_others();
    let switchboard = Switchboard::start();
    let url = switchboard.url();
    let ends = ["--input", "silence", "--output", "null", "--server", &url];
    let _bob = Peer::answering("bob", &switchboard, &["--input", "silence", "--output", "null"]);
    for (whom, id, code, word) in [
        ("nobody", "alice", NOBODY, "nobody"),
        ("alice", "alice", NOBODY, "alice"),
        ("carol", "bob", REFUSED, "bob"),
    ] {
        assert_refused(&[&["call", whom, "--id", id], &ends[..]].concat(), code, &[word]);
    }
}
