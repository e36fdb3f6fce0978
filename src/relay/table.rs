//! All allocations: found by 5-tuple, by relay socket, by time.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::time::Instant;

use super::allocation::Allocation;
use super::client::Client;
use super::login::Logins;

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

#[derive(Debug, Default)]
pub(super) struct Table {
    slots: Vec<Slot>,
    free: Vec<u32>,
    clients: HashMap<Client, RelayId>,
    owners: HashMap<String, usize>,
    /// At least one entry for each allocation, never after its expiry; checked against it when it comes.
    deadlines: BinaryHeap<Reverse<(Instant, RelayId)>>,
}

#[derive(Debug, Default)]
struct Slot {
    generation: u32,
    allocation: Option<Box<Allocation>>,
}

impl Table {
    pub(super) fn len(&self) -> usize {
        self.clients.len()
    }

    pub(super) fn of_owner(&self, username: &str) -> usize {
        self.owners.get(Logins::owner(username)).copied().unwrap_or_default()
    }

    pub(super) fn id_of(&self, client: Client) -> Option<RelayId> {
        self.clients.get(&client).copied()
    }

    #[inline]
    pub(super) fn get(&mut self, id: RelayId) -> Option<&mut Allocation> {
        let slot = self.slots.get_mut(id.slot as usize)?;
        if slot.generation != id.generation {
            return None;
        }
        slot.allocation.as_deref_mut()
    }

    /// An allocation with its socket open.
    #[inline]
    pub(super) fn open_of(&mut self, client: Client) -> Option<(RelayId, &mut Allocation)> {
        let id = self.id_of(client)?;
        let allocation = self.get(id)?;
        allocation.is_open().then_some((id, allocation))
    }

    pub(super) fn insert(&mut self, allocation: Allocation) -> RelayId {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX)
        });
        let place = &mut self.slots[slot as usize];
        let id = RelayId { slot, generation: place.generation };
        self.clients.insert(allocation.client, id);
        *self.owners.entry(Logins::owner(&allocation.user.username).to_owned()).or_default() += 1;
        self.deadlines.push(Reverse((allocation.expires, id)));
        place.allocation = Some(Box::new(allocation));
        id
    }

    pub(super) fn remove(&mut self, id: RelayId) -> Option<Box<Allocation>> {
        let slot = self.slots.get_mut(id.slot as usize).filter(|slot| slot.generation == id.generation)?;
        let allocation = slot.allocation.take()?;
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(id.slot);
        self.clients.remove(&allocation.client);
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
        self.clients.is_empty()
            && self.owners.is_empty()
            && self.slots.iter().all(|slot| slot.allocation.is_none())
            && self.free.len() == self.slots.len()
    }
}
