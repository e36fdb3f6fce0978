//! The caller: the embedder's API and the run loop that joins call, audio and net.
//!
//! A [`Peer`] runs on a thread of its own and is asked by its handle; what happens is told by [`TimedEvent`]s.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use handset::peer::{Peer, PeerConfig, PeerEvent};
//!
//! let mut config = PeerConfig::new("alice".parse()?);
//! config.input = "speech.wav".parse()?;
//! config.output = "heard.wav".parse()?;
//! let (peer, events) = Peer::start(config)?;
//! peer.call("bob".parse()?);
//! for timed in events {
//!     match timed.event {
//!         PeerEvent::State { state, .. } => println!("{:8.1} ms  {state}", timed.t_ms),
//!         PeerEvent::Ended { .. } => break,
//!         _ => {}
//!     }
//! }
//! # Ok(())
//! # }
//! ```

#![expect(clippy::disallowed_methods, reason = "the edge: the run loop reads the clock and hands time down")]

mod builder;
pub mod cli;
mod config;
pub mod demo;
mod downlink;
mod ends;
mod engine;
mod error;
mod event;
mod exit_code;
mod flight;
mod handle;
mod ice_options;
pub mod load;
mod local_names;
mod negotiation;
mod paths;
mod playout_clock;
mod recorder;
pub mod replay;
mod servers;
mod session;
pub mod simulate;
mod statistics;
mod uplink;

pub use builder::PeerBuilder;
pub use config::{AtEnd, DEFAULT_SERVER, PeerConfig};
pub use demo::DemoArgs;
pub use ends::Ends;
pub use error::PeerError;
pub use event::{DelayStages, PeerEvent, Stats, TimedEvent};
pub use exit_code::Exit;
pub use handle::{Events, Peer};
pub use ice_options::{IceOptions, IceServer};
pub use recorder::TraceSpec;
