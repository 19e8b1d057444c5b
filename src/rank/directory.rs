//! Numbers for what the shards name: segments, influencers, and the two together; beside them
//! what is known under these names and does not come from a shard.
//!
//! Invariant: a number is given again only when no shard refers to it any more.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::FixedState;

use super::label::Sides;
use crate::engine::SlotName;
use crate::model::{AccountKey, Evidence, Lift};

/// Accounts by which the list of watched ones may exceed the influencers there are.
const STALE_WATCHED: usize = 1_024;

/// A segment and an influencer in it.
#[derive(Clone, Debug)]
pub(super) struct Listing {
    pub(super) segment: u32,
    pub(super) influencer: u32,
    /// Shards that refer to it; 0 is free.
    pub(super) shards: u32,
    /// What its conversions prove; nothing where no conversion tells anything.
    pub(super) lift: Option<Arc<Lift>>,
    /// How it was labelled last; nothing while it is not listed.
    pub(super) sides: Option<Sides>,
}

#[derive(Clone, Debug)]
pub(super) struct Segment {
    pub(super) name: Arc<str>,
    /// `Y`, of the evidence.
    pub(super) conversions: u64,
}

#[derive(Clone, Debug)]
pub(super) struct Influencer {
    pub(super) name: Arc<str>,
    pub(super) key: AccountKey,
    listings: u32,
}

#[derive(Default)]
pub(super) struct Directory {
    pub(super) segments: Vec<Segment>,
    by_segment: HashMap<Arc<str>, u32, FixedState>,
    pub(super) influencers: Vec<Influencer>,
    free_influencers: Vec<u32>,
    by_key: HashMap<AccountKey, u32, FixedState>,
    pub(super) listings: Vec<Listing>,
    free_listings: Vec<u32>,
    by_pair: HashMap<(u32, u32), u32, FixedState>,
    watched: Vec<AccountKey>,
    /// Counts how often the list of watched accounts was made anew.
    watched_edition: u64,
    /// What names that are yet to come will find.
    evidence: Option<Evidence>,
}

/// How much of the list of watched accounts a shard has taken over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Watching {
    edition: u64,
    accounts: usize,
}

impl Directory {
    /// The number of a slot, to which one shard more now refers.
    pub(super) fn refer(&mut self, name: &SlotName<'_>) -> u32 {
        let pair = (self.segment(name.segment), self.influencer(name));
        let listing = *self.by_pair.entry(pair).or_insert_with(|| {
            let (segment, influencer) = pair;
            let lift = self.evidence.as_ref().and_then(|evidence| {
                proven(evidence, &self.segments[segment as usize].name, name.influencer)
            });
            let listing = Listing { segment, influencer, shards: 0, lift, sides: None };
            self.influencers[influencer as usize].listings += 1;
            place(&mut self.listings, &mut self.free_listings, listing)
        });
        self.listings[listing as usize].shards += 1;
        listing
    }

    /// Notes that one shard less refers to a slot.
    pub(super) fn release(&mut self, number: u32) {
        let listing = &mut self.listings[number as usize];
        listing.shards -= 1;
        if listing.shards > 0 {
            return;
        }
        self.by_pair.remove(&(listing.segment, listing.influencer));
        self.free_listings.push(number);
        let influencer = listing.influencer;
        let record = &mut self.influencers[influencer as usize];
        record.listings -= 1;
        if record.listings == 0 {
            self.by_key.remove(&record.key);
            self.free_influencers.push(influencer);
        }
        if self.watched.len() > 2 * self.by_key.len() + STALE_WATCHED {
            self.watched = self.by_key.keys().copied().collect();
            self.watched.sort_unstable();
            self.watched_edition += 1;
        }
    }

    /// The number of a segment, new or not.
    pub(super) fn segment(&mut self, name: &Arc<str>) -> u32 {
        if let Some(segment) = self.by_segment.get(name) {
            return *segment;
        }
        let segment = number(self.segments.len());
        let conversions = self.evidence.as_ref().map_or(0, |evidence| conversions(evidence, name));
        self.segments.push(Segment { name: Arc::clone(name), conversions });
        self.by_segment.insert(Arc::clone(name), segment);
        segment
    }

    /// Replaces the evidence, and finds each listing in it.
    pub(super) fn prove(&mut self, evidence: Evidence) {
        for segment in &mut self.segments {
            segment.conversions = conversions(&evidence, &segment.name);
        }
        for listing in &mut self.listings {
            let segment = &self.segments[listing.segment as usize].name;
            let influencer = &self.influencers[listing.influencer as usize].name;
            listing.lift = proven(&evidence, segment, influencer);
        }
        self.evidence = Some(evidence);
    }

    pub(super) fn lift_as_of_ms(&self) -> Option<i64> {
        self.evidence.as_ref().map(|evidence| evidence.as_of_ms)
    }

    /// Accounts to watch beyond those of `watching`, which is brought up to date.
    pub(super) fn newly_watched(&self, watching: &mut Watching) -> &[AccountKey] {
        let from = if watching.edition == self.watched_edition { watching.accounts } else { 0 };
        *watching = Watching { edition: self.watched_edition, accounts: self.watched.len() };
        &self.watched[from..]
    }

    /// Whether there are accounts to watch beyond those of `watching`.
    pub(super) fn is_ahead_of(&self, watching: Watching) -> bool {
        watching != Watching { edition: self.watched_edition, accounts: self.watched.len() }
    }

    fn influencer(&mut self, slot: &SlotName<'_>) -> u32 {
        if let Some(influencer) = self.by_key.get(&slot.key) {
            return *influencer;
        }
        let record = Influencer { name: Arc::clone(slot.influencer), key: slot.key, listings: 0 };
        let influencer = place(&mut self.influencers, &mut self.free_influencers, record);
        self.by_key.insert(slot.key, influencer);
        self.watched.push(slot.key);
        influencer
    }
}

fn conversions(evidence: &Evidence, segment: &str) -> u64 {
    evidence.segments.get(segment).map_or(0, |segment| segment.conversions)
}

fn proven(evidence: &Evidence, segment: &str, influencer: &str) -> Option<Arc<Lift>> {
    evidence.segments.get(segment)?.influencers.get(influencer).cloned().map(Arc::new)
}

/// Puts a record into a free place, or at the end.
fn place<T>(records: &mut Vec<T>, free: &mut Vec<u32>, record: T) -> u32 {
    if let Some(at) = free.pop() {
        records[at as usize] = record;
        return at;
    }
    records.push(record);
    number(records.len() - 1)
}

fn number(len: usize) -> u32 {
    u32::try_from(len).expect("a shard's limits must keep numbers small")
}
