//! The numbered messages of a session that its peer may not have received.

use std::collections::VecDeque;
use std::sync::Arc;

/// Messages in their order, kept until the peer is known to have them.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    kept: VecDeque<(u64, Arc<str>)>,
    bytes: usize,
    last_seq: u64,
    sent_through: u64,
    pinged_through: u64,
}

impl Outbox {
    /// The number that the next message must carry.
    pub(super) fn next_seq(&self) -> u64 {
        self.last_seq + 1
    }

    /// Keeps a message that carries [`Self::next_seq`].
    pub(super) fn push(&mut self, text: Arc<str>) {
        self.last_seq += 1;
        self.bytes += text.len();
        self.kept.push_back((self.last_seq, text));
    }

    /// The messages from the first that was not yet sent on the present connection.
    pub(super) fn take_unsent(&mut self) -> Vec<Arc<str>> {
        let sent = self.sent_through;
        self.sent_through = self.last_seq;
        self.kept.iter().filter(|(seq, _)| *seq > sent).map(|(_, text)| text.clone()).collect()
    }

    /// Forgets what the peer has: everything up to `seq`.
    pub(super) fn acknowledge(&mut self, seq: u64) {
        let seq = seq.min(self.sent_through);
        while self.kept.front().is_some_and(|(kept, _)| *kept <= seq) {
            let (_, text) = self.kept.pop_front().expect("the front was just looked at");
            self.bytes -= text.len();
        }
    }

    /// A new connection: what isn't acknowledged is to be sent again. A peer that doesn't count says
    /// nothing of what it has; it gets what was never sent.
    pub(super) fn rewind(&mut self, last_received: Option<u64>) {
        self.acknowledge(last_received.unwrap_or(u64::MAX));
        self.sent_through = self.kept.front().map_or(self.last_seq, |(first, _)| first - 1);
        self.pinged_through = self.sent_through;
    }

    /// The number to put into a ping, whose answer will acknowledge everything up to it.
    pub(super) fn ping(&mut self) -> u64 {
        self.pinged_through = self.sent_through;
        self.sent_through
    }

    /// How many messages were sent since the last ping.
    pub(super) fn unpinged(&self) -> u64 {
        self.sent_through.saturating_sub(self.pinged_through)
    }

    /// Messages kept.
    pub(super) fn len(&self) -> usize {
        self.kept.len()
    }

    /// Bytes kept.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outbox_of(count: u64) -> Outbox {
        let mut outbox = Outbox::default();
        for seq in 1..=count {
            assert_eq!(outbox.next_seq(), seq);
            outbox.push(Arc::from(seq.to_string()));
        }
        outbox
    }

    fn texts(outbox: &mut Outbox) -> Vec<String> {
        outbox.take_unsent().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_was_sent_but_not_received_is_sent_again() {
        let mut outbox = outbox_of(4);
        assert_eq!(texts(&mut outbox), ["1", "2", "3", "4"]);
        outbox.push(Arc::from("5"));
        outbox.rewind(Some(2));
        assert_eq!(texts(&mut outbox), ["3", "4", "5"]);
        assert!(texts(&mut outbox).is_empty());
    }

    #[test]
    fn a_peer_that_does_not_count_gets_what_was_never_sent() {
        let mut outbox = outbox_of(2);
        texts(&mut outbox);
        outbox.push(Arc::from("3"));
        outbox.rewind(None);
        assert_eq!(texts(&mut outbox), ["3"]);
    }

    #[test]
    fn an_acknowledgement_of_what_was_never_sent_is_worth_nothing() {
        let mut outbox = outbox_of(3);
        outbox.rewind(Some(99));
        assert_eq!(texts(&mut outbox), ["1", "2", "3"]);
        outbox.acknowledge(2);
        assert_eq!((outbox.len(), outbox.bytes()), (1, 1));
    }
}
