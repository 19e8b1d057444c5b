//! Batches that are compressed by zstd and do not say how large they are, unpacked at one go.
//!
//! Producers in Java and by librdkafka compress as a stream, and leave the size out. librdkafka
//! then tries twice as much as came, six times, eighteen times, each time from the beginning, so
//! that what JSON shrinks to is unpacked twice over and lies in twice the memory. The linker puts
//! this in the place of its function (`build.rs`).
//!
//! Invariant: whatever does not fit at first is left to librdkafka, as if nothing were here.
#![allow(unsafe_code, reason = "librdkafka has no way to be told how it unpacks")]

use std::ffi::{c_char, c_int, c_ulonglong, c_void};
use std::ptr::NonNull;
use std::slice;

use zstd::zstd_safe::{get_frame_content_size, zstd_sys as sys};

/// So many times as large as they came are batches taken for at most. JSON shrinks to a fifth to
/// an eighth; room for more would be kept for as long as any record of a small batch is.
const SHRUNK_MAX: u64 = 8;

unsafe extern "C" {
    fn malloc(size: usize) -> *mut c_void;
    fn free(memory: *mut c_void);
    fn ZSTD_decompressBound(source: *const c_void, size: usize) -> c_ulonglong;
    /// librdkafka's own.
    fn __real_rd_kafka_zstd_decompress(
        broker: *mut c_void,
        source: *const c_char,
        size: usize,
        unpacked: *mut *mut c_void,
        unpacked_size: *mut usize,
    ) -> c_int;
}

/// Memory of C that whoever takes it over frees.
struct Unpacked {
    memory: NonNull<c_void>,
    size: usize,
}

/// # Safety
/// `source` must have `size` bytes, `unpacked` and `unpacked_size` are written to.
#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap_rd_kafka_zstd_decompress(
    broker: *mut c_void,
    source: *const c_char,
    size: usize,
    unpacked: *mut *mut c_void,
    unpacked_size: *mut usize,
) -> c_int {
    // SAFETY: as the caller promises.
    let batch = unsafe { slice::from_raw_parts(source.cast::<u8>(), size) };
    let Some(done) = unpack(batch) else {
        // SAFETY: as the caller promises.
        return unsafe {
            __real_rd_kafka_zstd_decompress(broker, source, size, unpacked, unpacked_size)
        };
    };
    // SAFETY: as the caller promises.
    unsafe {
        *unpacked = done.memory.as_ptr();
        *unpacked_size = done.size;
    }
    0
}

/// Nothing if the batch says how large it is, is larger than was expected, or is not right.
fn unpack(batch: &[u8]) -> Option<Unpacked> {
    if get_frame_content_size(batch).ok()?.is_some() {
        return None;
    }
    let source = batch.as_ptr().cast::<c_void>();
    // SAFETY: so many bytes are there, and they are only read. Of what is wrong the bound is huge.
    let bound = unsafe { ZSTD_decompressBound(source, batch.len()) };
    let room = usize::try_from(bound.min(SHRUNK_MAX * batch.len() as u64)).ok()?;
    // SAFETY: the memory is freed here, or by librdkafka's `free`, once.
    let memory = NonNull::new(unsafe { malloc(room) })?;
    // SAFETY: both have so many bytes, and zstd writes no more than it is given room for.
    let size = unsafe { sys::ZSTD_decompress(memory.as_ptr(), room, source, batch.len()) };
    // SAFETY: looks at the number only.
    if unsafe { sys::ZSTD_isError(size) } != 0 {
        // SAFETY: as above.
        unsafe { free(memory.as_ptr()) };
        return None;
    }
    Some(Unpacked { memory, size })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    /// Compressed as a stream, which does not say its size.
    fn streamed(text: &[u8]) -> Vec<u8> {
        let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn unpacked(batch: &[u8]) -> Option<Vec<u8>> {
        let Unpacked { memory, size } = unpack(batch)?;
        // SAFETY: so many bytes were written there.
        let bytes = unsafe { slice::from_raw_parts(memory.as_ptr().cast::<u8>(), size) }.to_vec();
        // SAFETY: nobody else has it.
        unsafe { free(memory.as_ptr()) };
        Some(bytes)
    }

    #[test]
    fn what_does_not_say_its_size_is_unpacked_if_it_shrank_as_expected() {
        let squares: Vec<String> = (0..100_000_u64).map(|n| (n * n).to_string()).collect();
        let digits = squares.concat();
        for text in [&digits.as_bytes()[..300_000], &digits.as_bytes()[..300]] {
            assert_eq!(unpacked(&streamed(text)).as_deref(), Some(text), "{}", text.len());
        }
        assert_eq!(unpacked(&streamed(&b"0".repeat(100_000))), None, "it shrank more");
        let said = zstd::bulk::compress(digits.as_bytes(), 3).unwrap();
        assert_eq!(unpacked(&said), None, "it says its size");
        let batch = streamed(digits.as_bytes());
        assert_eq!(unpacked(&batch[..batch.len() / 2]), None, "it is cut off");
        assert_eq!(unpacked(b"no zstd"), None);
        assert_eq!(unpacked(b""), None);
    }
}
