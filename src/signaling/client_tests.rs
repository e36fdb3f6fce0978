//! What the client does, one sentence a test: alone, and with a registry over links that break, in
//! virtual time.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use super::*;

const SECOND: Duration = Duration::from_secs(1);

#[expect(clippy::disallowed_methods, reason = "one reading of the clock is the origin of virtual time")]
fn origin() -> Instant {
    Instant::now()
}

fn client(id: &str, now: Instant) -> Client {
    Client::new(ClientConfig::new(id.parse().unwrap()), 7, now)
}

fn registry() -> Registry {
    let mut made = 0u8;
    Registry::new(RegistryConfig::default(), move || {
        made += 1;
        [made; 32]
    })
}

/// A client and its end of a link. What is sent arrives one step later, unless the link is cut.
struct Station {
    client: Client,
    connection: Option<ConnectionId>,
    to_server: VecDeque<ClientAction>,
    to_client: VecDeque<Output>,
    /// Connecting fails.
    is_cut_off: bool,
    /// What the client said, in a short notation.
    heard: Vec<String>,
}

/// Two clients, a server, and time.
struct World {
    registry: Registry,
    stations: [Station; 2],
    now: Instant,
    next_connection: u64,
}

impl World {
    /// Alice and Bob, both registered.
    fn new() -> Self {
        let now = origin();
        let station = |id| Station {
            client: client(id, now),
            connection: None,
            to_server: VecDeque::new(),
            to_client: VecDeque::new(),
            is_cut_off: false,
            heard: Vec::new(),
        };
        let stations = [station("alice"), station("bob")];
        let mut world = Self { registry: registry(), stations, now, next_connection: 0 };
        world.run(SECOND);
        assert!(world.stations.iter().all(|station| station.client.is_registered()));
        world.stations.iter_mut().for_each(|station| station.heard.clear());
        world
    }

    fn send(&mut self, who: usize, message: ClientMessage) {
        self.stations[who].client.send(message).expect("room in the queue");
    }

    /// Breaks a link: what is on its way is lost, and each end hears of it or doesn't.
    fn cut(&mut self, who: usize, server_hears: bool, client_hears: bool) {
        let station = &mut self.stations[who];
        station.to_server.clear();
        station.to_client.clear();
        let Some(connection) = station.connection.take() else { return };
        if client_hears {
            station.client.handle_disconnected(disconnect("cut"), self.now);
        }
        if server_hears {
            self.registry.handle_disconnect(connection, self.now);
        }
    }

    /// The server starts again and remembers nothing.
    fn restart_server(&mut self) {
        self.registry = registry();
        for who in 0..2 {
            self.cut(who, false, true);
        }
    }

    /// Lets time pass in steps of 10 ms.
    fn run(&mut self, time: Duration) {
        for _ in 0..time.as_millis() / 10 {
            self.step();
            self.now += Duration::from_millis(10);
        }
    }

    fn step(&mut self) {
        self.registry.handle_timeout(self.now);
        for who in 0..2 {
            self.stations[who].client.handle_timeout(self.now);
            self.carry_to_client(who);
            self.carry_to_server(who);
            self.collect(who);
        }
        while let Some(output) = self.registry.poll_output() {
            let to = match &output {
                Output::Send { connection, .. }
                | Output::Ping { connection, .. }
                | Output::Close { connection, .. } => *connection,
            };
            if let Some(station) = self.stations.iter_mut().find(|s| s.connection == Some(to)) {
                station.to_client.push_back(output);
            }
        }
    }

    fn carry_to_client(&mut self, who: usize) {
        let station = &mut self.stations[who];
        for output in std::mem::take(&mut station.to_client) {
            match output {
                Output::Send { text, .. } => station.client.handle_text(&text, self.now),
                Output::Ping { connection, payload } => {
                    station.client.handle_heard(self.now);
                    self.registry.handle_pong(connection, payload, self.now);
                }
                Output::Close { reason, .. } => {
                    station.connection = None;
                    let why = Disconnect { code: Some(reason.code()), reason: reason.to_string() };
                    station.client.handle_disconnected(why, self.now);
                }
            }
        }
    }

    fn carry_to_server(&mut self, who: usize) {
        let station = &mut self.stations[who];
        for action in std::mem::take(&mut station.to_server) {
            match (action, station.connection) {
                (ClientAction::Connect, _) if station.is_cut_off => {
                    station.client.handle_disconnected(disconnect("unreachable"), self.now);
                }
                (ClientAction::Connect, _) => {
                    self.next_connection += 1;
                    let connection = ConnectionId(self.next_connection);
                    station.connection = Some(connection);
                    self.registry.handle_connect(connection, IpAddr::V4(Ipv4Addr::LOCALHOST), self.now);
                    station.client.handle_connected(self.now);
                }
                (ClientAction::Send(text), Some(connection)) => {
                    self.registry.handle_text(connection, &text, self.now);
                }
                (ClientAction::Ping(payload), Some(connection)) => {
                    self.registry.handle_ping(connection, self.now);
                    station.client.handle_pong(payload, self.now);
                }
                (ClientAction::Close, Some(connection)) => {
                    station.connection = None;
                    self.registry.handle_disconnect(connection, self.now);
                }
                (_, None) => {}
            }
        }
    }

    fn collect(&mut self, who: usize) {
        let station = &mut self.stations[who];
        station.to_server.extend(std::iter::from_fn(|| station.client.poll_action()));
        station.heard.extend(std::iter::from_fn(|| station.client.poll_event()).map(|event| short(&event)));
    }

    /// What a client has said of calls since the last look.
    fn calls_heard(&mut self, who: usize) -> Vec<String> {
        let heard = std::mem::take(&mut self.stations[who].heard);
        let of_calls = ["call", "ringing", "accept", "decline", "candidate", "update", "hangup", "error"];
        heard.into_iter().filter(|line| of_calls.iter().any(|kind| line.starts_with(kind))).collect()
    }
}

fn disconnect(reason: &str) -> Disconnect {
    Disconnect { code: None, reason: reason.to_owned() }
}

fn short(event: &ClientEvent) -> String {
    match event {
        ClientEvent::Registered(registered) => format!("registered resumed={}", registered.resumed),
        ClientEvent::Lost { reason, .. } => format!("lost: {reason}"),
        ClientEvent::Fatal { code, .. } => format!("fatal {code}"),
        ClientEvent::Stopped => "stopped".to_owned(),
        ClientEvent::Message(message) => {
            let call = message.call().map_or(String::new(), |call| format!(" {call}"));
            match message {
                ServerMessage::Hangup { reason, .. } => format!("hangup{call} {reason}"),
                ServerMessage::Error { code, .. } => format!("error{call} {code}"),
                ServerMessage::Candidate(candidate) => format!("candidate{call} {}", &*candidate.candidate),
                other => {
                    let value = serde_json::to_value(other).unwrap();
                    format!("{}{call}", value["type"].as_str().unwrap())
                }
            }
        }
    }
}

fn call(id: &str) -> ClientMessage {
    ClientMessage::Call { call: id.parse().unwrap(), to: "bob".parse().unwrap(), sdp: "offer".into() }
}

fn accept(id: &str) -> ClientMessage {
    ClientMessage::Accept { call: id.parse().unwrap(), sdp: "answer".into() }
}

fn hangup(id: &str) -> ClientMessage {
    ClientMessage::Hangup { call: id.parse().unwrap(), reason: HangupReason::Normal }
}

fn candidate(id: &str, number: usize) -> ClientMessage {
    ClientMessage::Candidate(Candidate {
        call: id.parse().unwrap(),
        candidate: number.to_string().into(),
        mid: None,
        mline: None,
    })
}

/// A world with a call `c` from Alice to Bob, answered.
fn world_in_a_call() -> World {
    let mut world = World::new();
    world.send(0, call("c"));
    world.run(SECOND);
    world.send(1, accept("c"));
    world.run(SECOND);
    assert_eq!(world.calls_heard(0), ["accept c"]);
    assert_eq!(world.calls_heard(1), ["call c"]);
    world
}

#[test]
fn messages_sent_before_the_client_is_registered_go_out_once_it_is() {
    let now = origin();
    let mut alice = client("alice", now);
    assert_eq!(alice.poll_action(), Some(ClientAction::Connect));
    alice.send(call("c")).unwrap();
    assert_eq!(alice.poll_action(), None);
    alice.handle_connected(now);
    assert_eq!(
        alice.poll_action(),
        Some(ClientAction::Send(r#"{"type":"register","version":1,"id":"alice"}"#.to_owned()))
    );
    let registered = format!(
        r#"{{"type":"registered","version":1,"id":"alice","token":"{}","resumed":false,"grace_ms":1,"online":[],"calls":[]}}"#,
        "0".repeat(64)
    );
    alice.handle_text(&registered, now);
    assert!(matches!(alice.poll_event(), Some(ClientEvent::Registered(_))));
    assert_eq!(
        alice.poll_action(),
        Some(ClientAction::Send(r#"{"type":"call","call":"c","to":"bob","sdp":"offer","seq":1}"#.to_owned()))
    );
}

#[test]
fn a_server_that_cannot_be_reached_is_tried_again_with_growing_waits() {
    let mut now = origin();
    let mut alice = client("alice", now);
    let mut waits = Vec::new();
    for _ in 0..8 {
        assert_eq!(alice.poll_action(), Some(ClientAction::Connect));
        alice.handle_disconnected(disconnect("refused"), now);
        match alice.poll_event() {
            Some(ClientEvent::Lost { reason, retry_in }) if reason == "refused" => waits.push(retry_in),
            other => panic!("{other:?}"),
        }
        now = alice.poll_timeout().unwrap();
        alice.handle_timeout(now);
    }
    assert!(waits[0] <= Duration::from_millis(200));
    assert!(waits[7] >= Duration::from_millis(2500) && waits[7] <= 5 * SECOND, "{waits:?}");
}

#[test]
fn a_connection_that_is_not_made_and_a_register_that_is_not_answered_are_given_up() {
    let mut now = origin();
    let mut alice = client("alice", now);
    alice.poll_action();
    now += 10 * SECOND;
    alice.handle_timeout(now);
    assert_eq!(alice.poll_action(), Some(ClientAction::Close));
    assert_eq!(short(&alice.poll_event().unwrap()), "lost: no connection within 10 s");
    now += SECOND;
    alice.handle_timeout(now);
    alice.handle_connected(now);
    while alice.poll_action().is_some() {}
    now += 5 * SECOND;
    alice.handle_timeout(now);
    assert_eq!(alice.poll_action(), Some(ClientAction::Close));
    assert_eq!(short(&alice.poll_event().unwrap()), "lost: no answer to `register` within 5 s");
}

#[test]
fn a_silent_server_is_pinged_then_left() {
    let mut world = World::new();
    world.cut(0, false, false);
    world.stations[0].is_cut_off = true;
    world.run(26 * SECOND);
    let heard = &world.stations[0].heard;
    assert!(heard.contains(&"lost: nothing heard from the server for 25 s".to_owned()), "{heard:?}");
}

#[test]
fn a_quiet_hour_changes_nothing() {
    let mut world = World::new();
    world.run(3600 * SECOND);
    assert!(world.stations.iter().all(|station| station.heard.is_empty()));
}

#[test]
fn a_broken_link_neither_loses_nor_repeats_a_message_wherever_it_breaks() {
    for (server_hears, client_hears) in [(true, true), (true, false), (false, true)] {
        for step in 0..8 {
            let mut world = world_in_a_call();
            for number in 0..10 {
                world.send(0, candidate("c", number));
                world.send(1, candidate("c", number + 100));
                if number == step {
                    world.cut(0, server_hears, client_hears);
                }
                world.step();
                world.now += Duration::from_millis(10);
                if number == step + 1 {
                    world.cut(1, server_hears, client_hears);
                }
            }
            world.run(30 * SECOND);
            let numbers =
                |from: usize| (from..from + 10).map(|n| format!("candidate c {n}")).collect::<Vec<_>>();
            assert_eq!(world.calls_heard(0), numbers(100), "cut at {step}, {server_hears} {client_hears}");
            assert_eq!(world.calls_heard(1), numbers(0), "cut at {step}, {server_hears} {client_hears}");
        }
    }
}

#[test]
fn a_call_survives_a_server_that_starts_again_and_can_be_hung_up_after() {
    let mut world = world_in_a_call();
    world.restart_server();
    world.run(10 * SECOND);
    assert!(world.stations[0].heard.contains(&"registered resumed=false".to_owned()));
    assert!(world.calls_heard(0).is_empty() && world.calls_heard(1).is_empty());
    assert_eq!(world.registry.occupancy().live_calls, 1);
    world.send(1, hangup("c"));
    world.run(SECOND);
    assert_eq!(world.calls_heard(0), ["hangup c normal"]);
}

#[test]
fn a_call_that_was_not_answered_ends_with_the_server() {
    let mut world = World::new();
    world.send(0, call("c"));
    world.run(SECOND);
    world.restart_server();
    world.run(10 * SECOND);
    assert_eq!(world.calls_heard(0), ["hangup c shutdown"]);
    assert_eq!(world.calls_heard(1), ["call c", "hangup c shutdown"]);
}

#[test]
fn a_call_made_while_the_server_is_away_goes_out_when_it_is_back() {
    let mut world = World::new();
    world.stations[0].is_cut_off = true;
    world.cut(0, true, true);
    world.send(0, call("c"));
    world.run(2 * SECOND);
    world.restart_server();
    world.stations[0].is_cut_off = false;
    world.run(10 * SECOND);
    assert_eq!(world.calls_heard(1), ["call c"]);
    assert!(world.calls_heard(0).is_empty());
}

#[test]
fn an_id_that_is_taken_is_final() {
    let mut world = World::new();
    world.stations[0].client = client("bob", world.now);
    world.cut(0, true, false);
    world.run(SECOND);
    assert_eq!(world.stations[0].heard, ["fatal id_taken"]);
    assert!(world.stations[0].client.is_stopped());
}

#[test]
fn an_id_taken_by_ones_own_unanswered_registration_is_waited_for() {
    let mut world = World::new();
    world.cut(0, true, false);
    world.registry = registry();
    world.cut(1, false, true);
    let mut alice = client("alice", world.now);
    alice.poll_action();
    alice.handle_connected(world.now);
    let ghost = ConnectionId(1000);
    world.registry.handle_connect(ghost, IpAddr::V4(Ipv4Addr::LOCALHOST), world.now);
    match alice.poll_action() {
        Some(ClientAction::Send(register)) => world.registry.handle_text(ghost, &register, world.now),
        other => panic!("{other:?}"),
    }
    world.registry.handle_disconnect(ghost, world.now);
    alice.handle_disconnected(disconnect("cut before the answer"), world.now);
    world.stations[0].client = alice;
    world.run(50 * SECOND);
    assert!(world.stations[0].client.is_registered(), "{:?}", world.stations[0].heard);
}

#[test]
fn a_session_resumed_elsewhere_is_not_fought_over() {
    let now = origin();
    let mut alice = client("alice", now);
    alice.handle_connected(now);
    let replaced = Disconnect { code: Some(CloseReason::Replaced.code()), reason: "replaced".to_owned() };
    alice.handle_disconnected(replaced, now);
    assert!(matches!(alice.poll_event(), Some(ClientEvent::Fatal { code: ErrorCode::IdTaken, .. })));
    assert_eq!(alice.poll_timeout(), None);
}

#[test]
fn a_client_that_stops_says_everything_first_and_frees_its_id() {
    let mut world = world_in_a_call();
    world.send(0, hangup("c"));
    world.stations[0].client.stop(world.now);
    world.run(SECOND);
    assert_eq!(world.calls_heard(1), ["hangup c normal"]);
    assert!(world.stations[0].client.is_stopped());
    assert_eq!(world.registry.occupancy().online + world.registry.occupancy().away, 1);
}

#[test]
fn a_client_stops_in_every_state() {
    let now = origin();
    let mut connecting = client("alice", now);
    connecting.stop(now);
    assert!(connecting.is_stopped());
    let mut waiting = client("alice", now);
    waiting.handle_disconnected(disconnect("refused"), now);
    waiting.stop(now);
    assert!(waiting.is_stopped());
    let mut world = World::new();
    world.cut(0, false, false);
    world.stations[0].client.stop(world.now);
    world.run(2 * SECOND);
    assert!(world.stations[0].client.is_stopped(), "a deaf server is not waited for");
}

#[test]
fn a_server_that_closes_is_given_the_time_it_asked_for() {
    let now = origin();
    let mut alice = client("alice", now);
    alice.poll_action();
    alice.handle_connected(now);
    alice.handle_text(r#"{"type":"closing","reason":"the server stops","retry_ms":3000}"#, now);
    alice.handle_disconnected(disconnect("shutdown"), now);
    assert!(matches!(alice.poll_event(), Some(ClientEvent::Message(ServerMessage::Closing { .. }))));
    match alice.poll_event() {
        Some(ClientEvent::Lost { retry_in, .. }) => {
            assert!(retry_in >= 3 * SECOND && retry_in <= 6 * SECOND, "{retry_in:?}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_server_that_speaks_nonsense_is_left_and_one_that_says_something_new_is_not() {
    let now = origin();
    let mut alice = client("alice", now);
    while alice.poll_action().is_some() {}
    alice.handle_connected(now);
    alice.handle_text(r#"{"type":"weather","is":"fine"}"#, now);
    assert_eq!(alice.poll_event(), None);
    alice.handle_text("<html>", now);
    assert!(short(&alice.poll_event().unwrap()).starts_with("lost: the server sent what is no message"));
}
