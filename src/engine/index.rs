//! A hash index of records by key, four bytes each, in tables that grow one at a time.
//!
//! Invariant: from its home place to a record's place no place is empty.

use super::prefetch::prefetch;

/// Tables: growing one of them is short, where growing a single one would stall.
const TABLES: usize = 64;

/// Places of a table when it is new.
const SMALLEST: usize = 16;

/// Bits of a place that tell records apart before the record itself is read.
const TAG_BITS: u32 = 5;

const EMPTY: u32 = u32::MAX;

/// Where the records of hashed keys lie. It holds no keys: those who call compare records.
pub(super) struct Index {
    tables: [Table; TABLES],
}

struct Table {
    /// A tag above the record's index; a power of two of places.
    places: Box<[u32]>,
    used: usize,
}

impl Index {
    /// Records that can be told apart from an empty place.
    pub(super) const MAX_RECORDS: u32 = (1 << (32 - TAG_BITS)) - 1;

    pub(super) fn new() -> Self {
        Self::with_places(SMALLEST)
    }

    /// An index that `records` records fit without much growing.
    pub(super) fn with_room(records: usize) -> Self {
        Self::with_places((records / TABLES * 8 / 5).next_power_of_two().max(SMALLEST))
    }

    fn with_places(places: usize) -> Self {
        let table = || Table { places: vec![EMPTY; places].into_boxed_slice(), used: 0 };
        Self { tables: std::array::from_fn(|_| table()) }
    }

    /// The record of the key hashed to `hash` for which `is_it` holds.
    pub(super) fn find(&self, hash: u64, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        let table = &self.tables[table_of(hash)];
        let (mut at, tag) = (table.home(hash), tagged(hash, 0));
        loop {
            let place = table.places[at];
            if place == EMPTY {
                return None;
            }
            if (place ^ tag) >> (u32::BITS - TAG_BITS) == 0 && is_it(record_of(place)) {
                return Some(record_of(place));
            }
            at = table.after(at);
        }
    }

    /// Adds a record that is not there; `hash_of` gives the hash of one that is.
    pub(super) fn insert(&mut self, hash: u64, record: u32, hash_of: impl Fn(u32) -> u64) {
        debug_assert!(record < Self::MAX_RECORDS, "a shard must hold fewer than 2^27 actors");
        let table = &mut self.tables[table_of(hash)];
        if (table.used + 1) * 8 > table.places.len() * 5 {
            table.grow(&hash_of);
        }
        table.put(hash, record);
    }

    /// Takes out a record that is there.
    pub(super) fn remove(&mut self, hash: u64, record: u32, hash_of: impl Fn(u32) -> u64) {
        let table = &mut self.tables[table_of(hash)];
        let mut hole = table.home(hash);
        while table.places[hole] != tagged(hash, record) {
            hole = table.after(hole);
        }
        table.used -= 1;
        let mut at = table.after(hole);
        while table.places[at] != EMPTY {
            let start = table.home(hash_of(record_of(table.places[at])));
            if table.distance(start, at) >= table.distance(hole, at) {
                table.places[hole] = table.places[at];
                hole = at;
            }
            at = table.after(at);
        }
        table.places[hole] = EMPTY;
    }

    /// Asks for the place where a search for `hash` starts.
    pub(super) fn prefetch(&self, hash: u64) {
        let table = &self.tables[table_of(hash)];
        prefetch(&table.places[table.home(hash)]);
    }

    /// The record that a search for `hash` would compare first.
    pub(super) fn candidate(&self, hash: u64) -> Option<u32> {
        self.find(hash, |_| true)
    }
}

impl Table {
    fn home(&self, hash: u64) -> usize {
        truncated(hash) & (self.places.len() - 1)
    }

    fn after(&self, at: usize) -> usize {
        (at + 1) & (self.places.len() - 1)
    }

    fn distance(&self, from: usize, to: usize) -> usize {
        to.wrapping_sub(from) & (self.places.len() - 1)
    }

    fn put(&mut self, hash: u64, record: u32) {
        let mut at = self.home(hash);
        while self.places[at] != EMPTY {
            at = self.after(at);
        }
        self.places[at] = tagged(hash, record);
        self.used += 1;
    }

    fn grow(&mut self, hash_of: &impl Fn(u32) -> u64) {
        let places = vec![EMPTY; self.places.len() * 2].into_boxed_slice();
        let old = std::mem::replace(self, Self { places, used: 0 });
        for place in old.places.iter().filter(|place| **place != EMPTY) {
            let record = record_of(*place);
            self.put(hash_of(record), record);
        }
    }
}

const fn table_of(hash: u64) -> usize {
    (hash >> 58) as usize
}

#[allow(clippy::cast_possible_truncation, reason = "the low bits of a hash are as good as any")]
const fn truncated(hash: u64) -> usize {
    hash as usize
}

#[allow(clippy::cast_possible_truncation, reason = "a tag is some bits of the hash")]
const fn tagged(hash: u64, record: u32) -> u32 {
    ((hash >> 48) as u32) << (32 - TAG_BITS) | record
}

const fn record_of(place: u32) -> u32 {
    place & (u32::MAX >> TAG_BITS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use xxhash_rust::xxh3::xxh3_64;

    #[test]
    fn records_are_found_until_they_are_removed() {
        let hash_of = |record: u32| xxh3_64(&(record % 7_000).to_le_bytes());
        let (mut index, records) = (Index::new(), 7_000);
        for record in 0..records {
            index.insert(hash_of(record), record, hash_of);
        }
        for record in (0..records).step_by(2) {
            index.remove(hash_of(record), record, hash_of);
        }
        for record in 0..records {
            let found = index.find(hash_of(record), |found| found == record);
            assert_eq!(found, (record % 2 == 1).then_some(record));
        }
    }
}
