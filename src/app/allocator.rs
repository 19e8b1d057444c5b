//! What a thread asks of the allocator.

use std::time::Duration;

use tikv_jemalloc_ctl::{Access, AsName, Result, epoch};

/// How long the arena of a thread waits before it gives freed memory back to the system: many
/// times as long as from one picture to the next, because it does so little by little.
const PICTURES: u32 = 8;

/// Bytes that are touched at once: some huge pages, and what an arena still takes itself.
const PIECE: usize = 4 << 20;

/// Has the memory that copies for a picture took be there for those of the next, `interval` later:
/// touching new memory takes several times as long as copying to it. Only where this thread
/// allocates, which is where its copies lie, whoever drops them.
pub fn keep_between_pictures(interval: Duration) -> Result<()> {
    let arena = arena()?;
    // The first arena is made before options are read, and would give large pieces back at once.
    let name = format!("arena.{arena}.oversize_threshold\0");
    name.as_bytes().name().write(usize::MAX)?;
    let name = format!("arena.{arena}.dirty_decay_ms\0");
    let within_ms = interval.saturating_mul(PICTURES).as_millis();
    name.as_bytes().name().write(isize::try_from(within_ms).unwrap_or(isize::MAX))
}

/// The arena that this thread allocates in.
pub fn arena() -> Result<u32> {
    b"thread.arena\0".name().read()
}

/// Has at least `bytes` of memory lie free in an arena that were touched before, so that who
/// allocates there need not be the first one to.
pub fn lay_up(arena: u32, bytes: usize) -> Result<()> {
    let own = self::arena()?;
    b"thread.arena\0".name().write(arena)?;
    let done = touch(arena, bytes);
    b"thread.arena\0".name().write(own)?;
    done
}

/// Bytes that were touched and lie free in an arena.
pub fn laid_up(arena: u32) -> Result<usize> {
    epoch::advance()?;
    let page: usize = b"arenas.page\0".name().read()?;
    let name = format!("stats.arenas.{arena}.pdirty\0");
    let pages: usize = name.as_bytes().name().read()?;
    Ok(pages * page)
}

fn touch(arena: u32, bytes: usize) -> Result<()> {
    // All are held until there is enough: what is freed is what the next one would get.
    let mut held: Vec<Vec<u8>> = Vec::new();
    while held.len() * PIECE + laid_up(arena)? < bytes {
        held.push(vec![1; PIECE]);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn freed_memory_is_kept_for_longer_than_until_the_next_picture() {
        keep_between_pictures(Duration::from_mins(1)).expect("an arena has a decay");
        let name = format!("arena.{}.dirty_decay_ms\0", arena().expect("a thread has an arena"));
        let kept: isize = name.as_bytes().name().read().expect("an arena has a decay");
        assert_eq!(kept, 480_000);
    }

    #[test]
    fn the_first_arena_keeps_large_pieces_too() {
        b"thread.arena\0".name().write(0_u32).expect("there is a first arena");
        keep_between_pictures(Duration::from_mins(1)).expect("an arena has a threshold");
        let piece = vec![1_u8; 64 << 20];
        let bytes = piece.len();
        drop(piece);
        // Whoever else allocates there may have taken some of it.
        let kept = laid_up(0).expect("pages of an arena");
        assert!(kept >= bytes / 2, "{kept} of {bytes}");
    }
}
