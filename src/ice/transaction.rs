//! Requests on their way: identifiers nobody can guess, and when to send again.

use std::time::{Duration, Instant};

use super::stun::{Key, TransactionId};

/// Waited before the first request is sent again.
///
/// RFC 8489 §6.2.1 begins at 500 ms for paths it knows nothing of. A lost first packet would cost a call half a second
/// before anybody hears anything; 200 ms is above the round trip to any server one would choose to relay a call, and
/// sending again too early costs one small packet.
pub(super) const INITIAL_RTO: Duration = Duration::from_millis(200);

/// Waiting doubles up to here.
const MAX_RTO: Duration = Duration::from_millis(1600);

/// Times a request is sent over UDP (Rc of RFC 8489 §6.2.1).
const MAX_SENDS: u8 = 7;

/// Waited for an answer over a stream (Ti of RFC 8489 §6.2.2, which says 39.5 s: nobody waits so long for a call).
const STREAM_TIMEOUT: Duration = Duration::from_secs(10);

/// Makes transaction ids from a secret seed: each is HMAC-SHA256 of a counter, cut to 96 bits, so that whoever sees
/// some cannot tell the next.
///
/// ```
/// use handset::ice::TransactionIds;
/// let mut ids = TransactionIds::from_seed([7; 32]); // from the operating system's generator
/// assert_ne!(ids.draw(), ids.draw());
/// ```
#[derive(Debug, Clone)]
pub struct TransactionIds {
    key: Key,
    count: u64,
}

impl TransactionIds {
    /// `seed` must come from the operating system's generator and be used once.
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self { key: Key::from_bytes(&seed), count: 0 }
    }

    /// The next one; they do not repeat within 2^64.
    pub fn draw(&mut self) -> TransactionId {
        self.count = self.count.wrapping_add(1);
        TransactionId::from(self.key.derive(&self.count.to_be_bytes()))
    }

    /// A seed for another user of identifiers, which shares none with this one.
    pub fn split(&mut self) -> Self {
        self.count = self.count.wrapping_add(1);
        let mut seed = [0; 32];
        seed[..12].copy_from_slice(&self.key.derive(&[&self.count.to_be_bytes()[..], b"a"].concat()));
        seed[12..24].copy_from_slice(&self.key.derive(&[&self.count.to_be_bytes()[..], b"b"].concat()));
        Self::from_seed(seed)
    }
}

/// When to send a request again, and when to give up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Schedule {
    sends_left: u8,
    rto: Duration,
    at: Instant,
}

/// What a deadline that passed asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    Nothing,
    SendAgain,
    GiveUp,
}

impl Schedule {
    /// For a request that is sent now in a datagram: 7 times within 6.2 s, given up after 7.8 s.
    pub(super) fn datagram(now: Instant) -> Self {
        Self { sends_left: MAX_SENDS - 1, rto: INITIAL_RTO, at: now + INITIAL_RTO }
    }

    /// For a request that is sent now over a stream, which does not lose it.
    pub(super) fn stream(now: Instant) -> Self {
        Self { sends_left: 0, rto: STREAM_TIMEOUT, at: now + STREAM_TIMEOUT }
    }

    /// The same with so many sends at most.
    pub(super) fn at_most(mut self, sends: u8) -> Self {
        self.sends_left = self.sends_left.min(sends.saturating_sub(1));
        self
    }

    pub(super) fn deadline(&self) -> Instant {
        self.at
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) -> Due {
        if now < self.at {
            return Due::Nothing;
        }
        if self.sends_left == 0 {
            return Due::GiveUp;
        }
        self.sends_left -= 1;
        self.rto = (self.rto * 2).min(MAX_RTO);
        // From now, not from the old deadline: after a pause there is one packet, not all those that were missed.
        self.at = now + self.rto;
        Due::SendAgain
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "any instant will do to begin virtual time")]
    fn a_datagram_is_sent_seven_times_within_seven_seconds() {
        let start = Instant::now();
        let mut schedule = Schedule::datagram(start);
        let mut sends = vec![0];
        let end = loop {
            let at = schedule.deadline();
            match schedule.handle_timeout(at) {
                Due::SendAgain => sends.push((at - start).as_millis()),
                Due::GiveUp => break (at - start).as_millis(),
                Due::Nothing => panic!("a deadline that came is due"),
            }
        };
        assert_eq!(sends, [0, 200, 600, 1400, 3000, 4600, 6200]);
        assert_eq!(end, 7800);
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "any instant will do to begin virtual time")]
    fn nothing_is_due_before_its_time() {
        let start = Instant::now();
        assert_eq!(Schedule::stream(start).handle_timeout(start + Duration::from_secs(9)), Due::Nothing);
        assert_eq!(Schedule::stream(start).handle_timeout(start + Duration::from_secs(10)), Due::GiveUp);
    }

    #[test]
    fn identifiers_do_not_repeat_and_splits_share_none() {
        let mut ids = TransactionIds::from_seed([1; 32]);
        let mut other = ids.split();
        let seen: HashSet<TransactionId> = (0..1000).flat_map(|_| [ids.draw(), other.draw()]).collect();
        assert_eq!(seen.len(), 2000);
        assert_ne!(TransactionIds::from_seed([1; 32]).draw(), TransactionIds::from_seed([2; 32]).draw());
    }
}
