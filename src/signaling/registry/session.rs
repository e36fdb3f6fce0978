//! What the registry knows of a connection, a registered peer and a call.

use std::collections::BTreeSet;
use std::time::Instant;

use super::super::address::AddressBlock;
use super::super::id::{CallId, PeerId};
use super::super::secret::Token;
use super::bucket::Bucket;
use super::outbox::Outbox;
use super::switch::ConnectionId;

/// A WebSocket.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) address: AddressBlock,
    pub(super) peer: Option<PeerId>,
    pub(super) messages: Bucket,
    pub(super) refused_messages: u32,
    pub(super) last_heard: Instant,
    /// When the peer is to be told its ICE servers anew; never where their credentials do not expire.
    pub(super) ice_servers_due: Option<Instant>,
}

/// Connections from one place.
#[derive(Debug)]
pub(super) struct Address {
    pub(super) connections: usize,
    pub(super) registrations: Bucket,
}

/// A registered peer.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) token: Token,
    /// The present connection; none while the peer is away.
    pub(super) connection: Option<ConnectionId>,
    pub(super) outbox: Outbox,
    /// The number of the last message received from the peer; 0 for none.
    pub(super) last_received: u64,
    pub(super) calls: BTreeSet<CallId>,
}

/// A call between two sessions.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) caller: PeerId,
    pub(super) callee: PeerId,
    pub(super) state: CallState,
    /// Candidates from the caller and from the callee.
    pub(super) candidates: [u32; 2],
}

/// How far a call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CallState {
    /// The offer went to the callee.
    Offered,
    /// The callee is being alerted.
    Ringing,
    /// The callee has answered.
    Live {
        /// Whose update waits for its answer.
        updating: Option<Side>,
    },
    /// One peer, noted as the caller, says that this call was live before the server started; the
    /// other hasn't said so yet.
    Claimed,
}

impl CallState {
    /// Whether the call waits for its answer.
    pub(super) fn is_pending(self) -> bool {
        matches!(self, Self::Offered | Self::Ringing)
    }
}

/// One end of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// Who made the call.
    Caller,
    /// Who was called.
    Callee,
}

impl Side {
    /// The other end.
    pub(super) fn other(self) -> Self {
        match self {
            Self::Caller => Self::Callee,
            Self::Callee => Self::Caller,
        }
    }
}

impl Call {
    /// The end that `peer` is, if it is in the call.
    pub(super) fn side_of(&self, peer: &PeerId) -> Option<Side> {
        if *peer == self.caller {
            Some(Side::Caller)
        } else if *peer == self.callee {
            Some(Side::Callee)
        } else {
            None
        }
    }

    /// The peer at an end.
    pub(super) fn peer(&self, side: Side) -> &PeerId {
        match side {
            Side::Caller => &self.caller,
            Side::Callee => &self.callee,
        }
    }
}
