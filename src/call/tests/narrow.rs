//! A path that carries less than is sent.

use super::*;

/// A link that takes a while for each datagram, one after the other, of those that the caller sends.
struct Narrow {
    steady: Steady,
    bits_per_second: u64,
    free_at: Option<Instant>,
}

impl Network for Narrow {
    fn datagram(&mut self, from: Party, at: Instant, datagram: &mut Transmit) -> Option<Duration> {
        let delay = self.steady.datagram(from, at, datagram)?;
        if from == Party::Callee {
            return Some(delay);
        }
        let bits = 8 * (datagram.payload.len() as u64 + 28);
        let takes = Duration::from_micros(bits * 1_000_000 / self.bits_per_second);
        let free_at = self.free_at.map_or(at, |free_at| free_at.max(at)) + takes;
        self.free_at = Some(free_at);
        Some(delay + free_at.duration_since(at))
    }

    fn message(&mut self, from: Party, at: Instant, message: &ServerMessage) -> Option<Duration> {
        self.steady.message(from, at, message)
    }
}

fn estimates(pair: &mut Pair<Narrow>, party: Party) -> Vec<(Duration, Estimate)> {
    let events = pair.end(party).events.iter();
    let estimates = events.filter_map(|(at, event)| match event {
        CallEvent::Estimate(estimate) => Some((*at, *estimate)),
        _ => None,
    });
    estimates.collect()
}

/// When this party heard the first packet.
fn heard_first(pair: &mut Pair<Narrow>, party: Party) -> Duration {
    let mut events = pair.end(party).events.iter();
    events.find(|(_, event)| matches!(event, CallEvent::Audio(_))).expect("somebody talks").0
}

fn talking_over(bits_per_second: u64) -> Pair<Narrow> {
    let steady = Steady::rtt(50 * MS);
    let mut pair = pair_on(Narrow { steady, bits_per_second, free_at: None });
    pair.call();
    assert!(pair.run_until_both(3 * SECOND, "connected"));
    // Packets of 10 ms: with what is around them 64 kbit/s.
    pair.talk_for(2 * SECOND, &[7; 45]);
    pair
}

#[test]
fn who_fills_a_queue_is_told_within_half_a_second_and_nobody_else() {
    let mut pair = talking_over(48_000);
    let told = estimates(&mut pair, Party::Caller);
    let (at, estimate) = *told.first().expect("48 kbit/s are not enough");
    let began = heard_first(&mut pair, Party::Callee);
    assert!(at - began < SECOND / 2, "{began:?} {told:?}");
    assert!((46_000.0..50_000.0).contains(&estimate.ipv4_bps), "{told:?}");
    assert!(estimates(&mut pair, Party::Callee).is_empty());
}

#[test]
fn nobody_is_told_of_a_path_with_room() {
    let mut pair = talking_over(80_000);
    assert!(BOTH.into_iter().all(|party| estimates(&mut pair, party).is_empty()));
}
