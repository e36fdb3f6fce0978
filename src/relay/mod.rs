//! A STUN and TURN server (RFC 8489, RFC 8656) as one state machine without I/O.
//!
//! ```text
//!  client ==UDP/TCP/TLS==> handle_client --ToPeer--> relay socket ==UDP==> peer
//!  client <==============  envelope      <---------- handle_peer  <======= peer
//! ```
//!
//! The shell owns every socket: it listens, opens and closes the relay sockets that [`Relay::poll_action`] asks for,
//! and moves the bytes. The core decides: who may have an allocation, which peer a datagram goes to, and when all of it
//! ends. Payloads are never copied here.
//!
//! Invariants, each with its test:
//!
//! - nothing is kept for a request that is not authenticated: nonces are computed, not stored;
//! - no datagram goes to a peer without a permission, or from one without;
//! - no peer is sent to that the [`PeerPolicy`] refuses, whatever address its own is wrapped in;
//! - looking a packet up costs the same whether there is one client or ten thousand;
//! - every table has a limit, and what expires leaves nothing behind.

mod allocation;
mod answer;
mod bucket;
mod client;
mod client_hash;
mod config;
mod counters;
mod data;
#[cfg(test)]
mod data_tests;
pub mod fuzz;
#[cfg(test)]
mod hostile_tests;
mod index;
mod login;
mod nonce;
mod policy;
mod ports;
mod record;
mod request;
mod server;
#[cfg(test)]
mod server_tests;
mod table;
mod uptime;

pub use allocation::{MAX_CHANNELS, MAX_PERMISSIONS};
pub use client::Client;
pub use config::{Config, Limits};
pub use counters::Counters;
pub use data::Envelope;
pub use login::{Credential, Logins};
pub use policy::{Network, NetworkError, PeerPolicy};
pub use server::{Action, Outcome, Relay};
pub use table::RelayId;
