//! The score families of one view as bytes, kept for the next reader.
//!
//! Invariant: a buffer is written again only when no reader holds it. Readers that come in time share
//! one picture; one that lags holds its own until it is done or is cut off. Who wants text does not
//! wait for those who want it compressed.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::gzip::Front;

#[derive(Default)]
pub(super) struct Rendered {
    picture: Mutex<Picture>,
    packed: Mutex<Packed>,
}

/// The text, and the view that it is of.
#[derive(Clone, Default)]
pub(super) struct Picture {
    sequence: Option<u64>,
    text: Arc<Vec<u8>>,
}

/// The same compressed, perhaps of an older view.
#[derive(Default)]
struct Packed {
    sequence: Option<u64>,
    front: Arc<Front>,
}

/// Lends a buffer to a response without copying it.
struct Shared<T>(Arc<T>);

impl<T: AsRef<[u8]>> AsRef<[u8]> for Shared<T> {
    fn as_ref(&self) -> &[u8] {
        (*self.0).as_ref()
    }
}

impl Rendered {
    /// The picture of a view, or of a newer one; `write` appends it where there is only an older.
    pub(super) fn picture(&self, sequence: u64, write: impl FnOnce(&mut Vec<u8>)) -> Picture {
        let mut picture = locked(&self.picture);
        if picture.sequence < Some(sequence) {
            let room = picture.text.capacity();
            let mut text = match Arc::get_mut(&mut picture.text) {
                Some(unread) => std::mem::take(unread),
                None => Vec::with_capacity(room),
            };
            text.clear();
            write(&mut text);
            *picture = Picture { sequence: Some(sequence), text: Arc::new(text) };
        }
        picture.clone()
    }

    /// The picture, or a newer one, compressed.
    pub(super) fn compressed(&self, picture: &Picture) -> io::Result<Arc<Front>> {
        let mut packed = locked(&self.packed);
        if packed.sequence < picture.sequence {
            let spare = Arc::get_mut(&mut packed.front).map(std::mem::take).unwrap_or_default();
            // Whatever becomes of it, the old one is gone.
            packed.sequence = None;
            packed.front = Arc::new(Front::reusing(spare, &picture.text)?);
            packed.sequence = picture.sequence;
        }
        Ok(Arc::clone(&packed.front))
    }
}

impl Picture {
    pub(super) fn text(self) -> Bytes {
        Bytes::from_owner(Shared(self.text))
    }
}

/// The bytes of a front, for as long as somebody reads them.
pub(super) fn lent(front: Arc<Front>) -> Bytes {
    Bytes::from_owner(Shared(front))
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(of: &Rendered, sequence: u64, byte: u8) -> Picture {
        of.picture(sequence, |out| out.extend_from_slice(&[byte; 4096]))
    }

    #[test]
    fn a_buffer_is_used_again_once_its_readers_are_gone() {
        let rendered = Rendered::default();
        let address = drawn(&rendered, 1, b'a').text.as_ptr();
        let reader = drawn(&rendered, 1, b'x').text();
        assert_ne!(drawn(&rendered, 2, b'b').text.as_ptr(), address);
        assert!(reader.iter().all(|byte| *byte == b'a'), "a reader keeps what it got");
        let address = drawn(&rendered, 2, b'x').text.as_ptr();
        assert_eq!(drawn(&rendered, 3, b'c').text.as_ptr(), address);
        assert_eq!(*drawn(&rendered, 2, b'x').text, [b'c'; 4096], "a newer one is as good");
    }

    #[test]
    fn who_wants_text_does_not_wait_for_who_compresses() {
        let rendered = Rendered::default();
        let _compressing = locked(&rendered.packed);
        assert_eq!(*drawn(&rendered, 1, b'a').text, [b'a'; 4096]);
    }

    #[test]
    fn a_picture_is_compressed_once() {
        let rendered = Rendered::default();
        let picture = drawn(&rendered, 1, b'a');
        let (one, two) = (rendered.compressed(&picture), rendered.compressed(&picture));
        assert!(Arc::ptr_eq(&one.unwrap(), &two.unwrap()));
        let newer = rendered.compressed(&drawn(&rendered, 2, b'b')).unwrap();
        assert!(Arc::ptr_eq(&rendered.compressed(&picture).unwrap(), &newer));
    }
}
