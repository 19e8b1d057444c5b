//! Lists of records that grow and shrink, one after the other in memory.
//!
//! Invariant: a list lies in one chunk.

use super::chunks::Chunks;
use super::prefetch::{prefetch_list, prefetch_whole};
use super::space::{Move, ROW, Space};

pub(super) use super::space::{Block, MAX_LEN};

/// Lists of `T`.
pub(super) struct Pool<T> {
    lists: Lists<T>,
    space: Space,
}

/// Records of lists whose blocks somebody else allocates.
pub(super) struct Lists<T> {
    records: Chunks<T>,
}

impl<T: Copy + Default> Pool<T> {
    pub(super) fn new() -> Self {
        Self { lists: Lists::new(), space: Space::new() }
    }

    #[inline]
    pub(super) fn list(&self, block: Block) -> &[T] {
        self.lists.list(block)
    }

    #[inline]
    pub(super) fn list_mut(&mut self, block: Block) -> &mut [T] {
        self.lists.list_mut(block)
    }

    /// A record of a list; `at` must be below its length.
    #[inline]
    pub(super) fn record_mut(&mut self, block: Block, at: u16) -> &mut T {
        self.lists.record_mut(block, at)
    }

    /// Adds a record at the end; the list may move. It must not be as long as it may be.
    pub(super) fn push(&mut self, block: &mut Block, record: T) {
        self.resize(block, block.len() + 1);
        *self.record_mut(*block, block.len() - 1) = record;
    }

    /// Cuts a list short, or makes room at its end for records that are still to be set.
    pub(super) fn resize(&mut self, block: &mut Block, len: u16) {
        if let Some(moved) = self.space.resize(block, len) {
            self.lists.follow(moved);
        }
    }

    /// The same lists once more, to be read only.
    pub(super) fn share(&mut self) -> Self {
        Self { lists: self.lists.share(), space: Space::new() }
    }

    pub(super) const fn bytes(&self) -> usize {
        self.space.room() * size_of::<T>()
    }

    /// Bytes of blocks that lists have outgrown.
    pub(super) const fn outgrown_bytes(&self) -> usize {
        self.space.outgrown() * size_of::<T>()
    }
}

impl<T: Copy + Default> Lists<T> {
    pub(super) fn new() -> Self {
        const { assert!(Chunks::<T>::BITS >= MAX_LEN.ilog2(), "a block must fit a chunk") };
        Self { records: Chunks::default() }
    }

    #[inline]
    pub(super) fn list(&self, block: Block) -> &[T] {
        if block.len() == 0 {
            return &[];
        }
        self.records.list(block.place(), block.len().into())
    }

    /// The row that a place lies in.
    #[inline]
    pub(super) fn row(&self, place: usize) -> &[T; ROW] {
        let row = self.records.list(place - place % ROW, ROW);
        row.first_chunk().expect("rows must be whole")
    }

    /// Has a first row.
    pub(super) fn begin(&mut self) {
        self.records.reach(ROW);
    }

    #[inline]
    pub(super) fn list_mut(&mut self, block: Block) -> &mut [T] {
        if block.len() == 0 {
            return &mut [];
        }
        self.records.list_mut(block.place(), block.len().into())
    }

    /// A record of a list; `at` must be below its length.
    #[inline]
    pub(super) fn record(&self, block: Block, at: u16) -> &T {
        self.records.get(block.place() + usize::from(at))
    }

    /// A record of a list; `at` must be below its length.
    #[inline]
    pub(super) fn record_mut(&mut self, block: Block, at: u16) -> &mut T {
        self.records.get_mut(block.place() + usize::from(at))
    }

    /// Asks for a record of a list, or for what adding one at its end will touch: its place, or
    /// a list that has to move.
    #[inline(always)]
    pub(super) fn prefetch_place(&self, block: Block, at: u16) {
        if at < block.len() || block.has_room() {
            prefetch_whole(self.record(block, at));
        } else {
            prefetch_list(self.list(block));
        }
    }

    /// Takes a record out; the last one takes its place, and the end of the list is to be cut off.
    pub(super) fn swap_out(&mut self, block: Block, at: u16) -> T {
        let list = self.list_mut(block);
        let end = list.len() - 1;
        list.swap(at as usize, end);
        list[end]
    }

    /// Moves what has to move because a block was allocated or freed.
    pub(super) fn follow(&mut self, moved: Move) {
        self.records.reach(moved.end);
        if moved.kept > 0 {
            self.records.copy(moved.from, moved.kept, moved.to);
        }
        if let Some(next) = moved.next {
            prefetch_whole(self.records.get(next));
        }
    }

    /// The same lists once more, to be read only.
    pub(super) fn share(&mut self) -> Self {
        Self { records: self.records.share() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_survive_growth_and_removal() {
        let (mut pool, mut block) = (Pool::new(), Block::default());
        for n in 0..100_u32 {
            pool.push(&mut block, n);
        }
        for n in (0..100).step_by(3) {
            let at = pool.list(block).iter().position(|x| *x == n).unwrap();
            assert_eq!(pool.lists.swap_out(block, u16::try_from(at).unwrap()), n);
            let left = block.len() - 1;
            pool.resize(&mut block, left);
        }
        let mut left = pool.list(block).to_vec();
        left.sort_unstable();
        assert_eq!(left, (0..100).filter(|n| n % 3 != 0).collect::<Vec<_>>());
        pool.resize(&mut block, 0);
        assert_eq!((block.len(), pool.bytes()), (0, 0));
    }
}
