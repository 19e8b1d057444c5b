//! The ids seen within the window, so that a repeated event counts once.
//!
//! Invariant: an id is forgotten only when no event that can still come would repeat it within the
//! window, or when the limit takes it, which is counted.

use super::prefetch::prefetch;

/// Tables: growing one of them is short, where growing a single one would stall.
const TABLES: usize = 64;

/// Places of a table when it is new.
const SMALLEST: usize = 16;

/// An insertion in so many looks for ids to forget, in [`SWEPT`] places.
const SWEEP_EVERY: u32 = 16;

/// Places looked at in one go: a few cache lines side by side, four for each insertion.
const SWEPT: usize = 64;

/// Ids with the event time at which each was last seen.
pub(super) struct Ids {
    tables: Vec<Table>,
    window_ms: i64,
    limit: usize,
    len: usize,
    places: usize,
    evicted: u64,
}

#[derive(Clone)]
struct Table {
    /// Linear probing over a power of two of places.
    places: Box<[Place]>,
    used: usize,
    hand: usize,
    inserted: u32,
}

#[derive(Clone, Copy, Default)]
struct Place {
    /// 0 is an empty place.
    id: u64,
    time_ms: i64,
}

impl Ids {
    pub(super) fn new(window_ms: i64, limit: usize) -> Self {
        let table = Table {
            places: vec![Place::default(); SMALLEST].into_boxed_slice(),
            used: 0,
            hand: 0,
            inserted: 0,
        };
        Self {
            tables: vec![table; TABLES],
            window_ms,
            limit,
            len: 0,
            places: TABLES * SMALLEST,
            evicted: 0,
        }
    }

    /// Whether `id` was seen within the window before `newest_ms`, the largest time including
    /// that of the event at hand.
    pub(super) fn repeats(&self, id: u64, newest_ms: i64) -> bool {
        let (table, id) = (&self.tables[table_of(id)], nonzero(id));
        let place = table.places[table.seek(id)];
        place.id == id && place.time_ms >= newest_ms.saturating_sub(self.window_ms)
    }

    /// Remembers that `id` was seen at `time_ms`.
    pub(super) fn remember(&mut self, id: u64, time_ms: i64, newest_ms: i64) {
        let horizon_ms = newest_ms.saturating_sub(self.window_ms);
        let table = &mut self.tables[table_of(id)];
        let (used, places) = (table.used, table.places.len());
        table.remember(nonzero(id), time_ms, horizon_ms);
        self.len = self.len + table.used - used;
        self.places = self.places + table.places.len() - places;
        if self.len > self.limit {
            let table = self.tables.iter_mut().max_by_key(|table| table.used);
            table.expect("there must be tables").forget_one();
            self.len -= 1;
            self.evicted += 1;
        }
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    pub(super) const fn evicted(&self) -> u64 {
        self.evicted
    }

    pub(super) const fn bytes(&self) -> usize {
        self.places * size_of::<Place>()
    }

    /// Asks for the place where a search for `id` starts.
    pub(super) fn prefetch(&self, id: u64) {
        let table = &self.tables[table_of(id)];
        prefetch(&table.places[table.home(nonzero(id))]);
    }
}

impl Table {
    fn remember(&mut self, id: u64, time_ms: i64, horizon_ms: i64) {
        let at = self.seek(id);
        if self.places[at].id == id {
            self.places[at].time_ms = time_ms;
            return;
        }
        self.inserted = self.inserted.wrapping_add(1);
        if self.inserted.is_multiple_of(SWEEP_EVERY) {
            self.sweep(horizon_ms);
        }
        if (self.used + 1) * 4 > self.places.len() * 3 {
            self.grow(horizon_ms);
        }
        self.put(Place { id, time_ms });
    }

    fn sweep(&mut self, horizon_ms: i64) {
        for _ in 0..SWEPT.min(self.places.len()) {
            let place = self.places[self.hand];
            if place.id != 0 && place.time_ms < horizon_ms {
                self.remove(self.hand);
            } else {
                self.hand = self.after(self.hand);
            }
        }
    }

    /// Forgets the oldest of a few ids.
    fn forget_one(&mut self) {
        let mut oldest = None;
        let mut at = self.hand;
        for _ in 0..self.places.len() {
            let place = self.places[at];
            if place.id != 0 && oldest.is_none_or(|(_, time_ms)| place.time_ms < time_ms) {
                oldest = Some((at, place.time_ms));
            }
            at = self.after(at);
            if oldest.is_some() && self.distance(self.hand, at) >= SWEPT {
                break;
            }
        }
        if let Some((at, _)) = oldest {
            self.remove(at);
        }
    }

    fn grow(&mut self, horizon_ms: i64) {
        let kept = self.places.iter().filter(|p| p.id != 0 && p.time_ms >= horizon_ms).count();
        let len = ((kept + 1) * 2).next_power_of_two().max(SMALLEST);
        let places = vec![Place::default(); len].into_boxed_slice();
        let old = std::mem::replace(&mut self.places, places);
        (self.used, self.hand) = (0, 0);
        for place in old.iter().filter(|p| p.id != 0 && p.time_ms >= horizon_ms) {
            self.put(*place);
        }
    }

    fn put(&mut self, place: Place) {
        let at = self.seek(place.id);
        self.places[at] = place;
        self.used += 1;
    }

    /// Empties a place, and moves those after it that must not be cut off from their home.
    fn remove(&mut self, mut hole: usize) {
        self.used -= 1;
        let mut at = self.after(hole);
        while self.places[at].id != 0 {
            let start = self.home(self.places[at].id);
            if self.distance(start, at) >= self.distance(hole, at) {
                self.places[hole] = self.places[at];
                hole = at;
            }
            at = self.after(at);
        }
        self.places[hole] = Place::default();
    }

    /// The place of `id`, or the empty one where it would go.
    fn seek(&self, id: u64) -> usize {
        let mut at = self.home(id);
        while self.places[at].id != 0 && self.places[at].id != id {
            at = self.after(at);
        }
        at
    }

    fn home(&self, id: u64) -> usize {
        truncated(id) & (self.places.len() - 1)
    }

    fn after(&self, at: usize) -> usize {
        (at + 1) & (self.places.len() - 1)
    }

    fn distance(&self, from: usize, to: usize) -> usize {
        to.wrapping_sub(from) & (self.places.len() - 1)
    }
}

const fn table_of(id: u64) -> usize {
    (id >> 58) as usize
}

/// The id, kept apart from the mark of an empty place.
const fn nonzero(id: u64) -> u64 {
    if id == 0 { 1 } else { id }
}

#[allow(clippy::cast_possible_truncation, reason = "the low bits of a hash are as good as any")]
const fn truncated(id: u64) -> usize {
    id as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;
    use xxhash_rust::xxh3::xxh3_64;

    #[test]
    fn an_id_repeats_exactly_within_the_window() {
        let (mut ids, mut seen) = (Ids::new(1_000, usize::MAX), HashMap::new());
        let mut newest_ms = 0_i64;
        for n in 0..200_000_u64 {
            let roll = xxh3_64(&n.to_le_bytes());
            let (id, time_ms) = (
                xxh3_64(&(roll % 5_000).to_le_bytes()),
                n.cast_signed() - (roll >> 60).cast_signed(),
            );
            newest_ms = newest_ms.max(time_ms);
            let expected = seen.get(&id).is_some_and(|seen_ms| *seen_ms >= newest_ms - 1_000);
            assert_eq!(ids.repeats(id, newest_ms), expected, "event {n}");
            if !expected {
                ids.remember(id, time_ms, newest_ms);
                seen.insert(id, time_ms);
            }
        }
        assert!(
            ids.len() < 3 * 1_000 + 64 * SMALLEST,
            "{} ids kept of a window of 1000",
            ids.len()
        );
    }

    #[test]
    fn the_limit_takes_ids_and_counts_them() {
        let mut ids = Ids::new(i64::MAX, 100);
        for n in 0..1_000_u64 {
            ids.remember(xxh3_64(&n.to_le_bytes()), 5, 5);
        }
        assert_eq!((ids.len(), ids.evicted()), (100, 900));
    }
}
