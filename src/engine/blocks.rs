//! The entries of each actor side by side, keys apart from the entries that they are of.
//!
//! Invariant: a block's size class follows from its length, so a handle is six bytes.

use super::arena::Arena;
use super::entry::{Entry, Key};
use super::prefetch::prefetch;

/// Entries that one actor keeps at most; the coldest makes room.
pub(super) const MAX_ENTRIES: u16 = 4096;

/// Sizes from 1 to [`MAX_ENTRIES`]: 1, 2, 3, 4, 6, 8, 12, 16, …
const CLASSES: u32 = 24;

/// Bytes that an entry takes with its key.
pub(super) const ENTRY_BYTES: usize = size_of::<Entry>() + size_of::<Key>();

/// Where the entries of an actor lie.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, packed(2))]
pub(super) struct Block {
    index: u32,
    len: u16,
}

/// The entries of all actors.
pub(super) struct Blocks {
    classes: Vec<SizeClass>,
    /// Entries that the blocks in use have room for.
    room: usize,
    entries: usize,
}

struct SizeClass {
    keys: Arena<Key>,
    entries: Arena<Entry>,
}

impl Block {
    pub(super) const fn len(self) -> u16 {
        self.len
    }
}

impl Blocks {
    pub(super) fn new() -> Self {
        let class =
            |class| SizeClass { keys: Arena::new(width(class)), entries: Arena::new(width(class)) };
        Self { classes: (0..CLASSES).map(class).collect(), room: 0, entries: 0 }
    }

    /// Where in the block the entry of `key` lies; `hint` may be it.
    pub(super) fn find(&self, block: Block, key: Key, hint: Option<u16>) -> Option<u16> {
        let keys = self.keys(block);
        if hint.is_some_and(|at| keys.get(at as usize) == Some(&key)) {
            return hint;
        }
        // Eight keys are compared at once, in a vector, and not one after the other.
        let (eights, _) = keys.as_chunks::<8>();
        let holds =
            |eight: &[Key; 8]| eight.iter().fold(0, |held, k| held | u32::from(*k == key)) > 0;
        let from = 8 * eights.iter().position(holds).unwrap_or(eights.len());
        let at = from + keys[from..].iter().position(|k| *k == key)?;
        u16::try_from(at).ok()
    }

    /// Asks for the keys of a block.
    pub(super) fn prefetch_keys(&self, block: Block) {
        if let Some(key) = self.keys(block).first() {
            prefetch(key);
        }
    }

    /// Asks for the entry of `key`, and gives where in the block it lies.
    pub(super) fn prefetch(&self, block: Block, key: Key) -> Option<u16> {
        let at = self.find(block, key, None)?;
        prefetch(self.entry(block, at));
        Some(at)
    }

    pub(super) fn keys(&self, block: Block) -> &[Key] {
        match class_of(block.len) {
            Some(class) => &self.classes[class].keys.block(block.index)[..block.len as usize],
            None => &[],
        }
    }

    pub(super) fn entries(&self, block: Block) -> &[Entry] {
        match class_of(block.len) {
            Some(class) => &self.classes[class].entries.block(block.index)[..block.len as usize],
            None => &[],
        }
    }

    pub(super) fn entry(&self, block: Block, at: u16) -> &Entry {
        &self.entries(block)[at as usize]
    }

    pub(super) fn entry_mut(&mut self, block: Block, at: u16) -> &mut Entry {
        let class = class_of(block.len).expect("an entry must lie in a block");
        self.classes[class].entries.record_mut(block.index, at as usize)
    }

    /// Adds an entry at the end; the block may move. It must not be full.
    pub(super) fn push(&mut self, block: &mut Block, key: Key, entry: Entry) {
        let grown = Block { len: block.len + 1, ..*block };
        let grown = self.moved(*block, grown);
        let class = class_of(grown.len).expect("a grown block must have a class");
        let at = grown.len as usize - 1;
        *self.classes[class].keys.record_mut(grown.index, at) = key;
        *self.classes[class].entries.record_mut(grown.index, at) = entry;
        self.entries += 1;
        *block = grown;
    }

    /// Takes an entry out; the last one takes its place.
    pub(super) fn swap_remove(&mut self, block: &mut Block, at: u16) -> (Key, Entry) {
        let class = class_of(block.len).expect("an entry must lie in a block");
        let (at, last) = (at as usize, block.len as usize - 1);
        let keys = self.classes[class].keys.block_mut(block.index);
        keys.swap(at, last);
        let key = keys[last];
        let entries = self.classes[class].entries.block_mut(block.index);
        entries.swap(at, last);
        let entry = entries[last];
        self.entries -= 1;
        *block = self.moved(*block, Block { len: block.len - 1, ..*block });
        (key, entry)
    }

    pub(super) const fn len(&self) -> usize {
        self.entries
    }

    pub(super) const fn bytes(&self) -> usize {
        self.room * ENTRY_BYTES
    }

    /// Moves what two lengths have in common to the size class of the new one.
    fn moved(&mut self, from: Block, to: Block) -> Block {
        let (old, new) = (class_of(from.len), class_of(to.len));
        if old == new {
            return to;
        }
        let index = new.map_or(0, |class| {
            self.room += width(class);
            let entries = self.classes[class].entries.allocate();
            let keys = self.classes[class].keys.allocate();
            debug_assert_eq!(keys, entries, "keys and entries must be allocated in step");
            keys
        });
        if let (Some(old), Some(new)) = (old, new) {
            let kept = from.len.min(to.len) as usize;
            let (source, target) = two(&mut self.classes, old, new);
            target.keys.block_mut(index)[..kept]
                .copy_from_slice(&source.keys.block(from.index)[..kept]);
            target.entries.block_mut(index)[..kept]
                .copy_from_slice(&source.entries.block(from.index)[..kept]);
        }
        if let Some(class) = old {
            self.room -= width(class);
            self.classes[class].keys.free(from.index);
            self.classes[class].entries.free(from.index);
        }
        Block { index, len: to.len }
    }
}

/// The size class of a length; an empty block has none.
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

fn width(class: impl TryInto<u32>) -> usize {
    let class = class.try_into().unwrap_or(CLASSES);
    let k = class / 2;
    if class.is_multiple_of(2) { (3 << k) / 2 } else { 2 << k }
}

fn two(classes: &mut [SizeClass], a: usize, b: usize) -> (&SizeClass, &mut SizeClass) {
    let [a, b] = classes.get_disjoint_mut([a, b]).expect("a move must change the size class");
    (a, b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_fits_its_class_and_no_smaller_one() {
        for len in 1..=MAX_ENTRIES {
            let class = class_of(len).unwrap();
            assert!(width(class) >= len as usize, "length {len} in class {class}");
            assert!(class == 0 || width(class - 1) < len as usize, "length {len} in class {class}");
        }
        assert_eq!(class_of(MAX_ENTRIES), Some(CLASSES as usize - 1));
    }

    #[test]
    fn entries_survive_growth_and_removal() {
        let (mut blocks, mut block) = (Blocks::new(), Block::default());
        for slot in 0..100 {
            blocks.push(
                &mut block,
                Key::acted(slot),
                Entry::Acted(super::super::entry::Acted::new(slot)),
            );
        }
        for slot in (0..100).step_by(3) {
            let at = blocks.find(block, Key::acted(slot), None).unwrap();
            assert_eq!(blocks.swap_remove(&mut block, at).0, Key::acted(slot));
        }
        assert_eq!(blocks.len(), 66);
        for slot in 0..100 {
            let found = blocks
                .find(block, Key::acted(slot), None)
                .map(|at| blocks.entry(block, at).bucket(1));
            assert_eq!(found, (slot % 3 != 0).then_some(slot));
        }
        while block.len() > 0 {
            blocks.swap_remove(&mut block, 0);
        }
        assert_eq!((blocks.len(), blocks.bytes()), (0, 0));
    }
}
