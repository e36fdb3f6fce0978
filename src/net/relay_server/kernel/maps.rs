//! The tables that the program and this process share.

use std::io;

use super::entry::{KEY_BYTES, PRICE_BITS, VALUE_BYTES};
use super::sys::{Map, MapKind};

/// Places for sums, of which each processor uses one; a power of two.
pub(super) const SUM_PLACES: u32 = 64;

/// One place: a line of the processor's cache.
const SUM_BYTES: usize = 64;

/// A second, which an allocation may use ahead.
pub(super) const RESERVE_NS: u64 = 1_000_000_000;

/// What is where in a place: packets and then bytes, and packets alone.
pub(super) const TO_PEERS_AT: i16 = 0;
pub(super) const TO_CLIENTS_AT: i16 = 16;
pub(super) const OVER_RATE_AT: i16 = 32;

/// What the program is told, and what it tells.
#[derive(Debug)]
pub(super) struct Maps {
    /// Which packets are passed on, and as what.
    pub(super) entries: Map<KEY_BYTES, VALUE_BYTES>,
    /// For each allocation until when its bandwidth is used up, in nanoseconds.
    pub(super) accounts: Map<4, 8>,
    /// What was passed on.
    pub(super) sums: Map<4, SUM_BYTES>,
}

/// What the kernel has relayed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Sums {
    pub(super) to_peers: u64,
    pub(super) to_peers_bytes: u64,
    pub(super) to_clients: u64,
    pub(super) to_clients_bytes: u64,
    pub(super) over_rate: u64,
}

impl Maps {
    /// For so many entries and allocations.
    pub(super) fn create(entries: u32, allocations: u32) -> io::Result<Self> {
        Ok(Self {
            entries: Map::create(MapKind::Hash, entries)?,
            accounts: Map::create(MapKind::Array, allocations)?,
            sums: Map::create(MapKind::Array, SUM_PLACES)?,
        })
    }

    /// An allocation begins with all of its bandwidth.
    pub(super) fn reset_account(&self, slot: u32) {
        // Every slot is there from the beginning.
        let _ = self.accounts.put(&slot.to_ne_bytes(), &[0; 8]);
    }

    /// Takes bytes that the sockets have relayed off an account, and says how many it has left. What the program takes in
    /// between is lost to the account: a few packets at most.
    pub(super) fn charge_account(&self, slot: u32, price: u64, bytes: u64, now_ns: u64) -> u64 {
        let key = slot.to_ne_bytes();
        let Ok(used_until) = self.accounts.get(&key).map(u64::from_ne_bytes) else { return 0 };
        let cost = price.saturating_mul(bytes) >> PRICE_BITS;
        // It is never deeper in debt than it may be ahead.
        let used_until = used_until.max(now_ns).saturating_add(cost).min(now_ns + RESERVE_NS);
        // Every slot is there from the beginning.
        let _ = self.accounts.put(&key, &used_until.to_ne_bytes());
        ((now_ns + RESERVE_NS - used_until) << PRICE_BITS) / price.max(1)
    }

    /// The sums of all processors.
    pub(super) fn sums(&self) -> Sums {
        let places = (0..SUM_PLACES).filter_map(|place| self.sums.get(&place.to_ne_bytes()).ok());
        places.fold(Sums::default(), |sums, place| {
            let number =
                |at: i16| place[at as usize..].first_chunk().map_or(0, |bytes| u64::from_ne_bytes(*bytes));
            Sums {
                to_peers: sums.to_peers + number(TO_PEERS_AT),
                to_peers_bytes: sums.to_peers_bytes + number(TO_PEERS_AT + 8),
                to_clients: sums.to_clients + number(TO_CLIENTS_AT),
                to_clients_bytes: sums.to_clients_bytes + number(TO_CLIENTS_AT + 8),
                over_rate: sums.over_rate + number(OVER_RATE_AT),
            }
        })
    }
}
