//! The ids seen within the window, so that a repeated event counts once.
//!
//! Invariant: an id is forgotten only when no event that can still come would repeat it within the
//! window, or when the limit takes it, which is counted.

use super::chunks::Chunks;
use super::columns::{Broken, Columns, Source, moment, narrow, read_rows, since, write_rows};
use super::prefetch::prefetch;

/// Tables: making one anew is short, where a single one would stall.
const TABLES: usize = 64;

/// Places of a table when it is new.
const SMALLEST: usize = 16;

/// Places of a cache line.
const LINE: usize = 4;

/// Ids with the event time at which each was last seen. Those whose window has passed go when
/// their table fills up and is made anew, which costs an insertion three places and one copy.
pub(super) struct Ids {
    tables: Vec<Table>,
    window_ms: i64,
    /// Ids of a table at most.
    limit: usize,
    len: usize,
    places: usize,
    evicted: u64,
}

/// Linear probing, a line after the other, over a power of two of places, at most three quarters
/// of them used.
struct Table {
    places: Chunks<Place>,
    used: usize,
}

#[derive(Clone, Copy, Default)]
struct Place {
    /// 0 is an empty place.
    id: u64,
    time_ms: i64,
}

/// An id, the place where it is remembered or would be, and when it was last seen.
pub(super) struct Found {
    id: u64,
    table: usize,
    at: usize,
    seen_ms: Option<i64>,
}

impl Ids {
    pub(super) fn new(window_ms: i64, limit: usize) -> Self {
        Self {
            tables: (0..TABLES).map(|_| Table::with_places(SMALLEST)).collect(),
            window_ms,
            limit: limit.div_ceil(TABLES),
            len: 0,
            places: TABLES * SMALLEST,
            evicted: 0,
        }
    }

    /// Looks an id up; what is found holds until the next one is remembered.
    pub(super) fn look_up(&self, id: u64) -> Found {
        let (table, id) = (table_of(id), nonzero(id));
        let (at, place) = self.tables[table].seek(id);
        Found { id, table, at, seen_ms: (place.id == id).then_some(place.time_ms) }
    }

    /// Whether an id was seen within the window before `newest_ms`, the largest time including
    /// that of the event at hand.
    pub(super) fn repeats(&self, found: &Found, newest_ms: i64) -> bool {
        found.seen_ms.is_some_and(|seen_ms| seen_ms >= newest_ms.saturating_sub(self.window_ms))
    }

    /// Remembers that an id was seen at `time_ms`.
    pub(super) fn remember(&mut self, found: &Found, time_ms: i64, newest_ms: i64) {
        let &Found { id, table, at, seen_ms } = found;
        let table = &mut self.tables[table];
        if seen_ms.is_some() {
            table.places.get_mut(at).time_ms = time_ms;
            return;
        }
        self.len += 1;
        if table.is_full() || table.used >= self.limit {
            let (used, places) = (table.used, table.len());
            let horizon_ms = newest_ms.saturating_sub(self.window_ms);
            self.evicted += table.renew(horizon_ms, self.limit) as u64;
            self.len = self.len + table.used - used;
            self.places = self.places + table.len() - places;
            table.put(Place { id, time_ms });
        } else {
            *table.places.get_mut(at) = Place { id, time_ms };
            table.used += 1;
        }
    }

    /// The same ids once more, to be read only.
    pub(super) fn share(&mut self) -> Self {
        let share = |table: &mut Table| Table { places: table.places.share(), ..*table };
        Self { tables: self.tables.iter_mut().map(share).collect(), ..*self }
    }

    /// Writes the ids of each table in their order, as what each is more than the one before.
    pub(super) fn write(&self, newest_ms: i64, columns: &mut impl Columns) {
        columns.words(&[self.evicted]);
        let sizes = self.tables.iter().map(|table| [table.len() as u64, table.used as u64]);
        write_rows(columns, sizes);
        let rows = self.tables.iter().flat_map(|table| {
            let mut ids: Vec<Place> = table.ids().collect();
            ids.sort_unstable_by_key(|place| place.id);
            let mut before = 0;
            ids.into_iter().map(move |place| {
                let more = place.id - std::mem::replace(&mut before, place.id);
                [more, since(place.time_ms, newest_ms)]
            })
        });
        write_rows(columns, rows);
    }

    /// Reads what was written into ids that are empty.
    pub(super) fn read(&mut self, newest_ms: i64, source: &mut impl Source) -> Result<(), Broken> {
        let [evicted] = <[u64; 1]>::try_from(source.words()?).map_err(|_other| Broken::Length)?;
        self.evicted = evicted;
        let mut sizes = Vec::with_capacity(TABLES);
        read_rows(source, |[len, used]| {
            sizes.push((narrow::<usize>(len)?, narrow::<usize>(used)?));
            if sizes.len() <= TABLES { Ok(()) } else { Err(Broken::Length) }
        })?;
        if sizes.len() != TABLES {
            return Err(Broken::Length);
        }
        let (mut table, mut before) = (0, 0_u64);
        read_rows(source, |[more, time]| {
            while table < TABLES && self.tables[table].used == sizes[table].1 {
                (table, before) = (table + 1, 0);
            }
            let (len, used) = *sizes.get(table).ok_or(Broken::Length)?;
            if self.tables[table].used == 0 {
                self.tables[table] = Table::for_ids(len, used)?;
            }
            let id = before.checked_add(more).filter(|id| *id > before && is_of(*id, table));
            before = id.ok_or(Broken::Content("id"))?;
            self.tables[table].put(Place { id: before, time_ms: moment(time, newest_ms) });
            Ok(())
        })?;
        for (table, (len, used)) in self.tables.iter_mut().zip(sizes) {
            if used == 0 {
                *table = Table::for_ids(len, used)?;
            }
            if table.used != used {
                return Err(Broken::Length);
            }
        }
        self.len = self.tables.iter().map(|table| table.used).sum();
        self.places = self.tables.iter().map(Table::len).sum();
        Ok(())
    }

    /// Ids held, also those whose window has passed since.
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    pub(super) const fn evicted(&self) -> u64 {
        self.evicted
    }

    pub(super) const fn bytes(&self) -> usize {
        self.places * size_of::<Place>()
    }

    /// Asks for the places where a search for `id` starts.
    pub(super) fn prefetch(&self, id: u64) {
        let table = &self.tables[table_of(id)];
        prefetch(table.places.get(table.home(nonzero(id))));
    }
}

impl Table {
    fn with_places(len: usize) -> Self {
        let mut places = Chunks::default();
        places.reach(len);
        Self { places, used: 0 }
    }

    const fn len(&self) -> usize {
        self.places.len()
    }

    /// An empty table of a size that one with so many ids can have.
    fn for_ids(len: usize, used: usize) -> Result<Self, Broken> {
        let most = used.saturating_add(1).saturating_mul(6).max(SMALLEST);
        let fits = used.saturating_mul(4) <= len.saturating_mul(3);
        if len.is_power_of_two() && (SMALLEST..=most).contains(&len) && fits {
            Ok(Self::with_places(len))
        } else {
            Err(Broken::Content("table of ids"))
        }
    }

    /// What is remembered, place by place.
    fn ids(&self) -> impl Iterator<Item = Place> {
        self.places.iter().copied().filter(|place| place.id != 0)
    }

    const fn is_full(&self) -> bool {
        (self.used + 1) * 4 > self.len() * 3
    }

    /// Keeps the ids not seen before `horizon_ms`, with room for more. When those are as many as
    /// `limit`, the older half goes too; gives how many went that way.
    fn renew(&mut self, horizon_ms: i64, limit: usize) -> usize {
        let is_kept = |place: &Place| place.time_ms >= horizon_ms;
        let mut kept: Vec<Place> = self.ids().filter(is_kept).collect();
        let mut evicted = 0;
        if kept.len() >= limit {
            evicted = kept.len().div_ceil(2);
            kept.sort_unstable_by_key(|place| (place.time_ms, place.id));
            kept.drain(..evicted);
        }
        let len = ((kept.len() + 1) * 3).next_power_of_two().max(SMALLEST);
        *self = Self::with_places(len);
        for place in kept {
            self.put(place);
        }
        evicted
    }

    fn put(&mut self, place: Place) {
        let (at, _) = self.seek(place.id);
        *self.places.get_mut(at) = place;
        self.used += 1;
    }

    /// The place of `id`, or the empty one where it would go, and what it holds. The places of a
    /// line are compared without a branch, because which of them it is cannot be foreseen.
    fn seek(&self, id: u64) -> (usize, Place) {
        let mut line = self.home(id);
        loop {
            let places = self.places.list(line, LINE);
            let ends = (0..).zip(places).fold(0_u32, |ends, (at, place)| {
                ends | u32::from(place.id == id || place.id == 0) << at
            });
            if ends != 0 {
                let at = ends.trailing_zeros() as usize;
                return (line + at, places[at]);
            }
            line = (line + LINE) & (self.len() - 1);
        }
    }

    /// Where the line of places begins in which a search for `id` starts.
    fn home(&self, id: u64) -> usize {
        truncated(id) & (self.len() - 1) & !(LINE - 1)
    }
}

const fn table_of(id: u64) -> usize {
    (id >> 58) as usize
}

/// Whether an id that is kept is of a table; 1 may stand for 0.
const fn is_of(id: u64, table: usize) -> bool {
    table_of(id) == table
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
            let found = ids.look_up(id);
            assert_eq!(ids.repeats(&found, newest_ms), expected, "event {n}");
            if !expected {
                ids.remember(&found, time_ms, newest_ms);
                seen.insert(id, time_ms);
            }
        }
        let most = ids.bytes() / size_of::<Place>() * 3 / 4;
        assert!(ids.len() <= most && most <= 6 * 1_000 + 64 * SMALLEST, "{} of {most}", ids.len());
    }

    #[test]
    fn the_limit_takes_ids_and_counts_them() {
        let mut ids = Ids::new(i64::MAX, 640);
        for n in 0..10_000_u64 {
            let found = ids.look_up(xxh3_64(&n.to_le_bytes()));
            ids.remember(&found, n.cast_signed(), n.cast_signed());
        }
        assert!((320..=640).contains(&ids.len()), "{}", ids.len());
        assert_eq!(ids.len() as u64 + ids.evicted(), 10_000);
        let newest = ids.look_up(xxh3_64(&9_999_u64.to_le_bytes()));
        assert!(ids.repeats(&newest, 9_999), "the newest must stay");
    }
}
