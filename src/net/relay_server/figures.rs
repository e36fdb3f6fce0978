//! What a relay's shell has done, counted.

use crate::relay;

/// The core's counters, and what the core does not see.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct RelayFigures {
    /// What the core counts, and what the kernel relayed in its place.
    pub core: relay::Counters,
    /// Datagrams that the kernel relayed, both ways together.
    pub by_kernel: u64,
    /// TCP and TLS connections that there are now.
    pub streams: usize,
    /// Connections closed at once, past a limit.
    pub streams_refused: u64,
    /// Datagrams that the system did not take, or a client's connection had no room for.
    pub unsent: u64,
    /// Datagrams that were longer than what is relayed.
    pub too_long: u64,
}
