//! What a relay has done, counted.

/// Counters since the start, and how much there is now. Reading them is cheap; they only grow, but for the last two.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Binding requests answered.
    pub bindings: u64,
    /// Requests challenged for credentials (401 without a signature).
    pub challenges: u64,
    /// Requests refused for their nonce (438).
    pub stale_nonces: u64,
    /// Requests refused for their credentials (401 with a signature, 441).
    pub wrong_credentials: u64,
    /// Any other refusal.
    pub refusals: u64,
    /// Answers withheld because too many who had not proven themselves asked.
    pub withheld: u64,
    /// Allocations made.
    pub allocations: u64,
    /// Allocations refused for a quota or for want of ports.
    pub over_quota: u64,
    /// Peers refused by policy.
    pub peers_refused: u64,
    /// Packets that were no message, or for no allocation.
    pub foreign: u64,
    /// Datagrams relayed to peers.
    pub to_peers: u64,
    /// Bytes of payload in them.
    pub to_peers_bytes: u64,
    /// Datagrams relayed to clients.
    pub to_clients: u64,
    /// Bytes of payload in them.
    pub to_clients_bytes: u64,
    /// Datagrams dropped for want of a permission.
    pub unpermitted: u64,
    /// Datagrams dropped for the bandwidth limit.
    pub over_rate: u64,
    /// Allocations that expired or were given back.
    pub ended: u64,
    /// Allocations there are now.
    pub active: u64,
}
