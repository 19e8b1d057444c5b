//! Asks for a cache line ahead of its use, so that the misses of a window overlap.
//!
//! Invariant: it has no effect but on time.

#![allow(
    unsafe_code,
    reason = "stable Rust has no safe prefetch, and plain reads ahead hold the core up: they took \
              longer on the engine bench"
)]

/// Bytes of a line.
const LINE: usize = 64;

/// Lines of a list that are asked for.
const LINES_AHEAD: usize = 8;

/// Asks for the line in which `place` begins.
#[inline]
pub(super) fn prefetch<T>(place: &T) {
    ask(std::ptr::from_ref(place).cast());
}

/// Asks for the line of `place`, and for the one behind it if `both`: without a branch, because
/// which it is cannot be foreseen.
#[inline]
pub(super) fn prefetch_lines<T>(place: &T, both: bool) {
    let first = std::ptr::from_ref(place).cast::<u8>();
    ask(first);
    ask(first.wrapping_add(usize::from(both) * LINE));
}

/// Asks for all lines of a record that may lie across two.
#[inline]
pub(crate) fn prefetch_whole<T>(place: &T) {
    prefetch(place);
    // The last byte, by address only.
    let end = std::ptr::from_ref(place).cast::<u8>().wrapping_add(size_of::<T>().saturating_sub(1));
    ask(end);
}

/// Asks for the first lines of a list; what is beyond them comes by itself once it is gone through.
pub(super) fn prefetch_list<T>(list: &[T]) {
    let start = list.as_ptr().cast::<u8>();
    let lines = size_of_val(list).div_ceil(LINE).min(LINES_AHEAD);
    (0..lines).for_each(|line| ask(start.wrapping_add(line * LINE)));
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
