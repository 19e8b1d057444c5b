//! Lets go of what no longer matters, a step an event, and of the coldest when memory ends.
//!
//! Invariant: what a sweep frees is already without effect, so its pace cannot be read.

use super::entry::{Entry, Key};
use super::fans::Latest;
use super::prefetch::{prefetch, prefetch_whole};
use super::segments::SegmentId;
use super::shard::Shard;
use crate::model::{AccountKey, RING, RING_BUCKETS};

/// Buckets from the start of a sweep to that of the next.
const SWEEP_BUCKETS: u32 = RING_BUCKETS;

/// Buckets after which no touch is of use: the look-back, of a conversion as late as can be.
const TOUCHED_BUCKETS: u32 = 2 * RING_BUCKETS;

/// Steps that the memory of the sweep is asked for ahead of it.
const SWEPT_AHEAD: u32 = 8;

/// What adding up some thousand credits may be wrong by, relative to their sum: 2⁻⁴⁴.
const ROUNDING: f64 = 1.0 / (1_u64 << 44) as f64;

/// Part of the actors that one eviction takes.
const EVICTED_PART: usize = 16;

/// Where the sweep stands.
#[derive(Default)]
pub(super) struct Sweep {
    /// The next actor and slot to look at; `None` between sweeps.
    hand: Option<u32>,
    started: u32,
    evicted: Evicted,
}

/// What limits took, ever.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Evicted {
    pub(super) actors: u64,
    pub(super) entries: u64,
}

impl Sweep {
    pub(super) const fn evicted(&self) -> Evicted {
        self.evicted
    }

    /// Its hand, when it started, and what was evicted.
    pub(super) const fn stands(&self) -> (Option<u32>, u32, Evicted) {
        (self.hand, self.started, self.evicted)
    }

    pub(super) const fn at((hand, started, evicted): (Option<u32>, u32, Evicted)) -> Self {
        Self { hand, started, evicted }
    }
}

impl Shard {
    /// Looks at one actor and one slot, if a sweep is on or due.
    pub(super) fn sweep_step(&mut self) {
        let newest = self.newest_bucket();
        let Some(hand) = self.sweep.hand else {
            if newest >= self.sweep.started + SWEEP_BUCKETS {
                (self.sweep.hand, self.sweep.started) = (Some(0), newest);
            }
            return;
        };
        if hand < self.actors.end() && self.actors.is_live(hand) {
            self.sweep_actor(hand, newest);
        }
        if hand < self.slots.end() {
            let factor = self.decay.newest_weight().recip();
            self.slots.retire_if_idle(hand, factor, newest.saturating_sub(TOUCHED_BUCKETS));
        }
        self.prefetch_sweep(hand + SWEPT_AHEAD);
        let next = hand + 1;
        let end = self.actors.end().max(self.slots.end());
        self.sweep.hand = (next < end).then_some(next);
    }

    /// Asks for what the sweep will look at when its hand is at `hand`, and for what leads there.
    fn prefetch_sweep(&self, hand: u32) {
        if hand < self.actors.end() {
            self.blocks.prefetch_entries(self.actors.get(hand).entries);
        }
        if hand < self.slots.end() {
            prefetch_whole(self.slots.get(hand));
        }
        if hand + SWEPT_AHEAD < self.actors.end() {
            prefetch(self.actors.get(hand + SWEPT_AHEAD));
        }
    }

    /// Frees the dead entries of an actor, and the actor when nothing of it is left.
    fn sweep_actor(&mut self, actor: u32, newest: u32) {
        let dead_after = self.decay.retention() + RING_BUCKETS;
        let bucket_ms = self.rules.bucket_ms;
        let is_dead = |entry: &Entry| {
            let age = newest.saturating_sub(entry.bucket(bucket_ms));
            match entry {
                Entry::Acted(_) | Entry::Liked(_) => age > dead_after,
                Entry::Following(following) => !following.on && age > RING_BUCKETS,
            }
        };
        let mut from = 0;
        loop {
            let entries = self.blocks.entries(self.actors.get(actor).entries);
            let mut rest = (0..).zip(entries).skip(from.into());
            let Some((dead, _)) = rest.find(|(_, entry)| is_dead(entry)) else { break };
            self.take_entry(actor, dead);
            // Another one lies there now.
            from = dead;
        }
        if newest.saturating_sub(self.actors.get(actor).seen()) > TOUCHED_BUCKETS {
            self.touches.forget(&mut self.actors.get_mut(actor).touched);
        }
        let record = self.actors.get(actor);
        if record.entries.len() == 0 && newest.saturating_sub(record.seen()) > dead_after {
            self.take_actor(actor);
        }
    }

    /// Frees the actors unseen for longest, a part of all.
    pub(super) fn evict(&mut self) {
        let mut seen: Vec<u32> =
            self.live_actors().map(|actor| self.actors.get(actor).seen()).collect();
        if seen.is_empty() {
            return;
        }
        let mut left = seen.len().div_ceil(EVICTED_PART);
        let (_, cutoff, _) = seen.select_nth_unstable(left - 1);
        let cutoff = *cutoff;
        let colder = self.live_actors().filter(|actor| self.actors.get(*actor).seen() < cutoff);
        let coldest: Vec<u32> = colder
            .chain(self.live_actors().filter(|actor| self.actors.get(*actor).seen() == cutoff))
            .collect();
        for actor in coldest {
            if left == 0 {
                break;
            }
            left -= 1;
            self.sweep.evicted.actors += 1;
            self.sweep.evicted.entries += u64::from(self.actors.get(actor).entries.len());
            self.extract_ahead(actor);
            while self.actors.get(actor).entries.len() > 0 {
                self.take_entry(actor, 0);
            }
            self.take_actor(actor);
        }
    }

    /// Frees the coldest entry of an actor that has as many as it may.
    pub(super) fn drop_coldest(&mut self, actor: u32) {
        let entries = self.blocks.entries(self.actors.get(actor).entries);
        let coldest = (0..).zip(entries).min_by_key(|(_, e)| e.bucket(self.rules.bucket_ms));
        if let Some(at) = coldest.map(|(at, _)| at) {
            self.sweep.evicted.entries += 1;
            self.extract_ahead(actor);
            self.take_entry(actor, at);
        }
    }

    /// Takes an actor out of everything that its records still hold: sums, fans, follows.
    pub(super) fn erase(&mut self, key: AccountKey, actor: Option<u32>) {
        self.forget_conversions(key);
        let Some(actor) = actor else { return };
        let members: Vec<_> = self.actors.members(actor).copied().collect();
        while self.actors.get(actor).entries.len() > 0 {
            let (key, entry) = self.take_entry(actor, 0);
            let segment = self.segment_of(key, &entry);
            let member = members.iter().find(|member| Some(member.segment) == segment);
            let devoted = member.is_some_and(|member| member.devotion.only() == Some(key.id()));
            self.subtract(key, &entry, devoted);
        }
        for member in members {
            let credit = member.credit(&self.decay);
            self.segments.add_audience(member.segment, -credit);
            self.segments.counts_mut(member.segment).forget(&member);
        }
        self.take_actor(actor);
        self.close_anew();
    }

    fn segment_of(&self, key: Key, entry: &Entry) -> Option<SegmentId> {
        matches!(entry, Entry::Acted(_)).then(|| self.slots.get(key.id()).segment)
    }

    /// Takes what an entry added out of the sums; `devoted` is one whose actor acts on nobody else.
    fn subtract(&mut self, key: Key, entry: &Entry, devoted: bool) {
        match entry {
            Entry::Acted(acted) => {
                let (amplify, relate) = acted.credit(&self.decay);
                let sums = self.slots.change(key.id());
                sums.amplify = without(sums.amplify, amplify);
                sums.relate = without(sums.relate, relate);
                if !devoted {
                    sums.shared = without(sums.shared, amplify + relate);
                }
                let newest = sums.newest_bucket;
                for age in 0..RING_BUCKETS.min(newest + 1) {
                    if acted.acted_by(newest) >> age & 1 == 1 {
                        sums.fans.acted[(newest - age) as usize % RING] -= 1;
                    }
                }
                Latest::forget(sums, acted.bucket());
            }
            Entry::Liked(run) => {
                let credit = run.credit(&self.decay);
                let sums = self.slots.change(key.id());
                sums.popularity = without(sums.popularity, credit);
            }
            Entry::Following(_) => {}
        }
    }

    /// Takes an entry out of its block. A follow stops counting; credit stays in the sums.
    fn take_entry(&mut self, actor: u32, at: u16) -> (Key, Entry) {
        let mut block = self.actors.get(actor).entries;
        let (key, entry) = self.blocks.swap_remove(&mut block, at);
        self.actors.get_mut(actor).entries = block;
        match entry {
            Entry::Acted(_) | Entry::Liked(_) => self.slots.release(key.id()),
            Entry::Following(following) => {
                self.count_follower(key.id(), Some(following), -1);
                self.slots.release_influencer(key.id());
            }
        }
        (key, entry)
    }

    fn take_actor(&mut self, actor: u32) {
        self.unlist_converter(actor);
        self.touches.forget(&mut self.actors.get_mut(actor).touched);
        let record = self.actors.get(actor);
        if record.watched {
            self.watch.part(record.key, actor);
        }
        self.actors.remove(actor);
    }

    fn live_actors(&self) -> impl Iterator<Item = u32> {
        (0..self.actors.end()).filter(|actor| self.actors.is_live(*actor))
    }
}

/// A sum without one of its parts. What is left by rounding is nothing: under a root it would
/// show.
fn without(sum: f64, part: f64) -> f64 {
    let rest = sum - part;
    if rest < sum * ROUNDING { 0.0 } else { rest }
}
