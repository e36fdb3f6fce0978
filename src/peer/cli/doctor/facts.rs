//! What was found out.

use std::net::SocketAddr;
use std::time::Duration;

use crate::ice::{Carrier, ServerUri};

/// One relay that was asked.
#[derive(Debug, Clone)]
pub(super) struct RelayFact {
    pub(super) server: ServerUri,
    pub(super) carrier: Carrier,
    /// The address lent and how long that took, or why there is none.
    pub(super) result: Result<(SocketAddr, Duration), String>,
}

/// What one server sees one of our sockets as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct MappingFact {
    pub(super) base: SocketAddr,
    pub(super) server: SocketAddr,
    pub(super) mapped: SocketAddr,
    pub(super) took: Duration,
}

/// Everything about the network.
#[derive(Debug, Clone, Default)]
pub(super) struct NetworkFacts {
    /// How long registering took, or why it failed.
    pub(super) switchboard: Option<Result<Duration, String>>,
    pub(super) hosts: Vec<SocketAddr>,
    pub(super) mappings: Vec<MappingFact>,
    /// STUN servers that said nothing, and why.
    pub(super) silent: Vec<(ServerUri, String)>,
    pub(super) relays: Vec<RelayFact>,
}

/// A microphone or a speaker: what is known of it, or what is wrong.
pub(super) type SoundFact = Result<String, String>;
