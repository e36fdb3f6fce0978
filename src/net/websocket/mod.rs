//! The `signal` thread: a WebSocket to the switchboard that comes back by itself.
//!
//! [`SignalThread`] drives [`signaling::Client`](crate::signaling::Client) over TCP or TLS on a
//! current-thread runtime of its own, so that a slow switchboard never holds up the media loop.
//! Messages go in by [`SignalThread::send`], events come out by [`SignalThread::poll_event`], and a
//! `wake` closure is called after each so that a loop blocked on something else looks for it.
//! Everything about registering, resuming and waiting is the client machine's; here are only names,
//! sockets and a clock.

mod address;
mod dial;
mod link;
mod thread;

#[cfg(test)]
mod tests;

pub use address::{AddressError, ServerAddress};
pub use thread::{SignalConfig, SignalError, SignalThread};
