//! Loads what is worked on next, all at once: one miss of the cache then hides behind the others.

use std::hint::black_box;

/// Things that are loaded at a time.
pub(super) const AHEAD: usize = 16;

/// Reads the words and does nothing with them.
pub(super) fn ahead(words: impl Iterator<Item = u64>) {
    black_box(words.fold(0, |all, word| all ^ word));
}
