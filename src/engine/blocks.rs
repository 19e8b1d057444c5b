//! The entries of each actor side by side, keys apart from the entries that they are of.
//!
//! Invariant: the keys and the entries of an actor are lists of the same length, in step.

use super::entry::{Entry, Key};
use super::pool::{Block, Lists};
use super::prefetch::{prefetch, prefetch_list};
use super::space::{ROW, Space};

pub(super) use super::pool::MAX_LEN as MAX_ENTRIES;

/// The entries of all actors.
pub(super) struct Blocks {
    keys: Lists<Key>,
    entries: Lists<Entry>,
    space: Space,
    len: usize,
}

impl Blocks {
    pub(super) fn new() -> Self {
        let (mut keys, entries) = (Lists::new(), Lists::new());
        keys.begin();
        Self { keys, entries, space: Space::new(), len: 0 }
    }

    /// Whether the entry of `key` is the one `at` a place of the block.
    #[inline]
    pub(super) fn is_at(&self, block: Block, at: u16, key: Key) -> bool {
        at < block.len() && *self.keys.record(block, at) == key
    }

    /// Where in the block the entry of `key` lies.
    #[inline(always)]
    pub(super) fn find(&self, block: Block, key: Key) -> Option<u16> {
        if usize::from(block.len()) > ROW {
            return self.find_among_many(block, key);
        }
        // What lies beside the list is another's.
        let same = places_of(key, self.keys.row(block.place())) >> (block.place() % ROW);
        first_of(same).filter(|at| *at < block.len())
    }

    #[inline(never)]
    fn find_among_many(&self, block: Block, key: Key) -> Option<u16> {
        (0..block.len()).step_by(ROW).find_map(|from| {
            let keys = self.keys.row(block.place() + usize::from(from));
            first_of(places_of(key, keys)).map(|at| from + at).filter(|at| *at < block.len())
        })
    }

    /// Asks for the keys of a block.
    #[inline]
    pub(super) fn prefetch_keys(&self, block: Block) {
        prefetch(self.keys.row(block.place()));
        if usize::from(block.len()) > ROW {
            prefetch_list(self.keys(block));
        }
    }

    /// Asks for the entries of a block.
    pub(super) fn prefetch_entries(&self, block: Block) {
        prefetch_list(self.entries(block));
    }

    /// Asks for the keys and the entries of a block.
    pub(super) fn prefetch_all(&self, block: Block) {
        prefetch_list(self.keys(block));
        prefetch_list(self.entries(block));
    }

    /// Asks for the entry of `key`, and gives where in the block it lies; for what adding it will
    /// touch, if it is not there.
    #[inline]
    pub(super) fn prefetch(&self, block: Block, key: Key) -> Option<u16> {
        let at = self.find(block, key);
        self.entries.prefetch_place(block, at.unwrap_or(block.len()));
        at
    }

    #[inline]
    pub(super) fn keys(&self, block: Block) -> &[Key] {
        self.keys.list(block)
    }

    #[inline]
    pub(super) fn entries(&self, block: Block) -> &[Entry] {
        self.entries.list(block)
    }

    #[inline]
    pub(super) fn entry(&self, block: Block, at: u16) -> &Entry {
        self.entries.record(block, at)
    }

    #[inline]
    pub(super) fn entry_mut(&mut self, block: Block, at: u16) -> &mut Entry {
        self.entries.record_mut(block, at)
    }

    /// Adds an entry at the end; the block may move. It must not be full.
    pub(super) fn push(&mut self, block: &mut Block, key: Key, entry: Entry) {
        let at = block.len();
        if !block.extend() {
            self.resize(block, at + 1);
        }
        *self.keys.record_mut(*block, at) = key;
        *self.entries.record_mut(*block, at) = entry;
        self.len += 1;
    }

    /// Takes an entry out; the last one takes its place.
    pub(super) fn swap_remove(&mut self, block: &mut Block, at: u16) -> (Key, Entry) {
        let gone = (self.keys.swap_out(*block, at), self.entries.swap_out(*block, at));
        self.resize(block, block.len() - 1);
        self.len -= 1;
        gone
    }

    /// Takes in a block as it was.
    pub(super) fn put_back(&mut self, keys: &[Key], entries: &[Entry]) -> Block {
        let len = u16::try_from(keys.len()).expect("a block must have a length that one may have");
        let mut block = Block::default();
        self.resize(&mut block, len);
        self.keys.list_mut(block).copy_from_slice(keys);
        self.entries.list_mut(block).copy_from_slice(entries);
        self.len += keys.len();
        block
    }

    fn resize(&mut self, block: &mut Block, len: u16) {
        if let Some(moved) = self.space.resize(block, len) {
            self.keys.follow(moved);
            self.entries.follow(moved);
        }
    }

    /// The same entries once more, to be read only.
    pub(super) fn share(&mut self) -> Self {
        let (keys, entries) = (self.keys.share(), self.entries.share());
        Self { keys, entries, ..Self::new() }
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    pub(super) const fn bytes(&self) -> usize {
        self.space.room() * (size_of::<Key>() + size_of::<Entry>())
    }

    /// Bytes of blocks that actors have outgrown.
    pub(super) const fn outgrown_bytes(&self) -> usize {
        self.space.outgrown() * (size_of::<Key>() + size_of::<Entry>())
    }
}

/// Which of a row of keys are `key`, bit `k` for the one at `k`. All are compared, several at once
/// and without a branch, because which one it is cannot be foreseen.
#[inline]
fn places_of(key: Key, keys: &[Key; ROW]) -> u32 {
    (0..).zip(keys).fold(0, |places, (at, known)| places | u32::from(*known == key) << at)
}

#[inline]
fn first_of(places: u32) -> Option<u16> {
    u16::try_from(places.trailing_zeros()).ok().filter(|_| places != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_in_its_own_block_only() {
        let (mut blocks, most) = (Blocks::new(), 70);
        let mut lists: Vec<Block> = vec![Block::default(); 3];
        for slot in 0..most {
            for (place, list) in (0..).zip(&mut lists) {
                // The last one has what the others lack, and the other way round.
                let key = if place == 2 { Key::liked(slot) } else { Key::acted(slot) };
                blocks.push(list, key, Entry::default());
            }
            for list in &lists[..2] {
                for known in 0..=slot {
                    let at = u16::try_from(known).ok();
                    assert_eq!(blocks.find(*list, Key::acted(known)), at, "{known} of {slot}");
                }
                assert_eq!(blocks.find(*list, Key::acted(slot + 1)), None, "{slot}");
                assert_eq!(blocks.find(*list, Key::liked(0)), None, "{slot}");
            }
        }
        assert_eq!(blocks.find(Block::default(), Key::acted(0)), None);
    }
}
