//! What the registry does, one sentence a test, in virtual time.

use std::time::Duration;

use super::super::code::{CloseReason, ErrorCode};
use super::super::ice_servers::IceServers;
use super::super::message::{ClientMessage, IceServer, ServerMessage};
use super::super::secret::Token;
use super::counters::Occupancy;
use super::harness::{Bench, Got, only_error};

const SECOND: Duration = Duration::from_secs(1);

fn call(bench: &mut Bench, connection: u64, call: &str, to: &str) {
    bench.text(connection, &format!(r#"{{"type":"call","call":"{call}","to":"{to}","sdp":"offer"}}"#));
}

fn say(bench: &mut Bench, connection: u64, kind: &str, call: &str) {
    let rest = match kind {
        "accept" | "update" | "updated" => r#","sdp":"answer""#,
        "decline" => r#","reason":"busy""#,
        "hangup" => r#","reason":"normal""#,
        "candidate" => r#","candidate":"x""#,
        _ => "",
    };
    bench.text(connection, &format!(r#"{{"type":"{kind}","call":"{call}"{rest}}}"#));
}

/// Alice and Bob, registered, with empty inboxes.
fn alice_and_bob(bench: &mut Bench) -> (u64, u64) {
    let (alice, bob) = (bench.register("alice"), bench.register("bob"));
    bench.got(alice);
    bench.got(bob);
    (alice, bob)
}

/// Alice and Bob in an answered call `c`, with empty inboxes.
fn alice_and_bob_in_a_call(bench: &mut Bench) -> (u64, u64) {
    let (alice, bob) = alice_and_bob(bench);
    call(bench, alice, "c", "bob");
    say(bench, bob, "accept", "c");
    bench.got(alice);
    bench.got(bob);
    (alice, bob)
}

/// The text that registers `id` with a token.
fn resume(id: &str, token: &Token, last_seq: Option<u64>) -> String {
    let token = String::from(token.clone());
    let last_seq = last_seq.map_or(String::new(), |seq| format!(r#","last_seq":{seq}"#));
    format!(r#"{{"type":"register","version":1,"id":"{id}","token":"{token}"{last_seq}}}"#)
}

#[test]
fn a_peer_that_registers_learns_who_is_there_and_the_others_learn_of_it() {
    let mut bench = Bench::new();
    let alice = bench.register("alice");
    let bob = bench.connect();
    bench.text(bob, r#"{"type":"register","version":1,"id":"bob"}"#);
    let registered = bench.registered(bob);
    assert_eq!(registered.online, ["alice".parse().unwrap()]);
    assert!(!registered.resumed);
    assert_eq!(registered.grace_ms, 30_000);
    assert_eq!(bench.read(alice), ["online bob"]);
    assert!(bench.read(bob).is_empty(), "nobody is told of themselves");
}

#[test]
fn a_call_rings_is_answered_updated_and_hung_up() {
    let mut bench = Bench::new();
    let (alice, bob) = alice_and_bob(&mut bench);
    call(&mut bench, alice, "c", "bob");
    say(&mut bench, bob, "ringing", "c");
    say(&mut bench, alice, "candidate", "c");
    say(&mut bench, bob, "accept", "c");
    say(&mut bench, bob, "candidate", "c");
    say(&mut bench, bob, "update", "c");
    say(&mut bench, alice, "updated", "c");
    say(&mut bench, alice, "hangup", "c");
    assert_eq!(bench.read(bob), ["call c from alice", "candidate c x", "updated c", "hangup c normal"]);
    assert_eq!(bench.read(alice), ["ringing c", "accept c", "candidate c x", "update c"]);
    assert_eq!(bench.registry.occupancy(), Occupancy { connections: 2, online: 2, ..Default::default() });
}

#[test]
fn a_declined_call_is_over_with_its_reason() {
    let mut bench = Bench::new();
    let (alice, bob) = alice_and_bob(&mut bench);
    call(&mut bench, alice, "c", "bob");
    say(&mut bench, bob, "decline", "c");
    assert_eq!(bench.read(alice), ["decline c busy"]);
    say(&mut bench, alice, "hangup", "c");
    assert_eq!(bench.read(alice), ["error unknown_call c"]);
}

#[test]
fn a_call_to_nobody_to_oneself_or_with_a_used_id_is_refused() {
    let mut bench = Bench::new();
    let (alice, bob) = alice_and_bob(&mut bench);
    let carol = bench.register("carol");
    bench.got(alice);
    bench.got(bob);
    call(&mut bench, alice, "c", "nobody");
    call(&mut bench, alice, "c", "alice");
    call(&mut bench, alice, "c", "bob");
    call(&mut bench, alice, "c", "carol");
    call(&mut bench, alice, "d", "bob");
    assert_eq!(
        bench.read(alice),
        ["error unknown_peer c", "error self_call c", "error call_id_taken c", "error already_in_call d"]
    );
    assert_eq!(bench.read(bob), ["call c from alice"]);
    assert!(bench.read(carol).is_empty());
}

#[test]
fn a_late_message_of_an_old_call_is_refused_and_reaches_nobody() {
    let mut bench = Bench::new();
    let (alice, bob) = alice_and_bob_in_a_call(&mut bench);
    say(&mut bench, alice, "hangup", "c");
    bench.got(bob);
    for kind in ["ringing", "accept", "decline", "candidate", "update", "updated", "hangup"] {
        say(&mut bench, bob, kind, "c");
        assert_eq!(bench.read(bob), ["error unknown_call c"], "{kind}");
    }
    assert!(bench.read(alice).is_empty());
}

#[test]
fn a_stranger_has_no_part_in_a_call() {
    let mut bench = Bench::new();
    let (alice, bob) = alice_and_bob_in_a_call(&mut bench);
    let mallory = bench.register("mallory");
    bench.got(alice);
    bench.got(bob);
    say(&mut bench, mallory, "hangup", "c");
    assert_eq!(bench.read(mallory), ["error unknown_call c"]);
    assert!(bench.read(alice).is_empty() && bench.read(bob).is_empty());
}

#[test]
fn each_message_is_refused_in_the_states_where_it_makes_no_sense() {
    let mut bench = Bench::new();
    let (alice, bob) = alice_and_bob(&mut bench);
    call(&mut bench, alice, "c", "bob");
    for kind in ["ringing", "accept", "decline", "update", "updated"] {
        say(&mut bench, alice, kind, "c");
        assert_eq!(bench.read(alice), ["error wrong_state c"], "the caller's {kind} before the answer");
    }
    bench.got(bob);
    for kind in ["update", "updated"] {
        say(&mut bench, bob, kind, "c");
        assert_eq!(bench.read(bob), ["error wrong_state c"], "the callee's {kind} before the answer");
    }
    say(&mut bench, bob, "accept", "c");
    assert_eq!(bench.read(alice), ["accept c"]);
    for kind in ["ringing", "accept", "decline", "updated"] {
        say(&mut bench, bob, kind, "c");
        assert_eq!(bench.read(bob), ["error wrong_state c"], "the callee's {kind} in a live call");
    }
}

#[test]
fn of_two_updates_at_once_the_first_to_arrive_counts() {
    let mut bench = Bench::new();
    let (alice, bob) = alice_and_bob_in_a_call(&mut bench);
    say(&mut bench, bob, "update", "c");
    say(&mut bench, alice, "update", "c");
    assert_eq!(bench.read(alice), ["update c", "error update_pending c"]);
    say(&mut bench, bob, "update", "c");
    assert_eq!(bench.read(bob), ["error wrong_state c"], "one's own update must be answered first");
    say(&mut bench, alice, "updated", "c");
    say(&mut bench, alice, "update", "c");
    assert_eq!(bench.read(bob), ["updated c", "update c"]);
}

#[test]
fn glare_ends_in_the_call_of_the_smaller_id_whichever_came_first() {
    let mut bench = Bench::new();
    let (alice, bob) = alice_and_bob(&mut bench);
    call(&mut bench, alice, "a", "bob");
    call(&mut bench, bob, "b", "alice");
    assert_eq!(bench.read(alice), Vec::<String>::new(), "alice's call goes on");
    assert_eq!(bench.read(bob), ["call a from alice", "hangup b glare"]);
    say(&mut bench, bob, "accept", "a");
    assert_eq!(bench.read(alice), ["accept a"]);

    let mut bench = Bench::new();
    let (alice, bob) = alice_and_bob(&mut bench);
    call(&mut bench, bob, "b", "alice");
    call(&mut bench, alice, "a", "bob");
    assert_eq!(bench.read(alice), ["call b from bob", "hangup b glare"]);
    assert_eq!(bench.read(bob), ["hangup b glare", "call a from alice"]);
    say(&mut bench, bob, "accept", "a");
    assert_eq!(bench.read(alice), ["accept a"]);
    assert_eq!(bench.registry.occupancy().live_calls, 1);
}

#[test]
fn a_live_id_cannot_be_taken() {
    let mut bench = Bench::new();
    let alice = bench.register("alice");
    let thief = bench.connect();
    bench.text(thief, r#"{"type":"register","version":1,"id":"alice"}"#);
    assert_eq!(
        only_error(&bench.got(thief)),
        (ErrorCode::IdTaken, "alice is registered from another connection".to_owned())
    );
    bench.text(thief, &resume("alice", &Token::from_random([0; 32]), None));
    assert_eq!(only_error(&bench.got(thief)).0, ErrorCode::IdTaken);
    bench.disconnect(alice);
    bench.text(thief, r#"{"type":"register","version":1,"id":"alice"}"#);
    let (code, message) = only_error(&bench.got(thief));
    assert_eq!(code, ErrorCode::IdTaken);
    assert!(message.contains("may still resume"), "{message}");
    bench.text(thief, r#"{"type":"register","version":1,"id":"mallory"}"#);
    assert_eq!(bench.registered(thief).id.as_str(), "mallory");
}

#[test]
fn a_peer_that_drops_resumes_with_its_token_and_its_call_is_undisturbed() {
    let mut bench = Bench::new();
    let (alice, bob) = (bench.connect(), bench.register("bob"));
    bench.text(alice, r#"{"type":"register","version":1,"id":"alice"}"#);
    let token = bench.registered(alice).token;
    call(&mut bench, alice, "c", "bob");
    say(&mut bench, bob, "accept", "c");
    bench.got(bob);
    bench.disconnect(alice);
    bench.pass_alive(29 * SECOND, &[bob]);
    say(&mut bench, bob, "candidate", "c");
    let back = bench.connect();
    bench.text(back, &resume("alice", &token, Some(1)));
    let registered = bench.registered(back);
    assert!(registered.resumed);
    assert_eq!(registered.calls, ["c".parse().unwrap()]);
    assert_eq!(registered.token, token);
    assert_eq!(bench.read(back), ["candidate c x"]);
    say(&mut bench, back, "hangup", "c");
    let bobs: Vec<String> = bench.read(bob).into_iter().filter(|line| line != "(ping)").collect();
    assert_eq!(bobs, ["away alice", "online alice", "hangup c normal"]);
}

#[test]
fn a_message_that_was_on_its_way_when_the_connection_broke_comes_again_once() {
    let mut bench = Bench::new();
    let (alice, bob) = (bench.connect(), bench.register("bob"));
    bench.text(alice, r#"{"type":"register","version":1,"id":"alice"}"#);
    let token = bench.registered(alice).token;
    call(&mut bench, alice, "c", "bob");
    say(&mut bench, bob, "ringing", "c");
    say(&mut bench, bob, "accept", "c");
    let seqs: Vec<_> = bench
        .got(alice)
        .into_iter()
        .map(|got| match got {
            Got::Message(_, seq) => seq,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(seqs, [Some(1), Some(2)]);
    bench.disconnect(alice);
    let back = bench.connect();
    bench.text(back, &resume("alice", &token, Some(1)));
    bench.registered(back);
    assert_eq!(bench.read(back), ["accept c"], "ringing had arrived, accept had not");
}

#[test]
fn a_message_that_a_resuming_peer_sends_again_counts_once() {
    let mut bench = Bench::new();
    let (alice, bob) = (bench.connect(), bench.register("bob"));
    bench.text(alice, r#"{"type":"register","version":1,"id":"alice"}"#);
    let token = bench.registered(alice).token;
    let hello = r#"{"type":"call","call":"c","to":"bob","sdp":"x","seq":1}"#;
    bench.text(alice, hello);
    bench.disconnect(alice);
    let back = bench.connect();
    bench.text(back, &resume("alice", &token, Some(0)));
    assert_eq!(bench.registered(back).last_seq, Some(1));
    bench.text(back, hello);
    assert_eq!(bench.read(bob), ["online alice", "call c from alice", "away alice", "online alice"]);
    assert!(bench.read(back).is_empty(), "no call_id_taken");
}

#[test]
fn a_token_takes_the_session_from_a_connection_that_seems_alive() {
    let mut bench = Bench::new();
    let (alice, bob) = (bench.connect(), bench.register("bob"));
    bench.text(alice, r#"{"type":"register","version":1,"id":"alice"}"#);
    let token = bench.registered(alice).token;
    bench.got(bob);
    let back = bench.connect();
    bench.text(back, &resume("alice", &token, None));
    assert!(bench.registered(back).resumed);
    assert_eq!(bench.read(alice), ["online bob", "(closed replaced)"].map(str::to_owned)[1..]);
    assert!(bench.read(bob).is_empty(), "nobody else notices");
    call(&mut bench, bob, "c", "alice");
    assert_eq!(bench.read(back), ["call c from bob"]);
}

#[test]
fn after_the_grace_time_calls_end_and_the_id_is_free() {
    let mut bench = Bench::new();
    let (alice, bob) = alice_and_bob_in_a_call(&mut bench);
    bench.disconnect(alice);
    bench.pass_alive(31 * SECOND, &[bob]);
    let bobs: Vec<String> = bench.read(bob).into_iter().filter(|line| line != "(ping)").collect();
    assert_eq!(bobs, ["away alice", "hangup c peer_gone", "offline alice"]);
    let alice = bench.register("alice");
    assert!(bench.read(alice).is_empty());
}

#[test]
fn a_peer_that_unregisters_is_gone_at_once() {
    let mut bench = Bench::new();
    let (alice, bob) = alice_and_bob_in_a_call(&mut bench);
    bench.text(alice, r#"{"type":"unregister"}"#);
    assert_eq!(bench.read(alice), ["(closed unregistered)"]);
    assert_eq!(bench.read(bob), ["hangup c peer_gone", "offline alice"]);
    bench.register("alice");
}

#[test]
fn a_call_to_a_peer_that_is_away_waits_for_it() {
    let mut bench = Bench::new();
    let (alice, bob) = (bench.register("alice"), bench.connect());
    bench.text(bob, r#"{"type":"register","version":1,"id":"bob"}"#);
    let token = bench.registered(bob).token;
    bench.disconnect(bob);
    call(&mut bench, alice, "c", "bob");
    let back = bench.connect();
    bench.text(back, &resume("bob", &token, None));
    let registered = bench.registered(back);
    assert_eq!(registered.calls, ["c".parse().unwrap()]);
    assert_eq!(bench.read(back), ["call c from alice"]);
}

#[test]
fn a_call_that_nobody_answers_ends() {
    let mut bench = Bench::new();
    let (alice, bob) = alice_and_bob(&mut bench);
    call(&mut bench, alice, "c", "bob");
    bench.pass_alive(121 * SECOND, &[alice, bob]);
    assert!(bench.read(alice).contains(&"hangup c timeout".to_owned()));
    assert!(bench.read(bob).contains(&"hangup c timeout".to_owned()));
}

#[test]
fn a_server_that_lost_its_memory_takes_a_call_up_once_both_peers_name_it() {
    let claim = |id: &str, with: &str| {
        format!(r#"{{"type":"register","version":1,"id":"{id}","calls":[{{"call":"c","with":"{with}"}}]}}"#)
    };
    let mut bench = Bench::new();
    let alice = bench.connect();
    bench.text(alice, &claim("alice", "bob"));
    assert_eq!(bench.registered(alice).calls, ["c".parse().unwrap()]);
    say(&mut bench, alice, "update", "c");
    assert_eq!(bench.read(alice), ["error wrong_state c"], "bob isn't back");
    let mallory = bench.connect();
    bench.text(mallory, &claim("mallory", "alice"));
    assert!(bench.registered(mallory).calls.is_empty(), "the call is with bob");
    let bob = bench.connect();
    bench.text(bob, &claim("bob", "alice"));
    assert_eq!(bench.registered(bob).calls, ["c".parse().unwrap()]);
    bench.got(alice);
    bench.got(bob);
    say(&mut bench, bob, "hangup", "c");
    assert_eq!(bench.read(alice), ["hangup c normal"]);
}

#[test]
fn a_claimed_call_whose_other_peer_stays_away_ends() {
    let mut bench = Bench::new();
    let alice = bench.connect();
    bench.text(alice, r#"{"type":"register","version":1,"id":"alice","calls":[{"call":"c","with":"bob"}]}"#);
    bench.registered(alice);
    let bob = bench.register("bob");
    say(&mut bench, bob, "hangup", "c");
    assert_eq!(bench.read(bob), ["error unknown_call c"], "bob hasn't claimed it");
    bench.pass_alive(31 * SECOND, &[alice, bob]);
    assert!(bench.read(alice).contains(&"hangup c peer_gone".to_owned()));
    assert!(!bench.read(bob).iter().any(|line| line.contains("hangup")));
}

#[test]
fn a_peer_that_restarted_may_call_whom_it_was_in_a_call_with() {
    let mut bench = Bench::new();
    let alice = bench.connect();
    bench.text(alice, r#"{"type":"register","version":1,"id":"alice","calls":[{"call":"c","with":"bob"}]}"#);
    bench.registered(alice);
    let bob = bench.register("bob");
    bench.got(alice);
    call(&mut bench, bob, "d", "alice");
    assert_eq!(bench.read(alice), ["hangup c peer_gone", "call d from bob"]);
}

#[test]
fn a_silent_connection_is_pinged_then_closed_and_one_that_answers_stays() {
    let mut bench = Bench::new();
    let (alice, bob) = alice_and_bob(&mut bench);
    for _ in 0..60 {
        bench.pass(SECOND);
        bench.pong(alice, 0);
    }
    assert!(bench.read(bob).starts_with(&[
        "(ping)".to_owned(),
        "(ping)".to_owned(),
        "(closed idle)".to_owned()
    ]));
    let alices = bench.read(alice);
    assert!(alices.contains(&"offline bob".to_owned()));
    assert!(!alices.iter().any(|line| line.starts_with("(closed")));
}

#[test]
fn a_connection_that_does_not_register_is_closed() {
    let mut bench = Bench::new();
    let silent = bench.connect();
    bench.pass(9 * SECOND);
    assert!(bench.read(silent).is_empty());
    bench.pass(2 * SECOND);
    assert_eq!(bench.read(silent), ["(closed register_timeout)"]);
    assert_eq!(bench.registry.occupancy().connections, 0);
}

#[test]
fn what_is_no_message_is_refused_with_a_clear_sentence() {
    let mut bench = Bench::new();
    let stranger = bench.connect();
    for (text, code) in [
        ("", ErrorCode::Malformed),
        ("{", ErrorCode::Malformed),
        ("[]", ErrorCode::Malformed),
        (r#"{"type":"sing"}"#, ErrorCode::UnknownType),
        (r#"{"type":"register","version":1,"id":"a b"}"#, ErrorCode::BadField),
        (r#"{"type":"register","version":2,"id":"alice"}"#, ErrorCode::UnsupportedVersion),
        (r#"{"type":"unregister"}"#, ErrorCode::NotRegistered),
        (r#"{"type":"call","call":"c","to":"bob","sdp":""}"#, ErrorCode::NotRegistered),
    ] {
        bench.text(stranger, text);
        assert_eq!(only_error(&bench.got(stranger)).0, code, "{text}");
    }
    bench.text(stranger, r#"{"type":"register","version":1,"id":"alice"}"#);
    bench.registered(stranger);
    bench.text(stranger, r#"{"type":"register","version":1,"id":"alice"}"#);
    assert_eq!(only_error(&bench.got(stranger)).0, ErrorCode::AlreadyRegistered);
}

#[test]
fn sizes_are_held_to_their_limits() {
    let mut bench = Bench::with(|config| {
        config.limits.sdp_bytes = 10;
        config.limits.candidate_bytes = 5;
        config.limits.candidates_per_call = 2;
        config.limits.frame_bytes = 100;
    });
    let (alice, bob) = alice_and_bob(&mut bench);
    bench.text(alice, r#"{"type":"call","call":"c","to":"bob","sdp":"12345678901"}"#);
    assert_eq!(
        only_error(&bench.got(alice)),
        (ErrorCode::SdpTooLarge, "expected at most 10 bytes in `sdp`, found 11".to_owned())
    );
    call(&mut bench, alice, "c", "bob");
    bench.text(alice, r#"{"type":"candidate","call":"c","candidate":"12345","mid":"0"}"#);
    assert_eq!(only_error(&bench.got(alice)).0, ErrorCode::CandidateTooLarge);
    for _ in 0..3 {
        say(&mut bench, alice, "candidate", "c");
    }
    assert_eq!(only_error(&bench.got(alice)).0, ErrorCode::TooManyCandidates);
    assert_eq!(bench.read(bob), ["call c from alice", "candidate c x", "candidate c x"]);
    bench.text(alice, &" ".repeat(101));
    assert_eq!(bench.read(alice), ["(closed frame_too_large)"]);
}

#[test]
fn an_update_makes_room_for_the_candidates_of_an_ice_restart() {
    let mut bench = Bench::with(|config| config.limits.candidates_per_call = 1);
    let (alice, bob) = alice_and_bob_in_a_call(&mut bench);
    for kind in ["candidate", "candidate", "update", "candidate"] {
        say(&mut bench, alice, kind, "c");
    }
    assert_eq!(bench.read(alice), ["error too_many_candidates c"]);
    assert_eq!(bench.read(bob), ["candidate c x", "update c", "candidate c x"]);
}

#[test]
fn a_peer_has_room_for_so_many_unanswered_calls() {
    let mut bench = Bench::with(|config| config.limits.pending_calls_per_peer = 2);
    let [alice, bob, carol] = ["alice", "bob", "carol"].map(|id| bench.register(id));
    let dave = bench.register("dave");
    [alice, bob, carol].iter().for_each(|c| drop(bench.got(*c)));
    call(&mut bench, alice, "1", "dave");
    call(&mut bench, bob, "2", "dave");
    call(&mut bench, carol, "3", "dave");
    assert_eq!(bench.read(carol), ["error callee_busy 3"]);
    call(&mut bench, dave, "4", "carol");
    assert_eq!(bench.read(dave), ["call 1 from alice", "call 2 from bob", "error too_many_calls 4"]);
    say(&mut bench, dave, "accept", "1");
    call(&mut bench, carol, "5", "dave");
    assert_eq!(bench.read(dave), ["call 5 from carol"], "an answered call leaves room");
}

#[test]
fn a_flood_is_dropped_then_closed_and_nobody_else_notices() {
    let mut bench = Bench::with(|config| {
        config.limits.message_burst = 10;
        config.limits.refused_messages = 5;
    });
    let (alice, bob) = alice_and_bob(&mut bench);
    for _ in 0..14 {
        bench.text(alice, "{");
    }
    let got = bench.read(alice);
    assert_eq!(got.iter().filter(|line| *line == "error malformed").count(), 9, "register was the tenth");
    assert_eq!(got.iter().filter(|line| *line == "error rate_limited").count(), 5);
    bench.pass(SECOND);
    bench.text(alice, "{");
    assert_eq!(bench.read(alice), ["error malformed"], "after a rest all is forgiven");
    for _ in 0..20 {
        bench.text(alice, "{");
    }
    assert_eq!(bench.read(alice).last().unwrap(), "(closed rate_limited)");
    assert_eq!(bench.read(bob), ["away alice"]);
}

#[test]
fn a_flood_of_pings_ends_as_one_of_messages_does() {
    let mut bench = Bench::new();
    let alice = bench.register("alice");
    for _ in 0..400 {
        bench.registry.handle_ping(super::ConnectionId(alice), bench.now);
    }
    bench.drain();
    assert_eq!(bench.read(alice).last().unwrap(), "(closed rate_limited)");
}

#[test]
fn an_address_has_room_for_so_many_connections_and_registrations() {
    let mut bench = Bench::with(|config| {
        config.limits.connections_per_address = 3;
        config.limits.registration_burst = 3;
        config.limits.registrations_per_second = 1;
    });
    let connections = [(); 3].map(|()| bench.connect());
    let fourth = bench.connect();
    assert_eq!(bench.read(fourth), ["(closed too_many_connections)"]);
    let elsewhere = bench.connect_from("192.0.2.1".parse().unwrap());
    assert!(bench.read(elsewhere).is_empty());
    bench.disconnect(connections[0]);
    let fifth = bench.connect();
    for (connection, id) in [(connections[1], "a"), (connections[2], "b"), (fifth, "c")] {
        bench.text(connection, &format!(r#"{{"type":"register","version":1,"id":"{id}"}}"#));
        bench.registered(connection);
    }
    bench.text(fifth, r#"{"type":"unregister"}"#);
    let sixth = bench.connect();
    bench.text(sixth, r#"{"type":"register","version":1,"id":"d"}"#);
    assert_eq!(only_error(&bench.got(sixth)).0, ErrorCode::TooManyRegistrations);
    bench.pass(SECOND);
    bench.text(sixth, r#"{"type":"register","version":1,"id":"d"}"#);
    bench.registered(sixth);
}

#[test]
fn a_full_server_takes_no_more_connections_and_no_more_peers() {
    let mut bench = Bench::with(|config| {
        config.limits.connections = 2;
        config.limits.registrations = 1;
    });
    bench.register("alice");
    let bob = bench.connect();
    bench.text(bob, r#"{"type":"register","version":1,"id":"bob"}"#);
    assert_eq!(only_error(&bench.got(bob)).0, ErrorCode::ServerFull);
    let third = bench.connect();
    assert_eq!(bench.read(third), ["(closed server_full)"]);
}

#[test]
fn a_peer_that_is_away_and_gets_too_much_is_given_up() {
    let mut bench = Bench::with(|config| config.limits.queued_messages = 4);
    let (alice, bob) = alice_and_bob_in_a_call(&mut bench);
    bench.pong(bob, 1);
    bench.disconnect(bob);
    for _ in 0..5 {
        say(&mut bench, alice, "candidate", "c");
    }
    assert_eq!(bench.read(alice), ["away bob", "hangup c peer_gone", "offline bob"]);
    bench.register("bob");
}

#[test]
fn a_peer_that_never_answers_pings_is_a_slow_receiver() {
    let mut bench = Bench::with(|config| config.limits.queued_messages = 50);
    let (alice, bob) = alice_and_bob_in_a_call(&mut bench);
    for _ in 0..50 {
        say(&mut bench, alice, "candidate", "c");
    }
    let got = bench.read(bob);
    assert!(got.contains(&"(ping)".to_owned()), "asked before");
    assert_eq!(got.last().unwrap(), "(closed slow_receiver)");
    assert_eq!(bench.read(alice), ["hangup c peer_gone", "offline bob"]);
}

#[test]
fn a_peer_that_answers_pings_is_never_a_slow_receiver() {
    let mut bench = Bench::with(|config| config.limits.queued_messages = 50);
    let (alice, bob) = alice_and_bob_in_a_call(&mut bench);
    for _ in 0..120 {
        say(&mut bench, alice, "candidate", "c");
        for got in bench.got(bob) {
            match got {
                Got::Ping(payload) => bench.pong(bob, payload),
                Got::Message(ServerMessage::Candidate(_), Some(_)) => {}
                other => panic!("{other:?}"),
            }
        }
    }
    assert!(bench.read(alice).is_empty());
}

#[test]
fn a_server_that_stops_tells_everyone_and_ends_what_was_not_answered() {
    let mut bench = Bench::new();
    let (alice, bob) = alice_and_bob_in_a_call(&mut bench);
    let [carol, dave] = ["carol", "dave"].map(|id| bench.register(id));
    call(&mut bench, carol, "d", "dave");
    [alice, bob, carol, dave].iter().for_each(|c| drop(bench.got(*c)));
    bench.registry.handle_shutdown(bench.now);
    bench.drain();
    let stranger = bench.connect();
    assert_eq!(bench.read(stranger), ["(closed shutdown)"]);
    assert_eq!(bench.read(alice), ["closing", "(closed shutdown)"]);
    assert_eq!(bench.read(bob), ["closing", "(closed shutdown)"]);
    assert_eq!(bench.read(carol), ["hangup d shutdown", "closing", "(closed shutdown)"]);
    assert_eq!(bench.read(dave), ["hangup d shutdown", "closing", "(closed shutdown)"]);
}

#[test]
fn input_of_closed_and_unknown_connections_is_passed_over() {
    let mut bench = Bench::new();
    let alice = bench.register("alice");
    bench.disconnect(alice);
    bench.send(alice, ClientMessage::Unregister);
    bench.send(99, ClientMessage::Unregister);
    bench.pong(99, 1);
    bench.disconnect(alice);
    bench.registry.handle_violation(super::ConnectionId(99), CloseReason::TextOnly, bench.now);
    assert!(bench.read(alice).is_empty() && bench.read(99).is_empty());
    assert_eq!(bench.registry.occupancy().away, 1);
}

#[test]
fn ice_servers_are_told_at_registering_and_anew_before_they_expire() {
    let mut bench = Bench::with(|config| {
        let fixed = IceServer { urls: vec!["stun:s".to_owned()], username: None, credential: None };
        let start = std::sync::OnceLock::new();
        config.ice_servers =
            IceServers::fixed(vec![fixed]).with_minted(Duration::from_secs(60), move |peer, now| {
                let since = now.duration_since(*start.get_or_init(|| now));
                let username = Some(format!("{}:{peer}", since.as_secs()));
                vec![IceServer { urls: vec!["turn:t".to_owned()], username, credential: None }]
            });
    });
    let alice = bench.connect();
    bench.text(alice, r#"{"type":"register","version":1,"id":"alice"}"#);
    let told = bench.registered(alice).ice_servers;
    let names: Vec<_> = told.iter().map(|server| server.username.as_deref()).collect();
    assert_eq!(names, [None, Some("0:alice")]);
    let heard = |bench: &mut Bench| {
        let mut heard = bench.read(alice);
        heard.retain(|got| got != "(ping)");
        heard
    };
    bench.pass_alive(Duration::from_secs(59), &[alice]);
    assert!(heard(&mut bench).is_empty());
    bench.pass_alive(Duration::from_secs(11), &[alice]);
    assert_eq!(heard(&mut bench), ["ice_servers 60:alice"]);
    bench.pass_alive(Duration::from_secs(180), &[alice]);
    let later = ["ice_servers 120:alice", "ice_servers 180:alice", "ice_servers 240:alice"];
    assert_eq!(heard(&mut bench), later);
}
