//! Random operations against the registry, beside a model of what each peer must believe.
//!
//! Peers register, call, answer, hang up, lose connections with messages on their way and resume.
//! After every operation the registry's own books must agree with each other, and every peer that has read all of its
//! messages must believe in exactly the calls that the registry knows. At the end everyone leaves,
//! and the registry must be empty.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::super::address::AddressBlock;
use super::super::code::CloseReason;
use super::super::id::{CallId, PeerId};
use super::super::message::ServerMessage;
use super::super::secret::Token;
use super::harness::{Bench, Got};
use super::session::CallState;
use super::switch::ConnectionId;

const PEERS: usize = 4;

/// One thing that happens. Peers and calls are chosen by number, modulo how many there are.
#[derive(Debug, Clone)]
enum Op {
    Register(usize),
    Drop(usize),
    Unregister(usize),
    Call(usize, usize),
    Say(usize, &'static str, usize),
    StopReading(usize),
    Read(usize),
    Nonsense(usize),
    Violate(usize),
    Pass(u64),
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let peer = 0..PEERS;
    let kinds = vec!["ringing", "accept", "accept", "decline", "candidate", "update", "updated", "hangup"];
    let op = prop_oneof![
        4 => peer.clone().prop_map(Op::Register),
        2 => peer.clone().prop_map(Op::Drop),
        1 => peer.clone().prop_map(Op::Unregister),
        6 => (peer.clone(), peer.clone()).prop_map(|(from, to)| Op::Call(from, to)),
        12 => (peer.clone(), prop::sample::select(kinds), 0..4usize).prop_map(|(p, kind, c)| Op::Say(p, kind, c)),
        2 => peer.clone().prop_map(Op::StopReading),
        3 => peer.clone().prop_map(Op::Read),
        1 => peer.clone().prop_map(Op::Nonsense),
        1 => peer.prop_map(Op::Violate),
        3 => (0..8000u64).prop_map(Op::Pass),
    ];
    prop::collection::vec(op, 0..150)
}

/// A peer as it sees itself.
#[derive(Debug, Default)]
struct Peer {
    connection: Option<u64>,
    token: Option<Token>,
    is_registered: bool,
    last_seq: u64,
    /// Whether it reads what comes in.
    is_distracted: bool,
    /// Calls, and whether they were answered.
    calls: BTreeMap<CallId, bool>,
}

struct Model {
    bench: Bench,
    peers: Vec<Peer>,
    calls_made: usize,
}

fn id_of(peer: usize) -> PeerId {
    format!("peer-{peer}").parse().unwrap()
}

impl Model {
    fn new() -> Self {
        let bench = Bench::with(|config| {
            config.limits.message_burst = 1000;
            config.limits.registration_burst = 1000;
            config.limits.pending_calls_per_peer = 2;
            config.limits.queued_messages = 24;
        });
        Self { bench, peers: (0..PEERS).map(|_| Peer::default()).collect(), calls_made: 0 }
    }

    fn apply(&mut self, op: Op) {
        match op {
            Op::Register(peer) => self.register(peer),
            Op::Drop(peer) => self.drop(peer),
            Op::Unregister(peer) => self.say(peer, r#"{"type":"unregister"}"#),
            Op::Call(from, to) => self.call(from, to),
            Op::Say(peer, kind, call) => self.say_of_call(peer, kind, call),
            Op::StopReading(peer) => self.peers[peer].is_distracted = true,
            Op::Read(peer) => self.peers[peer].is_distracted = false,
            Op::Nonsense(peer) => self.say(peer, r#"{"type":"accept","call":"nonsense","sdp":""}"#),
            Op::Violate(peer) => self.violate(peer),
            Op::Pass(ms) => self.pass(ms),
        }
        self.read_all();
    }

    fn register(&mut self, number: usize) {
        if self.peers[number].connection.is_none() {
            self.peers[number].connection = Some(self.bench.connect());
        }
        let (id, peer) = (id_of(number), &self.peers[number]);
        let resume = peer.token.as_ref().map_or(String::new(), |token| {
            format!(r#","token":"{}","last_seq":{}"#, String::from(token.clone()), peer.last_seq)
        });
        self.say(number, &format!(r#"{{"type":"register","version":1,"id":"{id}"{resume}}}"#));
    }

    /// The connection breaks; what wasn't read is lost.
    fn drop(&mut self, number: usize) {
        let peer = &mut self.peers[number];
        if let Some(connection) = peer.connection.take() {
            peer.is_registered = false;
            self.bench.disconnect(connection);
            self.bench.got(connection);
        }
    }

    fn violate(&mut self, number: usize) {
        if let Some(connection) = self.peers[number].connection {
            let reason = CloseReason::TextOnly;
            self.bench.registry.handle_violation(ConnectionId(connection), reason, self.bench.now);
            self.bench.drain();
        }
    }

    fn say(&mut self, number: usize, text: &str) {
        if let Some(connection) = self.peers[number].connection {
            self.bench.text(connection, text);
        }
    }

    /// Whether what a peer says reaches the registry: it may not have read yet that its connection
    /// was closed.
    fn is_heard(&self, number: usize) -> bool {
        let connection = self.peers[number].connection.map(ConnectionId);
        let known = connection.and_then(|connection| self.bench.registry.connections.get(&connection));
        known.is_some_and(|known| known.peer.is_some()) && self.peers[number].is_registered
    }

    fn call(&mut self, from: usize, to: usize) {
        self.calls_made += 1;
        let (call, to) = (format!("call-{}", self.calls_made), id_of(to));
        if self.is_heard(from) {
            // It stands until something else is heard of it.
            self.peers[from].calls.insert(call.parse().unwrap(), false);
        }
        // A client holds its messages back until it has read that it is registered.
        if !self.peers[from].is_registered {
            return;
        }
        self.say(from, &format!(r#"{{"type":"call","call":"{call}","to":"{to}","sdp":""}}"#));
    }

    fn say_of_call(&mut self, number: usize, kind: &str, choice: usize) {
        let (calls, is_registered) = (&self.peers[number].calls, self.peers[number].is_registered);
        if !is_registered {
            return;
        }
        let Some(call) = calls.keys().nth(choice % calls.len().max(1)).cloned() else { return };
        let rest = match kind {
            "decline" => r#","reason":"declined""#,
            "hangup" => r#","reason":"normal""#,
            "candidate" => r#","candidate":"""#,
            "ringing" => "",
            _ => r#","sdp":"""#,
        };
        let is_known = self.bench.registry.calls.get(&call).map(|known| (known.state, known.callee.clone()));
        if self.is_heard(number) {
            match (kind, is_known) {
                ("hangup", Some(_)) => drop(self.peers[number].calls.remove(&call)),
                ("accept" | "decline", Some((state, callee)))
                    if state.is_pending() && callee == id_of(number) =>
                {
                    match kind {
                        "accept" => drop(self.peers[number].calls.insert(call.clone(), true)),
                        _ => drop(self.peers[number].calls.remove(&call)),
                    }
                }
                _ => {}
            }
        }
        self.say(number, &format!(r#"{{"type":"{kind}","call":"{call}"{rest}}}"#));
    }

    /// Time passes; whoever reads answers pings.
    fn pass(&mut self, ms: u64) {
        self.bench.pass(Duration::from_millis(ms));
        for peer in self.peers.iter().filter(|peer| !peer.is_distracted) {
            if let Some(connection) = peer.connection {
                self.bench.pong(connection, peer.last_seq);
            }
        }
    }

    fn read_all(&mut self) {
        for number in 0..PEERS {
            let Some(connection) = self.peers[number].connection else { continue };
            if self.peers[number].is_distracted {
                continue;
            }
            for got in self.bench.got(connection) {
                self.read(number, got);
            }
        }
    }

    fn read(&mut self, number: usize, got: Got) {
        let peer = &mut self.peers[number];
        let message = match got {
            Got::Message(message, seq) => {
                if let Some(seq) = seq {
                    assert_eq!(
                        seq,
                        peer.last_seq + 1,
                        "nothing is lost and nothing comes twice: {message:?}"
                    );
                    peer.last_seq = seq;
                }
                message
            }
            Got::Ping(_) => return,
            Got::Closed(reason) => {
                peer.connection = None;
                peer.is_registered = false;
                if reason == CloseReason::Unregistered {
                    peer.calls.clear();
                    peer.token = None;
                    peer.last_seq = 0;
                }
                return;
            }
        };
        match message {
            ServerMessage::Registered(registered) => {
                if !registered.resumed {
                    peer.calls.clear();
                    peer.last_seq = 0;
                }
                peer.is_registered = true;
                peer.token = Some(registered.token);
            }
            ServerMessage::Call { call, .. } => drop(peer.calls.insert(call, false)),
            // It may be late: the peer may have hung up meanwhile.
            ServerMessage::Accept { call, .. } => {
                peer.calls.entry(call).and_modify(|is_live| *is_live = true);
            }
            ServerMessage::Decline { call, .. } | ServerMessage::Hangup { call, .. } => {
                peer.calls.remove(&call);
            }
            ServerMessage::Error { code, call: Some(call), .. } if code.ends_call() => {
                peer.calls.remove(&call);
            }
            _ => {}
        }
    }

    /// Peers that have read everything believe what the registry knows.
    fn check_beliefs(&self) {
        for (number, peer) in self.peers.iter().enumerate() {
            if !peer.is_registered || peer.is_distracted {
                continue;
            }
            let registry = &self.bench.registry;
            let session = &registry.sessions[&id_of(number)];
            assert_eq!(session.connection.map(|c| c.0), peer.connection);
            let is_live = |call: &CallId| matches!(registry.calls[call].state, CallState::Live { .. });
            let known: BTreeMap<CallId, bool> =
                session.calls.iter().map(|call| (call.clone(), is_live(call))).collect();
            assert_eq!(known, peer.calls, "what the server knows, and what peer {number} believes");
        }
    }

    /// Everyone leaves and time passes: nothing remains.
    fn check_that_nothing_remains(mut self) {
        for number in 0..PEERS {
            self.drop(number);
        }
        self.bench.pass(Duration::from_secs(31));
        let registry = &self.bench.registry;
        assert!(registry.connections.is_empty() && registry.sessions.is_empty() && registry.calls.is_empty());
        assert_eq!(registry.timers.len(), 0);
        let loopback = AddressBlock::from(std::net::IpAddr::from([127, 0, 0, 1]));
        assert!(registry.addresses.keys().all(|address| *address == loopback));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_peers_do_the_books_agree_and_everyone_believes_what_the_registry_knows(ops in ops()) {
        let mut model = Model::new();
        for op in ops {
            model.apply(op);
            model.bench.registry.check_books();
            model.check_beliefs();
        }
        model.check_that_nothing_remains();
    }
}
