//! Bodies of the fuzz targets of this room, built with everything else so that they cannot rot.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use super::{
    Client, ClientAction, ClientConfig, ClientMessage, CloseReason, ConnectionId, Disconnect, Frame, Message,
    Output, Registry, RegistryConfig, ServerMessage,
};

/// Largest frame that the bodies read; larger input only repeats what smaller shows.
const FRAME_BYTES: usize = 64 * 1024;

/// Steps of one run: enough for several calls from beginning to end.
const MAX_STEPS: usize = 500;

/// Any bytes as a frame of either direction: parsing ends without a panic, and what is accepted writes
/// to a text that reads as an equal frame.
pub fn frames(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    round_trip::<ClientMessage>(text);
    round_trip::<ServerMessage>(text);
}

fn round_trip<M: Message + PartialEq + std::fmt::Debug>(text: &str) {
    if let Ok(frame) = Frame::<M>::parse(text, FRAME_BYTES) {
        // Escapes may make a text longer than it was, six bytes for one at the most.
        let again = Frame::parse(&frame.to_text(), 8 * FRAME_BYTES).expect("what we write, we read");
        assert_eq!(frame, again, "a round trip changes nothing");
    }
}

/// Bytes as a script: connections that come, go, speak well, speak nonsense, and time that passes. The
/// registry's books agree after every step, it says nothing to whom it has closed, and every frame
/// of its is one.
pub fn registry(data: &[u8]) {
    let mut stage = Stage::new(data);
    for _ in 0..MAX_STEPS {
        if !stage.step() {
            break;
        }
        stage.check();
    }
}

/// Bytes as what a server and a network may do to a client: it never panics, asks for one connection
/// at a time, and once stopped asks for nothing.
pub fn client(data: &[u8]) {
    let mut script = Script(data);
    let mut now = origin();
    let config = ClientConfig::new("alice".parse().expect("an id"));
    let mut client = Client::new(config, 1, now);
    let mut is_open = false;
    for _ in 0..MAX_STEPS {
        while let Some(action) = client.poll_action() {
            match action {
                ClientAction::Connect => {
                    assert!(!is_open, "one connection at a time");
                    is_open = true;
                }
                ClientAction::Close => {
                    assert!(is_open, "only what is open is closed");
                    is_open = false;
                }
                ClientAction::Send(_) | ClientAction::Ping(_) => assert!(is_open, "nothing goes nowhere"),
            }
        }
        while client.poll_event().is_some() {}
        assert!(!client.is_stopped() || client.poll_timeout().is_none());
        let Some(choice) = script.byte() else { break };
        match choice % 8 {
            0 if is_open => client.handle_connected(now),
            1 if is_open => {
                is_open = false;
                let code = script.byte().map(|byte| 3995 + u16::from(byte % 10));
                client.handle_disconnected(Disconnect { code, reason: String::new() }, now);
            }
            2 | 3 if is_open => client.handle_text(&script.server_text(), now),
            4 if is_open => client.handle_pong(script.byte().unwrap_or(0).into(), now),
            5 => drop(script.message().map(|message| client.send(message))),
            6 => {
                now += Duration::from_millis(100) * u32::from(script.byte().unwrap_or(0));
                client.handle_timeout(now);
            }
            7 if choice > 250 => client.stop(now),
            _ => {}
        }
    }
}

/// A registry, its connections, and the script that they play.
struct Stage<'a> {
    script: Script<'a>,
    registry: Registry,
    now: Instant,
    open: BTreeSet<ConnectionId>,
    last_connection: u64,
    last_token: String,
}

impl<'a> Stage<'a> {
    fn new(data: &'a [u8]) -> Self {
        let mut config = RegistryConfig::default();
        // Small, so that a short script goes past them.
        config.limits.pending_calls_per_peer = 2;
        config.limits.calls_per_peer = 3;
        config.limits.connections_per_address = 5;
        config.limits.queued_messages = 8;
        config.limits.sdp_bytes = 64;
        config.limits.candidates_per_call = 4;
        config.limits.frame_bytes = FRAME_BYTES;
        let mut made = 0u8;
        let make_token = move || {
            made = made.wrapping_add(1);
            [made; 32]
        };
        Self {
            script: Script(data),
            registry: Registry::new(config, make_token),
            now: origin(),
            open: BTreeSet::new(),
            last_connection: 0,
            last_token: "0".repeat(64),
        }
    }

    /// Plays one step; false when the script is over.
    fn step(&mut self) -> bool {
        let (Some(choice), Some(who)) = (self.script.byte(), self.script.byte()) else { return false };
        let connection = ConnectionId(self.last_connection.saturating_sub(u64::from(who % 5)));
        match choice % 16 {
            0 | 1 => {
                self.last_connection += 1;
                let connection = ConnectionId(self.last_connection);
                self.open.insert(connection);
                let address = IpAddr::V4(Ipv4Addr::new(127, 0, 0, who % 2));
                self.registry.handle_connect(connection, address, self.now);
            }
            2 => {
                self.open.remove(&connection);
                self.registry.handle_disconnect(connection, self.now);
            }
            3 | 4 => {
                let text = self.script.register(&self.last_token);
                self.registry.handle_text(connection, &text, self.now);
            }
            5 => {
                self.now += Duration::from_millis(200) * u32::from(self.script.byte().unwrap_or(0));
                self.registry.handle_timeout(self.now);
            }
            6 => self.registry.handle_pong(connection, who.into(), self.now),
            7 => {
                let text = self.script.text();
                self.registry.handle_text(connection, &text, self.now);
            }
            8 if who > 250 => self.registry.handle_shutdown(self.now),
            8 => self.registry.handle_violation(connection, CloseReason::TextOnly, self.now),
            _ => {
                let Some(message) = self.script.message() else { return false };
                let seq = self.script.byte().filter(|byte| *byte > 127).map(u64::from);
                self.registry.handle_text(connection, &Frame { message, seq }.to_text(), self.now);
            }
        }
        true
    }

    fn check(&mut self) {
        while let Some(output) = self.registry.poll_output() {
            match output {
                Output::Send { connection, text } => {
                    assert!(self.open.contains(&connection), "nothing is said to whom is gone");
                    let frame = Frame::<ServerMessage>::parse(&text, 8 * FRAME_BYTES).expect("a frame");
                    if let ServerMessage::Registered(registered) = frame.message {
                        self.last_token = registered.token.into();
                    }
                }
                Output::Ping { connection, .. } => assert!(self.open.contains(&connection)),
                Output::Close { connection, .. } => assert!(self.open.remove(&connection), "closed once"),
            }
        }
        self.registry.check_books();
    }
}

/// Bytes, taken one after the other as choices.
struct Script<'a>(&'a [u8]);

impl Script<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// Up to 255 bytes as they are.
    fn text(&mut self) -> String {
        let length = usize::from(self.byte().unwrap_or(0)).min(self.0.len());
        let (text, rest) = self.0.split_at(length);
        self.0 = rest;
        String::from_utf8_lossy(text).into_owned()
    }

    fn peer(&mut self) -> String {
        format!("p{}", self.byte().unwrap_or(0) % 4)
    }

    fn call(&mut self) -> String {
        format!("c{}", self.byte().unwrap_or(0) % 6)
    }

    fn register(&mut self, token: &str) -> String {
        let (id, choice) = (self.peer(), self.byte().unwrap_or(0));
        let token = if choice & 1 == 0 { String::new() } else { format!(r#","token":"{token}""#) };
        let seq = if choice & 2 == 0 { String::new() } else { format!(r#","last_seq":{}"#, choice / 8) };
        let calls = if choice & 4 == 0 {
            String::new()
        } else {
            format!(r#","calls":[{{"call":"{}","with":"{}"}}]"#, self.call(), self.peer())
        };
        format!(r#"{{"type":"register","version":1,"id":"{id}"{token}{seq}{calls}}}"#)
    }

    /// A message that is well formed, of few peers and calls, so that scripts get far.
    fn message(&mut self) -> Option<ClientMessage> {
        let kind = self.byte()?;
        let call = self.call().parse().ok()?;
        let sdp = "s".repeat(usize::from(kind / 3)).into();
        Some(match kind % 12 {
            0..3 => ClientMessage::Call { call, to: self.peer().parse().ok()?, sdp },
            3 => ClientMessage::Ringing { call },
            4 | 5 => ClientMessage::Accept { call, sdp },
            6 => ClientMessage::Decline { call, reason: super::DeclineReason::Busy },
            7 => ClientMessage::Candidate(super::Candidate { call, candidate: sdp, mid: None, mline: None }),
            8 => ClientMessage::Update { call, sdp },
            9 => ClientMessage::Updated { call, sdp },
            10 => ClientMessage::Hangup { call, reason: super::HangupReason::Normal },
            _ => ClientMessage::Unregister,
        })
    }

    /// Something that a server may say, or nonsense.
    fn server_text(&mut self) -> String {
        let (kind, seq) = (self.byte().unwrap_or(0), self.byte().unwrap_or(0));
        let (call, peer) = (self.call(), self.peer());
        let seq = if seq == 0 { String::new() } else { format!(r#","seq":{seq}"#) };
        match kind % 8 {
            0 | 1 => format!(
                r#"{{"type":"registered","version":1,"id":"alice","token":"{}","resumed":{},"grace_ms":1,"online":[],"calls":[],"last_seq":{}}}"#,
                "ab".repeat(32),
                kind > 127,
                kind / 16
            ),
            2 => format!(r#"{{"type":"call","call":"{call}","from":"{peer}","sdp":""{seq}}}"#),
            3 => format!(r#"{{"type":"accept","call":"{call}","sdp":""{seq}}}"#),
            4 => format!(r#"{{"type":"hangup","call":"{call}","reason":"normal"{seq}}}"#),
            5 => format!(r#"{{"type":"error","code":"id_taken","message":""{seq}}}"#),
            6 => format!(r#"{{"type":"closing","reason":"","retry_ms":{kind}}}"#),
            _ => self.text(),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "one reading of the clock is the origin of virtual time")]
fn origin() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_bytes_as_a_frame(data in prop::collection::vec(any::<u8>(), 0..200)) {
            frames(&data);
        }

        #[test]
        fn any_bytes_as_a_script_for_the_registry(data in prop::collection::vec(any::<u8>(), 0..1500)) {
            registry(&data);
        }

        #[test]
        fn any_bytes_as_a_script_for_the_client(data in prop::collection::vec(any::<u8>(), 0..1000)) {
            client(&data);
        }
    }
}
