//! Messages that are malformed, too large, out of order or not meant for us, and descriptions that promise nonsense.

use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use super::processes::{Peer, SOON, Switchboard, among_others, run_peer};
use super::raw_client::{RawClient, foreign_switchboard};

const ENDS: [&str; 5] = ["--input", "tone:440", "--output", "null", "--quiet"];
const NO_MEDIA: i32 = 10;

const VIDEO_ONLY: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n\
    m=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=rtpmap:96 VP8/90000\r\na=mid:0\r\n\
    a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuv\r\na=setup:actpass\r\na=rtcp-mux\r\n";

const NO_ENCRYPTION: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n\
    m=audio 9 RTP/AVP 111\r\nc=IN IP4 0.0.0.0\r\na=rtpmap:111 opus/48000/2\r\na=sendrecv\r\n";

/// Descriptions that nobody should answer.
fn bad_descriptions() -> Vec<String> {
    let many_lines = format!("v=0\r\n{}", "a=x\r\n".repeat(5_000));
    ["", "hello", "v=0\r\n", VIDEO_ONLY, NO_ENCRYPTION, "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"]
        .map(String::from)
        .into_iter()
        .chain([many_lines])
        .collect()
}

#[test]
fn a_bad_offer_is_declined_and_the_next_good_call_goes_through() {
    let _others = among_others();
    let switchboard = Switchboard::start();
    let mut bob = Peer::answering("bob", &switchboard, &[&ENDS[..], &["--keep"]].concat());
    let mut mallory = RawClient::registered("mallory", &switchboard);
    for (number, sdp) in bad_descriptions().iter().enumerate() {
        let call = format!("bad{number}");
        mallory.say(&json!({"type": "call", "call": call, "to": "bob", "sdp": sdp}));
        let answer = mallory.hear("decline");
        assert_eq!(answer["call"], call, "{answer}");
        assert!(
            ["unsupported", "error"].iter().any(|reason| answer["reason"] == *reason),
            "{sdp:.60}: {answer}"
        );
    }
    let mut alice = Peer::calling("bob", "alice", &switchboard, &[&ENDS[..], &["--duration", "1"]].concat());
    bob.wait_for("first_audio", |event| event["type"] == "first_audio");
    assert_eq!(alice.exit(), 0, "{}", alice.program.stderr());
}

#[test]
fn a_bad_answer_ends_the_call_with_a_reason() {
    let _others = among_others();
    let switchboard = Switchboard::start();
    let mut mallory = RawClient::registered("mallory", &switchboard);
    for sdp in bad_descriptions() {
        let mut alice = Peer::calling("mallory", "alice", &switchboard, &ENDS);
        let call = mallory.hear("call");
        mallory.say(&json!({"type": "accept", "call": call["call"], "sdp": sdp}));
        let ended = alice.wait_for("end of the call", |event| event["type"] == "ended");
        assert!(ended["message"].as_str().is_some_and(|message| message.len() > 10), "{ended}");
        assert_eq!(alice.exit(), NO_MEDIA, "{}", alice.program.stderr());
    }
}

#[test]
fn messages_for_calls_that_are_not_ours_change_nothing() {
    let _others = among_others();
    let switchboard = Switchboard::start();
    let mut bob = Peer::answering("bob", &switchboard, &ENDS);
    let mut mallory = RawClient::registered("mallory", &switchboard);
    let mut alice = Peer::calling("bob", "alice", &switchboard, &ENDS);
    let connected = alice.wait_for_state("connected");
    let call = connected["call"].clone();
    for message in [
        json!({"type": "hangup", "call": call, "reason": "normal"}),
        json!({"type": "accept", "call": call, "sdp": "v=0\r\n"}),
        json!({"type": "update", "call": call, "sdp": "v=0\r\n"}),
        json!({"type": "candidate", "call": call, "candidate": "candidate:1 1 udp 1 127.0.0.1 9 typ host"}),
        json!({"type": "decline", "call": "never-made", "reason": "busy"}),
    ] {
        mallory.say(&message);
        assert_eq!(mallory.hear("error")["code"], "unknown_call", "{message}");
    }
    bob.wait_for("first_audio", |event| event["type"] == "first_audio");
    alice.wait_for_next("stats", SOON, |event| event["type"] == "stats");
    alice.program.type_line("hangup");
    drop(alice);
}

#[test]
fn rubbish_at_the_switchboard_is_answered_and_disturbs_nobody() {
    let _others = among_others();
    let switchboard = Switchboard::start();
    let mut bob = Peer::answering("bob", &switchboard, &ENDS);
    let mut mallory = RawClient::registered("mallory", &switchboard);
    for (text, code) in [
        ("not json", "malformed"),
        ("[]", "malformed"),
        ("{}", "malformed"),
        (r#"{"type":"dance"}"#, "unknown_type"),
        (r#"{"type":"call","call":"c1"}"#, "bad_field"),
        (r#"{"type":"call","call":"c 1","to":"bob","sdp":""}"#, "bad_field"),
        (r#"{"type":"call","call":"c1","to":"mallory","sdp":""}"#, "self_call"),
        (r#"{"type":"call","call":"c1","to":"nobody","sdp":""}"#, "unknown_peer"),
        (r#"{"type":"register","version":1,"id":"other"}"#, "already_registered"),
    ] {
        mallory.say_text(text);
        assert_eq!(mallory.hear("error")["code"], code, "{text}");
    }
    let mut second = RawClient::connected(&switchboard);
    second.say(&json!({"type": "call", "call": "c1", "to": "bob", "sdp": ""}));
    assert_eq!(second.hear("error")["code"], "not_registered");
    second.say(&json!({"type": "register", "version": 1, "id": "bob"}));
    assert_eq!(second.hear("error")["code"], "id_taken");
    let mut third = RawClient::registered("third", &switchboard);
    third.say_text(&"x".repeat(4 * 1024 * 1024));
    assert!(third.is_closed(), "a frame past the limit ends the connection");

    let mut alice = Peer::calling("bob", "alice", &switchboard, &[&ENDS[..], &["--duration", "1"]].concat());
    bob.wait_for("first_audio", |event| event["type"] == "first_audio");
    assert_eq!(alice.exit(), 0, "{}", alice.program.stderr());
}

#[test]
fn a_switchboard_that_speaks_nonsense_does_not_bring_a_peer_down() {
    let _others = among_others();
    let registered = json!({"type": "registered", "version": 1, "id": "alice", "token": "t", "resumed": false,
        "grace_ms": 30000, "online": ["bob"], "calls": [], "ice_servers": []});
    let words = vec![
        Message::text("not json"),
        Message::text("[1,2,3]"),
        Message::text(r#"{"type":"dance"}"#),
        Message::text(r#"{"type":"registered","version":99}"#),
        Message::binary(vec![0, 1, 2, 255]),
        Message::text(registered.to_string()),
        Message::text(r#"{"type":"accept","call":"never-made","sdp":"v=0"}"#),
        Message::text(r#"{"type":"hangup","call":"never-made","reason":"normal"}"#),
        Message::text(r#"{"type":"hangup","call":"../../etc","reason":"because"}"#),
        Message::text(r#"{"type":"call","call":"c1","from":"bob","sdp":"nonsense"}"#),
        Message::text("x".repeat(300 * 1024)),
    ];
    let (url, server) = foreign_switchboard(words);
    let args = ["call", "bob", "--id", "alice", "--server", &url, "--ring-limit", "2"];
    let (exit, stderr) = run_peer(&[&args[..], &ENDS].concat());
    server.join().expect("the server's part went through");
    assert!(
        [3, 4, 8].contains(&exit),
        "unreachable, refused or unanswered, whichever it saw first: {exit}: {stderr}"
    );
    assert!(!stderr.contains("panicked"), "{stderr}");
}
