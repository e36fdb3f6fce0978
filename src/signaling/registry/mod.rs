//! The server's side of signaling, without sockets or clocks.
//!
//! [`Registry`] knows every connection, session and call. Tell it what happened (`handle_*`), then
//! drain [`Registry::poll_output`] and do what it says, then wait until [`Registry::poll_timeout`]
//! and call [`Registry::handle_timeout`].
//!
//! A *connection* is a WebSocket. A *session* is a registered peer: it outlives its connection by
//! the grace time, keeps the peer's id, calls and the numbered messages that the peer may not have
//! received, and goes on over a new connection that shows its token. A *call* belongs to two
//! sessions and ends when either ends.

mod admission;
mod books;
mod bucket;
mod calls;
mod counters;
mod delivery;
mod outbox;
mod session;
mod switch;
mod timers;

#[cfg(test)]
mod document_tests;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod tests;

pub use counters::{Counters, Occupancy};
pub use switch::{ConnectionId, Output, Registry, RegistryConfig};
