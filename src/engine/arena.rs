//! Fixed-width blocks of records, in chunks: growing never moves one, nor doubles the memory.
//!
//! Invariant: an index stays valid, and means the same block, until that block is freed.

use super::chunks::Chunks;
use super::prefetch::prefetch_list;

/// Bytes that a chunk is at most, if it is of several blocks: small enough to be copied when a
/// picture shares it, large beside an allocation.
const CHUNK_BYTES: usize = 16 << 10;

/// Blocks of `width` records each.
pub(super) struct Arena<T> {
    width: usize,
    /// A chunk holds `1 << shift` blocks.
    shift: u32,
    chunks: Chunks<T>,
    next: u32,
    free: Vec<u32>,
}

impl<T: Clone + Default> Arena<T> {
    pub(super) fn new(width: usize) -> Self {
        let blocks = (CHUNK_BYTES / (width * size_of::<T>())).max(1);
        Self { width, shift: blocks.ilog2(), chunks: Chunks::default(), next: 0, free: Vec::new() }
    }

    /// A block of default records: one freed before, or a new one.
    pub(super) fn allocate(&mut self) -> u32 {
        if let Some(index) = self.free.pop() {
            if let Some(next) = self.free.last() {
                prefetch_list(self.block(*next));
            }
            self.block_mut(index).fill(T::default());
            return index;
        }
        let index = self.next;
        self.reach(index + 1);
        index
    }

    /// Makes the blocks up to `end`, of default records, in use if they are not there.
    pub(super) fn reach(&mut self, end: u32) {
        while self.next < end {
            if (self.next >> self.shift) as usize == self.chunks.len() {
                self.chunks.push(vec![T::default(); self.width << self.shift].into_boxed_slice());
            }
            let room = u32::try_from(self.chunks.len() << self.shift).unwrap_or(u32::MAX);
            self.next = end.min(room);
        }
    }

    /// The same blocks once more, without what is known of freed ones: to be read only.
    pub(super) fn share(&mut self) -> Self {
        let chunks = self.chunks.share();
        Self { width: self.width, shift: self.shift, chunks, next: self.next, free: Vec::new() }
    }

    /// The same blocks once more, to be read only.
    pub(super) fn share_whole(&mut self) -> Self {
        let free = self.free.clone();
        Self { free, ..self.share() }
    }

    /// Has blocks be free, none of them twice.
    pub(super) fn set_freed(&mut self, freed: Vec<u32>) {
        self.free = freed;
    }

    /// Freed blocks; the last one is the next to be used.
    pub(super) fn freed(&self) -> &[u32] {
        &self.free
    }

    pub(super) fn free(&mut self, index: u32) {
        self.free.push(index);
    }

    #[inline]
    pub(super) fn block(&self, index: u32) -> &[T] {
        let (chunk, from) = self.place(index);
        &self.chunks.get(chunk)[from..from + self.width]
    }

    #[inline]
    pub(super) fn block_mut(&mut self, index: u32) -> &mut [T] {
        let (chunk, from) = self.place(index);
        &mut self.chunks.get_mut(chunk)[from..from + self.width]
    }

    /// The record `at` of a block.
    #[inline]
    pub(super) fn record(&self, index: u32, at: usize) -> &T {
        let (chunk, from) = self.place(index);
        &self.chunks.get(chunk)[from + at]
    }

    /// The record `at` of a block.
    #[inline]
    pub(super) fn record_mut(&mut self, index: u32, at: usize) -> &mut T {
        let (chunk, from) = self.place(index);
        &mut self.chunks.get_mut(chunk)[from + at]
    }

    /// Blocks ever allocated, the freed ones included: indexes lie below.
    pub(super) const fn end(&self) -> u32 {
        self.next
    }

    /// Blocks in use.
    pub(super) fn live(&self) -> usize {
        self.next as usize - self.free.len()
    }

    #[inline]
    fn place(&self, index: u32) -> (usize, usize) {
        let within = index as usize & ((1 << self.shift) - 1);
        ((index >> self.shift) as usize, within * self.width)
    }
}
