//! From a client's hash to its place, in one line of the processor's cache.

/// Entries of the smallest index.
const MIN_ENTRIES: usize = 64;

/// A hash table with open addressing and linear probing. What it is asked for stands at the entry that the hash names or
/// shortly behind, and eight entries share a line.
///
/// It knows hashes, not clients: entries are small, and only the one that is meant leads to a record. At most three
/// quarters are taken.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// A power of two of them, or none.
    entries: Vec<Entry>,
    len: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    hash: u32,
    /// [`NOWHERE`] in an entry that is free.
    slot: u32,
}

const NOWHERE: u32 = u32::MAX;

const FREE: Entry = Entry { hash: 0, slot: NOWHERE };

impl Index {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The slot with this hash that is the right one.
    #[inline]
    pub(super) fn find(&self, hash: u32, is_right: impl Fn(u32) -> bool) -> Option<u32> {
        let mut at = self.home(hash);
        loop {
            let entry = self.entries.get(at)?;
            if entry.slot == NOWHERE {
                return None;
            }
            if entry.hash == hash && is_right(entry.slot) {
                return Some(entry.slot);
            }
            at = self.after(at);
        }
    }

    pub(super) fn insert(&mut self, hash: u32, slot: u32) {
        if (self.len + 1) * 4 > self.entries.len() * 3 {
            self.grow();
        }
        self.put(Entry { hash, slot });
        self.len += 1;
    }

    /// Frees the entry of a slot. What stands behind it moves up, so that nothing is left to step over.
    pub(super) fn remove(&mut self, hash: u32, slot: u32) {
        let gone = Entry { hash, slot };
        let mut gap = self.home(hash);
        while self.entries.get(gap).is_some_and(|entry| *entry != gone) {
            if self.entries[gap] == FREE {
                return;
            }
            gap = self.after(gap);
        }
        let Some(entry) = self.entries.get_mut(gap) else { return };
        *entry = FREE;
        self.len -= 1;
        let mut at = self.after(gap);
        while self.entries[at] != FREE {
            let way = at.wrapping_sub(self.home(self.entries[at].hash)) & self.mask();
            let to_gap = at.wrapping_sub(gap) & self.mask();
            if way >= to_gap {
                self.entries.swap(at, gap);
                gap = at;
            }
            at = self.after(at);
        }
    }

    fn grow(&mut self) {
        let doubled = (self.entries.len() * 2).max(MIN_ENTRIES);
        let entries = std::mem::replace(&mut self.entries, vec![FREE; doubled]);
        entries.into_iter().filter(|entry| *entry != FREE).for_each(|entry| self.put(entry));
    }

    /// Into the first free entry; there is one.
    fn put(&mut self, entry: Entry) {
        let mut at = self.home(entry.hash);
        while self.entries[at] != FREE {
            at = self.after(at);
        }
        self.entries[at] = entry;
    }

    #[inline]
    fn mask(&self) -> usize {
        self.entries.len().wrapping_sub(1)
    }

    #[inline]
    fn home(&self, hash: u32) -> usize {
        hash as usize & self.mask()
    }

    #[inline]
    fn after(&self, at: usize) -> usize {
        (at + 1) & self.mask()
    }
}
