//! The score book: what each owned shard last published, merged when it is read, beside what
//! conversions last proved.
//!
//! Invariant: no guard leaves the type, and none is held across another call into it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dashmap::DashMap;
use foldhash::fast::FixedState;

use super::directory::{Directory, Listing, Watching};
use super::merge::{Merged, Moment, add_segment};
use super::part::Part;
use super::score::{Candidate, Setting, order};
use crate::engine::{Shard, prefetch_whole};
use crate::model::{AccountKey, Evidence, Lift, Params, SegmentStandings, SegmentSums};

/// The merged sums of all owned shards.
pub struct ScoreBook {
    params: Params,
    parts: DashMap<i32, Part, FixedState>,
    directory: Mutex<Directory>,
    /// Reused from reading to reading: touching fresh memory costs as much as adding up.
    sum: Mutex<Sum>,
}

/// The sums of all shards, by the directory's numbers.
#[derive(Default)]
struct Sum {
    slots: Vec<Merged>,
    segments: Vec<SegmentSums>,
    outbound: HashMap<AccountKey, f64, FixedState>,
}

impl ScoreBook {
    #[must_use]
    pub fn new(params: &Params) -> Self {
        Self {
            params: params.clone(),
            parts: DashMap::with_hasher(FixedState::default()),
            directory: Mutex::default(),
            sum: Mutex::default(),
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
            part.retire(slot, &mut directory);
        }
        shard.drain_changed(|slot, name, sums| part.change(slot, &name, sums, &mut directory));
        shard.drain_attributed(|slot, attributed| part.attribute(slot, attributed));
        part.segments.clear();
        let segments = shard.segment_sums().map(|(name, sums)| (directory.segment(name), sums));
        part.segments.extend(segments);
        shard.watch(directory.newly_watched(&mut part.watching));
        drop(directory);
        shard.drain_outbound(|account, outbound| {
            part.outbound.insert(account, outbound);
        });
    }

    /// Has later standings rest on `evidence`, in place of what was proven before.
    pub fn prove(&self, evidence: Evidence) {
        self.directory().prove(evidence);
    }

    /// The end of the last bucket that the evidence knows, ms since the Unix epoch; nothing before
    /// there is any.
    #[must_use]
    pub fn lift_as_of_ms(&self) -> Option<i64> {
        self.directory().lift_as_of_ms()
    }

    /// Drops a shard that is no longer owned, with all it had published.
    pub fn forget(&self, partition: i32) {
        let Some((_, part)) = self.parts.remove(&partition) else { return };
        let mut directory = self.directory();
        for (slot, _) in part.slots() {
            directory.release(slot.number);
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

    /// All standings as of `as_of_ms` (not before any published event), by segment name. Labels
    /// depend on those of the reading before: an influencer that was not listed has no past.
    #[must_use]
    pub fn standings(&self, as_of_ms: i64) -> Vec<SegmentStandings> {
        let moment = Moment::new(&self.params, as_of_ms);
        let mut sum = self.sum.lock().unwrap_or_else(PoisonError::into_inner);
        self.add_up(&mut sum, &moment);
        let mut segments = rank(&mut self.directory(), &sum, &moment);
        drop(sum);
        segments.retain(|s| {
            s.active_audience > 0.0
                || !s.influencers.is_empty()
                || s.conversions > 0
                || s.organic_conversions != 0.0
                || s.organic_value != 0.0
        });
        segments.sort_unstable_by(|a, b| a.segment.cmp(&b.segment));
        for segment in &mut segments {
            order(&mut segment.influencers);
        }
        segments
    }

    /// Adds all shards up, in the order of their partitions.
    fn add_up(&self, sum: &mut Sum, moment: &Moment<'_>) {
        let mut partitions: Vec<i32> = self.parts.iter().map(|part| *part.key()).collect();
        partitions.sort_unstable();
        sum.slots.clear();
        sum.segments.clear();
        sum.outbound.clear();
        for partition in partitions {
            let Some(part) = self.parts.get(&partition) else { continue };
            let listings = self.directory().listings.len();
            if sum.slots.len() < listings {
                sum.slots.resize(listings, Merged::default());
            }
            let fading = moment.fading(part.landmark_ms);
            for (slot, ahead) in part.slots() {
                if let Some(ahead) = ahead {
                    prefetch_whole(&sum.slots[ahead as usize]);
                }
                let merged = &mut sum.slots[slot.number as usize];
                merged.add(&slot.sums, fading, moment);
                merged.attribute(&slot.attributed);
            }
            for (segment, sums) in &part.segments {
                add_segment(at(&mut sum.segments, *segment), sums, fading.factor);
            }
            for (account, own) in &part.outbound {
                *sum.outbound.entry(*account).or_default() += moment.outbound_credit(own);
            }
        }
    }

    fn directory(&self) -> MutexGuard<'_, Directory> {
        self.directory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The standings of each segment, in no particular order.
fn rank(directory: &mut Directory, sum: &Sum, moment: &Moment<'_>) -> Vec<SegmentStandings> {
    let mut listed = vec![0; directory.segments.len()];
    for (listing, _) in directory.listings.iter().zip(&sum.slots).filter(|(l, s)| is_listed(l, s)) {
        listed[listing.segment as usize] += 1;
    }
    let mut segments = Vec::with_capacity(directory.segments.len());
    let mut settings = Vec::with_capacity(directory.segments.len());
    for (n, segment) in directory.segments.iter().enumerate() {
        let sums = sum.segments.get(n).copied().unwrap_or_default();
        let (active_audience, conversions) = (sums.active_audience, segment.conversions);
        let half = moment.params.half_saturation_in(&segment.name);
        settings.push(Setting { moment, half, active_audience, conversions });
        segments.push(SegmentStandings {
            segment: segment.name.clone(),
            active_audience,
            conversions,
            organic_conversions: sums.organic_conversions,
            organic_value: sums.organic_value,
            influencers: Vec::with_capacity(listed[n]),
        });
    }
    let outbound = |account| sum.outbound.get(&account).copied().unwrap_or_default();
    let outbound: Vec<f64> = directory.influencers.iter().map(|i| outbound(i.key)).collect();
    let nothing = Arc::new(Lift::NONE);
    for (listing, sums) in directory.listings.iter_mut().zip(&sum.slots) {
        if !is_listed(listing, sums) {
            listing.sides = None;
            continue;
        }
        let influencer = &directory.influencers[listing.influencer as usize];
        let candidate = Candidate {
            name: &influencer.name,
            sums,
            outbound: outbound[listing.influencer as usize],
            lift: listing.lift.as_ref().unwrap_or(&nothing),
            sides: listing.sides,
        };
        let segment = listing.segment as usize;
        let (standing, sides) = settings[segment].standing(&candidate);
        listing.sides = Some(sides);
        segments[segment].influencers.push(standing);
    }
    segments
}

fn is_listed(listing: &Listing, sums: &Merged) -> bool {
    listing.shards > 0 && !sums.is_negligible()
}

/// The value of a number, which starts at its default.
fn at<T: Clone + Default>(values: &mut Vec<T>, number: u32) -> &mut T {
    let number = number as usize;
    if values.len() <= number {
        values.resize(number + 1, T::default());
    }
    &mut values[number]
}
