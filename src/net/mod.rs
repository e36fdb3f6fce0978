//! Sockets, the UDP event loop, interfaces, WebSocket.
//!
//! The edge of the house: here a clock is read and a thread may block. [`EventLoop`] is the one place where
//! the media path waits; [`interfaces`] says which local addresses a call may use.
//!
//! Architecture invariant: nothing in this room decides anything about a call. It carries bytes and wakes.

#![expect(clippy::disallowed_methods, reason = "the edge: sockets, threads and clocks live here")]

mod event_loop;
pub mod interfaces;
pub mod relay_server;
mod timer;
pub mod websocket;

pub use event_loop::{Datagram, EventLoop, MAX_DATAGRAM_BYTES, Wake};
