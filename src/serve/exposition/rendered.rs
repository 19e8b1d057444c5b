//! The score families of one view as bytes, kept for the next reader.
//!
//! Invariant: a buffer is written again only when no reader holds it. Readers that come in time share
//! one picture, whatever the format; one that lags holds its own until it is done or is cut off. Who
//! wants a picture that is there waits neither for a newer one nor for those who want it compressed.

use std::io;
use std::sync::{Arc, Mutex};

use bytes::Bytes;

use super::gzip::Front;
use super::locked;
use super::scores::Samples;
use super::writer::{Format, push_head};

#[derive(Default)]
pub(super) struct Rendered {
    picture: Mutex<Picture>,
    /// The buffer of the picture before, held by who writes the next.
    pub(super) spare: Mutex<Arc<Samples>>,
    prometheus: Mutex<Packed>,
    open_metrics: Mutex<Packed>,
}

/// The samples, and the view that they are of.
#[derive(Clone, Default)]
pub(super) struct Picture {
    sequence: Option<u64>,
    samples: Arc<Samples>,
}

/// A picture in one format, compressed, perhaps of an older view.
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

impl AsRef<[u8]> for Samples {
    fn as_ref(&self) -> &[u8] {
        &self.text
    }
}

impl Rendered {
    /// The picture of a view, or of a newer one; `write` appends it where there is only an older.
    pub(super) fn picture(&self, sequence: u64, write: impl FnOnce(&mut Samples)) -> Picture {
        if let Some(picture) = self.written(sequence) {
            return picture;
        }
        let mut spare = locked(&self.spare);
        if let Some(picture) = self.written(sequence) {
            return picture;
        }
        let mut samples = Arc::get_mut(&mut spare).map(std::mem::take).unwrap_or_default();
        samples.text.clear();
        samples.text.reserve(locked(&self.picture).samples.text.capacity());
        samples.starts.clear();
        write(&mut samples);
        let picture = Picture { sequence: Some(sequence), samples: Arc::new(samples) };
        *spare = std::mem::replace(&mut *locked(&self.picture), picture.clone()).samples;
        picture
    }

    /// The newest picture, unless it is older than that of the view.
    pub(super) fn written(&self, sequence: u64) -> Option<Picture> {
        let picture = locked(&self.picture);
        (picture.sequence >= Some(sequence)).then(|| picture.clone())
    }

    /// The picture, or a newer one, compressed.
    pub(super) fn compressed(&self, picture: &Picture, format: Format) -> io::Result<Arc<Front>> {
        let mut packed = locked(match format {
            Format::Prometheus => &self.prometheus,
            Format::OpenMetrics => &self.open_metrics,
        });
        if packed.sequence < picture.sequence {
            let spare = Arc::get_mut(&mut packed.front).map(std::mem::take).unwrap_or_default();
            // Whatever becomes of it, the old one is gone.
            packed.sequence = None;
            packed.front = Arc::new(Front::reusing(spare, &picture.pieces(format))?);
            packed.sequence = picture.sequence;
        }
        Ok(Arc::clone(&packed.front))
    }
}

impl Picture {
    /// The text in a format: the head of each family, and its samples, which are not copied.
    pub(super) fn pieces(&self, format: Format) -> Vec<Bytes> {
        let Samples { text, starts } = &*self.samples;
        let whole = Bytes::from_owner(Shared(Arc::clone(&self.samples)));
        let ends = starts.iter().skip(1).map(|(_, start)| *start).chain([text.len()]);
        let pieces = starts.iter().zip(ends).flat_map(|((family, start), end)| {
            let mut head = Vec::new();
            push_head(&mut head, format, family);
            [head.into(), whole.slice(*start..end)]
        });
        pieces.collect()
    }
}

/// The bytes of a front, for as long as somebody reads them.
pub(super) fn lent(front: Arc<Front>) -> Bytes {
    Bytes::from_owner(Shared(front))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    use super::super::catalogue;
    use super::*;

    fn drawn(of: &Rendered, sequence: u64, byte: u8) -> Picture {
        of.picture(sequence, |samples| {
            samples.starts.push((&catalogue::READY, 0));
            samples.text.extend_from_slice(&[byte; 4096]);
        })
    }

    fn text(of: &Rendered, sequence: u64, byte: u8) -> Bytes {
        drawn(of, sequence, byte).pieces(Format::Prometheus).remove(1)
    }

    #[test]
    fn a_buffer_is_used_again_once_its_readers_are_gone() {
        let rendered = Rendered::default();
        let [first, second] = [(1, b'a'), (2, b'b')].map(|(n, byte)| text(&rendered, n, byte));
        let addresses = [&first, &second].map(|text| text.as_ptr());
        drop(second);
        let third = text(&rendered, 3, b'c').as_ptr();
        assert!(!addresses.contains(&third), "one is read, the other the newest");
        assert!(first.iter().all(|byte| *byte == b'a'), "a reader keeps what it got");
        assert_eq!(text(&rendered, 4, b'd').as_ptr(), addresses[1]);
        assert_eq!(text(&rendered, 5, b'e').as_ptr(), third);
        assert_eq!(*text(&rendered, 2, b'x'), [b'e'; 4096], "a newer one is as good");
    }

    #[test]
    fn who_comes_while_the_next_is_written_gets_the_one_before() {
        let rendered = Rendered::default();
        text(&rendered, 1, b'a');
        let next = rendered.picture(2, |samples| {
            samples.text.push(b'b');
            assert_eq!(*text(&rendered, 1, b'x'), [b'a'; 4096]);
        });
        assert_eq!(next.samples.text, b"b");
    }

    #[test]
    fn many_who_come_at_once_have_one_write() {
        let rendered = Rendered::default();
        let (come, written) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let write = |_: &mut Samples| {
            written.fetch_add(1, Ordering::Relaxed);
            while come.load(Ordering::Relaxed) < 10 {
                thread::yield_now();
            }
            // They are about to find it missing.
            (0..1000).for_each(|_| thread::yield_now());
        };
        let read = || {
            come.fetch_add(1, Ordering::Relaxed);
            assert_eq!(rendered.picture(1, write).sequence, Some(1));
        };
        thread::scope(|scope| (0..10).for_each(|_| _ = scope.spawn(read)));
        assert_eq!(written.into_inner(), 1);
    }

    #[test]
    fn formats_share_all_but_the_heads() {
        let rendered = Rendered::default();
        let picture = drawn(&rendered, 1, b'a');
        let [old, open] = [Format::Prometheus, Format::OpenMetrics].map(|f| picture.pieces(f));
        assert_ne!(old[0], open[0]);
        assert_eq!((old[1].as_ptr(), old[1].len()), (open[1].as_ptr(), open[1].len()));
    }

    #[test]
    fn who_wants_text_does_not_wait_for_who_compresses() {
        let rendered = Rendered::default();
        let _compressing = locked(&rendered.prometheus);
        assert_eq!(*text(&rendered, 1, b'a'), [b'a'; 4096]);
    }

    #[test]
    fn a_picture_is_compressed_once() {
        let rendered = Rendered::default();
        let packed = |picture: &Picture| rendered.compressed(picture, Format::Prometheus).unwrap();
        let picture = drawn(&rendered, 1, b'a');
        assert!(Arc::ptr_eq(&packed(&picture), &packed(&picture)));
        let newer = packed(&drawn(&rendered, 2, b'b'));
        assert!(Arc::ptr_eq(&packed(&picture), &newer));
    }
}
