//! What a shard shows of its state: sums that changed, and how much it holds.
//!
//! Invariant: what is shown is as of one prefix of the partition; showing changes nothing but
//! what the next call will show.

use std::sync::Arc;

use super::shard::Shard;
use crate::model::{AccountKey, Attributed, Outbound, SegmentSums, Sums};

/// What a slot is of.
#[derive(Clone, Copy, Debug)]
pub struct SlotName<'a> {
    pub segment: &'a Arc<str>,
    pub influencer: &'a Arc<str>,
    pub key: AccountKey,
}

/// What a shard holds and what its limits took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    pub actors: Store,
    /// Acts, likes and follows, by actor.
    pub entries: Store,
    /// Sums by segment and influencer, names included.
    pub slots: Store,
    pub ids: Store,
    /// Acts to which a conversion may be attributed.
    pub touches: Store,
    /// Settled conversions that a refund may take back.
    pub sales: Store,
    /// Conversions and refunds that wait to be settled.
    pub waiting: Store,
}

impl std::ops::Add for Usage {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            actors: self.actors + other.actors,
            entries: self.entries + other.entries,
            slots: self.slots + other.slots,
            ids: self.ids + other.ids,
            touches: self.touches + other.touches,
            sales: self.sales + other.sales,
            waiting: self.waiting + other.waiting,
        }
    }
}

/// One of the stores of a shard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Store {
    pub len: u64,
    pub bytes: u64,
    /// What the limits took, ever.
    pub evicted: u64,
}

impl std::ops::Add for Store {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            len: self.len + other.len,
            bytes: self.bytes + other.bytes,
            evicted: self.evicted + other.evicted,
        }
    }
}

impl Shard {
    /// The moment to which all credit refers, ms since the Unix epoch.
    #[must_use]
    pub fn landmark_ms(&self) -> i64 {
        self.decay.landmark_ms()
    }

    /// Sums of every segment, by name, as of the landmark.
    pub fn segment_sums(&self) -> impl Iterator<Item = (&Arc<str>, SegmentSums)> {
        self.segments.audiences().map(|(segment, name, active_audience)| {
            let organic = self.organic.total(segment.0);
            let sums = SegmentSums {
                active_audience,
                organic_conversions: organic.touched,
                organic_value: organic.value,
            };
            (name, sums)
        })
    }

    /// Slots that are gone since the last call; their numbers may be given again.
    pub fn drain_retired(&mut self) -> Vec<u32> {
        self.slots.drain_retired()
    }

    /// Shows the sums of each slot changed since the last call.
    pub fn drain_changed(&mut self, mut show: impl FnMut(u32, SlotName<'_>, &Sums)) {
        let segments = &self.segments;
        self.slots.drain_changed(|slot, record, influencer| {
            let name = SlotName {
                segment: segments.name(record.segment),
                influencer: &influencer.name,
                key: influencer.key,
            };
            show(slot, name, &record.sums);
        });
    }

    /// Shows what conversions gave each slot for which that changed since the last call. The slot
    /// is among those that changed in itself.
    pub fn drain_attributed(&mut self, show: impl FnMut(u32, &Attributed)) {
        self.organic.drain_changed(|_, _| {});
        self.credited.drain_changed(show);
    }

    /// Follows the outbound acts of these accounts from now on, whether or not they are known.
    pub fn watch(&mut self, accounts: &[AccountKey]) {
        for key in accounts {
            self.watch.add(*key, &mut self.actors);
        }
    }

    /// Shows the outbound activity of each watched account whose was changed since the last call.
    pub fn drain_outbound(&mut self, show: impl FnMut(AccountKey, Outbound)) {
        self.watch.drain(&self.actors, show);
    }

    /// What is held, and what the limits took.
    #[must_use]
    pub fn usage(&self) -> Usage {
        let store = |len: usize, bytes: usize, evicted| Store {
            len: len as u64,
            bytes: bytes as u64,
            evicted,
        };
        let evicted = self.sweep.evicted();
        Usage {
            actors: store(self.actors.len(), self.actors.bytes(), evicted.actors),
            entries: store(self.blocks.len(), self.blocks.bytes(), evicted.entries),
            slots: store(self.slots.len(), self.slots.bytes(), 0),
            ids: store(self.ids.len(), self.ids.bytes(), self.ids.evicted()),
            touches: store(self.touches.len(), self.touches.bytes(), self.touches.evicted()),
            sales: store(self.sales.len(), self.sales.bytes(), self.sales.evicted()),
            waiting: store(self.waiting.len(), self.waiting.bytes(), 0),
        }
    }

    /// Refunds that referred to a sale which is not known, ever.
    #[must_use]
    pub const fn unmatched_refunds(&self) -> u64 {
        self.unmatched_refunds
    }
}
