//! Whose state is written: one that is due at a time, since a state that is being written shares
//! its memory with the shard, and the shards need the cores.
//!
//! Invariant: what is under way is counted for as long as its turn is held, whoever drops it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// From before a picture is taken until it is written.
pub struct Turn {
    under_way: Arc<AtomicUsize>,
    ready: AtomicBool,
}

impl Turn {
    /// The only one under way, if there is no other.
    pub(super) fn first(under_way: &Arc<AtomicUsize>) -> Option<Self> {
        let free = under_way.compare_exchange(0, 1, Ordering::Relaxed, Ordering::Relaxed);
        free.ok().map(|_| Self { under_way: Arc::clone(under_way), ready: AtomicBool::new(false) })
    }

    /// One that waits for no other.
    pub(super) fn another(under_way: &Arc<AtomicUsize>) -> Self {
        under_way.fetch_add(1, Ordering::Relaxed);
        Self { under_way: Arc::clone(under_way), ready: AtomicBool::new(true) }
    }

    pub(super) fn make_ready(&self) {
        self.ready.store(true, Ordering::Release);
    }

    /// Whether the picture may be taken.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_lasts_until_nobody_holds_it() {
        let under_way = Arc::default();
        let one = Turn::first(&under_way).expect("nothing is under way");
        assert!(!one.is_ready() && Turn::first(&under_way).is_none());
        let last = Turn::another(&under_way);
        one.make_ready();
        assert!(one.is_ready() && last.is_ready());
        drop(one);
        assert!(Turn::first(&under_way).is_none(), "another one is under way");
        drop(last);
        assert!(Turn::first(&under_way).is_some());
    }
}
