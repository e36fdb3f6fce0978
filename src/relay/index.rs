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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ice::fuzz::Source;
    use crate::relay::Client;
    use crate::relay::client_hash::{ClientHash, SECRET_BYTES};
    use proptest::prelude::*;

    impl Index {
        /// Entries that are looked at until each is found: all together, and for the worst.
        fn looks(&self) -> (usize, usize) {
            let taken = self.entries.iter().enumerate().filter(|(_, entry)| **entry != FREE);
            let looks = taken.map(|(at, entry)| (at.wrapping_sub(self.home(entry.hash)) & self.mask()) + 1);
            looks.fold((0, 0), |(sum, worst), looks| (sum + looks, worst.max(looks)))
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// Slots come and go under hashes of which many are the same, or the last ones before the end.
        #[test]
        fn it_has_what_was_put_in_and_not_taken_out(script in prop::collection::vec(any::<u8>(), 0..2000)) {
            let mut script = Source(&script);
            let (mut index, mut model) = (Index::default(), Vec::new());
            let mut next = 0;
            while !script.is_empty() {
                let hash = [0, 1, 60, 62, 63, 127, u32::MAX, 1 << 31][script.below(8)];
                if script.byte() % 5 < 3 {
                    index.insert(hash, next);
                    model.push((hash, next));
                    next += 1;
                } else if !model.is_empty() {
                    let (hash, slot) = model.swap_remove(script.below(model.len()));
                    index.remove(hash, slot);
                    index.remove(hash, slot);
                    prop_assert_eq!(index.find(hash, |found| found == slot), None);
                }
                prop_assert_eq!(index.len(), model.len());
                for (hash, slot) in &model {
                    prop_assert_eq!(index.find(*hash, |found| found == *slot), Some(*slot));
                }
            }
            for (hash, slot) in model {
                index.remove(hash, slot);
            }
            prop_assert!(index.len() == 0 && index.entries.iter().all(|entry| *entry == FREE));
        }
    }

    #[test]
    fn an_empty_one_finds_nothing_and_has_nothing_to_remove() {
        let mut index = Index::default();
        index.remove(7, 0);
        assert_eq!((index.len(), index.find(7, |_| true)), (0, None));
    }

    /// Ten thousand clients behind one address, in one network, in a row: whatever their order, none is far from home.
    #[test]
    fn clients_in_a_row_do_not_crowd_each_other() {
        type Remote = fn(u32) -> ([u8; 4], u16);
        let rows: [(&str, Remote); 4] = [
            ("ports of one address", |n| ([9, 8, 7, 6], 1024 + n as u16)),
            ("even ports of one address", |n| ([9, 8, 7, 6], (n * 2) as u16)),
            ("addresses", |n| ((0x0908_0000 + n).to_be_bytes(), 4000)),
            ("networks", |n| ((n << 16).to_be_bytes(), 4000)),
        ];
        for (row, remote) in rows {
            for secret in 0..8 {
                let hash = ClientHash::new(std::array::from_fn::<_, SECRET_BYTES, _>(|at| {
                    (at as u8).wrapping_mul(secret * 2 + 151) ^ (at as u8).wrapping_mul(at as u8)
                }));
                let mut index = Index::default();
                (0..10_000).for_each(|n| {
                    index.insert(hash.of(Client { listener: 0, remote: remote(n).into() }), n);
                });
                let (all, worst) = index.looks();
                assert!(all < 25_000 && worst < 100, "{row}, secret {secret}: {all} looks, {worst} at worst");
            }
        }
    }
}
