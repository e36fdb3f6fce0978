//! The ports that relay sockets are opened on.

use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use crate::ice::stun::Key;

/// Ports held back for a second allocation at once (EVEN-PORT with its reserve bit).
const MAX_RESERVATIONS: usize = 256;

/// How long one is held back (RFC 8656 §7.2: at least 30 s).
const RESERVATION_LIFETIME: Duration = Duration::from_secs(30);

/// How long a port that another program has is left alone: by then it has given back what the system lent it.
const REST: Duration = Duration::from_secs(300);

/// A bit for each port of a range, and what is held back.
#[derive(Debug)]
pub(super) struct Ports {
    range: RangeInclusive<u16>,
    taken: Vec<u64>,
    /// Ports are drawn, not counted, so that nobody can tell where the next client will be.
    key: Key,
    drawn: u64,
    reservations: Vec<Reservation>,
    /// Ports that other programs have, in the order in which they are tried again. No longer than the range.
    resting: VecDeque<(Instant, u16)>,
}

#[derive(Debug)]
struct Reservation {
    token: [u8; 8],
    port: u16,
    until: Instant,
}

/// Which port is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    Any,
    Even,
    /// Even, and the next one held back.
    Pair,
}

impl Ports {
    pub(super) fn new(range: RangeInclusive<u16>, secret: [u8; 32]) -> Self {
        let count = usize::from(range.end().saturating_sub(*range.start())) + 1;
        let taken = vec![0; count.div_ceil(64)];
        Self {
            range,
            taken,
            key: Key::from_bytes(&secret),
            drawn: 0,
            reservations: Vec::new(),
            resting: VecDeque::new(),
        }
    }

    pub(super) fn contains(&self, port: u16) -> bool {
        self.range.contains(&port)
    }

    fn len(&self) -> usize {
        usize::from(self.range.end().saturating_sub(*self.range.start())) + 1
    }

    fn is_free(&self, place: usize) -> bool {
        place < self.len() && self.taken[place / 64] & 1 << (place % 64) == 0
    }

    fn mark(&mut self, place: usize) {
        self.taken[place / 64] |= 1 << (place % 64);
    }

    /// Takes a port; `None` when there is none of the kind.
    pub(super) fn take(&mut self, wanted: Wanted) -> Option<u16> {
        let start = self.draw();
        let first = usize::from(*self.range.start());
        let place = (0..self.len()).map(|step| (start + step) % self.len()).find(|place| {
            let even = (first + place).is_multiple_of(2);
            self.is_free(*place)
                && match wanted {
                    Wanted::Any => true,
                    Wanted::Even => even,
                    Wanted::Pair => even && self.is_free(place + 1),
                }
        })?;
        self.mark(place);
        if wanted == Wanted::Pair {
            self.mark(place + 1);
        }
        u16::try_from(first + place).ok()
    }

    fn draw(&mut self) -> usize {
        self.drawn += 1;
        let bytes = self.key.derive(&self.drawn.to_be_bytes());
        u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) as usize % self.len()
    }

    /// Gives a port back.
    pub(super) fn release(&mut self, port: u16) {
        if self.range.contains(&port) {
            let place = usize::from(port - self.range.start());
            self.taken[place / 64] &= !(1 << (place % 64));
        }
    }

    /// Leaves a port that was taken alone for a while: another program has it.
    pub(super) fn rest(&mut self, port: u16, now: Instant) {
        self.resting.push_back((now + REST, port));
    }

    /// Holds back a port that was taken as the second of a pair; says its token, or gives the port back when too many
    /// are held.
    pub(super) fn reserve(&mut self, port: u16, now: Instant) -> Option<[u8; 8]> {
        if self.reservations.len() >= MAX_RESERVATIONS {
            self.release(port);
            return None;
        }
        self.drawn += 1;
        let mut token = [0; 8];
        token.copy_from_slice(&self.key.derive(&self.drawn.to_le_bytes())[..8]);
        self.reservations.push(Reservation { token, port, until: now + RESERVATION_LIFETIME });
        Some(token)
    }

    /// The port behind a token, which is spent.
    pub(super) fn redeem(&mut self, token: &[u8; 8], now: Instant) -> Option<u16> {
        self.expire(now);
        let at = self.reservations.iter().position(|held| held.token == *token)?;
        Some(self.reservations.swap_remove(at).port)
    }

    /// Gives back what was held long enough.
    pub(super) fn expire(&mut self, now: Instant) {
        while let Some(at) = self.reservations.iter().position(|held| held.until <= now) {
            let port = self.reservations.swap_remove(at).port;
            self.release(port);
        }
        while let Some((_, port)) = self.resting.front().copied().filter(|(until, _)| *until <= now) {
            self.resting.pop_front();
            self.release(port);
        }
    }

    /// Whether every port is free; for tests and fuzzing.
    pub(super) fn is_all_free(&self) -> bool {
        self.reservations.is_empty() && self.resting.is_empty() && self.taken.iter().all(|word| *word == 0)
    }

    pub(super) fn next_expiry(&self) -> Option<Instant> {
        let rested = self.resting.front().map(|(until, _)| *until);
        self.reservations.iter().map(|held| held.until).chain(rested).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_port_is_given_once_and_then_none() {
        let mut ports = Ports::new(1000..=1199, [1; 32]);
        let given: HashSet<u16> = std::iter::from_fn(|| ports.take(Wanted::Any)).collect();
        assert_eq!(given.len(), 200);
        assert!(given.iter().all(|port| (1000..=1199).contains(port)));
        ports.release(1100);
        assert_eq!((ports.take(Wanted::Any), ports.take(Wanted::Any)), (Some(1100), None));
    }

    #[test]
    fn ports_are_not_given_in_a_row() {
        let mut ports = Ports::new(40_000..=49_999, [1; 32]);
        let given: Vec<u16> = (0..50).filter_map(|_| ports.take(Wanted::Any)).collect();
        assert!(!given.is_sorted());
    }

    #[test]
    fn even_ports_are_even_and_pairs_hold_back_the_next() {
        let mut ports = Ports::new(1001..=1004, [1; 32]);
        let even = ports.take(Wanted::Pair).unwrap();
        assert_eq!(even, 1002);
        assert_eq!(ports.take(Wanted::Pair), None, "1005 is outside");
        assert_eq!(ports.take(Wanted::Even), Some(1004));
        assert_eq!((ports.take(Wanted::Any), ports.take(Wanted::Any)), (Some(1001), None));
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "any instant will do to begin virtual time")]
    fn a_reservation_is_spent_once_and_expires() {
        let now = Instant::now();
        let mut ports = Ports::new(1000..=1003, [1; 32]);
        let first = ports.take(Wanted::Pair).unwrap();
        let token = ports.reserve(first + 1, now).unwrap();
        assert_eq!(ports.redeem(&[0; 8], now), None);
        assert_eq!(ports.redeem(&token, now), Some(first + 1));
        assert_eq!(ports.redeem(&token, now), None);
        ports.release(first + 1);
        let second = ports.take(Wanted::Pair).unwrap();
        let token = ports.reserve(second + 1, now).unwrap();
        let later = now + RESERVATION_LIFETIME;
        assert_eq!(ports.next_expiry(), Some(later));
        assert_eq!(ports.redeem(&token, later), None);
        assert_eq!(ports.next_expiry(), None);
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "any instant will do to begin virtual time")]
    fn a_port_of_another_program_is_tried_again_later() {
        let now = Instant::now();
        let mut ports = Ports::new(5000..=5000, [1; 32]);
        ports.take(Wanted::Any).unwrap();
        ports.rest(5000, now);
        ports.expire(now);
        assert_eq!((ports.take(Wanted::Any), ports.next_expiry()), (None, Some(now + REST)));
        ports.expire(now + REST);
        assert_eq!((ports.take(Wanted::Any), ports.next_expiry()), (Some(5000), None));
    }

    #[test]
    fn a_range_of_one_port_works() {
        let mut ports = Ports::new(5000..=5000, [1; 32]);
        assert_eq!((ports.take(Wanted::Any), ports.take(Wanted::Any)), (Some(5000), None));
    }
}
