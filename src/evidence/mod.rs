//! What conversions prove: turns the histories of those who convert into the table of lifts.
//!
//! Invariant: a pure function of the histories, to the last bit the same however people are spread
//! over shards; every number in the table is finite.

#![allow(
    clippy::indexing_slicing,
    reason = "indexes come from tables made here; one out of bounds is a broken invariant"
)]

mod ahead;
mod names;
mod window;

mod level;
mod pace;
mod people;

mod ratio;
mod strata;
mod times;

mod discovery;
mod entangled;
mod joint;
mod segment;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::{Evidence, Histories, Params, SegmentHistories};
use names::Names;
use segment::Segments;

/// The lifts of all segments as of the close of the histories' last bucket. The shards' histories
/// are of different people and of one close.
#[must_use]
pub fn evidence(params: &Params, shards: &[&Histories]) -> Evidence {
    let Some(first) = shards.first() else { return Evidence::default() };
    debug_assert!(shards.iter().all(|shard| shard.closed == first.closed), "one close for all");
    let mut parts = BTreeMap::<_, Vec<Part<'_>>>::new();
    for (shard, histories) in shards.iter().enumerate() {
        for segment in &histories.segments {
            parts.entry(&segment.segment).or_default().push(Part { shard, histories: segment });
        }
    }
    let names = Names::merged(shards);
    let mut segments = Segments::new(params, &names);
    Evidence {
        as_of_ms: (i64::from(first.closed) + 1) * params.bucket_ms,
        segments: parts
            .into_iter()
            .map(|(segment, parts)| (Arc::clone(segment), segments.evidence(&parts)))
            .collect(),
    }
}

/// What one shard knows of a segment.
#[derive(Clone, Copy)]
struct Part<'a> {
    shard: usize,
    histories: &'a SegmentHistories,
}
