//! Gathering: the addresses where we can be reached, and keeping those that are lent usable (RFC 8445 §5.1, RFC 8656).
//!
//! ```text
//!  hosts ──────────────────────────────────────────────► host candidates
//!    └─ each asks every STUN server at once ───────────► server-reflexive candidates
//!    └─ each asks every TURN server over UDP at once ──► relayed candidates
//!         and, unless one was lent within HEAD_START, over TCP and TLS in parallel
//! ```
//!
//! [`Gatherer`] is one call's machine for all of that, and afterwards the way through its relays: what goes out from a
//! relayed address is wrapped, what a relay brings is unwrapped. It opens no socket and resolves no name.

mod asking;
mod config;
mod event;
mod gatherer;
mod leg;
#[cfg(test)]
mod tests;

pub use config::{HEAD_START, IcePolicy, MAX_LEGS, MAX_SERVERS, Server};
pub use event::{
    Dial, GatherEvent, Gathered, Inbound, Origin, Outgoing, StreamAction, StreamId, Trouble, Way,
};
pub use gatherer::Gatherer;
