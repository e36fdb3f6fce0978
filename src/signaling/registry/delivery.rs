//! How messages leave: numbered within a session, plain outside of one, presence to everybody.

use std::sync::Arc;
use std::time::Instant;

use super::super::code::{CloseReason, ErrorCode};
use super::super::frame::{Frame, FrameError};
use super::super::id::{CallId, PeerId};
use super::super::message::ServerMessage;
use super::switch::{ConnectionId, Output, Registry};

/// Numbered messages sent before a ping asks whether they arrived, so that an outbox seldom holds
/// more than twice as many.
const MESSAGES_PER_PING: u64 = 32;

/// Why a message is refused.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) code: ErrorCode,
    pub(super) message: String,
    pub(super) call: Option<CallId>,
}

impl Refusal {
    pub(super) fn new(code: ErrorCode, message: String) -> Self {
        Self { code, message, call: None }
    }
}

impl From<FrameError> for Refusal {
    fn from(error: FrameError) -> Self {
        let code = match error {
            FrameError::UnknownType { .. } => ErrorCode::UnknownType,
            FrameError::BadField { .. } => ErrorCode::BadField,
            FrameError::TooLarge { .. }
            | FrameError::NotJson { .. }
            | FrameError::NotAnObject { .. }
            | FrameError::NoType { .. } => ErrorCode::Malformed,
        };
        Self::new(code, error.to_string())
    }
}

impl Registry {
    /// Sends a message that has no number.
    pub(super) fn send(&mut self, connection: ConnectionId, message: ServerMessage) {
        let text = Frame { message, seq: None }.to_text().into();
        self.outputs.push_back(Output::Send { connection, text });
    }

    /// Sends an error, within the session if there is one.
    pub(super) fn refuse(&mut self, connection: ConnectionId, refusal: Refusal) {
        let Refusal { code, message, call } = refusal;
        self.counters.count_error(code);
        let error = ServerMessage::Error { code, message, call };
        match self.connections.get(&connection).and_then(|known| known.peer.clone()) {
            Some(peer) => self.deliver(&peer, error),
            None => self.send(connection, error),
        }
    }

    /// Numbers a message, keeps it until the peer has it, and sends it if the peer is connected.
    pub(super) fn deliver(&mut self, to: &PeerId, message: ServerMessage) {
        let Some(session) = self.sessions.get_mut(to) else { return };
        let seq = Some(session.outbox.next_seq());
        session.outbox.push(Frame { message, seq }.to_text().into());
        let limits = &self.config.limits;
        if session.outbox.len() > limits.queued_messages || session.outbox.bytes() > limits.queued_bytes {
            self.overflowing.push(to.clone());
            return;
        }
        self.flush(to);
    }

    /// Sends what is kept for a connected peer and not yet sent.
    pub(super) fn flush(&mut self, to: &PeerId) {
        let Some(session) = self.sessions.get_mut(to) else { return };
        let Some(connection) = session.connection else { return };
        let sends = session.outbox.take_unsent().into_iter().map(|text| Output::Send { connection, text });
        self.outputs.extend(sends);
        if session.outbox.unpinged() >= MESSAGES_PER_PING {
            self.ping(to);
        }
    }

    /// Asks a connected peer for a sign of life, which also says what it has received.
    pub(super) fn ping(&mut self, to: &PeerId) {
        let Some(session) = self.sessions.get_mut(to) else { return };
        let Some(connection) = session.connection else { return };
        self.outputs.push_back(Output::Ping { connection, payload: session.outbox.ping() });
    }

    /// Tells every connected peer but `about` of a change of presence. Not numbered and not kept:
    /// `registered` brings the whole of it.
    pub(super) fn announce(&mut self, about: &PeerId, message: ServerMessage) {
        let text: Arc<str> = Frame { message, seq: None }.to_text().into();
        let others = self.sessions.iter().filter(|(peer, _)| *peer != about);
        let connections = others.filter_map(|(_, session)| session.connection);
        self.outputs.extend(connections.map(|connection| Output::Send { connection, text: text.clone() }));
    }

    /// Ends the sessions whose outbox is past its limits: their peer neither reads nor comes back.
    /// Ending one tells others, which may fill theirs; each round has fewer sessions.
    pub(super) fn settle(&mut self, now: Instant) {
        while let Some(peer) = self.overflowing.pop() {
            let connection = self.sessions.get(&peer).and_then(|session| session.connection);
            self.end_session(&peer);
            if let Some(connection) = connection {
                self.close(connection, CloseReason::SlowReceiver, now);
            }
        }
    }
}
