//! What conversions gave each slot, and nobody, by bucket.
//!
//! Invariant: a bucket that has left the evidence window counts for nothing.

use std::collections::BTreeMap;

use crate::engine::arena::Arena;
use crate::engine::columns::{
    Broken, Columns, Source, finite, narrow, read_rows, within, write_rows,
};
use crate::engine::pool::{Block, MAX_LEN, Pool};
use crate::engine::prefetch::{prefetch, prefetch_list};
use crate::model::Attributed;

/// How a conversion found its influencer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::engine) enum Method {
    /// By touches.
    #[default]
    Touch,
    /// By a target or a code.
    Declared,
}

/// Sums by bucket of one slot, or of what is organic in one segment, oldest first.
#[derive(Clone, Copy, Debug, Default)]
struct Lines {
    by_bucket: Block,
    changed: bool,
}

/// The sums of all slots, by number.
pub(in crate::engine) struct Ledger {
    slots: Arena<Lines>,
    lines: Pool<(u32, Attributed)>,
    /// Which slots have a sum in a bucket.
    of_bucket: BTreeMap<u32, Vec<u32>>,
    changed: Vec<u32>,
    len: usize,
}

impl Ledger {
    pub(in crate::engine) fn new() -> Self {
        Self {
            slots: Arena::new(),
            lines: Pool::new(),
            of_bucket: BTreeMap::new(),
            changed: Vec::new(),
            len: 0,
        }
    }

    /// Adds to a slot in a bucket; true if nothing was attributed to it before.
    pub(in crate::engine) fn add(
        &mut self,
        slot: u32,
        bucket: u32,
        method: Method,
        (count, value): (f64, f64),
    ) -> bool {
        let fresh = self.by_bucket(slot).is_empty();
        let line = self.line(slot, bucket);
        match method {
            Method::Touch => line.touched += count,
            Method::Declared => line.declared += count,
        }
        line.value += value;
        self.change(slot);
        fresh
    }

    /// Drops the sums of buckets up to `bucket`, and shows the slots that had one and whether
    /// they have none left.
    pub(in crate::engine) fn expire(&mut self, bucket: u32, mut show: impl FnMut(u32, bool)) {
        while let Some(first) = self.of_bucket.first_entry()
            && *first.key() <= bucket
        {
            let (gone, slots) = first.remove_entry();
            self.len -= slots.len();
            for slot in slots {
                let lines = self.slots.get_mut(slot);
                let list = self.lines.list_mut(lines.by_bucket);
                let at = list.partition_point(|(known, _)| *known < gone);
                list[at..].rotate_left(1);
                let left = lines.by_bucket.len() - 1;
                self.lines.resize(&mut lines.by_bucket, left);
                let is_empty = left == 0;
                self.change(slot);
                show(slot, is_empty);
            }
        }
    }

    /// Shows the sums of each slot that changed since the last call.
    pub(in crate::engine) fn drain_changed(&mut self, mut show: impl FnMut(u32, &Attributed)) {
        let mut changed = std::mem::take(&mut self.changed);
        // In the order in which they lie, memory comes by itself.
        changed.sort_unstable();
        for slot in changed.drain(..) {
            self.slots.get_mut(slot).changed = false;
            show(slot, &self.total(slot));
        }
        self.changed = changed;
    }

    pub(in crate::engine) fn total(&self, slot: u32) -> Attributed {
        let add = |sum: Attributed, (_, line): &(u32, Attributed)| Attributed {
            touched: sum.touched + line.touched,
            declared: sum.declared + line.declared,
            value: sum.value + line.value,
        };
        self.by_bucket(slot).iter().fold(Attributed::default(), add)
    }

    pub(in crate::engine) fn bytes(&self) -> usize {
        let places = self.slots.live() * size_of::<Lines>();
        places + self.lines.bytes() + self.len * size_of::<u32>()
    }

    /// The same sums once more, to be read only.
    pub(in crate::engine) fn share(&mut self) -> Self {
        let (slots, lines) = (self.slots.share(), self.lines.share());
        Self { slots, lines, ..Self::new() }
    }

    pub(in crate::engine) fn write(&self, columns: &mut impl Columns) {
        columns.words(&[self.slots.end().into()]);
        let rows = (0..self.slots.end()).flat_map(|slot| {
            self.by_bucket(slot).iter().map(move |(bucket, line)| {
                let [touched, declared, value] =
                    [line.touched, line.declared, line.value].map(f64::to_bits);
                [slot.into(), (*bucket).into(), touched, declared, value]
            })
        });
        write_rows(columns, rows);
    }

    /// Reads what was written, of at most `most` slots, into an empty ledger; every sum counts as
    /// changed.
    pub(in crate::engine) fn read(
        &mut self,
        most: u32,
        source: &mut impl Source,
    ) -> Result<(), Broken> {
        let [end] = <[u64; 1]>::try_from(source.words()?).map_err(|_other| Broken::Length)?;
        let end = narrow(end)?;
        within(end, most.saturating_add(1))?;
        self.slots.reach(end);
        let mut last = None;
        read_rows(source, |[slot, bucket, touched, declared, value]| {
            let place = (within(narrow(slot)?, end)?, narrow(bucket)?);
            if last.replace(place).is_some_and(|last| last >= place)
                || self.by_bucket(place.0).len() >= MAX_LEN.into()
            {
                return Err(Broken::Content("ledger"));
            }
            *self.line(place.0, place.1) = Attributed {
                touched: finite(touched)?,
                declared: finite(declared)?,
                value: finite(value)?,
            };
            self.change(place.0);
            Ok(())
        })
    }

    /// Asks for what leads to the sums of a slot.
    pub(in crate::engine) fn prefetch(&self, slot: u32) {
        if slot < self.slots.end() {
            prefetch(self.slots.get(slot));
        }
    }

    /// Asks for the sums of a slot.
    pub(in crate::engine) fn prefetch_lines(&self, slot: u32) {
        prefetch_list(self.by_bucket(slot));
    }

    fn by_bucket(&self, slot: u32) -> &[(u32, Attributed)] {
        if slot < self.slots.end() { self.lines.list(self.slots.get(slot).by_bucket) } else { &[] }
    }

    /// The sums of a slot in a bucket, new or not.
    fn line(&mut self, slot: u32, bucket: u32) -> &mut Attributed {
        let known = self.by_bucket(slot);
        let at = known.partition_point(|(known, _)| *known < bucket);
        if known.get(at).is_none_or(|(known, _)| *known != bucket) {
            self.slots.reach(slot + 1);
            let by_bucket = &mut self.slots.get_mut(slot).by_bucket;
            self.lines.push(by_bucket, (bucket, Attributed::default()));
            self.lines.list_mut(*by_bucket)[at..].rotate_right(1);
            self.of_bucket.entry(bucket).or_default().push(slot);
            self.len += 1;
        }
        let by_bucket = self.slots.get(slot).by_bucket;
        &mut self.lines.list_mut(by_bucket)[at].1
    }

    fn change(&mut self, slot: u32) {
        let lines = self.slots.get_mut(slot);
        if !lines.changed {
            lines.changed = true;
            self.changed.push(slot);
        }
    }
}
