//! What must always be true of a registry, for tests and fuzzing.

use std::collections::BTreeSet;

use super::session::CallState;
use super::switch::Registry;

impl Registry {
    /// Panics unless the registry's maps agree with each other, as they do between any two `handle_*`.
    pub(in super::super) fn check_books(&self) {
        self.check_sessions();
        self.check_calls();
        let counted: usize = self.addresses.values().map(|address| address.connections).sum();
        assert_eq!(counted, self.connections.len(), "every connection is counted at its address");
        let away = self.sessions.values().filter(|session| session.connection.is_none()).count();
        let waiting =
            self.calls.values().filter(|call| !matches!(call.state, CallState::Live { .. })).count();
        if !self.closing {
            assert_eq!(
                self.timers.len(),
                self.connections.len() + away + waiting,
                "one deadline for each connection, each absent peer and each call that waits"
            );
        }
    }

    fn check_sessions(&self) {
        for (id, session) in &self.sessions {
            if let Some(connection) = &session.connection {
                assert_eq!(self.connections[connection].peer.as_ref(), Some(id));
            }
            assert!(session.calls.iter().all(|call| self.calls[call].side_of(id).is_some()));
            assert!(session.calls.len() <= self.config.limits.calls_per_peer);
            assert!(session.outbox.len() <= self.config.limits.queued_messages);
            assert!(session.outbox.bytes() <= self.config.limits.queued_bytes);
        }
        for (id, connection) in &self.connections {
            if let Some(peer) = &connection.peer {
                assert_eq!(self.sessions[peer].connection, Some(*id));
            }
        }
    }

    fn check_calls(&self) {
        let mut pairs = BTreeSet::new();
        for (id, call) in &self.calls {
            let peers: &[_] = match call.state {
                CallState::Claimed => &[&call.caller],
                _ => &[&call.caller, &call.callee],
            };
            assert!(peers.iter().all(|peer| self.sessions[*peer].calls.contains(id)));
            assert_ne!(call.caller, call.callee, "nobody calls themselves");
            if call.state.is_pending() {
                let pair = BTreeSet::from([&call.caller, &call.callee]);
                assert!(pairs.insert(pair), "two peers have one unanswered call at most");
            }
        }
    }
}
