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
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: every x86-64 has SSE, and a prefetch neither reads nor faults on any address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(place).cast()) }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = place;
}
