//! Lists of records that grow and shrink, each in a block of the smallest size class that holds it.
//!
//! Invariant: a list's size class follows from its length, and lies above the number of its block,
//! so a handle is six bytes.

use super::arena::{Arena, Wide};
use super::prefetch::{prefetch_list, prefetch_whole};

/// Records of one list at most.
pub(super) const MAX_LEN: u16 = 4096;

/// Sizes from 1 to [`MAX_LEN`]: 1, 2, 3, 4, 6, 8, 12, 16, …
const CLASSES: usize = 24;

/// Bits of a block's number, below those of its size class.
const INDEX_BITS: u32 = 27;

/// Where a list lies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C, packed(2))]
pub(super) struct Block {
    place: u32,
    len: u16,
}

/// Lists of `T`.
pub(super) struct Pool<T> {
    classes: [Arena<T, Wide>; CLASSES],
    /// Records that the blocks in use have room for.
    room: usize,
}

impl Block {
    pub(super) const fn len(self) -> u16 {
        self.len
    }

    const fn class(self) -> usize {
        (self.place >> INDEX_BITS) as usize
    }

    const fn index(self) -> u32 {
        self.place & ((1 << INDEX_BITS) - 1)
    }
}

impl<T: Copy + Default> Pool<T> {
    pub(super) fn new() -> Self {
        Self { classes: std::array::from_fn(|class| Arena::of_width(width(class))), room: 0 }
    }

    #[inline]
    pub(super) fn list(&self, block: Block) -> &[T] {
        if block.len == 0 {
            return &[];
        }
        self.classes[block.class()].list(block.index(), block.len as usize)
    }

    /// A list that is not empty, and whatever lies behind it in its chunk.
    #[inline]
    pub(super) fn list_onwards(&self, block: Block) -> &[T] {
        self.classes[block.class()].block_onwards(block.index())
    }

    #[inline]
    pub(super) fn list_mut(&mut self, block: Block) -> &mut [T] {
        if block.len == 0 {
            return &mut [];
        }
        &mut self.classes[block.class()].block_mut(block.index())[..block.len as usize]
    }

    /// A record of a list; `at` must be below its length.
    #[inline]
    pub(super) fn record(&self, block: Block, at: u16) -> &T {
        self.classes[block.class()].record(block.index(), at as usize)
    }

    /// A record of a list; `at` must be below its length.
    #[inline]
    pub(super) fn record_mut(&mut self, block: Block, at: u16) -> &mut T {
        self.classes[block.class()].record_mut(block.index(), at as usize)
    }

    /// Adds a record at the end; the list may move. It must not be as long as it may be.
    #[inline]
    pub(super) fn push(&mut self, block: &mut Block, record: T) {
        self.resize(block, block.len + 1);
        *self.record_mut(*block, block.len - 1) = record;
    }

    /// Asks for what adding a record will touch: its place, or a list that has to move.
    pub(super) fn prefetch_push(&self, block: Block) {
        if block.len == 0 {
            return;
        }
        let room = self.classes[block.class()].block(block.index());
        match room.get(block.len as usize) {
            Some(place) => prefetch_whole(place),
            None => prefetch_list(room),
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
        let index = new.map_or(0, |class| {
            self.room += width(class);
            self.classes[class].allocate()
        });
        debug_assert!(index >> INDEX_BITS == 0, "a shard must hold fewer than 2^27 lists");
        if let (Some(old), Some(new)) = (old, new) {
            let kept = block.len.min(len) as usize;
            let [source, target] = self.classes.get_disjoint_mut([old, new]).expect("two classes");
            let source = &source.block(block.index())[..kept];
            target.block_mut(index)[..kept].copy_from_slice(source);
        }
        if let Some(class) = old {
            self.room -= width(class);
            self.classes[class].free(block.index());
        }
        *block = Block { place: number(new.unwrap_or_default()) << INDEX_BITS | index, len };
    }

    /// The same lists once more, to be read only.
    pub(super) fn share(&mut self) -> Self {
        Self { classes: self.classes.each_mut().map(Arena::share), room: self.room }
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

fn number(class: usize) -> u32 {
    u32::try_from(class).expect("classes must be few")
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
