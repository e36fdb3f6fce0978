//! One call: its states, its negotiation and its transport, sans-IO.
//!
//! A [`Call`] takes signaling messages, datagrams, encoded audio and time, and gives messages, datagrams,
//! audio packets and events. Two of them make a whole call with no socket and no real time.
//!
//! Call order for the owner: after any `handle_*` or verb (`start`, `accept`, `send_audio`, ...), drain
//! `poll_transmit`, `poll_message` and `poll_event` until each gives `None`, then wait until `poll_timeout`.
//!
//! str0m lives in here and does not show.

mod certificate;
mod config;
mod description;
mod dtls;
mod error;
mod event;
#[doc(hidden)]
pub mod fuzz;
mod negotiation;
mod nomination;
pub mod pair;
mod remb;
mod session;
mod short_header;
mod spare_checks;
mod srtp;
mod state;
pub mod timing;
mod transport;
mod trickle;

pub use certificate::Certificate;
pub use config::{AudioOffer, CallConfig, Direction, Entropy, WallClock};
pub use error::CallError;
pub use event::{CallEvent, CallStats, DtlsVersion, Estimate, IceState, Negotiated, SelectedPair};
pub use session::{AudioFrame, Call, Role, Transmit};
pub use state::{EndReason, Hold, Side, State, Step};
pub use trickle::{LocalCandidate, MAX_REMOTE_CANDIDATES};

#[cfg(test)]
mod tests;
