//! Records by number, used again once they are freed.
//!
//! Invariant: a number stays valid, and means the same record, until that record is freed.

use super::chunks::Chunks;
use super::prefetch::prefetch_whole;

/// Records.
pub(super) struct Arena<T> {
    records: Chunks<T>,
    free: Vec<u32>,
}

impl<T: Clone + Default> Arena<T> {
    pub(super) fn new() -> Self {
        Self { records: Chunks::default(), free: Vec::new() }
    }

    #[inline]
    pub(super) fn get(&self, number: u32) -> &T {
        self.records.get(number as usize)
    }

    #[inline]
    pub(super) fn get_mut(&mut self, number: u32) -> &mut T {
        self.records.get_mut(number as usize)
    }

    /// A record to be set: one freed before, as it was left, or a new one.
    pub(super) fn allocate(&mut self) -> u32 {
        if let Some(number) = self.free.pop() {
            if let Some(next) = self.free.last() {
                prefetch_whole(self.get(*next));
            }
            return number;
        }
        let number = self.end();
        self.reach(number + 1);
        number
    }

    /// Makes the records up to `end`, default ones, in use if they are not there.
    pub(super) fn reach(&mut self, end: u32) {
        self.records.reach(end as usize);
    }

    /// The same records once more, without what is known of freed ones: to be read only.
    pub(super) fn share(&mut self) -> Self {
        Self { records: self.records.share(), free: Vec::new() }
    }

    /// The same records once more, to be read only.
    pub(super) fn share_whole(&mut self) -> Self {
        Self { records: self.records.share(), free: self.free.clone() }
    }

    /// Has records be free, none of them twice.
    pub(super) fn set_freed(&mut self, freed: Vec<u32>) {
        self.free = freed;
    }

    /// Freed records; the last one is the next to be used.
    pub(super) fn freed(&self) -> &[u32] {
        &self.free
    }

    pub(super) fn free(&mut self, number: u32) {
        self.free.push(number);
    }

    /// Records ever allocated, the freed ones included: numbers lie below.
    pub(super) fn end(&self) -> u32 {
        u32::try_from(self.records.len()).expect("limits must keep counts small")
    }

    /// Records in use.
    pub(super) fn live(&self) -> usize {
        self.records.len() - self.free.len()
    }
}
