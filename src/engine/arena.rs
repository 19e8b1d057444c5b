//! Fixed-width blocks of records, in chunks: growing never moves one, nor doubles the memory.
//!
//! Invariant: an index stays valid, and means the same block, until that block is freed.

use super::chunks::Chunks;
use super::prefetch::prefetch_whole;

/// Bytes that a chunk is at most, if it is of several blocks: small enough to be copied when a
/// picture shares it, large beside an allocation.
const CHUNK_BYTES: usize = 16 << 10;

/// How many records a block has, and how many blocks a chunk.
pub(super) trait Shape: Copy {
    fn width(self) -> usize;
    /// A chunk holds `1 << shift` blocks.
    fn shift<T>(self) -> u32;
}

/// Blocks of one record each; where one lies is computed with constants.
#[derive(Clone, Copy)]
pub(super) struct Single;

/// Blocks of several records.
#[derive(Clone, Copy)]
pub(super) struct Wide {
    width: usize,
    shift: u32,
}

/// Blocks of records.
pub(super) struct Arena<T, S = Single> {
    shape: S,
    chunks: Chunks<T>,
    next: u32,
    free: Vec<u32>,
}

impl Shape for Single {
    #[inline]
    fn width(self) -> usize {
        1
    }

    #[inline]
    fn shift<T>(self) -> u32 {
        const { shift_of::<T>(1) }
    }
}

impl Shape for Wide {
    #[inline]
    fn width(self) -> usize {
        self.width
    }

    #[inline]
    fn shift<T>(self) -> u32 {
        self.shift
    }
}

impl<T: Clone + Default> Arena<T> {
    pub(super) fn new() -> Self {
        Self { shape: Single, chunks: Chunks::default(), next: 0, free: Vec::new() }
    }

    #[inline]
    pub(super) fn get(&self, index: u32) -> &T {
        self.record(index, 0)
    }

    #[inline]
    pub(super) fn get_mut(&mut self, index: u32) -> &mut T {
        self.record_mut(index, 0)
    }
}

impl<T: Clone + Default> Arena<T, Wide> {
    pub(super) fn of_width(width: usize) -> Self {
        let shape = Wide { width, shift: shift_of::<T>(width) };
        Self { shape, chunks: Chunks::default(), next: 0, free: Vec::new() }
    }

    /// The first `len` records of a block.
    #[inline]
    pub(super) fn list(&self, index: u32, len: usize) -> &[T] {
        let (chunk, from) = self.place(index);
        &self.chunks.get(chunk)[from..from + len]
    }

    #[inline]
    pub(super) fn block(&self, index: u32) -> &[T] {
        let (chunk, from) = self.place(index);
        &self.chunks.get(chunk)[from..from + self.shape.width]
    }

    /// A block, and whatever lies behind it in its chunk.
    #[inline]
    pub(super) fn block_onwards(&self, index: u32) -> &[T] {
        let (chunk, from) = self.place(index);
        &self.chunks.get(chunk)[from..]
    }

    #[inline]
    pub(super) fn block_mut(&mut self, index: u32) -> &mut [T] {
        let (chunk, from) = self.place(index);
        &mut self.chunks.get_mut(chunk)[from..from + self.shape.width]
    }
}

impl<T: Clone + Default, S: Shape> Arena<T, S> {
    /// A block to be set: one freed before, as it was left, or a new one of default records.
    pub(super) fn allocate(&mut self) -> u32 {
        if let Some(index) = self.free.pop() {
            if let Some(next) = self.free.last() {
                prefetch_whole(self.record(*next, 0));
            }
            return index;
        }
        let index = self.next;
        self.reach(index + 1);
        index
    }

    /// Makes the blocks up to `end`, of default records, in use if they are not there.
    pub(super) fn reach(&mut self, end: u32) {
        while self.next < end {
            let shift = self.shape.shift::<T>();
            if (self.next >> shift) as usize == self.chunks.len() {
                let records = self.shape.width() << shift;
                self.chunks.push(vec![T::default(); records].into_boxed_slice());
            }
            let room = u32::try_from(self.chunks.len() << shift).unwrap_or(u32::MAX);
            self.next = end.min(room);
        }
    }

    /// The same blocks once more, without what is known of freed ones: to be read only.
    pub(super) fn share(&mut self) -> Self {
        let chunks = self.chunks.share();
        Self { shape: self.shape, chunks, next: self.next, free: Vec::new() }
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
        let shift = self.shape.shift::<T>();
        let within = index as usize & ((1 << shift) - 1);
        ((index >> shift) as usize, within * self.shape.width())
    }
}

/// How many blocks of `width` records fit a chunk, as a power of two.
const fn shift_of<T>(width: usize) -> u32 {
    let blocks = CHUNK_BYTES / (width * size_of::<T>());
    if blocks == 0 { 0 } else { blocks.ilog2() }
}
