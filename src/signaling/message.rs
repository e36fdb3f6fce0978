//! The messages between a peer and the server: JSON objects with a `type`, one per text frame.
//!
//! `docs/protocol.md` shows each with an example; a test parses them all with these types.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::code::ErrorCode;
use super::id::{CallId, PeerId};
use super::reason::{DeclineReason, EndReason, HangupReason};
use super::secret::{Opaque, Token};

/// The version of the protocol that this crate speaks.
pub const PROTOCOL_VERSION: u32 = 1;

/// Asks for an id, or for an earlier session to be resumed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Register {
    /// [`PROTOCOL_VERSION`].
    pub version: u32,
    /// The id to be known by.
    pub id: PeerId,
    /// The token of the session to resume.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<Token>,
    /// When resuming: the `seq` of the last message that was received in the session. The server
    /// sends everything after it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_seq: Option<u64>,
    /// Calls that are under way with media flowing. A server that lost its memory takes them up
    /// again once both peers name them; otherwise it ignores them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<ClaimedCall>,
}

/// A call that goes on while the server doesn't know of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimedCall {
    /// The call.
    pub call: CallId,
    /// The other peer in it.
    pub with: PeerId,
}

/// The connection is registered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registered {
    /// [`PROTOCOL_VERSION`].
    pub version: u32,
    /// The id that is now this connection's.
    pub id: PeerId,
    /// Proof for resuming this session on another connection.
    pub token: Token,
    /// Whether an earlier session goes on. If not, calls that aren't in `calls` are unknown here.
    pub resumed: bool,
    /// How long the session outlives its connection.
    pub grace_ms: u64,
    /// When resumed: the `seq` of the last message that the server received in the session. The
    /// peer sends everything after it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_seq: Option<u64>,
    /// The other peers that are connected.
    pub online: Vec<PeerId>,
    /// The other peers that lost their connection and may resume.
    #[serde(default)]
    pub away: Vec<PeerId>,
    /// This peer's calls.
    pub calls: Vec<CallId>,
    /// STUN and TURN servers to use.
    #[serde(default)]
    pub ice_servers: Vec<IceServer>,
}

/// A STUN or TURN server, as browsers describe it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IceServer {
    /// `stun:`, `turn:` or `turns:` URIs (RFC 7064, RFC 7065).
    pub urls: Vec<String>,
    /// The TURN user name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The TURN password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<Opaque>,
}

/// One trickled candidate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// The call that it is for.
    pub call: CallId,
    /// The candidate's attribute value; empty for the end of candidates (the browsers' convention).
    pub candidate: Opaque,
    /// The media section that it is for, by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mid: Option<String>,
    /// The media section that it is for, by place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mline: Option<u16>,
}

/// What a peer says to the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ClientMessage {
    /// Asks for an id, or for an earlier session to be resumed.
    Register(Register),
    /// Calls a peer.
    Call {
        /// The new call's id.
        call: CallId,
        /// Whom to call.
        to: PeerId,
        /// The offer.
        sdp: Opaque,
    },
    /// The callee is being alerted.
    Ringing {
        /// The call.
        call: CallId,
    },
    /// The callee takes the call.
    Accept {
        /// The call.
        call: CallId,
        /// The answer.
        sdp: Opaque,
    },
    /// The callee doesn't take the call.
    Decline {
        /// The call.
        call: CallId,
        /// Why not.
        reason: DeclineReason,
    },
    /// A candidate was found.
    Candidate(Candidate),
    /// A new offer in a call under way: hold, ICE restart.
    Update {
        /// The call.
        call: CallId,
        /// The offer.
        sdp: Opaque,
    },
    /// The answer to an `update`.
    Updated {
        /// The call.
        call: CallId,
        /// The answer.
        sdp: Opaque,
    },
    /// The call is over.
    Hangup {
        /// The call.
        call: CallId,
        /// Why.
        reason: HangupReason,
    },
    /// The peer leaves for good; its calls end and its id is free.
    Unregister,
}

impl ClientMessage {
    /// The call that the message is about.
    pub fn call(&self) -> Option<&CallId> {
        match self {
            Self::Call { call, .. }
            | Self::Ringing { call }
            | Self::Accept { call, .. }
            | Self::Decline { call, .. }
            | Self::Candidate(Candidate { call, .. })
            | Self::Update { call, .. }
            | Self::Updated { call, .. }
            | Self::Hangup { call, .. } => Some(call),
            Self::Register(_) | Self::Unregister => None,
        }
    }
}

/// What the server says to a peer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ServerMessage {
    /// The connection is registered.
    Registered(Registered),
    /// A peer is here: it registered, or resumed.
    Online {
        /// Which.
        id: PeerId,
    },
    /// A peer lost its connection and may resume; its calls stand.
    Away {
        /// Which.
        id: PeerId,
    },
    /// A peer is gone.
    Offline {
        /// Which.
        id: PeerId,
    },
    /// A peer calls.
    Call {
        /// The new call's id.
        call: CallId,
        /// Who calls.
        from: PeerId,
        /// The offer.
        sdp: Opaque,
    },
    /// The callee is being alerted.
    Ringing {
        /// The call.
        call: CallId,
    },
    /// The callee takes the call.
    Accept {
        /// The call.
        call: CallId,
        /// The answer.
        sdp: Opaque,
    },
    /// The callee doesn't take the call; it is over.
    Decline {
        /// The call.
        call: CallId,
        /// Why not.
        reason: DeclineReason,
    },
    /// The other peer found a candidate.
    Candidate(Candidate),
    /// The other peer's new offer.
    Update {
        /// The call.
        call: CallId,
        /// The offer.
        sdp: Opaque,
    },
    /// The other peer's answer to an `update`.
    Updated {
        /// The call.
        call: CallId,
        /// The answer.
        sdp: Opaque,
    },
    /// The call is over.
    Hangup {
        /// The call.
        call: CallId,
        /// Why.
        reason: EndReason,
    },
    /// STUN and TURN servers to use from now on, instead of those that were told before: the credentials of those are
    /// about to expire.
    IceServers {
        /// All of them.
        ice_servers: Vec<IceServer>,
    },
    /// A message of this peer was refused.
    Error {
        /// What went wrong, for programs.
        code: ErrorCode,
        /// What was expected and what was found, for people.
        message: String,
        /// The call that the refused message was about.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        call: Option<CallId>,
    },
    /// The server is about to close every connection. Calls go on; connect again after a while.
    Closing {
        /// Why, for people.
        reason: String,
        /// How long to wait before connecting again.
        retry_ms: u64,
    },
}

impl ServerMessage {
    /// The call that the message is about.
    pub fn call(&self) -> Option<&CallId> {
        match self {
            Self::Call { call, .. }
            | Self::Ringing { call }
            | Self::Accept { call, .. }
            | Self::Decline { call, .. }
            | Self::Candidate(Candidate { call, .. })
            | Self::Update { call, .. }
            | Self::Updated { call, .. }
            | Self::Hangup { call, .. } => Some(call),
            Self::Error { call, .. } => call.as_ref(),
            Self::Registered(_)
            | Self::Online { .. }
            | Self::Away { .. }
            | Self::Offline { .. }
            | Self::IceServers { .. }
            | Self::Closing { .. } => None,
        }
    }
}

/// One direction of the protocol.
pub trait Message: Serialize + DeserializeOwned {
    /// Every `type` that the direction knows.
    const TYPES: &'static [&'static str];
}

impl Message for ClientMessage {
    const TYPES: &'static [&'static str] = &[
        "register",
        "call",
        "ringing",
        "accept",
        "decline",
        "candidate",
        "update",
        "updated",
        "hangup",
        "unregister",
    ];
}

impl Message for ServerMessage {
    const TYPES: &'static [&'static str] = &[
        "registered",
        "online",
        "away",
        "offline",
        "call",
        "ringing",
        "accept",
        "decline",
        "candidate",
        "update",
        "updated",
        "hangup",
        "ice_servers",
        "error",
        "closing",
    ];
}
