//! The score families of one view as bytes, kept for the next reader.
//!
//! Invariant: a buffer is written again only when no reader holds it. Readers that come in time share
//! one picture; one that lags holds its own until it is done or is cut off.

use std::sync::Arc;

use bytes::Bytes;

use super::gzip::Front;

#[derive(Default)]
pub(super) struct Rendered {
    sequence: Option<u64>,
    text: Arc<Vec<u8>>,
    front: Option<Arc<Front>>,
    spare: Front,
}

/// Lends a buffer to a response without copying it.
pub(super) struct Shared<T>(pub(super) Arc<T>);

impl<T: AsRef<[u8]>> AsRef<[u8]> for Shared<T> {
    fn as_ref(&self) -> &[u8] {
        (*self.0).as_ref()
    }
}

impl Rendered {
    pub(super) fn sequence(&self) -> Option<u64> {
        self.sequence
    }

    /// Replaces the picture by the one that `write` appends.
    pub(super) fn renew(&mut self, sequence: u64, write: impl FnOnce(&mut Vec<u8>)) {
        let room = self.text.capacity();
        let mut text = match Arc::get_mut(&mut self.text) {
            Some(unread) => std::mem::take(unread),
            None => Vec::with_capacity(room),
        };
        text.clear();
        write(&mut text);
        self.text = Arc::new(text);
        self.sequence = Some(sequence);
        self.spare = self.front.take().and_then(Arc::into_inner).unwrap_or_default();
    }

    pub(super) fn text(&self) -> Bytes {
        Bytes::from_owner(Shared(Arc::clone(&self.text)))
    }

    pub(super) fn compressed(&mut self) -> std::io::Result<Arc<Front>> {
        if let Some(front) = &self.front {
            return Ok(Arc::clone(front));
        }
        let front = Arc::new(Front::reusing(std::mem::take(&mut self.spare), &self.text)?);
        self.front = Some(Arc::clone(&front));
        Ok(front)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_used_again_once_its_readers_are_gone() {
        let mut rendered = Rendered::default();
        rendered.renew(1, |out| out.extend_from_slice(&[b'a'; 4096]));
        let address = rendered.text.as_ptr();
        let reader = rendered.text();
        rendered.renew(2, |out| out.extend_from_slice(&[b'b'; 4096]));
        assert_ne!(rendered.text.as_ptr(), address);
        assert!(reader.iter().all(|byte| *byte == b'a'), "a reader keeps what it got");
        let address = rendered.text.as_ptr();
        rendered.renew(3, |out| out.extend_from_slice(&[b'c'; 4096]));
        assert_eq!(rendered.text.as_ptr(), address);
    }
}
