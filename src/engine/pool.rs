//! Lists of records that grow and shrink, each in a block of the smallest size class that holds it.
//!
//! Invariant: a list's size class follows from its length, so a handle is six bytes; a block lies
//! in one chunk.

use super::chunks::Chunks;
use super::prefetch::{prefetch_list, prefetch_whole};

/// Records of one list at most.
pub(super) const MAX_LEN: u16 = 4096;

/// Sizes from 1 to [`MAX_LEN`]: 1, 2, 3, 4, 6, 8, 12, 16, …
const CLASSES: usize = 24;

/// Where a list lies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C, packed(2))]
pub(super) struct Block {
    place: u32,
    len: u16,
}

/// Lists of `T`.
pub(super) struct Pool<T> {
    records: Chunks<T>,
    /// Places of the freed blocks of each size class.
    free: [Vec<u32>; CLASSES],
    /// Records that the blocks in use have room for.
    room: usize,
}

impl Block {
    pub(super) const fn len(self) -> u16 {
        self.len
    }

    const fn place(self) -> usize {
        self.place as usize
    }
}

impl<T: Copy + Default> Pool<T> {
    pub(super) fn new() -> Self {
        const { assert!(Chunks::<T>::BITS >= MAX_LEN.ilog2(), "a block must fit a chunk") };
        Self { records: Chunks::default(), free: Default::default(), room: 0 }
    }

    #[inline]
    pub(super) fn list(&self, block: Block) -> &[T] {
        if block.len == 0 {
            return &[];
        }
        self.records.list(block.place(), block.len.into())
    }

    /// A list that is not empty, and whatever lies behind it in its chunk.
    #[inline]
    pub(super) fn list_onwards(&self, block: Block) -> &[T] {
        self.records.onwards(block.place())
    }

    #[inline]
    pub(super) fn list_mut(&mut self, block: Block) -> &mut [T] {
        if block.len == 0 {
            return &mut [];
        }
        self.records.list_mut(block.place(), block.len.into())
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

    /// Adds a record at the end; the list may move. It must not be as long as it may be.
    #[inline]
    pub(super) fn push(&mut self, block: &mut Block, record: T) {
        self.resize(block, block.len + 1);
        *self.record_mut(*block, block.len - 1) = record;
    }

    /// Asks for what adding a record will touch: its place, or a list that has to move.
    pub(super) fn prefetch_push(&self, block: Block) {
        if let Some(class) = class_of(block.len) {
            let room = self.records.list(block.place(), width(class));
            match room.get(usize::from(block.len)) {
                Some(place) => prefetch_whole(place),
                None => prefetch_list(room),
            }
        }
    }

    /// Takes a record out; the last one takes its place.
    pub(super) fn swap_remove(&mut self, block: &mut Block, at: u16) -> T {
        let list = self.list_mut(*block);
        let end = list.len() - 1;
        list.swap(at as usize, end);
        let gone = list[end];
        self.resize(block, block.len - 1);
        gone
    }

    /// Cuts a list short, or makes room at its end for records that are still to be set.
    pub(super) fn resize(&mut self, block: &mut Block, len: u16) {
        let (old, new) = (class_of(block.len), class_of(len));
        if old == new {
            block.len = len;
            return;
        }
        let place = new.map_or(0, |class| self.allocate(class));
        if let Some(class) = old {
            let kept = block.len.min(len).into();
            if kept > 0 {
                self.records.copy(block.place(), kept, place as usize);
            }
            self.room -= width(class);
            self.free[class].push(block.place);
        }
        *block = Block { place, len };
    }

    /// A block to be set: one freed before, as it was left, or a new one.
    fn allocate(&mut self, class: usize) -> u32 {
        self.room += width(class);
        if let Some(place) = self.free[class].pop() {
            if let Some(next) = self.free[class].last() {
                prefetch_whole(self.records.get(*next as usize));
            }
            return place;
        }
        self.leave_chunk(width(class));
        let place = self.records.len();
        self.records.reach(place + width(class));
        number(place)
    }

    /// Frees the rest of a chunk in blocks if one of `width` does not fit. What counts are chunks
    /// of [`MAX_LEN`] records, so that pools that allocate in step do so whatever their records.
    fn leave_chunk(&mut self, width: usize) {
        let mut left = usize::from(MAX_LEN) - self.records.len() % usize::from(MAX_LEN);
        if left >= width {
            return;
        }
        while left > 0 {
            let class = (0..CLASSES).rev().find(|class| self::width(*class) <= left);
            let class = class.expect("one record must be a block");
            let place = self.records.len();
            self.records.reach(place + self::width(class));
            self.free[class].push(number(place));
            left -= self::width(class);
        }
    }

    /// The same lists once more, to be read only.
    pub(super) fn share(&mut self) -> Self {
        Self { records: self.records.share(), room: self.room, ..Self::new() }
    }

    pub(super) const fn bytes(&self) -> usize {
        self.room * size_of::<T>()
    }
}

/// The size class of a length; an empty list has none.
#[inline]
fn class_of(len: u16) -> Option<usize> {
    match len {
        0 => None,
        1 => Some(0),
        _ => {
            let k = (len - 1).ilog2();
            Some((2 * k + u32::from(2 * u32::from(len) > 3 << k)) as usize)
        }
    }
}

fn width(class: usize) -> usize {
    let k = class / 2;
    if class.is_multiple_of(2) { (3 << k) / 2 } else { 2 << k }
}

fn number(place: usize) -> u32 {
    u32::try_from(place).expect("a shard must hold fewer than 2^32 records of a kind")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_fits_its_class_and_no_smaller_one() {
        for len in 1..=MAX_LEN {
            let class = class_of(len).unwrap();
            assert!(width(class) >= len as usize, "length {len} in class {class}");
            assert!(class == 0 || width(class - 1) < len as usize, "length {len} in class {class}");
        }
        assert_eq!(class_of(MAX_LEN), Some(CLASSES - 1));
    }

    #[test]
    fn records_survive_growth_and_removal() {
        let (mut pool, mut block) = (Pool::new(), Block::default());
        for n in 0..100_u32 {
            pool.push(&mut block, n);
        }
        for n in (0..100).step_by(3) {
            let at = pool.list(block).iter().position(|x| *x == n).unwrap();
            assert_eq!(pool.swap_remove(&mut block, u16::try_from(at).unwrap()), n);
        }
        let mut left = pool.list(block).to_vec();
        left.sort_unstable();
        assert_eq!(left, (0..100).filter(|n| n % 3 != 0).collect::<Vec<_>>());
        pool.resize(&mut block, 0);
        assert_eq!((block.len(), pool.bytes()), (0, 0));
    }
}
