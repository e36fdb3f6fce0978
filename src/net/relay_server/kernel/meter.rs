//! What the kernel has relayed, read whenever somebody asks.

use std::sync::Arc;

use super::maps::{Maps, Sums};
use crate::relay::Counters;

/// Reads what the kernel counts; good as long as it is kept, also after the relay has ended.
#[derive(Debug, Clone)]
pub(in crate::net::relay_server) struct KernelMeter(Arc<Maps>);

impl KernelMeter {
    pub(super) fn new(maps: Arc<Maps>) -> Self {
        Self(maps)
    }

    /// Adds what the kernel has done to what the core has; says how many packets that are, both ways together.
    pub(in crate::net::relay_server) fn add_to(&self, counters: &mut Counters) -> u64 {
        let Sums { to_peers, to_peers_bytes, to_clients, to_clients_bytes, over_rate } = self.0.sums();
        counters.to_peers += to_peers;
        counters.to_peers_bytes += to_peers_bytes;
        counters.to_clients += to_clients;
        counters.to_clients_bytes += to_clients_bytes;
        counters.over_rate += over_rate;
        to_peers + to_clients
    }
}
