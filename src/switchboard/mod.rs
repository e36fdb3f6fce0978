//! The signaling server: HTTP, WebSocket, limits, the web client, and the relay beside them.
//!
//! [`Switchboard`] listens on one port and serves the WebSocket (`/ws`), the web client (`/`),
//! `/healthz` and `/metrics`. It stays out of the media; with a [`RelayConfig`] a STUN and TURN server
//! runs [beside it](crate::net::relay_server) on a thread of its own. What is said on the WebSocket is decided by
//! [`signaling::Registry`](crate::signaling::Registry); this room owns sockets, the clock and queues:
//!
//! - every socket is counted by the [doorkeeper](doorkeeper) from accept to close;
//! - every connection has one bounded queue for what is sent to it and a task that writes it, so that
//!   a slow or dead receiver never holds up another;
//! - the registry stands behind one lock, held for one event at a time and never across an await.

#![expect(
    clippy::disallowed_methods,
    reason = "an edge room: it reads the clock that it hands to the registry"
)]

mod connection;
mod doorkeeper;
mod error;
mod hub;
mod mailbox;
mod origin;
mod relay;
mod report;
mod routes;
mod server;
mod thread;
mod tls;
mod turn_servers;
pub mod web;

pub use crate::net::relay_server::{KernelRelaying, RelayServerError};
pub use crate::relay::{Limits as RelayLimits, Network};
pub use crate::signaling::{IceServer, IceServers, Limits, RegistryConfig};
pub use error::SwitchboardError;
pub use origin::{Origin, OriginError};
pub use relay::RelayConfig;
pub use server::{Switchboard, SwitchboardConfig};
pub use thread::SwitchboardThread;
pub use tls::TlsFiles;
pub use turn_servers::TurnServers;
