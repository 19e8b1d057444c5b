//! The immutable picture that readers see: built once a tick, swapped in whole, never changed.
//!
//! Invariant: whoever reads holds one picture; nobody reads a shard.

#[cfg(test)]
pub(crate) mod sample;
mod shifts;

pub use shifts::{SHIFTS_MAX, ShiftLog};

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::model::{SegmentStandings, Standing};

/// The version of the scoring model that every score names.
pub const MODEL: &str = "v2";

/// All standings at one moment of the log.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// Counts the pictures of this process; 0 is the empty one before the first.
    pub sequence: u64,
    /// T: the largest event time over the owned shards, ms since the Unix epoch; 0 without any.
    pub as_of_ms: i64,
    /// The end of the last bucket that lift knows of, ms since the Unix epoch; nothing before
    /// any was closed.
    pub lift_as_of_ms: Option<i64>,
    /// Whether nothing is known to be missing from the log's prefix.
    pub complete: bool,
    /// By name.
    pub segments: Vec<SegmentStandings>,
}

/// Where the newest [`View`] is published and read, without either waiting for the other.
#[derive(Clone, Default)]
pub struct Views(Arc<ArcSwap<View>>);

impl View {
    #[must_use]
    pub fn segment(&self, name: &str) -> Option<&SegmentStandings> {
        let at = self.segments.binary_search_by(|s| (*s.segment).cmp(name)).ok()?;
        self.segments.get(at)
    }
}

impl Views {
    #[must_use]
    pub fn current(&self) -> Arc<View> {
        self.0.load_full()
    }

    pub fn publish(&self, view: impl Into<Arc<View>>) {
        self.0.store(view.into());
    }
}

impl SegmentStandings {
    /// The rank (1 is the highest) and standing of an influencer.
    #[must_use]
    pub fn find(&self, influencer: &str) -> Option<(usize, &Standing)> {
        let at = self.influencers.iter().position(|s| &*s.influencer == influencer)?;
        Some((at + 1, self.influencers.get(at)?))
    }
}
