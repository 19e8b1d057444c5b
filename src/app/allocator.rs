//! What a thread asks of the allocator.

use std::time::Duration;

use tikv_jemalloc_ctl::{Access, AsName, Result};

/// How long the arena of a thread waits before it gives freed memory back to the system: many
/// times as long as from one picture to the next, because it does so little by little.
const PICTURES: u32 = 8;

/// Has the memory that copies for a picture took be there for those of the next, `interval` later:
/// touching new memory takes several times as long as copying to it. Only where this thread
/// allocates, which is where its copies lie, whoever drops them.
pub fn keep_between_pictures(interval: Duration) -> Result<()> {
    let arena: u32 = b"thread.arena\0".name().read()?;
    // The first arena is made before options are read, and would give large pieces back at once.
    let name = format!("arena.{arena}.oversize_threshold\0");
    name.as_bytes().name().write(usize::MAX)?;
    let name = format!("arena.{arena}.dirty_decay_ms\0");
    let within_ms = interval.saturating_mul(PICTURES).as_millis();
    name.as_bytes().name().write(isize::try_from(within_ms).unwrap_or(isize::MAX))
}

#[cfg(test)]
mod tests {
    use tikv_jemalloc_ctl::epoch;

    use super::*;

    #[test]
    fn freed_memory_is_kept_for_longer_than_until_the_next_picture() {
        keep_between_pictures(Duration::from_mins(1)).expect("an arena has a decay");
        let arena: u32 = b"thread.arena\0".name().read().expect("a thread has an arena");
        let name = format!("arena.{arena}.dirty_decay_ms\0");
        let kept: isize = name.as_bytes().name().read().expect("an arena has a decay");
        assert_eq!(kept, 480_000);
    }

    #[test]
    fn the_first_arena_keeps_large_pieces_too() {
        b"thread.arena\0".name().write(0_u32).expect("there is a first arena");
        keep_between_pictures(Duration::from_mins(1)).expect("an arena has a threshold");
        let piece = vec![1_u8; 64 << 20];
        let pages = piece.len() / 4096;
        drop(piece);
        epoch::advance().expect("a new look");
        let kept: usize = b"stats.arenas.0.pdirty\0".name().read().expect("pages of an arena");
        assert!(kept >= pages, "{kept} of {pages}");
    }
}
