//! Sockets, streams, the event loop, names, interfaces, WebSocket.
//!
//! The edge of the house: here a clock is read and a thread may block. [`EventLoop`] is the one place where
//! the media path waits; [`interfaces`] says which local addresses a call may use.
//!
//! Architecture invariant: nothing in this room decides anything about a call. It carries bytes and wakes.

#![expect(clippy::disallowed_methods, reason = "the edge: sockets, threads and clocks live here")]

mod event_loop;
mod interface_watch;
pub mod interfaces;
mod multicast_dns;
mod names;
pub mod relay_server;
mod stream;
mod streams;
mod timer;
pub mod tls;
pub mod websocket;

pub use event_loop::{Datagram, EventLoop, MAX_DATAGRAM_BYTES, Wake};
pub use multicast_dns::{MulticastMessage, MulticastTarget};
pub use names::{Answer, Names};
pub use stream::TlsTarget;
pub use streams::{StreamEvent, StreamKey};
