//! A TURN client (RFC 8656): an address lent by a relay, as one state machine without I/O.
//!
//! ```text
//!            connected            401: sign            success
//! Connecting ---------> Allocating ---------> Allocating ------> Allocated --release--> Releasing --> Ended
//!                           |  300: another server, 437: clear what was left, 438: new nonce   |
//!                           `---------------------------- refused, silent, lost ---------------+--> Ended
//! ```
//!
//! Released while it is allocating, a client waits for what is granted yet and gives that back (Withdrawing, then
//! Releasing).
//!
//! [`Client`] speaks to one server over one 5-tuple. Over UDP it is ready at once; over TCP or TLS the caller opens the
//! stream, cuts what it receives with a [`Deframer`](super::stun::Deframer), and says when it is connected. Nothing is
//! paced: each request goes out as soon as the answer before it allows.
//!
//! Limits stand where the network could ask for more: redirections ([`MAX_REDIRECTS`]), nonces that go stale in a row
//! ([`MAX_STALE_NONCES`]), requests under way ([`MAX_PENDING`]), peers ([`MAX_PEERS`]).

mod answer;
mod auth;
mod client;
#[cfg(test)]
mod client_tests;
mod config;
mod event;
pub mod fuzz;
mod peers;
mod request;

pub use answer::MAX_REDIRECTS;
pub use auth::MAX_STALE_NONCES;
pub use client::{Client, Received, Transmit};
pub use config::{Config, Login, LoginError, RelayFamily, Wire};
pub use event::{Event, Failure};
pub use peers::MAX_PEERS;
pub use request::MAX_PENDING;
