//! Fixed-width blocks of records, in chunks: growing never moves one, nor doubles the memory.
//!
//! Invariant: an index stays valid, and means the same block, until that block is freed.

/// Bytes that a chunk aims at: small beside a shard, large beside an allocation.
const CHUNK_BYTES: usize = 32 << 10;

/// Blocks of `width` records each.
pub(super) struct Arena<T> {
    width: usize,
    /// A chunk holds `1 << shift` blocks.
    shift: u32,
    chunks: Vec<Box<[T]>>,
    next: u32,
    free: Vec<u32>,
}

impl<T: Clone + Default> Arena<T> {
    pub(super) fn new(width: usize) -> Self {
        let blocks = (CHUNK_BYTES / (width * size_of::<T>())).max(1);
        Self { width, shift: blocks.ilog2(), chunks: Vec::new(), next: 0, free: Vec::new() }
    }

    /// A block of default records: one freed before, or a new one.
    pub(super) fn allocate(&mut self) -> u32 {
        if let Some(index) = self.free.pop() {
            self.block_mut(index).fill(T::default());
            return index;
        }
        let index = self.next;
        self.next += 1;
        if (index >> self.shift) as usize == self.chunks.len() {
            self.chunks.push(vec![T::default(); self.width << self.shift].into_boxed_slice());
        }
        index
    }

    pub(super) fn free(&mut self, index: u32) {
        self.free.push(index);
    }

    #[inline]
    pub(super) fn block(&self, index: u32) -> &[T] {
        let (chunk, from) = self.place(index);
        &self.chunks[chunk][from..from + self.width]
    }

    #[inline]
    pub(super) fn block_mut(&mut self, index: u32) -> &mut [T] {
        let (chunk, from) = self.place(index);
        &mut self.chunks[chunk][from..from + self.width]
    }

    /// The record `at` of a block.
    #[inline]
    pub(super) fn record(&self, index: u32, at: usize) -> &T {
        let (chunk, from) = self.place(index);
        &self.chunks[chunk][from + at]
    }

    /// The record `at` of a block.
    #[inline]
    pub(super) fn record_mut(&mut self, index: u32, at: usize) -> &mut T {
        let (chunk, from) = self.place(index);
        &mut self.chunks[chunk][from + at]
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
