//! The switchboard over real sockets: what honest peers get, and what the others can't do.

#![expect(clippy::disallowed_methods, reason = "real sockets take real time")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use handset::net::websocket::{SignalConfig, SignalThread};
use handset::signaling::{ClientConfig, ClientEvent, Limits};
use handset::switchboard::{SwitchboardConfig, SwitchboardError, SwitchboardThread, TlsFiles};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::error::Error;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::{Message, WebSocket, client};

/// Nothing here takes longer, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(10);

/// A switchboard on a free port.
fn switchboard(change: impl FnOnce(&mut SwitchboardConfig)) -> SwitchboardThread {
    let mut config = SwitchboardConfig {
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        ..SwitchboardConfig::default()
    };
    change(&mut config);
    SwitchboardThread::start(config).expect("a free port")
}

fn with_limits(change: impl FnOnce(&mut Limits)) -> SwitchboardThread {
    switchboard(|config| change(&mut config.registry.limits))
}

/// A WebSocket that says and hears JSON.
struct Wire(WebSocket<TcpStream>);

impl Wire {
    fn connect(address: SocketAddr) -> Self {
        Self::try_connect(address, None).expect("a WebSocket")
    }

    fn try_connect(address: SocketAddr, origin: Option<&str>) -> Result<Self, Error> {
        let stream = TcpStream::connect(address).map_err(Error::Io)?;
        stream.set_read_timeout(Some(PATIENCE)).map_err(Error::Io)?;
        let mut request = format!("ws://{address}/ws").into_client_request()?;
        if let Some(origin) = origin {
            request.headers_mut().insert("origin", origin.parse().expect("a header value"));
        }
        match client(request, stream) {
            Ok((socket, _)) => Ok(Self(socket)),
            Err(tokio_tungstenite::tungstenite::HandshakeError::Failure(error)) => Err(error),
            Err(other) => panic!("{other}"),
        }
    }

    /// Connects and registers; returns `registered` too.
    fn register(address: SocketAddr, id: &str) -> (Self, Value) {
        let mut wire = Self::connect(address);
        wire.say(json!({"type": "register", "version": 1, "id": id}));
        let registered = wire.hear();
        assert_eq!(registered["type"], "registered", "{registered}");
        (wire, registered)
    }

    fn say(&mut self, message: Value) {
        self.0.send(Message::text(message.to_string())).expect("sent");
    }

    /// The next text frame.
    fn hear(&mut self) -> Value {
        loop {
            match self.0.read().expect("a frame") {
                Message::Text(text) => return serde_json::from_str(&text).expect("JSON"),
                Message::Close(frame) => panic!("closed: {frame:?}"),
                _ => {}
            }
        }
    }

    /// The next message of this type; others are passed over.
    fn hear_of(&mut self, kind: &str) -> Value {
        loop {
            let message = self.hear();
            if message["type"] == kind {
                return message;
            }
        }
    }

    /// Code and reason of the close frame that comes next but for text.
    fn hear_close(&mut self) -> (u16, String) {
        loop {
            match self.0.read() {
                Ok(Message::Close(Some(frame))) => return (frame.code.into(), frame.reason.to_string()),
                Ok(Message::Close(None)) => panic!("closed without a reason"),
                Ok(_) => {}
                Err(error) => panic!("expected a close frame, got {error}"),
            }
        }
    }
}

/// Sends an HTTP request as it stands and returns the whole answer.
fn http(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer");
    String::from_utf8_lossy(&answer).into_owned()
}

fn get(address: SocketAddr, path: &str, headers: &str) -> String {
    http(address, &format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{headers}\r\n"))
}

#[test]
fn two_peers_call_each_other_and_hang_up() {
    let switchboard = switchboard(|_| {});
    let (mut alice, _) = Wire::register(switchboard.local_addr(), "alice");
    let (mut bob, registered) = Wire::register(switchboard.local_addr(), "bob");
    assert_eq!(registered["online"], json!(["alice"]));
    assert_eq!(alice.hear()["id"], "bob");
    alice.say(json!({"type": "call", "call": "c", "to": "bob", "sdp": "offer"}));
    assert_eq!(bob.hear(), json!({"type": "call", "call": "c", "from": "alice", "sdp": "offer", "seq": 1}));
    bob.say(json!({"type": "ringing", "call": "c"}));
    bob.say(json!({"type": "accept", "call": "c", "sdp": "answer"}));
    assert_eq!(alice.hear()["type"], "ringing");
    assert_eq!(alice.hear()["sdp"], "answer");
    alice.say(json!({"type": "candidate", "call": "c", "candidate": "x", "mid": "0", "mline": 0}));
    assert_eq!(bob.hear()["candidate"], "x");
    bob.say(json!({"type": "hangup", "call": "c", "reason": "normal"}));
    assert_eq!(alice.hear(), json!({"type": "hangup", "call": "c", "reason": "normal", "seq": 3}));
}

#[test]
fn what_is_no_message_gets_a_clear_error_and_the_connection_stays() {
    let switchboard = switchboard(|_| {});
    let mut wire = Wire::connect(switchboard.local_addr());
    for (text, code) in [
        ("hello", "malformed"),
        ("[1,2]", "malformed"),
        (r#"{"type":"dance"}"#, "unknown_type"),
        (r#"{"type":"register","version":1}"#, "bad_field"),
        (r#"{"type":"hangup","call":"c","reason":"normal"}"#, "not_registered"),
    ] {
        wire.0.send(Message::text(text)).unwrap();
        let error = wire.hear();
        assert_eq!((&error["type"], &error["code"]), (&json!("error"), &json!(code)), "{text}");
        assert!(error["message"].as_str().unwrap().starts_with(['e', 'i']), "{error}");
    }
    wire.say(json!({"type": "register", "version": 1, "id": "alice"}));
    assert_eq!(wire.hear()["type"], "registered");
}

#[test]
fn messages_out_of_order_are_refused_and_reach_nobody() {
    let switchboard = switchboard(|_| {});
    let (mut alice, _) = Wire::register(switchboard.local_addr(), "alice");
    let (mut bob, _) = Wire::register(switchboard.local_addr(), "bob");
    alice.hear_of("online");
    bob.say(json!({"type": "accept", "call": "c", "sdp": "answer"}));
    assert_eq!(bob.hear()["code"], "unknown_call");
    alice.say(json!({"type": "call", "call": "c", "to": "bob", "sdp": "offer"}));
    bob.hear_of("call");
    alice.say(json!({"type": "accept", "call": "c", "sdp": "answer"}));
    assert_eq!(alice.hear()["code"], "wrong_state");
    bob.say(json!({"type": "updated", "call": "c", "sdp": "answer"}));
    assert_eq!(bob.hear()["code"], "wrong_state");
    bob.say(json!({"type": "decline", "call": "c", "reason": "busy"}));
    assert_eq!(alice.hear()["reason"], "busy");
    bob.say(json!({"type": "candidate", "call": "c", "candidate": "late"}));
    assert_eq!(bob.hear()["code"], "unknown_call");
}

#[test]
fn a_frame_past_its_limit_and_a_binary_frame_are_closed_with_a_reason() {
    let switchboard = switchboard(|_| {});
    let address = switchboard.local_addr();
    let mut large = Wire::connect(address);
    large.0.send(Message::text("x".repeat(128 * 1024 + 1))).unwrap();
    assert_eq!(large.hear_close(), (1009, "frame_too_large".to_owned()));
    let mut binary = Wire::connect(address);
    binary.0.send(Message::binary(vec![1, 2, 3])).unwrap();
    assert_eq!(binary.hear_close(), (1003, "text_only".to_owned()));
    let (mut alice, _) = Wire::register(address, "alice");
    let sdp = "v".repeat(64 * 1024 + 1);
    alice.say(json!({"type": "call", "call": "c", "to": "bob", "sdp": sdp}));
    assert_eq!(alice.hear()["code"], "sdp_too_large");
}

#[test]
fn a_frame_of_a_hundred_megabytes_is_never_held_in_memory() {
    let switchboard = switchboard(|_| {});
    let mut wire = Wire::connect(switchboard.local_addr());
    // Only the head of the frame: 127 announces a 64-bit length, the high bit a mask of zeros.
    let mut head = vec![0x81, 0xff];
    head.extend_from_slice(&100_000_000u64.to_be_bytes());
    head.extend_from_slice(&[0; 4]);
    wire.0.get_mut().write_all(&head).unwrap();
    assert_eq!(wire.hear_close(), (1009, "frame_too_large".to_owned()));
}

#[test]
fn a_message_in_fragments_is_read_whole_and_an_endless_one_is_not() {
    let switchboard = switchboard(|_| {});
    let mut wire = Wire::connect(switchboard.local_addr());
    let mut fragment = |text: &[u8], kind: Data, is_last: bool| {
        let frame = Frame::message(text.to_vec(), OpCode::Data(kind), is_last);
        wire.0.send(Message::Frame(frame))
    };
    fragment(br#"{"type":"register","#, Data::Text, false).unwrap();
    fragment(br#""version":1,"id":"#, Data::Continue, false).unwrap();
    fragment(br#""alice"}"#, Data::Continue, true).unwrap();
    fragment(b"{", Data::Text, false).unwrap();
    // The server may be gone before all of this is written.
    let _ = (0..200).try_for_each(|_| fragment(&[b' '; 4096], Data::Continue, false));
    assert_eq!(wire.hear()["type"], "registered");
    let closed = loop {
        match wire.0.read() {
            Ok(Message::Close(_)) | Err(_) => break true,
            Ok(_) => {}
        }
    };
    assert!(closed);
    let (_, registered) = Wire::register(switchboard.local_addr(), "bob");
    assert_eq!(registered["away"], json!(["alice"]));
}

#[test]
fn text_that_is_no_utf_8_ends_its_connection_alone() {
    let switchboard = switchboard(|_| {});
    let (mut alice, _) = Wire::register(switchboard.local_addr(), "alice");
    let mut wire = Wire::connect(switchboard.local_addr());
    wire.0.get_mut().write_all(&[0x81, 0x82, 0, 0, 0, 0, 0xc3, 0x28]).unwrap();
    assert!(matches!(wire.0.read(), Err(_) | Ok(Message::Close(_))));
    alice.say(json!({"type": "call", "call": "c", "to": "alice", "sdp": ""}));
    assert_eq!(alice.hear()["code"], "self_call");
}

#[test]
fn a_page_of_another_origin_may_not_connect() {
    let switchboard =
        switchboard(|config| config.allowed_origins = vec!["https://app.example".parse().unwrap()]);
    let address = switchboard.local_addr();
    match Wire::try_connect(address, Some("https://evil.example")) {
        Err(Error::Http(response)) => assert_eq!(response.status(), 403),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("let in"),
    }
    assert!(Wire::try_connect(address, Some("null")).is_err());
    assert!(Wire::try_connect(address, Some(&format!("http://{address}"))).is_ok());
    assert!(Wire::try_connect(address, Some("https://app.example")).is_ok());
}

#[test]
fn an_id_that_is_taken_is_refused_and_a_token_resumes_it() {
    let switchboard = switchboard(|_| {});
    let address = switchboard.local_addr();
    let (mut alice, registered) = Wire::register(address, "alice");
    let (mut bob, _) = Wire::register(address, "bob");
    let mut thief = Wire::connect(address);
    thief.say(json!({"type": "register", "version": 1, "id": "alice"}));
    assert_eq!(thief.hear()["code"], "id_taken");
    alice.say(json!({"type": "call", "call": "c", "to": "bob", "sdp": "offer"}));
    bob.hear_of("call");
    drop(alice);
    assert_eq!(bob.hear_of("away")["id"], "alice");
    thief.say(json!({"type": "register", "version": 1, "id": "alice"}));
    assert_eq!(thief.hear()["code"], "id_taken");
    bob.say(json!({"type": "accept", "call": "c", "sdp": "answer"}));
    let mut alice = Wire::connect(address);
    alice.say(json!({
        "type": "register", "version": 1, "id": "alice", "token": registered["token"], "last_seq": 0
    }));
    let resumed = alice.hear();
    assert_eq!((&resumed["resumed"], &resumed["calls"]), (&json!(true), &json!(["c"])));
    assert_eq!(alice.hear()["sdp"], "answer", "what came while alice was away");
    assert_eq!(bob.hear_of("online")["id"], "alice");
    alice.say(json!({"type": "hangup", "call": "c", "reason": "normal"}));
    assert_eq!(bob.hear()["type"], "hangup");
}

#[test]
fn glare_ends_in_one_call() {
    for round in 0..10 {
        let switchboard = switchboard(|_| {});
        let (mut alice, _) = Wire::register(switchboard.local_addr(), "alice");
        let (mut bob, _) = Wire::register(switchboard.local_addr(), "bob");
        let mut calls = [(&mut alice, "a", "bob"), (&mut bob, "b", "alice")];
        if round % 2 == 1 {
            calls.reverse();
        }
        for (wire, call, to) in &mut calls {
            wire.say(json!({"type": "call", "call": call, "to": to, "sdp": "offer"}));
        }
        let glare = bob.hear_of("hangup");
        assert_eq!((&glare["call"], &glare["reason"]), (&json!("b"), &json!("glare")));
        bob.say(json!({"type": "accept", "call": "a", "sdp": "answer"}));
        assert_eq!(alice.hear_of("accept")["call"], "a");
    }
}

#[test]
fn a_receiver_that_reads_nothing_is_cut_off_and_holds_nobody_up() {
    let switchboard = with_limits(|limits| {
        limits.message_burst = 10_000;
        limits.candidates_per_call = 10_000;
        limits.candidate_bytes = 100_000;
        limits.queued_messages = 100_000;
        limits.queued_bytes = 1 << 30;
    });
    let address = switchboard.local_addr();
    let (mut alice, _) = Wire::register(address, "alice");
    let (mut sloth, _) = Wire::register(address, "sloth");
    let (mut carol, _) = Wire::register(address, "carol");
    alice.say(json!({"type": "call", "call": "c", "to": "sloth", "sdp": "offer"}));
    sloth.hear_of("call");
    let candidate = "x".repeat(99_000);
    let mut slowest = Duration::ZERO;
    let mut gone = false;
    for number in 0..400 {
        alice.say(json!({"type": "candidate", "call": "c", "candidate": candidate}));
        let start = Instant::now();
        carol.say(json!({"type": "call", "call": format!("n{number}"), "to": "nobody", "sdp": ""}));
        gone = carol.hear_of_or("error", "away");
        slowest = slowest.max(start.elapsed());
        if gone {
            break;
        }
    }
    assert!(gone, "40 MB were taken for a peer that reads nothing");
    assert!(slowest < Duration::from_secs(2), "others waited {slowest:?}");
    assert_eq!(alice.hear_of("away")["id"], "sloth");
}

impl Wire {
    /// Hears until `kind`; returns whether `other` came first.
    fn hear_of_or(&mut self, kind: &str, other: &str) -> bool {
        let mut came = false;
        loop {
            let message = self.hear();
            came |= message["type"] == other;
            if message["type"] == kind {
                return came;
            }
        }
    }
}

#[test]
fn a_half_open_connection_is_found_by_ping() {
    let switchboard = with_limits(|limits| {
        limits.ping_interval = Duration::from_millis(100);
        limits.idle_time = Duration::from_millis(400);
    });
    let (mut alice, _) = Wire::register(switchboard.local_addr(), "alice");
    // Bob's socket stays open, but nobody answers there any more.
    let (_bob, _) = Wire::register(switchboard.local_addr(), "bob");
    assert_eq!(alice.hear_of("away")["id"], "bob");
}

#[test]
fn a_flood_of_pings_and_one_of_messages_are_closed() {
    let switchboard = with_limits(|limits| limits.message_burst = 50);
    let mut pings = Wire::connect(switchboard.local_addr());
    let _ = (0..300).try_for_each(|_| pings.0.send(Message::Ping(vec![0; 8].into())));
    assert_eq!(pings.hear_close(), (1008, "rate_limited".to_owned()));
    let mut texts = Wire::connect(switchboard.local_addr());
    let _ = (0..300).try_for_each(|_| texts.0.send(Message::text("{}")));
    assert_eq!(texts.hear()["code"], "malformed");
    assert_eq!(texts.hear_close(), (1008, "rate_limited".to_owned()));
}

#[test]
fn an_address_has_room_for_so_many_connections() {
    let switchboard = with_limits(|limits| limits.connections_per_address = 2);
    let address = switchboard.local_addr();
    let _held = [Wire::connect(address), Wire::connect(address)];
    assert_eq!(Wire::connect(address).hear_close(), (1008, "too_many_connections".to_owned()));
}

#[test]
fn a_connection_that_never_registers_is_closed() {
    let switchboard = with_limits(|limits| limits.register_time = Duration::from_millis(200));
    let mut wire = Wire::connect(switchboard.local_addr());
    assert_eq!(wire.hear_close(), (1008, "register_timeout".to_owned()));
}

#[test]
fn the_web_client_is_served_with_headers_that_keep_it_safe() {
    let switchboard = switchboard(|_| {});
    let address = switchboard.local_addr();
    let page = get(address, "/", "");
    assert!(page.starts_with("HTTP/1.1 200 OK\r\n"), "{page}");
    for header in [
        "content-type: text/html; charset=utf-8",
        "x-content-type-options: nosniff",
        "cache-control: no-cache",
        "content-security-policy: default-src 'self'",
        "referrer-policy: no-referrer",
    ] {
        assert!(page.contains(header), "{header} in {page}");
    }
    let tag = page.lines().find_map(|line| line.strip_prefix("etag: ")).expect("an entity tag").to_owned();
    let again = get(address, "/", &format!("if-none-match: {tag}\r\n"));
    assert!(again.starts_with("HTTP/1.1 304 "), "{again}");
    assert!(get(address, "/app.js", "").contains("content-type: text/javascript; charset=utf-8"));
    assert!(get(address, "/../Cargo.toml", "").starts_with("HTTP/1.1 404 "));
    assert!(get(address, "/ws", "").starts_with("HTTP/1.1 4"));
    let post =
        format!("POST / HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
    assert!(http(address, &post).starts_with("HTTP/1.1 405 "));
    assert!(http(address, "nonsense\r\n\r\n").starts_with("HTTP/1.1 400 "));
}

#[test]
fn health_and_metrics_tell_what_goes_on() {
    let switchboard = switchboard(|_| {});
    let address = switchboard.local_addr();
    let _alice = Wire::register(address, "alice");
    let health = get(address, "/healthz", "");
    let body: Value = serde_json::from_str(health.split("\r\n\r\n").nth(1).unwrap()).unwrap();
    assert_eq!((&body["status"], &body["online"]), (&json!("ok"), &json!(1)));
    let metrics = get(address, "/metrics", "");
    assert!(metrics.contains("\nswitchboard_peers_online 1\n"), "{metrics}");
}

#[test]
fn a_taken_port_is_said_in_one_sentence() {
    let first = switchboard(|_| {});
    let second = SwitchboardThread::start(SwitchboardConfig {
        listen: first.local_addr(),
        ..SwitchboardConfig::default()
    });
    match second {
        Err(error @ SwitchboardError::InUse { .. }) => assert_eq!(
            error.to_string(),
            format!("{} is in use by another program; choose another address or port", first.local_addr())
        ),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_client_over_tls_registers_if_it_trusts_the_certificate() {
    let folder = std::env::temp_dir().join(format!("handset-switchboard-tls-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let files = TlsFiles { certificates: folder.join("cert.pem"), key: folder.join("key.pem") };
    std::fs::write(&files.certificates, cert.pem()).unwrap();
    std::fs::write(&files.key, signing_key.serialize_pem()).unwrap();
    let switchboard = switchboard(|config| config.tls = Some(files));
    std::fs::remove_dir_all(&folder).unwrap();
    let start = |extra_roots| {
        let server = format!("wss://localhost:{}/ws", switchboard.local_addr().port()).parse().unwrap();
        let client = ClientConfig::new("alice".parse().unwrap());
        let config = SignalConfig { server, client, seed: 1, extra_roots };
        SignalThread::start_with(config, Arc::new(|| {})).unwrap()
    };
    let stranger = start(Vec::new());
    match stranger.wait_event(PATIENCE) {
        Some(ClientEvent::Lost { reason, .. }) => {
            assert!(reason.starts_with("TLS with localhost failed"), "{reason}")
        }
        other => panic!("{other:?}"),
    }
    let friend = start(vec![cert.der().clone()]);
    assert!(matches!(friend.wait_event(PATIENCE), Some(ClientEvent::Registered(_))));
}

#[test]
fn a_client_thread_comes_back_to_a_switchboard_that_starts_again() {
    let first = switchboard(|config| config.registry.retry = Duration::from_millis(50));
    let address = first.local_addr();
    let config = ClientConfig::new("alice".parse().unwrap());
    let signal = SignalThread::start(first.websocket_url(), config, 1, Arc::new(|| {})).unwrap();
    assert!(matches!(signal.wait_event(PATIENCE), Some(ClientEvent::Registered(_))));
    let start = Instant::now();
    first.shutdown();
    assert!(start.elapsed() < Duration::from_secs(3), "peers were slow to leave: {:?}", start.elapsed());
    assert!(matches!(signal.wait_event(PATIENCE), Some(ClientEvent::Message(_))), "closing");
    assert!(matches!(signal.wait_event(PATIENCE), Some(ClientEvent::Lost { .. })));
    let _second = switchboard(|config| config.listen = address);
    loop {
        match signal.wait_event(PATIENCE) {
            Some(ClientEvent::Lost { .. }) => {}
            Some(ClientEvent::Registered(registered)) => break assert!(!registered.resumed),
            other => panic!("{other:?}"),
        }
    }
}

/// The command, started.
struct Process {
    child: Child,
    address: SocketAddr,
}

impl Process {
    fn start() -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_switchboard"))
            .args(["--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the command starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let said = line.trim().strip_prefix("listening on http://").expect("the line");
        let (address, _) = said.split_once(", relay on ").expect("a relay is on by default");
        Self { child, address: address.parse().unwrap() }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Gone already, mostly.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_command_tells_its_peers_on_sigterm_and_ends_well() {
    for signal in ["-TERM", "-INT"] {
        let mut process = Process::start();
        let (mut alice, _) = Wire::register(process.address, "alice");
        // A connection that says nothing doesn't hold it up.
        let _silent = TcpStream::connect(process.address).unwrap();
        let start = Instant::now();
        let killed = Command::new("kill").args([signal, &process.child.id().to_string()]).status().unwrap();
        assert!(killed.success());
        let closing = alice.hear();
        assert_eq!((&closing["type"], &closing["retry_ms"]), (&json!("closing"), &json!(1000)));
        assert_eq!(alice.hear_close(), (1001, "shutdown".to_owned()));
        let status = process.child.wait().unwrap();
        assert_eq!(status.code(), Some(0));
        assert!(start.elapsed() < Duration::from_secs(7), "it took {:?}", start.elapsed());
    }
}

#[test]
fn the_command_says_in_one_line_why_it_cannot_start() {
    let held = switchboard(|_| {});
    let run = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_switchboard")).args(arguments).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, said) = run(&["--listen", &held.local_addr().to_string()]);
    assert_eq!(code, Some(3));
    assert_eq!(
        said,
        format!(
            "switchboard: {} is in use by another program; choose another address or port\n",
            held.local_addr()
        )
    );
    let (code, said) = run(&["--listen", "192.0.2.1:1"]);
    assert_eq!(code, Some(3));
    assert_eq!(said.matches("os error").count(), 1, "what the system says is said once: {said}");
    let (code, said) = run(&["--listen", "127.0.0.1:0", "--tls-cert", "/nowhere", "--tls-key", "/nowhere"]);
    assert_eq!(code, Some(4));
    assert!(
        said.starts_with("switchboard: expected a certificate chain in PEM in /nowhere, found: "),
        "{said}"
    );
    assert_eq!(run(&["--listen", "somewhere"]).0, Some(2));
    assert_eq!(run(&["--tls-cert", "x"]).0, Some(2));
    assert_eq!(run(&["--log", "[["]).0, Some(1));
    assert_eq!(run(&["--help"]).0, Some(0));
}
