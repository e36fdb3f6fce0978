//! Connectivity checks that can be spared.
//!
//! str0m's agent checks every pair that works as often as the one in use. Six addresses a side, and the checks take more of a
//! narrow uplink than the voice does. What they are for once media flows is to keep a pair known to work, and its address
//! translation alive: libwebrtc does that each 2.5 to 25 s, and so do we. On the pair in use they show that the path works
//! where nothing else does; while media comes over it they only keep consent (RFC 7675), at 2.5 kbit/s with their answers. The
//! agent's other checks are left out here; it takes them for lost, and gives a pair up only after many of them.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::timing::{CONSENT_INTERVAL, IDLE_CHECK_INTERVAL, PROBING_TIME};
use crate::ice::stun::{AttributeType, Class, Message, Method};

/// Most pairs that are remembered, as many as the agent keeps. Checks on others go out as it pleases.
const MAX_PAIRS: usize = 100;

/// A pair: our address and theirs.
pub(super) type Ends = (SocketAddr, SocketAddr);

/// What a pair is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// Another one is in use.
    Idle,
    /// Media comes over it.
    Media,
}

impl Use {
    /// How often such a pair is checked.
    fn interval(self) -> Duration {
        match self {
            Use::Idle => IDLE_CHECK_INTERVAL,
            Use::Media => CONSENT_INTERVAL,
        }
    }
}

/// What was sent on the pairs of one ICE session.
#[derive(Debug, Default)]
pub(super) struct SpareChecks {
    pairs: Vec<Checked>,
}

#[derive(Debug)]
struct Checked {
    ends: Ends,
    first: Instant,
    last: Instant,
}

impl SpareChecks {
    /// Begins again, with other credentials.
    pub(super) fn clear(&mut self) {
        self.pairs.clear();
    }

    /// Whether `datagram`, which the agent wants to send over `ends`, is a check that comes too soon after the one before.
    /// Answers, checks that nominate an idle pair, and those on a pair that is new always go out.
    pub(super) fn is_one(&mut self, ends: Ends, datagram: &[u8], of: Use, now: Instant) -> bool {
        if !is_check(datagram, of) {
            return false;
        }
        let Some(pair) = self.pairs.iter_mut().find(|pair| pair.ends == ends) else {
            if self.pairs.len() < MAX_PAIRS {
                self.pairs.push(Checked { ends, first: now, last: now });
            }
            return false;
        };
        let since = |at: Instant| now.saturating_duration_since(at);
        if since(pair.first) >= PROBING_TIME && since(pair.last) < of.interval() {
            return true;
        }
        pair.last = now;
        false
    }
}

/// Each check of the controlling side on the pair in use nominates it again (RFC 8445 section 8.1.1).
fn is_check(datagram: &[u8], of: Use) -> bool {
    Message::parse(datagram).is_ok_and(|message| {
        let nominates = of == Use::Idle && message.has(AttributeType::USE_CANDIDATE);
        message.class() == Class::Request && message.method() == Method::BINDING && !nominates
    })
}

#[cfg(test)]
mod tests {
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
    fn sent_in_20_s(pairs: &mut SpareChecks, datagram: &[u8], began: Instant) -> usize {
        let step = super::super::timing::CHECK_INTERVAL;
        let count = (20_000 / step.as_millis()) as u32;
        (0..count).filter(|n| !pairs.is_one(ends(1), datagram, Use::Idle, began + step * *n)).count()
    }

    #[expect(clippy::disallowed_methods, reason = "a virtual clock has to begin somewhere")]
    fn began() -> Instant {
        Instant::now()
    }

    #[test]
    fn a_new_pair_is_checked_as_often_as_the_agent_likes_and_then_seldom() {
        let check = message(Class::Request, AttributeType::ICE_CONTROLLED);
        let (mut pairs, began) = (SpareChecks::default(), began());
        // 7 in the first five seconds, then one each 5.6.
        assert_eq!(sent_in_20_s(&mut pairs, &check, began), 9);
        assert!(!pairs.is_one(ends(2), &check, Use::Idle, began + 20 * SECOND), "another pair");
        pairs.clear();
        assert!(!pairs.is_one(ends(1), &check, Use::Idle, began + 20 * SECOND), "another session");
    }

    #[test]
    fn answers_and_nominations_always_go_out() {
        for datagram in [
            message(Class::Success, AttributeType::ICE_CONTROLLED),
            message(Class::Request, AttributeType::USE_CANDIDATE),
        ] {
            assert_eq!(sent_in_20_s(&mut SpareChecks::default(), &datagram, began()), 25);
        }
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let check = message(Class::Request, AttributeType::ICE_CONTROLLED);
        let (mut pairs, began) = (SpareChecks::default(), began());
        for port in 1..1000 {
            assert!(!pairs.is_one(ends(port), &check, Use::Idle, began));
        }
        assert_eq!(pairs.pairs.len(), MAX_PAIRS);
    }

    const SECOND: Duration = Duration::from_secs(1);
}
