//! Chunks of records that a picture of the shard shares with it: whichever chunk then changes is
//! copied first, or taken back when the picture is gone.
//!
//! Invariant: what a picture shows never changes.

use std::sync::Arc;

/// Chunks in order.
pub(super) struct Chunks<T> {
    chunks: Vec<Chunk<T>>,
}

enum Chunk<T> {
    Own(Box<[T]>),
    /// With a picture. In a box of its own, so that sharing moves no record.
    Shared(Arc<Box<[T]>>),
}

impl<T> Default for Chunks<T> {
    fn default() -> Self {
        Self { chunks: Vec::new() }
    }
}

impl<T: Clone> Chunks<T> {
    pub(super) fn push(&mut self, chunk: Box<[T]>) {
        self.chunks.push(Chunk::Own(chunk));
    }

    pub(super) fn len(&self) -> usize {
        self.chunks.len()
    }

    #[inline]
    pub(super) fn get(&self, at: usize) -> &[T] {
        match &self.chunks[at] {
            Chunk::Own(own) => own,
            Chunk::Shared(shared) => shared,
        }
    }

    #[inline]
    pub(super) fn get_mut(&mut self, at: usize) -> &mut [T] {
        let chunk = &mut self.chunks[at];
        if let Chunk::Shared(shared) = chunk {
            *chunk = take_back(shared);
        }
        match chunk {
            Chunk::Own(own) => own,
            Chunk::Shared(_) => unreachable!("a chunk that was taken back must be owned"),
        }
    }

    /// The same chunks once more.
    pub(super) fn share(&mut self) -> Self {
        let share = |chunk: &mut Chunk<T>| {
            if let Chunk::Own(own) = chunk {
                *chunk = Chunk::Shared(Arc::new(std::mem::take(own)));
            }
            match chunk {
                Chunk::Shared(shared) => Chunk::Shared(Arc::clone(shared)),
                Chunk::Own(_) => unreachable!("a chunk was made a shared one"),
            }
        };
        Self { chunks: self.chunks.iter_mut().map(share).collect() }
    }
}

#[cold]
#[inline(never)]
fn take_back<T: Clone>(shared: &mut Arc<Box<[T]>>) -> Chunk<T> {
    Chunk::Own(Arc::unwrap_or_clone(std::mem::take(shared)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_stays_as_it_was() {
        let mut chunks = Chunks::default();
        chunks.push(vec![1, 2].into_boxed_slice());
        chunks.push(vec![3, 4].into_boxed_slice());
        let mut picture = chunks.share();
        let again = chunks.share();
        chunks.get_mut(0)[1] = 5;
        picture.get_mut(1)[0] = 6;
        assert_eq!((chunks.get(0), chunks.get(1)), ([1, 5].as_slice(), [3, 4].as_slice()));
        assert_eq!((picture.get(0), picture.get(1)), ([1, 2].as_slice(), [6, 4].as_slice()));
        assert_eq!((again.get(0), again.get(1)), ([1, 2].as_slice(), [3, 4].as_slice()));
    }

    #[test]
    fn a_chunk_whose_picture_is_gone_is_taken_back_as_it_is() {
        let mut chunks = Chunks::default();
        chunks.push(vec![1, 2].into_boxed_slice());
        let before = chunks.get(0).as_ptr();
        drop(chunks.share());
        chunks.get_mut(0)[0] = 7;
        assert_eq!((chunks.get(0).as_ptr(), chunks.get(0)), (before, [7, 2].as_slice()));
    }
}
