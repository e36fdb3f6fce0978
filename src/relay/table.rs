//! All allocations: found by 5-tuple, by relay socket, by time.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::time::Instant;

use super::allocation::Allocation;
use super::bucket::Bucket;
use super::client::Client;
use super::client_hash::{ClientHash, SECRET_BYTES};
use super::index::Index;
use super::login::Logins;
use super::record::Record;

/// One relay socket. Its [`index`](Self::index) is small and used again, so that it can number sockets in a poller; the
/// whole is not, so that what comes late for an old socket is not taken for the new one's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RelayId {
    slot: u32,
    generation: u32,
}

impl RelayId {
    /// Below the number of allocations there can be.
    pub fn index(self) -> usize {
        self.slot as usize
    }
}

/// A slot is the same place in `records` and in `allocations`.
#[derive(Debug)]
pub(super) struct Table {
    hash: ClientHash,
    index: Index,
    records: Vec<Record>,
    allocations: Vec<Option<Box<Allocation>>>,
    free: Vec<u32>,
    owners: HashMap<String, usize>,
    /// At least one entry for each allocation, never after its expiry; checked against it when it comes.
    deadlines: BinaryHeap<Reverse<(Instant, RelayId)>>,
}

impl Table {
    pub(super) fn new(secret: [u8; SECRET_BYTES]) -> Self {
        Self {
            hash: ClientHash::new(secret),
            index: Index::default(),
            records: Vec::new(),
            allocations: Vec::new(),
            free: Vec::new(),
            owners: HashMap::new(),
            deadlines: BinaryHeap::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.index.len()
    }

    pub(super) fn of_owner(&self, username: &str) -> usize {
        self.owners.get(Logins::owner(username)).copied().unwrap_or_default()
    }

    #[inline]
    pub(super) fn id_of(&self, client: Client) -> Option<RelayId> {
        let is_clients =
            |slot: u32| self.records.get(slot as usize).is_some_and(|record| record.client == Some(client));
        let slot = self.index.find(self.hash.of(client), is_clients)?;
        Some(RelayId { slot, generation: self.records.get(slot as usize)?.generation })
    }

    /// What packets need of an allocation.
    #[inline]
    pub(super) fn record(&mut self, id: RelayId) -> Option<&mut Record> {
        self.records.get_mut(id.slot as usize).filter(|record| record.generation == id.generation)
    }

    /// All the rest of it.
    pub(super) fn get(&mut self, id: RelayId) -> Option<&mut Allocation> {
        self.record(id)?;
        self.allocations.get_mut(id.slot as usize)?.as_deref_mut()
    }

    /// An allocation with its socket open.
    pub(super) fn open_of(&mut self, client: Client) -> Option<(RelayId, &mut Allocation)> {
        let id = self.id_of(client)?;
        let allocation = self.get(id)?;
        allocation.is_open().then_some((id, allocation))
    }

    /// Lends an address to a client that has none.
    pub(super) fn insert(&mut self, client: Client, rate: Bucket, allocation: Allocation) -> RelayId {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.records.push(Record::vacant());
            self.allocations.push(None);
            u32::try_from(self.records.len() - 1).unwrap_or(u32::MAX)
        });
        let record = &mut self.records[slot as usize];
        record.occupy(client, rate);
        let id = RelayId { slot, generation: record.generation };
        self.index.insert(self.hash.of(client), slot);
        *self.owners.entry(Logins::owner(&allocation.user.username).to_owned()).or_default() += 1;
        self.deadlines.push(Reverse((allocation.expires, id)));
        self.allocations[slot as usize] = Some(Box::new(allocation));
        id
    }

    pub(super) fn remove(&mut self, id: RelayId) -> Option<Box<Allocation>> {
        let client = self.record(id)?.vacate()?;
        self.index.remove(self.hash.of(client), id.slot);
        self.free.push(id.slot);
        let allocation = self.allocations[id.slot as usize].take()?;
        let owner = Logins::owner(&allocation.user.username);
        if let Some(count) = self.owners.get_mut(owner) {
            *count -= 1;
            if *count == 0 {
                self.owners.remove(owner);
            }
        }
        Some(allocation)
    }

    /// Moves an allocation's end; an earlier one needs an entry of its own.
    pub(super) fn set_expiry(&mut self, id: RelayId, expires: Instant) {
        let Some(allocation) = self.get(id) else { return };
        let earlier = expires < allocation.expires;
        allocation.expires = expires;
        if let Some(record) = self.record(id) {
            record.forget_routes();
        }
        if earlier {
            self.deadlines.push(Reverse((expires, id)));
        }
    }

    /// An allocation whose time has come.
    pub(super) fn next_expired(&mut self, now: Instant) -> Option<RelayId> {
        while let Some(Reverse((at, id))) = self.deadlines.peek().copied() {
            if at > now {
                return None;
            }
            self.deadlines.pop();
            let Some(expires) = self.get(id).map(|allocation| allocation.expires) else { continue };
            if expires <= now {
                return Some(id);
            }
            self.deadlines.push(Reverse((expires, id)));
        }
        None
    }

    /// The earliest time at which something may expire.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.peek().map(|Reverse((at, _))| *at)
    }

    /// Whether nothing is left of all that was; for tests and fuzzing.
    pub(super) fn is_empty_inside(&self) -> bool {
        self.index.len() == 0
            && self.owners.is_empty()
            && self.records.iter().all(|record| record.client.is_none())
            && self.allocations.iter().all(Option::is_none)
            && self.free.len() == self.records.len()
    }
}
