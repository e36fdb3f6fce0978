//! Whole calls in virtual time.

mod fuzzed;
mod headers;
mod hidden;
mod hold;
mod hostile;
mod logs;
mod narrow;
mod paths;
mod refusals;
mod set_up;
mod table;

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use super::pair::{Network, Pair, Party, Steady, config};
use super::*;
use crate::signaling::{ClientMessage, ServerMessage};

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const BOTH: [Party; 2] = [Party::Caller, Party::Callee];

#[expect(clippy::disallowed_methods, reason = "a virtual clock has to begin somewhere")]
fn began() -> Instant {
    Instant::now()
}

fn certificate() -> &'static Certificate {
    static CERTIFICATE: OnceLock<Certificate> = OnceLock::new();
    CERTIFICATE.get_or_init(|| Certificate::generate().unwrap())
}

/// A network that loses what `lost` says.
struct Losing<F> {
    steady: Steady,
    lost: F,
}

impl<F: FnMut(Party, &Transmit) -> bool> Network for Losing<F> {
    fn datagram(&mut self, from: Party, at: Instant, datagram: &mut Transmit) -> Option<Duration> {
        if (self.lost)(from, datagram) { None } else { self.steady.datagram(from, at, datagram) }
    }

    fn message(&mut self, from: Party, at: Instant, message: &ServerMessage) -> Option<Duration> {
        self.steady.message(from, at, message)
    }
}

fn pair_on<N: Network>(network: N) -> Pair<N> {
    Pair::new(network, config(certificate(), 1), config(certificate(), 2), began())
}

/// Two that have not called yet, 50 ms apart.
fn pair() -> Pair<Steady> {
    pair_on(Steady::rtt(50 * MS))
}

/// Two in a call, 50 ms apart.
fn connected() -> Pair<Steady> {
    let mut pair = pair();
    pair.call();
    assert!(pair.run_until_both(SECOND, "connected"));
    pair
}

fn audio_heard<N: Network>(pair: &mut Pair<N>, party: Party) -> usize {
    pair.end(party).events.iter().filter(|(_, e)| matches!(e, CallEvent::Audio(_))).count()
}

/// The names of the states that a party went through, with their times.
fn states<N: Network>(pair: &mut Pair<N>, party: Party) -> Vec<(Duration, &'static str)> {
    let changes = pair.end(party).events.iter().filter_map(|(at, e)| match e {
        CallEvent::StateChanged { to, .. } => Some((*at, to.name())),
        _ => None,
    });
    changes.collect()
}

fn ended<N: Network>(pair: &Pair<N>, party: Party) -> Option<EndReason> {
    match pair.state(party) {
        Some(State::Ended(reason)) => Some(reason),
        _ => None,
    }
}

fn is_dtls(datagram: &Transmit) -> bool {
    datagram.payload.first().is_some_and(|byte| (20..64).contains(byte))
}

/// A small generator of our own, for bytes that mean nothing.
struct Noise(u64);

impl Noise {
    fn byte(&mut self) -> u8 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 56) as u8
    }
}
