//! Asks for a cache line ahead of its use, so that the misses of a window overlap.
//!
//! Invariant: it has no effect but on time.

#![allow(
    unsafe_code,
    reason = "stable Rust has no safe prefetch, and plain reads ahead hold the core up: they took \
              longer on the engine bench"
)]

/// Asks for the line in which `place` begins.
#[inline]
pub(super) fn prefetch<T>(place: &T) {
    ask(std::ptr::from_ref(place).cast());
}

/// Asks for all lines of a record that may lie across two.
#[inline]
pub(super) fn prefetch_whole<T>(place: &T) {
    prefetch(place);
    // The last byte, by address only.
    let end = std::ptr::from_ref(place).cast::<u8>().wrapping_add(size_of::<T>().saturating_sub(1));
    ask(end);
}

#[inline]
fn ask(address: *const u8) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: every x86-64 has SSE, and a prefetch neither reads nor faults on any address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(address.cast()) }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}
