//! The score book: what each owned shard last published, merged when it is read.
//!
//! Invariant: no guard leaves the type, and none is held across another call into it.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use dashmap::DashMap;
use foldhash::fast::FixedState;

use super::directory::{Directory, Watching};
use super::score::{Merged, Moment, order, standing};
use crate::engine::{Shard, pow2};
use crate::model::{AccountKey, Outbound, Params, SegmentStandings, SegmentSums, Sums};

/// The merged sums of all owned shards.
pub struct ScoreBook {
    params: Params,
    parts: DashMap<i32, Part, FixedState>,
    directory: Mutex<Directory>,
}

/// What one shard has published.
#[derive(Default)]
struct Part {
    landmark_ms: i64,
    /// By the shard's number of a slot: its number in the directory, and its sums.
    slots: Vec<Option<(u32, Sums)>>,
    segments: Vec<(u32, SegmentSums)>,
    outbound: HashMap<AccountKey, Outbound, FixedState>,
    watching: Watching,
}

impl ScoreBook {
    #[must_use]
    pub fn new(params: &Params) -> Self {
        Self {
            params: params.clone(),
            parts: DashMap::with_hasher(FixedState::default()),
            directory: Mutex::default(),
        }
    }

    /// Takes over what changed in `shard` since its last publication. Everything of it is as of
    /// one prefix of its partition; the caller must apply nothing meanwhile.
    pub fn publish(&self, partition: i32, shard: &mut Shard) {
        let mut part = self.parts.entry(partition).or_default();
        let part = &mut *part;
        let mut directory = self.directory();
        part.landmark_ms = shard.landmark_ms();
        for slot in shard.drain_retired() {
            if let Some((number, _)) = part.slots.get_mut(slot as usize).and_then(Option::take) {
                directory.release(number);
            }
        }
        shard.drain_changed(|slot, name, sums| {
            let slot = slot as usize;
            if part.slots.len() <= slot {
                part.slots.resize(slot + 1, None);
            }
            match &mut part.slots[slot] {
                Some((_, known)) => *known = *sums,
                new => *new = Some((directory.refer(&name), *sums)),
            }
        });
        part.segments.clear();
        let segments = shard.segment_sums().map(|(name, sums)| (directory.segment(name), sums));
        part.segments.extend(segments);
        shard.watch(directory.newly_watched(&mut part.watching));
        drop(directory);
        shard.drain_outbound(|account, outbound| {
            part.outbound.insert(account, outbound);
        });
    }

    /// Drops a shard that is no longer owned, with all it had published.
    pub fn forget(&self, partition: i32) {
        let Some((_, part)) = self.parts.remove(&partition) else { return };
        let mut directory = self.directory();
        for (number, _) in part.slots.into_iter().flatten() {
            directory.release(number);
        }
    }

    /// Whether a shard has yet to tell of the own acts of an influencer that another shard named
    /// after its publication. Another round of publications settles it.
    #[must_use]
    pub fn is_unsettled(&self) -> bool {
        let watching: Vec<Watching> = self.parts.iter().map(|part| part.watching).collect();
        let directory = self.directory();
        watching.into_iter().any(|watching| directory.is_ahead_of(watching))
    }

    /// All standings as of `as_of_ms` (not before any published event), by segment name.
    #[must_use]
    pub fn standings(&self, as_of_ms: i64) -> Vec<SegmentStandings> {
        let moment = Moment::new(&self.params, as_of_ms);
        let mut partitions: Vec<i32> = self.parts.iter().map(|part| *part.key()).collect();
        partitions.sort_unstable();
        let mut slots: Vec<Merged> = Vec::new();
        let mut audience: Vec<f64> = Vec::new();
        let mut outbound: HashMap<AccountKey, f64, FixedState> = HashMap::default();
        for partition in partitions {
            let Some(part) = self.parts.get(&partition) else { continue };
            let factor = pow2(part.landmark_ms - as_of_ms, self.params.half_life_ms);
            for (number, sums) in part.slots.iter().flatten() {
                at(&mut slots, *number).add(sums, factor, &moment);
            }
            for (segment, sums) in &part.segments {
                *at(&mut audience, *segment) += sums.active_audience * factor;
            }
            for (account, own) in &part.outbound {
                *outbound.entry(*account).or_default() += moment.outbound_credit(own);
            }
        }
        self.rank(&moment, &slots, &audience, &outbound)
    }

    fn rank(
        &self,
        moment: &Moment<'_>,
        slots: &[Merged],
        audience: &[f64],
        outbound: &HashMap<AccountKey, f64, FixedState>,
    ) -> Vec<SegmentStandings> {
        let directory = self.directory();
        let mut segments: Vec<SegmentStandings> = directory
            .segments
            .iter()
            .enumerate()
            .map(|(n, name)| SegmentStandings {
                segment: name.clone(),
                active_audience: audience.get(n).copied().unwrap_or_default(),
                conversions: 0,
                organic_conversions: 0.0,
                organic_value: 0.0,
                influencers: Vec::new(),
            })
            .collect();
        for (listing, sums) in directory.listings.iter().zip(slots) {
            if listing.shards == 0 || sums.is_negligible() {
                continue;
            }
            let influencer = &directory.influencers[listing.influencer as usize];
            let own = outbound.get(&influencer.key).copied().unwrap_or_default();
            let segment = &mut segments[listing.segment as usize];
            let new = standing(&influencer.name, sums, (segment.active_audience, own), moment);
            segment.influencers.push(new);
        }
        drop(directory);
        segments.retain(|s| s.active_audience > 0.0 || !s.influencers.is_empty());
        segments.sort_unstable_by(|a, b| a.segment.cmp(&b.segment));
        for segment in &mut segments {
            order(&mut segment.influencers);
        }
        segments
    }

    fn directory(&self) -> MutexGuard<'_, Directory> {
        self.directory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The value of a number, which starts at its default.
fn at<T: Clone + Default>(values: &mut Vec<T>, number: u32) -> &mut T {
    let number = number as usize;
    if values.len() <= number {
        values.resize(number + 1, T::default());
    }
    &mut values[number]
}
