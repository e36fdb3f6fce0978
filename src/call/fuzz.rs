//! Bodies of the fuzz targets of this room, built with everything else so that they cannot rot.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use super::pair::{Manner, Network, Pair, Party, address, call_id, config, peer_id};
use super::{Call, Certificate, LocalCandidate, Transmit};
use crate::sdp::gate::{self, Kind};
use crate::signaling::{Candidate, ClientMessage, DeclineReason, EndReason, HangupReason, ServerMessage};

/// Most operations that one input performs: beyond that an input is slow and not more interesting.
const MAX_OPERATIONS: usize = 200;

/// Bytes of input, taken from the front; zero once they are used up.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        taken
    }
}

/// A network that keeps the last datagram of each party, for replay, and loses when told to.
#[derive(Default)]
struct Tapped {
    lost: bool,
    last: [Option<Transmit>; 2],
}

impl Network for Tapped {
    fn datagram(&mut self, from: Party, _: Instant, datagram: &mut Transmit) -> Option<Duration> {
        self.last[from as usize] = Some(datagram.clone());
        (!self.lost).then_some(Duration::from_millis(5))
    }

    fn message(&mut self, _: Party, _: Instant, _: &ServerMessage) -> Option<Duration> {
        Some(Duration::from_millis(5))
    }
}

#[expect(clippy::disallowed_methods, reason = "a virtual clock has to begin somewhere")]
fn began() -> Instant {
    Instant::now()
}

fn certificate() -> &'static Certificate {
    static CERTIFICATE: OnceLock<Certificate> = OnceLock::new();
    CERTIFICATE.get_or_init(|| Certificate::generate().expect("the library makes a certificate"))
}

/// Two calls under arbitrary operations, messages and datagrams: nothing panics, and what has ended stays so and
/// wants nothing more.
pub fn whole_call(data: &[u8]) {
    let mut bytes = Bytes(data);
    let mut pair = Pair::new(Tapped::default(), config(certificate(), 1), config(certificate(), 2), began());
    if bytes.byte() & 1 == 1 {
        pair.manner = Manner::Ring;
    }
    pair.call();
    for _ in 0..MAX_OPERATIONS {
        if bytes.0.is_empty() {
            break;
        }
        operate(&mut pair, &mut bytes);
        for party in [Party::Caller, Party::Callee] {
            if let Some(call) = &mut pair.end(party).call
                && call.state().is_ended()
            {
                assert_eq!(call.poll_timeout(), None, "an ended call waits for nothing");
            }
        }
    }
    pair.run_for(Duration::from_secs(2));
}

fn operate(pair: &mut Pair<Tapped>, bytes: &mut Bytes<'_>) {
    let operation = bytes.byte();
    let party = if operation & 0x80 == 0 { Party::Caller } else { Party::Callee };
    let now = pair.now();
    match operation & 0x0f {
        0 => pair.run_for(Duration::from_millis(u64::from(bytes.byte()))),
        1 => pair.run_for(Duration::from_millis(u64::from(bytes.byte()) * 100)),
        2 => pair.talk_for(Duration::from_millis(100), b"speech"),
        3 => pair.network.lost ^= true,
        4 => {
            let length = usize::from(bytes.byte());
            let payload = bytes.take(length);
            pair.inject_datagram(party, address(party.other(), 0), payload);
        }
        5 => replay(pair, party, bytes),
        6 => candidate(pair, party, bytes),
        7 => answer(pair, party, bytes),
        _ => {
            if let Some(call) = &mut pair.end(party).call {
                verb(call, operation & 0x0f, bytes, now);
            }
        }
    }
    pair.collect();
}

fn verb(call: &mut Call, operation: u8, bytes: &mut Bytes<'_>, now: Instant) {
    match operation {
        8 => call.set_hold(bytes.byte() & 1 == 1, now),
        9 => {
            let _ = call.accept(now);
        }
        10 => call.ring(),
        11 => call.decline(DeclineReason::Busy, now),
        12 => call.hang_up(HangupReason::Normal, now),
        13 => {
            let n = bytes.byte();
            call.restart_ice(&[LocalCandidate::host(address(Party::Caller, n))], now);
        }
        14 => {
            let host = LocalCandidate::host(address(Party::Callee, bytes.byte()));
            let _ = call.add_local_candidate(host, now);
        }
        _ => call.handle_timeout(now),
    }
}

/// The last datagram once more, with a byte changed.
fn replay(pair: &mut Pair<Tapped>, to: Party, bytes: &mut Bytes<'_>) {
    let (at, value) = (usize::from(bytes.byte()), bytes.byte());
    if let Some(mut datagram) = pair.network.last[to.other() as usize].clone() {
        if let Some(byte) = datagram.payload.get_mut(at) {
            *byte ^= value;
        }
        pair.inject_datagram(to, datagram.source, &datagram.payload);
    }
}

fn candidate(pair: &mut Pair<Tapped>, to: Party, bytes: &mut Bytes<'_>) {
    let length = usize::from(bytes.byte());
    let line = String::from_utf8_lossy(bytes.take(length)).into_owned();
    let candidate = Candidate { call: call_id(), candidate: line.into(), mid: None, mline: None };
    pair.inject_message(to, ServerMessage::Candidate(candidate));
}

/// Messages that carry a description, made of one that the other side did send.
fn answer(pair: &mut Pair<Tapped>, to: Party, bytes: &mut Bytes<'_>) {
    let (kind, cut) = (bytes.byte(), usize::from(bytes.byte()) * 8);
    let sent = pair.end(to.other()).sent.iter().rev().find_map(|message| match message {
        ClientMessage::Call { sdp, .. }
        | ClientMessage::Accept { sdp, .. }
        | ClientMessage::Update { sdp, .. }
        | ClientMessage::Updated { sdp, .. } => Some(sdp.as_str().to_owned()),
        _ => None,
    });
    let mut sdp = sent.unwrap_or_default();
    if let Some((at, _)) = sdp.char_indices().nth(cut) {
        sdp.truncate(at);
    }
    let (call, sdp) = (call_id(), sdp.into());
    pair.inject_message(
        to,
        match kind % 5 {
            0 => ServerMessage::Accept { call, sdp },
            1 => ServerMessage::Update { call, sdp },
            2 => ServerMessage::Updated { call, sdp },
            3 => ServerMessage::Hangup { call, reason: EndReason::PeerGone },
            _ => ServerMessage::Ringing { call },
        },
    );
}

/// Any text as an offer: what the gate lets through, the engine takes or refuses in words; and an answer that we
/// make passes the gate itself.
pub fn gate_then_engine(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let now = began();
    let host = LocalCandidate::host(address(Party::Callee, 0));
    let Ok(mut call) = Call::incoming(config(certificate(), 2), call_id(), peer_id(Party::Caller), text, now)
    else {
        return;
    };
    let _ = call.add_local_candidate(host, now);
    let accepted = call.accept(now);
    let message = call.poll_message().expect("accepted or declined, the caller is told");
    match message {
        ClientMessage::Accept { sdp, .. } => {
            assert!(accepted.is_ok());
            gate::check_remote(&sdp, Kind::Answer).expect("our own answer passes the gate");
        }
        ClientMessage::Decline { reason, .. } => {
            assert!(accepted.is_err());
            assert_eq!(reason, DeclineReason::Unsupported);
        }
        other => panic!("expected an answer or a refusal, found {other:?}"),
    }
    while call.poll_transmit().is_some() {}
    call.handle_timeout(now + Duration::from_millis(5));
}
