//! The numbered messages of a client that its server may not have received.

use std::collections::VecDeque;

use super::frame::Frame;
use super::id::CallId;
use super::message::ClientMessage;

/// Messages kept while the client is away or until the server is known to have them: several calls
/// with all their candidates.
const MAX_PENDING_MESSAGES: usize = 512;

/// Messages sent before a ping asks whether they arrived.
const MESSAGES_PER_PING: u64 = 32;

/// The client has been away, or its server deaf, for too long to keep more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected at most {MAX_PENDING_MESSAGES} messages waiting for the server; this one was dropped")]
pub struct QueueFull;

/// Messages in their order. The last one's number is `last_seq`; those after `sent_through` were not
/// sent on the present connection.
#[derive(Debug, Default)]
pub(super) struct Pending {
    kept: VecDeque<Kept>,
    last_seq: u64,
    sent_through: u64,
    pinged_through: u64,
}

#[derive(Debug)]
struct Kept {
    message: ClientMessage,
    seq: u64,
    was_sent: bool,
}

impl Pending {
    pub(super) fn push(&mut self, message: ClientMessage) -> Result<(), QueueFull> {
        if self.kept.len() >= MAX_PENDING_MESSAGES {
            return Err(QueueFull);
        }
        self.last_seq += 1;
        self.kept.push_back(Kept { message, seq: self.last_seq, was_sent: false });
        Ok(())
    }

    /// The next message that was not sent on this connection, as a text frame.
    pub(super) fn take_unsent(&mut self) -> Option<String> {
        let first = self.kept.partition_point(|kept| kept.seq <= self.sent_through);
        let kept = self.kept.get_mut(first)?;
        kept.was_sent = true;
        self.sent_through = kept.seq;
        Some(Frame { message: kept.message.clone(), seq: Some(kept.seq) }.to_text())
    }

    /// The server has everything up to `seq`.
    pub(super) fn acknowledge(&mut self, seq: u64) {
        let seq = seq.min(self.sent_through);
        while self.kept.front().is_some_and(|kept| kept.seq <= seq) {
            self.kept.pop_front();
        }
    }

    /// The session goes on; the server's last message was `seq`. Everything after it goes out again.
    pub(super) fn resume(&mut self, seq: u64) {
        self.acknowledge(seq);
        self.sent_through = self.kept.front().map_or(self.last_seq, |first| first.seq - 1);
        self.pinged_through = self.sent_through;
    }

    /// A new session: what went out in the old one is lost with it, the rest is numbered anew.
    pub(super) fn restart(&mut self) {
        self.kept.retain(|kept| !kept.was_sent);
        for (kept, seq) in self.kept.iter_mut().zip(1..) {
            kept.seq = seq;
        }
        self.last_seq = self.kept.len() as u64;
        self.sent_through = 0;
        self.pinged_through = 0;
    }

    /// The number to put into a ping, whose answer will acknowledge everything up to it.
    pub(super) fn ping(&mut self) -> u64 {
        self.pinged_through = self.sent_through;
        self.sent_through
    }

    /// The same, if many messages were sent since the last ping.
    pub(super) fn ping_if_many(&mut self) -> Option<u64> {
        (self.sent_through - self.pinged_through >= MESSAGES_PER_PING).then(|| self.ping())
    }

    /// Whether a `call` with this id is yet to be sent.
    pub(super) fn begins(&self, id: &CallId) -> bool {
        self.kept.iter().any(|kept| {
            !kept.was_sent && matches!(&kept.message, ClientMessage::Call { call, .. } if call == id)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ringing(number: u64) -> ClientMessage {
        ClientMessage::Ringing { call: format!("c{number}").parse().unwrap() }
    }

    fn pending_of(count: u64) -> Pending {
        let mut pending = Pending::default();
        for number in 1..=count {
            pending.push(ringing(number)).unwrap();
        }
        pending
    }

    /// Sends all and tells what: number and call.
    fn sent(pending: &mut Pending) -> Vec<(u64, String)> {
        std::iter::from_fn(|| pending.take_unsent())
            .map(|text| {
                let frame = Frame::<ClientMessage>::parse(&text, 1000).unwrap();
                (frame.seq.unwrap(), frame.message.call().unwrap().to_string())
            })
            .collect()
    }

    #[test]
    fn what_the_server_did_not_receive_is_sent_again_with_its_number() {
        let mut pending = pending_of(3);
        assert_eq!(sent(&mut pending).len(), 3);
        pending.push(ringing(4)).unwrap();
        pending.resume(2);
        assert_eq!(sent(&mut pending), [(3, "c3".to_owned()), (4, "c4".to_owned())]);
    }

    #[test]
    fn a_new_session_gets_only_what_was_never_sent_numbered_from_one() {
        let mut pending = pending_of(2);
        sent(&mut pending);
        pending.push(ringing(3)).unwrap();
        pending.restart();
        assert_eq!(sent(&mut pending), [(1, "c3".to_owned())]);
        pending.push(ringing(4)).unwrap();
        assert_eq!(sent(&mut pending), [(2, "c4".to_owned())]);
    }

    #[test]
    fn the_queue_is_bounded() {
        let mut pending = pending_of(MAX_PENDING_MESSAGES as u64);
        assert_eq!(pending.push(ringing(0)), Err(QueueFull));
        sent(&mut pending);
        pending.acknowledge(1);
        assert_eq!(pending.push(ringing(0)), Ok(()));
    }
}
