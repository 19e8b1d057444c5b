//! Which records of one sequence belong to which list: blocks of size classes, used again when
//! they are freed.
//!
//! Invariant: a list's size class follows from its length, so a handle is six bytes; no block lies
//! across a multiple of [`MAX_LEN`] records, so that each is in one chunk, and none of up to
//! [`ROW`] records across a multiple of that, so that these are found in one row.

/// Records of one list at most.
pub(super) const MAX_LEN: u16 = 4096;

/// Records that lie side by side: of keys, a cache line.
pub(super) const ROW: usize = 16;

/// Records of the smallest block; all others have a multiple of them.
const SMALLEST: u16 = 4;

/// Sizes from 4 to [`MAX_LEN`]: 4, 8, 12, 16, 24, 32, 48, …
const CLASSES: usize = 20;

/// Where a list lies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C, packed(2))]
pub(super) struct Block {
    place: u32,
    len: u16,
}

/// The blocks of a sequence of records.
pub(super) struct Space {
    /// By size class; the last one is the next to be used.
    free: [Vec<u32>; CLASSES],
    end: usize,
    room: usize,
}

/// What moves with a list whose block becomes another one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Move {
    /// The records to be copied, `kept` of them.
    pub(super) from: usize,
    pub(super) kept: usize,
    pub(super) to: usize,
    /// Where the next such list will go, if that is known.
    pub(super) next: Option<usize>,
    /// Where the last row of records ends.
    pub(super) end: usize,
}

impl Block {
    pub(super) const fn len(self) -> u16 {
        self.len
    }

    pub(super) const fn place(self) -> usize {
        self.place as usize
    }

    /// Whether one record more keeps its place. Where classes are far apart it may say no when
    /// there is.
    #[inline]
    pub(super) const fn has_room(self) -> bool {
        !self.len.is_multiple_of(SMALLEST)
    }

    /// Adds a record, that is still to be set, if there is room as [`Self::has_room`] says.
    #[inline]
    pub(super) const fn extend(&mut self) -> bool {
        let has_room = self.has_room();
        self.len += has_room as u16;
        has_room
    }
}

impl Space {
    pub(super) fn new() -> Self {
        Self { free: Default::default(), end: 0, room: 0 }
    }

    /// Records that the blocks in use have room for.
    pub(super) const fn room(&self) -> usize {
        self.room
    }

    /// Records of blocks that are free again.
    pub(super) const fn outgrown(&self) -> usize {
        self.end - self.room
    }

    /// Cuts a list short, or makes room at its end for records that are still to be set. What it
    /// says must be moved before anything else changes.
    pub(super) fn resize(&mut self, block: &mut Block, len: u16) -> Option<Move> {
        let (old, new) = (class_of(block.len), class_of(len));
        if old == new {
            block.len = len;
            return None;
        }
        let before = *block;
        let place = new.map_or(0, |class| self.allocate(class));
        if let Some(class) = old {
            self.room -= width(class);
            self.free[class].push(before.place);
        }
        *block = Block { place, len };
        Some(Move {
            from: before.place(),
            kept: before.len.min(len).into(),
            to: block.place(),
            next: new.and_then(|class| self.free[class].last()).map(|place| *place as usize),
            end: self.end.next_multiple_of(ROW),
        })
    }

    /// The place of a block: one freed before, as it was left, or a new one.
    fn allocate(&mut self, class: usize) -> u32 {
        self.room += width(class);
        if let Some(place) = self.free[class].pop() {
            return place;
        }
        let width = width(class);
        if width > ROW - self.end % ROW {
            self.free_up_to(self.end.next_multiple_of(ROW));
        }
        let left = usize::from(MAX_LEN) - self.end % usize::from(MAX_LEN);
        if width > left {
            self.free_up_to(self.end + left);
        }
        self.take(class)
    }

    /// A new block at the end.
    fn take(&mut self, class: usize) -> u32 {
        let place = u32::try_from(self.end).expect("a shard must hold fewer than 2^32 records");
        self.end += width(class);
        place
    }

    /// Frees what lies up to a place, in as few blocks as it can.
    fn free_up_to(&mut self, end: usize) {
        for class in (0..CLASSES).rev() {
            while self.end + width(class) <= end {
                let place = self.take(class);
                self.free[class].push(place);
            }
        }
    }
}

/// The size class of a length; an empty list has none.
#[inline]
const fn class_of(len: u16) -> Option<usize> {
    match len {
        0 => None,
        1..=4 => Some(0),
        5..=8 => Some(1),
        _ => {
            let k = (len - 1).ilog2() - 3;
            Some((2 * k + 2 + (len > 12 << k) as u32) as usize)
        }
    }
}

#[inline]
const fn width(class: usize) -> usize {
    match class {
        0 => 4,
        1 => 8,
        _ if class.is_multiple_of(2) => 12 << (class / 2 - 1),
        _ => 16 << (class / 2 - 1),
    }
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
    fn blocks_lie_apart_and_in_one_row_or_chunk() {
        let (mut space, mut blocks, chunk) = (Space::new(), Vec::new(), usize::from(MAX_LEN));
        for len in [1, 9, 12, 7, 14, 3_000, 2, 4_096, 700, 3, 1_500, 900, 5, 4_000, 1, 60] {
            let mut block = Block::default();
            space.resize(&mut block, len);
            blocks.push((block.place(), class_of(len).map_or(0, width)));
        }
        assert_eq!(blocks.iter().map(|(_, room)| room).sum::<usize>(), space.room());
        for (class, places) in space.free.iter().enumerate() {
            blocks.extend(places.iter().map(|place| (*place as usize, width(class))));
        }
        blocks.sort_unstable();
        let mut end = 0;
        for (place, room) in blocks {
            let whole = if room <= ROW { ROW } else { chunk };
            assert_eq!((place, place / whole), (end, (place + room - 1) / whole));
            end = place + room;
        }
        assert_eq!(end, space.end);
    }
}
