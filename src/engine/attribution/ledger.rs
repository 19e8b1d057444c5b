//! What conversions gave each slot, and nobody, by bucket.
//!
//! Invariant: a bucket that has left the evidence window counts for nothing.

use std::collections::{BTreeMap, HashMap};

use foldhash::fast::FixedState;

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
#[derive(Clone, Debug, Default)]
struct Lines {
    by_bucket: Vec<(u32, Attributed)>,
    changed: bool,
}

/// The sums of all slots, by number.
#[derive(Default)]
pub(in crate::engine) struct Ledger {
    slots: HashMap<u32, Lines, FixedState>,
    /// Which slots have a sum in a bucket.
    of_bucket: BTreeMap<u32, Vec<u32>>,
    changed: Vec<u32>,
    lines: usize,
}

impl Ledger {
    /// Adds to a slot in a bucket; true if nothing was attributed to it before.
    pub(in crate::engine) fn add(
        &mut self,
        slot: u32,
        bucket: u32,
        method: Method,
        (count, value): (f64, f64),
    ) -> bool {
        let lines = self.slots.entry(slot).or_default();
        let fresh = lines.by_bucket.is_empty();
        let (line, new) = lines.line(bucket);
        match method {
            Method::Touch => line.touched += count,
            Method::Declared => line.declared += count,
        }
        line.value += value;
        if new {
            self.of_bucket.entry(bucket).or_default().push(slot);
            self.lines += 1;
        }
        if !lines.changed {
            lines.changed = true;
            self.changed.push(slot);
        }
        fresh
    }

    /// Drops the sums of buckets up to `bucket`, and shows the slots that had one and whether
    /// they have none left.
    pub(in crate::engine) fn expire(&mut self, bucket: u32, mut show: impl FnMut(u32, bool)) {
        while let Some(first) = self.of_bucket.first_entry()
            && *first.key() <= bucket
        {
            let (gone, slots) = first.remove_entry();
            self.lines -= slots.len();
            for slot in slots {
                let Some(lines) = self.slots.get_mut(&slot) else { continue };
                lines.by_bucket.retain(|(bucket, _)| *bucket != gone);
                if !lines.changed {
                    lines.changed = true;
                    self.changed.push(slot);
                }
                show(slot, lines.by_bucket.is_empty());
            }
        }
    }

    /// Shows the sums of each slot that changed since the last call.
    pub(in crate::engine) fn drain_changed(&mut self, mut show: impl FnMut(u32, &Attributed)) {
        for slot in self.changed.drain(..) {
            let Some(lines) = self.slots.get_mut(&slot) else { continue };
            lines.changed = false;
            show(slot, &lines.total());
            if lines.by_bucket.is_empty() {
                self.slots.remove(&slot);
            }
        }
    }

    pub(in crate::engine) fn total(&self, slot: u32) -> Attributed {
        self.slots.get(&slot).map(Lines::total).unwrap_or_default()
    }

    pub(in crate::engine) fn bytes(&self) -> usize {
        let line = size_of::<(u32, Attributed)>() + size_of::<u32>();
        self.slots.capacity() * size_of::<(u32, Lines)>() + self.lines * line
    }
}

impl Lines {
    /// The sums of a bucket, and whether they are new.
    fn line(&mut self, bucket: u32) -> (&mut Attributed, bool) {
        let at = self.by_bucket.partition_point(|(known, _)| *known < bucket);
        let new = self.by_bucket.get(at).is_none_or(|(known, _)| *known != bucket);
        if new {
            self.by_bucket.insert(at, (bucket, Attributed::default()));
        }
        (&mut self.by_bucket[at].1, new)
    }

    fn total(&self) -> Attributed {
        self.by_bucket.iter().fold(Attributed::default(), |sum, (_, line)| Attributed {
            touched: sum.touched + line.touched,
            declared: sum.declared + line.declared,
            value: sum.value + line.value,
        })
    }
}
