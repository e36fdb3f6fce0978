//! Connectivity checks on pairs that are not in use.
//!
//! str0m's agent checks every pair that works as often as the one in use. Six addresses a side, and the checks take more of a
//! narrow uplink than the voice does. What they are for once media flows is to keep a pair known to work, and its address
//! translation alive: libwebrtc does that each 2.5 to 25 s, and so do we. The agent's other checks are left out here; it
//! takes them for lost, and gives a pair up only after many of them.

use std::net::SocketAddr;
use std::time::Instant;

use super::timing::{IDLE_CHECK_INTERVAL, PROBING_TIME};
use crate::ice::stun::{AttributeType, Class, Message, Method};

/// Most pairs that are remembered, as many as the agent keeps. Checks on others go out as it pleases.
const MAX_PAIRS: usize = 100;

/// A pair: our address and theirs.
pub(super) type Ends = (SocketAddr, SocketAddr);

/// What was sent on the pairs of one ICE session.
#[derive(Debug, Default)]
pub(super) struct IdlePairs {
    pairs: Vec<Checked>,
}

#[derive(Debug)]
struct Checked {
    ends: Ends,
    first: Instant,
    last: Instant,
}

impl IdlePairs {
    /// Begins again, with other credentials.
    pub(super) fn clear(&mut self) {
        self.pairs.clear();
    }

    /// Whether `datagram`, which the agent wants to send over `ends` while another pair is in use, is a check too many.
    /// Answers, checks that nominate, and those on a pair that is new always go out.
    pub(super) fn is_too_often(&mut self, ends: Ends, datagram: &[u8], now: Instant) -> bool {
        if !is_plain_check(datagram) {
            return false;
        }
        let Some(pair) = self.pairs.iter_mut().find(|pair| pair.ends == ends) else {
            if self.pairs.len() < MAX_PAIRS {
                self.pairs.push(Checked { ends, first: now, last: now });
            }
            return false;
        };
        let since = |at: Instant| now.saturating_duration_since(at);
        if since(pair.first) >= PROBING_TIME && since(pair.last) < IDLE_CHECK_INTERVAL {
            return true;
        }
        pair.last = now;
        false
    }
}

fn is_plain_check(datagram: &[u8]) -> bool {
    Message::parse(datagram).is_ok_and(|message| {
        message.class() == Class::Request
            && message.method() == Method::BINDING
            && !message.has(AttributeType::USE_CANDIDATE)
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::ice::stun::{MessageWriter, TransactionId};

    fn message(class: Class, kind: AttributeType) -> Vec<u8> {
        let mut buffer = [0; 100];
        let transaction = TransactionId::from([7; 12]);
        let mut writer = MessageWriter::new(&mut buffer, class, Method::BINDING, transaction).unwrap();
        writer.push_raw(kind, &[]).unwrap();
        writer.finish().to_vec()
    }

    fn ends(port: u16) -> Ends {
        (([192, 0, 2, 1], port).into(), ([192, 0, 2, 2], 4000).into())
    }

    /// What of `datagram` leaves over a pair in 20 s, offered as often as the agent checks.
    fn sent_in_20_s(pairs: &mut IdlePairs, datagram: &[u8], began: Instant) -> usize {
        let step = super::super::timing::CHECK_INTERVAL;
        let count = (20_000 / step.as_millis()) as u32;
        (0..count).filter(|n| !pairs.is_too_often(ends(1), datagram, began + step * *n)).count()
    }

    #[expect(clippy::disallowed_methods, reason = "a virtual clock has to begin somewhere")]
    fn began() -> Instant {
        Instant::now()
    }

    #[test]
    fn a_new_pair_is_checked_as_often_as_the_agent_likes_and_then_seldom() {
        let check = message(Class::Request, AttributeType::ICE_CONTROLLED);
        let (mut pairs, began) = (IdlePairs::default(), began());
        // 7 in the first five seconds, then one each 5.6.
        assert_eq!(sent_in_20_s(&mut pairs, &check, began), 9);
        assert!(!pairs.is_too_often(ends(2), &check, began + 20 * SECOND), "another pair");
        pairs.clear();
        assert!(!pairs.is_too_often(ends(1), &check, began + 20 * SECOND), "another session");
    }

    #[test]
    fn answers_and_nominations_always_go_out() {
        for datagram in [
            message(Class::Success, AttributeType::ICE_CONTROLLED),
            message(Class::Request, AttributeType::USE_CANDIDATE),
        ] {
            assert_eq!(sent_in_20_s(&mut IdlePairs::default(), &datagram, began()), 25);
        }
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let check = message(Class::Request, AttributeType::ICE_CONTROLLED);
        let (mut pairs, began) = (IdlePairs::default(), began());
        for port in 1..1000 {
            assert!(!pairs.is_too_often(ends(port), &check, began));
        }
        assert_eq!(pairs.pairs.len(), MAX_PAIRS);
    }

    const SECOND: Duration = Duration::from_secs(1);
}
