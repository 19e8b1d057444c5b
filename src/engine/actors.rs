//! The actors of a shard: found by key, one cache line each.
//!
//! Invariant: a key has at most one record, and the index points at live records only.

use super::arena::Arena;
use super::blocks::Block;
use super::index::Index;
use super::prefetch::prefetch;
use super::segments::{SegmentId, SetId};
use super::units::{Quarters, Run, Steps};
use crate::model::AccountKey;

/// Outbound weights are quarters of a unit, capped at more than a nibble holds.
pub(super) type OutboundQuarters = Steps<4>;

/// Marks the end of a chain of members, and an actor without any.
pub(super) const NO_MEMBER: u32 = u32::MAX;

/// Bytes that an actor takes with its place in the index.
const ACTOR_BYTES: usize = size_of::<Actor>() + 2 * size_of::<u32>();

/// More buckets than any retention: an account that never acted on another.
const NEVER: u8 = u8::MAX;

/// An account that acts.
#[derive(Clone, Debug)]
#[repr(C, align(64))]
pub(super) struct Actor {
    pub(super) key: AccountKey,
    outbound_units: f64,
    outbound_ring: OutboundQuarters,
    /// Its membership in the segment in which it first acted; further ones are chained to it.
    pub(super) member: Member,
    /// The newest bucket with an event of the actor.
    seen: u32,
    pub(super) segments: SetId,
    pub(super) entries: Block,
    /// Buckets from the newest outbound act to `seen`.
    outbound_lag: u8,
    pub(super) watched: bool,
}

const _: () = assert!(size_of::<Actor>() == 64, "an actor must fit a cache line");

/// An actor in a segment: its acts on anyone, and for how long it has been active.
#[derive(Clone, Copy, Debug)]
pub(super) struct Member {
    pub(super) run: Run<Quarters>,
    pub(super) segment: SegmentId,
    next: u32,
}

/// All actors of a shard.
pub(super) struct Actors {
    index: Index,
    records: Arena<Actor>,
    /// Memberships beyond the first of an actor.
    members: Arena<Member>,
}

impl Default for Member {
    fn default() -> Self {
        Self { run: Run::default(), segment: SegmentId::NONE, next: NO_MEMBER }
    }
}

impl Default for Actor {
    fn default() -> Self {
        Self {
            key: AccountKey(0),
            outbound_units: 0.0,
            outbound_ring: OutboundQuarters::default(),
            member: Member::default(),
            seen: 0,
            segments: SetId::UNASSIGNED,
            entries: Block::default(),
            outbound_lag: NEVER,
            watched: false,
        }
    }
}

impl Actor {
    pub(super) const fn seen(&self) -> u32 {
        self.seen
    }

    /// Notes an event in `bucket`.
    pub(super) fn see(&mut self, bucket: u32) {
        if bucket > self.seen {
            let elapsed = u8::try_from(bucket - self.seen).unwrap_or(NEVER);
            self.outbound_lag = self.outbound_lag.saturating_add(elapsed);
            self.seen = bucket;
        }
    }

    /// The run of its acts on others, if it may still go on.
    pub(super) fn outbound(&self) -> Option<Run<OutboundQuarters>> {
        let bucket = self.seen.checked_sub(u32::from(self.outbound_lag));
        let bucket = bucket.filter(|_| self.outbound_lag != NEVER)?;
        Some(Run { units: self.outbound_units, ring: self.outbound_ring, bucket })
    }

    pub(super) fn set_outbound(&mut self, run: Run<OutboundQuarters>) {
        (self.outbound_units, self.outbound_ring) = (run.units, run.ring);
        self.outbound_lag = u8::try_from(self.seen - run.bucket).unwrap_or(NEVER);
    }
}

impl Actors {
    pub(super) fn new() -> Self {
        Self { index: Index::new(), records: Arena::new(1), members: Arena::new(1) }
    }

    pub(super) fn find(&self, key: AccountKey) -> Option<u32> {
        self.index.find(key.0, |at| self.records.record(at, 0).key == key)
    }

    /// Whether the record that was found at `at` is still that of `key`.
    pub(super) fn holds(&self, at: u32, key: AccountKey) -> bool {
        self.records.record(at, 0).key == key
    }

    pub(super) fn insert(&mut self, key: AccountKey, bucket: u32) -> u32 {
        let at = self.records.allocate();
        *self.records.record_mut(at, 0) = Actor { key, seen: bucket, ..Actor::default() };
        self.index.insert(key.0, at, |at| self.records.record(at, 0).key.0);
        at
    }

    /// Takes an actor out with its memberships; its entries must be empty.
    pub(super) fn remove(&mut self, at: u32) {
        let actor = self.get(at);
        let (key, mut next) = (actor.key, actor.member.next);
        debug_assert_eq!(actor.entries.len(), 0, "entries must be freed before their actor");
        while next != NO_MEMBER {
            self.members.free(next);
            next = self.members.record(next, 0).next;
        }
        self.index.remove(key.0, at, |at| self.records.record(at, 0).key.0);
        *self.get_mut(at) = Actor::default();
        self.records.free(at);
    }

    pub(super) fn get(&self, at: u32) -> &Actor {
        self.records.record(at, 0)
    }

    pub(super) fn get_mut(&mut self, at: u32) -> &mut Actor {
        self.records.record_mut(at, 0)
    }

    /// Whether `at` is in use; a freed record has no event.
    pub(super) fn is_live(&self, at: u32) -> bool {
        self.get(at).seen > 0 || self.get(at).key != AccountKey(0)
    }

    /// The membership of an actor in a segment; a new one starts at `bucket`.
    pub(super) fn member_mut(&mut self, at: u32, segment: SegmentId, bucket: u32) -> &mut Member {
        let fresh = Member { run: Run { bucket, ..Run::default() }, segment, next: NO_MEMBER };
        let first = self.get(at).member;
        if first.segment == SegmentId::NONE {
            self.get_mut(at).member = fresh;
        }
        if first.segment == SegmentId::NONE || first.segment == segment {
            return &mut self.get_mut(at).member;
        }
        let head = first.next;
        let mut next = head;
        while next != NO_MEMBER {
            let member = self.members.record(next, 0);
            if member.segment == segment {
                return self.members.record_mut(next, 0);
            }
            next = member.next;
        }
        let new = self.members.allocate();
        self.records.record_mut(at, 0).member.next = new;
        let member = self.members.record_mut(new, 0);
        *member = Member { next: head, ..fresh };
        member
    }

    /// All memberships of an actor.
    pub(super) fn members(&self, at: u32) -> impl Iterator<Item = &Member> {
        let first = Some(&self.get(at).member).filter(|first| first.segment != SegmentId::NONE);
        std::iter::successors(first, |member| {
            (member.next != NO_MEMBER).then(|| self.members.record(member.next, 0))
        })
    }

    pub(super) fn len(&self) -> usize {
        self.records.live()
    }

    /// Records lie below this index.
    pub(super) const fn end(&self) -> u32 {
        self.records.end()
    }

    pub(super) fn bytes(&self) -> usize {
        self.records.live() * ACTOR_BYTES + self.members.live() * size_of::<Member>()
    }

    /// Asks for the place of the index where a search for `key` starts.
    pub(super) fn prefetch_index(&self, key: AccountKey) {
        self.index.prefetch(key.0);
    }

    /// Asks for the record of `key`.
    pub(super) fn prefetch(&self, key: AccountKey) {
        if let Some(at) = self.index.candidate(key.0) {
            prefetch(self.get(at));
        }
    }
}
