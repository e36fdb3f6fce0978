//! The calls of a client, as its messages tell them.

use std::collections::BTreeMap;

use super::id::{CallId, PeerId};
use super::message::{ClaimedCall, ClientMessage, ServerMessage};
use super::pending::Pending;

/// Calls watched at once: four times what a server allows a peer by default.
const MAX_TRACKED_CALLS: usize = 64;

/// Which calls there are, with whom, and whether they were answered: what a client must tell a
/// server that has lost its memory.
#[derive(Debug, Default)]
pub(super) struct TrackedCalls(BTreeMap<CallId, Tracked>);

#[derive(Debug)]
struct Tracked {
    with: PeerId,
    is_live: bool,
}

impl TrackedCalls {
    /// A message went out.
    pub(super) fn note_sent(&mut self, message: &ClientMessage) {
        match message {
            ClientMessage::Call { call, to, .. } => self.begin(call, to),
            ClientMessage::Accept { call, .. } => self.answer(call),
            ClientMessage::Decline { call, .. } | ClientMessage::Hangup { call, .. } => self.end(call),
            _ => {}
        }
    }

    /// A message came in.
    pub(super) fn note_received(&mut self, message: &ServerMessage) {
        match message {
            ServerMessage::Call { call, from, .. } => self.begin(call, from),
            ServerMessage::Accept { call, .. } => self.answer(call),
            ServerMessage::Decline { call, .. } | ServerMessage::Hangup { call, .. } => self.end(call),
            ServerMessage::Error { code, call: Some(call), .. } if code.ends_call() => self.end(call),
            _ => {}
        }
    }

    /// The calls that were answered.
    pub(super) fn live(&self) -> Vec<ClaimedCall> {
        let live = self.0.iter().filter(|(_, tracked)| tracked.is_live);
        live.map(|(call, tracked)| ClaimedCall { call: call.clone(), with: tracked.with.clone() }).collect()
    }

    /// Forgets the calls that weren't answered and whose `call` isn't yet to be sent; returns them.
    pub(super) fn drop_unanswered(&mut self, pending: &Pending) -> Vec<CallId> {
        let is_over = |call: &CallId, tracked: &Tracked| !tracked.is_live && !pending.begins(call);
        let over: Vec<CallId> =
            self.0.iter().filter(|(c, t)| is_over(c, t)).map(|(call, _)| call.clone()).collect();
        over.iter().for_each(|call| self.end(call));
        over
    }

    fn begin(&mut self, call: &CallId, with: &PeerId) {
        if self.0.len() < MAX_TRACKED_CALLS {
            self.0.entry(call.clone()).or_insert(Tracked { with: with.clone(), is_live: false });
        }
    }

    fn answer(&mut self, call: &CallId) {
        if let Some(tracked) = self.0.get_mut(call) {
            tracked.is_live = true;
        }
    }

    fn end(&mut self, call: &CallId) {
        self.0.remove(call);
    }
}
