//! A list of records in chunks: growing never moves those of a full one. A picture of the shard
//! shares chunks with it: whichever then changes is copied first, or taken back when the picture
//! is gone.
//!
//! Invariant: what a picture shows never changes; a chunk is owned or shared, and empty where it
//! is not, so that finding a record in it says which.

use std::sync::Arc;

/// Bytes of a chunk at most: short to copy, and few enough that where they lie stays in the
/// second cache.
const CHUNK_BYTES: usize = 160 << 10;

/// Records in order.
pub(super) struct Chunks<T> {
    own: Vec<Vec<T>>,
    /// With a picture.
    shared: Vec<Arc<Vec<T>>>,
    len: usize,
}

impl<T> Default for Chunks<T> {
    fn default() -> Self {
        Self { own: Vec::new(), shared: Vec::new(), len: 0 }
    }
}

impl<T: Clone + Default> Chunks<T> {
    /// Of the number of records in a chunk, a power of two.
    pub(super) const BITS: u32 = (CHUNK_BYTES / size_of::<T>()).ilog2();

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub(super) fn get(&self, at: usize) -> &T {
        let (chunk, within) = Self::place(at);
        match self.own[chunk].get(within) {
            Some(record) => record,
            None => &self.shared(chunk)[within],
        }
    }

    #[inline]
    pub(super) fn get_mut(&mut self, at: usize) -> &mut T {
        let (chunk, within) = Self::place(at);
        if within < self.own[chunk].len() {
            return &mut self.own[chunk][within];
        }
        &mut self.taken_back(chunk)[within]
    }

    /// `len` records of one chunk.
    #[inline]
    pub(super) fn list(&self, from: usize, len: usize) -> &[T] {
        let (chunk, within) = Self::place(from);
        match self.own[chunk].get(within..within + len) {
            Some(list) => list,
            None => &self.shared(chunk)[within..within + len],
        }
    }

    /// `len` records of one chunk.
    #[inline]
    pub(super) fn list_mut(&mut self, from: usize, len: usize) -> &mut [T] {
        let (chunk, within) = Self::place(from);
        if within + len <= self.own[chunk].len() {
            return &mut self.own[chunk][within..within + len];
        }
        &mut self.taken_back(chunk)[within..within + len]
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        (0..self.own.len()).flat_map(|chunk| {
            let own = &self.own[chunk];
            if own.is_empty() { self.shared(chunk) } else { own }
        })
    }

    /// Copies `len` records, all of one chunk, to where they are of one chunk.
    pub(super) fn copy(&mut self, from: usize, len: usize, to: usize)
    where
        T: Copy,
    {
        let ((source, from), (target, to)) = (Self::place(from), Self::place(to));
        for chunk in [source, target] {
            if self.own[chunk].is_empty() {
                self.taken_back(chunk);
            }
        }
        match self.own.get_disjoint_mut([source, target]) {
            Ok([source, target]) => target[to..to + len].copy_from_slice(&source[from..from + len]),
            Err(_) => self.own[source].copy_within(from..from + len, to),
        }
    }

    /// Makes the list as long as `len` at least, by default records.
    #[inline]
    pub(super) fn reach(&mut self, len: usize) {
        if self.len < len {
            self.grow(len);
        }
    }

    #[inline(never)]
    fn grow(&mut self, len: usize) {
        while self.len < len {
            let (chunk, within) = Self::place(self.len);
            if chunk == self.own.len() {
                // The first one grows with the list, so that a short list is small.
                let room = if chunk == 0 { 0 } else { 1 << Self::BITS };
                self.own.push(Vec::with_capacity(room));
            } else if self.own[chunk].len() < within {
                self.taken_back(chunk);
            }
            let more = (len - self.len).min((1 << Self::BITS) - within);
            self.own[chunk].resize(within + more, T::default());
            self.len += more;
        }
    }

    /// The same records once more.
    pub(super) fn share(&mut self) -> Self {
        self.shared.resize_with(self.own.len(), Arc::default);
        for (own, shared) in self.own.iter_mut().zip(&mut self.shared) {
            if !own.is_empty() {
                *shared = Arc::new(std::mem::take(own));
            }
        }
        let own = self.own.iter().map(|_| Vec::new()).collect();
        Self { own, shared: self.shared.clone(), len: self.len }
    }

    /// A chunk that is shared.
    #[cold]
    #[inline(never)]
    fn shared(&self, chunk: usize) -> &[T] {
        self.shared.get(chunk).map_or(&[], |shared| shared)
    }

    /// A chunk, owned from now on.
    #[cold]
    #[inline(never)]
    fn taken_back(&mut self, chunk: usize) -> &mut Vec<T> {
        let own = &mut self.own[chunk];
        if let Some(shared) = self.shared.get_mut(chunk).filter(|shared| !shared.is_empty()) {
            *own = Arc::try_unwrap(std::mem::take(shared)).unwrap_or_else(|shared| {
                let mut copy = Vec::with_capacity(shared.capacity());
                copy.extend_from_slice(&shared);
                copy
            });
        }
        own
    }

    #[inline]
    const fn place(at: usize) -> (usize, usize) {
        (at >> Self::BITS, at & ((1 << Self::BITS) - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of a chunk.
    const FULL: usize = 1 << Chunks::<u64>::BITS;

    /// A chunk that is full, and one of a single record.
    fn chunks() -> Chunks<u64> {
        let mut chunks = Chunks::default();
        chunks.reach(FULL + 1);
        chunks
    }

    fn ends(chunks: &Chunks<u64>) -> [u64; 3] {
        [0, FULL - 1, FULL].map(|at| *chunks.get(at))
    }

    #[test]
    fn a_picture_stays_as_it_was() {
        let mut chunks = chunks();
        *chunks.get_mut(FULL - 1) = 1;
        let mut picture = chunks.share();
        let again = chunks.share();
        *chunks.get_mut(0) = 5;
        chunks.list_mut(FULL, 1)[0] = 7;
        chunks.reach(FULL + 3);
        *picture.get_mut(FULL) = 6;
        assert_eq!(
            [ends(&chunks), ends(&picture), ends(&again)],
            [[5, 1, 7], [0, 1, 6], [0, 1, 0]]
        );
        assert_eq!([&chunks, &again].map(|chunks| chunks.iter().count()), [FULL + 3, FULL + 1]);
    }

    #[test]
    fn records_of_a_picture_can_be_copied() {
        let mut chunks = chunks();
        *chunks.get_mut(0) = 1;
        let picture = chunks.share();
        chunks.copy(0, 1, FULL);
        chunks.copy(0, 1, FULL - 1);
        assert_eq!([ends(&chunks), ends(&picture)], [[1, 1, 1], [1, 0, 0]]);
    }

    #[test]
    fn a_chunk_whose_picture_is_gone_is_taken_back_as_it_is() {
        let mut chunks = chunks();
        let before = chunks.list(0, FULL).as_ptr();
        drop(chunks.share());
        *chunks.get_mut(0) = 7;
        assert_eq!((chunks.list(0, FULL).as_ptr(), ends(&chunks)), (before, [7, 0, 0]));
    }
}
