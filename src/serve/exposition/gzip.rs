//! One gzip member of two parts: scores that are compressed once for all readers, and the
//! daemon's own metrics that differ in every scrape.
//!
//! A DEFLATE stream may be cut at a flush, where it is aligned to a byte; the next part begins with
//! a window of its own. Readers see an ordinary gzip file, not several members, which some misread.

use std::io::{self, Write};

use bytes::Bytes;
use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};

/// No name, no time, the fastest level, an unknown system (RFC 1952).
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 255];

/// The first part, with what the trailer must know of it.
#[derive(Default)]
pub(super) struct Front {
    bytes: Vec<u8>,
    crc: Crc,
}

impl Front {
    /// Compresses into the buffer of a front that nobody reads any more.
    pub(super) fn reusing(old: Self, text: &[Bytes]) -> io::Result<Self> {
        let mut bytes = old.bytes;
        bytes.clear();
        bytes.extend_from_slice(&HEADER);
        let (mut encoder, mut crc) = (DeflateEncoder::new(bytes, Compression::fast()), Crc::new());
        for piece in text {
            encoder.write_all(piece)?;
            crc.update(piece);
        }
        encoder.flush()?;
        let flushed = encoder.get_ref().len();
        let mut bytes = encoder.finish()?;
        // The stream goes on in the second part: its end is not wanted.
        bytes.truncate(flushed);
        Ok(Self { bytes, crc })
    }

    /// The second part, which ends the member.
    pub(super) fn end(&self, text: &[u8]) -> io::Result<Vec<u8>> {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text)?;
        let mut bytes = encoder.finish()?;
        let (mut whole, mut rest) = (Crc::new(), Crc::new());
        whole.combine(&self.crc);
        rest.update(text);
        whole.combine(&rest);
        bytes.extend_from_slice(&whole.sum().to_le_bytes());
        bytes.extend_from_slice(&whole.amount().to_le_bytes());
        Ok(bytes)
    }
}

impl AsRef<[u8]> for Front {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn two_parts_read_as_one_member() {
        let mut old = Front::default();
        let long = "sillage_ready 1\n".repeat(20_000);
        for (first, second) in [("", ""), ("a\n", "b\n"), (&long, "tail\n"), ("head\n", &long)] {
            let (one, other) = first.split_at(first.len() / 2);
            let pieces = [one, other].map(|piece| Bytes::copy_from_slice(piece.as_bytes()));
            let front = Front::reusing(old, &pieces).unwrap();
            let mut file = front.bytes.clone();
            file.extend(front.end(second.as_bytes()).unwrap());
            let mut read = String::new();
            // Unlike MultiGzDecoder it ends after one member, and checks its trailer.
            flate2::read::GzDecoder::new(&file[..]).read_to_string(&mut read).unwrap();
            assert_eq!(read, format!("{first}{second}"));
            old = front;
        }
    }
}
