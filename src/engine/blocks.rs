//! The entries of each actor side by side, keys apart from the entries that they are of.
//!
//! Invariant: the keys and the entries of an actor are lists of the same length, in step.

use super::entry::{Entry, Key};
use super::pool::{Block, Lists};
use super::prefetch::{prefetch, prefetch_list, prefetch_whole};
use super::space::Space;

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
        Self { keys: Lists::new(), entries: Lists::new(), space: Space::new(), len: 0 }
    }

    /// Whether the entry of `key` is the one `at` a place of the block.
    #[inline]
    pub(super) fn is_at(&self, block: Block, at: u16, key: Key) -> bool {
        at < block.len() && *self.keys.record(block, at) == key
    }

    /// Where in the block the entry of `key` lies.
    pub(super) fn find(&self, block: Block, key: Key) -> Option<u16> {
        match block.len() {
            0 => None,
            1..=8 => self.find_among::<8>(block, key),
            9..=16 => self.find_among::<16>(block, key),
            17..=32 => self.find_among::<32>(block, key),
            _ => self.find_among_many(block, key),
        }
    }

    /// The same for a block of at most `MOST` entries.
    fn find_among<const MOST: usize>(&self, block: Block, key: Key) -> Option<u16> {
        let Some(keys) = self.keys.list_onwards(block).first_chunk::<MOST>() else {
            return self.find_among_many(block, key);
        };
        // What lies behind the list is another's.
        let in_list = u32::MAX >> (u32::BITS - u32::from(block.len()));
        first_of(places_of(key, keys) & in_list)
    }

    fn find_among_many(&self, block: Block, key: Key) -> Option<u16> {
        let (chunks, rest) = self.keys(block).as_chunks::<32>();
        for (from, chunk) in (0..).step_by(32).zip(chunks) {
            if let Some(at) = first_of(places_of(key, chunk)) {
                return Some(from + at);
            }
        }
        let from = block.len() - u16::try_from(rest.len()).unwrap_or_default();
        let at = rest.iter().position(|known| *known == key)?;
        u16::try_from(at).ok().map(|at| from + at)
    }

    /// Asks for the keys of a block.
    pub(super) fn prefetch_keys(&self, block: Block) {
        if let [first, .., last] | [first @ last] = self.keys(block) {
            prefetch(first);
            prefetch(last);
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
    pub(super) fn prefetch(&self, block: Block, key: Key) -> Option<u16> {
        let at = self.find(block, key);
        match at {
            Some(at) => prefetch_whole(self.entry(block, at)),
            None => self.entries.prefetch_push(block),
        }
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
        self.resize(block, at + 1);
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

/// Which of up to 32 keys are `key`, bit `k` for the one at `k`. All are compared, several at once
/// and without a branch, because which one it is cannot be foreseen.
#[inline]
fn places_of<const LEN: usize>(key: Key, keys: &[Key; LEN]) -> u32 {
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
