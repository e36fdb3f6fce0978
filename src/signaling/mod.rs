//! Wire messages, the client machine and the server's registry, all pure.
//!
//! The protocol is JSON text frames over a WebSocket; `docs/protocol.md` describes it whole.
//! [`ClientMessage`] and [`ServerMessage`] are its two directions, [`Frame`] puts one into a text and
//! takes it out, [`Client`] is a peer's end of a connection and [`Registry`] the server's end of all
//! of them. Nothing here reads a clock, opens a socket or makes randomness: time and random bytes
//! are arguments.

mod address;
mod backoff;
mod client;
mod code;
mod frame;
pub mod fuzz;
mod ice_servers;
mod id;
mod limits;
mod message;
mod pending;
mod reason;
mod registry;
mod secret;
mod tracked;

#[cfg(test)]
mod client_tests;

pub use address::AddressBlock;
pub use client::{Client, ClientAction, ClientConfig, ClientEvent, Disconnect, MAX_SERVER_FRAME_BYTES};
pub use code::{CloseReason, ErrorCode};
pub use frame::{Frame, FrameError};
pub use ice_servers::IceServers;
pub use id::{CallId, IdError, MAX_CALL_ID_CHARS, MAX_PEER_ID_CHARS, PeerId};
pub use limits::Limits;
pub use message::{
    Candidate, ClaimedCall, ClientMessage, IceServer, Message, PROTOCOL_VERSION, Register, Registered,
    ServerMessage,
};
pub use pending::QueueFull;
pub use reason::{DeclineReason, EndReason, HangupReason};
pub use registry::{ConnectionId, Counters, Occupancy, Output, Registry, RegistryConfig};
pub use secret::{Opaque, TOKEN_BYTES, Token, TokenError};
