//! A source as a stream of its uncompressed bytes; how it is compressed is seen by its first bytes
//! or its name.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Source;

const BUFFER_BYTES: usize = 256 << 10;
const GZIP: &[u8] = &[0x1f, 0x8b];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
const BYTE_ORDER_MARK: &[u8] = &[0xef, 0xbb, 0xbf];

pub(super) type Input = Box<dyn BufRead + Send>;

/// Counts the bytes that pass.
struct Counted<R> {
    inner: R,
    bytes: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.bytes.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

/// The uncompressed bytes of `source` without a byte order mark; those read are added to `bytes`.
pub(super) fn decompressed(source: &Source, bytes: &Arc<AtomicU64>) -> io::Result<Input> {
    let (raw, extension): (Box<dyn Read + Send>, _) = match source {
        Source::Stdin => (Box::new(io::stdin()), None),
        Source::File(path) => (Box::new(File::open(path)?), path.extension()),
    };
    let counted = Counted { inner: raw, bytes: Arc::clone(bytes) };
    let mut input = BufReader::with_capacity(BUFFER_BYTES, counted);
    let start = input.fill_buf()?;
    let is = |magic, name| start.starts_with(magic) || extension.is_some_and(|e| e == name);
    let mut input: Input = if is(GZIP, "gz") {
        let decoder = flate2::bufread::MultiGzDecoder::new(input);
        Box::new(BufReader::with_capacity(BUFFER_BYTES, decoder))
    } else if is(ZSTD, "zst") {
        let decoder = zstd::stream::read::Decoder::with_buffer(input)?;
        Box::new(BufReader::with_capacity(BUFFER_BYTES, decoder))
    } else {
        Box::new(input)
    };
    if input.fill_buf()?.starts_with(BYTE_ORDER_MARK) {
        input.consume(BYTE_ORDER_MARK.len());
    }
    Ok(input)
}
