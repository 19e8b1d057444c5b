//! The actors of a shard: found by key, one cache line each.
//!
//! Invariant: a key has at most one record, and the index points at live records only.

use super::arena::Arena;
use super::columns::{Broken, before, bucket_before, guessed, narrow, unguessed};
use super::decay::Decay;
use super::index::Index;
use super::member::{Member, NO_MEMBER};
use super::picture::{Frame, Places};
use super::pool::Block;
use super::prefetch::{prefetch, prefetch_lines};
use super::segments::{SegmentId, SetId};
use super::touches::Touched;
use super::units::{Ring, Run, Steps, Weight, units_of};
use crate::model::{AccountKey, RING_BUCKETS};

/// Outbound weights are quarters of a unit, capped at more than a nibble holds.
pub(super) type OutboundQuarters = Steps<4>;

/// Bytes that an actor takes with its places in the index and, whether it converts or not, in the
/// list of those who do: how long that is depends on the pace at which histories are extracted,
/// and whom a limit evicts must not.
const ACTOR_BYTES: usize = size_of::<Person>() + 3 * size_of::<u32>();

/// Actors whose places in the index are asked for ahead of their turn.
const AHEAD: u32 = 16;

/// An actor that is not listed among those who convert.
pub(super) const UNLISTED: u32 = u32::MAX;

/// More buckets than any retention: an account that never acted on another.
const NEVER: u8 = u8::MAX;

/// An account that acts.
#[derive(Clone, Debug)]
#[repr(C, align(64))]
pub(super) struct Actor {
    pub(super) key: AccountKey,
    outbound_units: f64,
    outbound_ring: OutboundQuarters,
    /// The newest bucket with an event of the actor.
    seen: u32,
    pub(super) segments: SetId,
    pub(super) entries: Block,
    pub(super) touched: Touched,
    /// Its place in the list of those who convert.
    pub(super) listed: u32,
    /// Buckets from the newest outbound act to `seen`.
    outbound_lag: u8,
    pub(super) watched: bool,
}

const _: () = assert!(size_of::<Actor>() == 64, "an actor must fit a cache line");

/// What most acts change of an actor, side by side.
#[derive(Clone, Debug, Default)]
#[repr(C)]
struct Person {
    actor: Actor,
    /// The membership in the segment in which it first acted; further ones are chained to it.
    first: Member,
}

/// All actors of a shard.
pub(super) struct Actors {
    index: Index,
    records: Arena<Person>,
    /// Memberships beyond the first of an actor.
    further: Arena<Member>,
}

impl Default for Actor {
    fn default() -> Self {
        Self {
            key: AccountKey(0),
            outbound_units: 0.0,
            outbound_ring: OutboundQuarters::default(),
            seen: 0,
            segments: SetId::UNASSIGNED,
            entries: Block::default(),
            touched: Touched::default(),
            listed: UNLISTED,
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
        let elapsed = u8::try_from(bucket.saturating_sub(self.seen)).unwrap_or(NEVER);
        self.outbound_lag = self.outbound_lag.saturating_add(elapsed);
        self.seen = self.seen.max(bucket);
    }

    /// The run of its acts on others, if it may still go on.
    pub(super) fn outbound(&self) -> Option<Run<OutboundQuarters>> {
        let bucket = self.seen.checked_sub(u32::from(self.outbound_lag));
        let bucket = bucket.filter(|_| self.outbound_lag != NEVER)?;
        Some(Run { units: self.outbound_units, ring: self.outbound_ring, bucket })
    }

    /// Adds an act on another.
    pub(super) fn act_outbound(&mut self, bucket: u32, weight: Weight, decay: &Decay) {
        let mut run = self.outbound().unwrap_or(Run { bucket, ..Run::default() });
        run.advance(bucket, decay);
        run.add(bucket, weight, decay);
        (self.outbound_units, self.outbound_ring) = (run.units, run.ring);
        self.outbound_lag = u8::try_from(self.seen - run.bucket).unwrap_or(NEVER);
    }

    /// What is its own, its lists and whether it is watched or listed apart. What is guessed of
    /// its acts on others is what the ring and its first membership say, and of when these were
    /// that it was seen last when it acted last, in the bucket `acted`.
    pub(super) fn row(
        &self,
        frame: &Frame,
        acted: Option<u32>,
        member: Option<&Member>,
    ) -> [u64; 6] {
        let bucket = self.seen.wrapping_sub(self.outbound_lag.into());
        let (ring, units) = guess(self.outbound_ring, bucket, frame, member);
        [
            self.key.0,
            guessed(self.outbound_units, units),
            self.outbound_ring.word(bucket) ^ ring.word(bucket),
            before(self.seen, acted.unwrap_or(frame.newest_bucket)),
            self.segments.word(),
            self.outbound_lag.wrapping_sub(likely_lag(self.seen, acted)).into(),
        ]
    }

    pub(super) fn from_row(
        row: [u64; 6],
        frame: &Frame,
        acted: Option<u32>,
        member: Option<&Member>,
    ) -> Result<Self, Broken> {
        let [key, units, ring, seen, set, lag] = row;
        let seen = bucket_before(seen, acted.unwrap_or(frame.newest_bucket))?;
        let outbound_lag = narrow::<u8>(lag)?.wrapping_add(likely_lag(seen, acted));
        let bucket = seen.wrapping_sub(u32::from(outbound_lag));
        let (likely, _) = guess(OutboundQuarters::default(), bucket, frame, member);
        let outbound_ring = OutboundQuarters::from_word(ring ^ likely.word(bucket), bucket)?;
        let (_, guess) = guess(outbound_ring, bucket, frame, member);
        let outbound_units = unguessed(units, guess)?;
        Ok(Self {
            key: AccountKey(key),
            outbound_units,
            outbound_ring,
            seen,
            segments: frame.set(set)?,
            outbound_lag,
            ..Self::default()
        })
    }
}

/// The lag of acts on others whose latest is in the bucket `acted`.
fn likely_lag(seen: u32, acted: Option<u32>) -> u8 {
    let lag = acted.and_then(|acted| seen.checked_sub(acted));
    lag.and_then(|lag| u8::try_from(lag).ok()).unwrap_or_default()
}

/// What the ring and the units of acts on others are, if they are the acts of one membership;
/// the units as far as the true ring tells.
fn guess(
    ring: OutboundQuarters,
    bucket: u32,
    frame: &Frame,
    member: Option<&Member>,
) -> (OutboundQuarters, f64) {
    let mut likely = OutboundQuarters::default();
    let mut units = units_of(ring, bucket, &frame.fade);
    let Some(member) = member else { return (likely, units) };
    for (age, fade) in (0..).zip(&frame.fade) {
        let quarters = member.quarters_in(bucket.wrapping_sub(age));
        if age < RING_BUCKETS {
            likely.add(bucket.wrapping_sub(age), quarters);
        } else if quarters > 0 {
            units += f64::from(quarters) * fade * OutboundQuarters::STEP;
        }
    }
    (likely, units)
}

impl Actors {
    pub(super) fn new() -> Self {
        Self { index: Index::new(), records: Arena::new(), further: Arena::new() }
    }

    /// Where the record of `key` is, the record, and its first membership; `hint` may be where.
    #[inline(always)]
    pub(super) fn look_up(
        &self,
        key: AccountKey,
        hint: Option<u32>,
    ) -> Option<(u32, &Actor, &Member)> {
        let known = |at| {
            let Person { actor, first } = self.records.get(at);
            (at, actor, first)
        };
        let guessed = hint.map(known).filter(|(_, actor, _)| actor.key == key);
        guessed.or_else(|| self.find_unguessed(key).map(known))
    }

    #[inline(never)]
    fn find_unguessed(&self, key: AccountKey) -> Option<u32> {
        self.find(key, None)
    }

    /// Where the record of `key` is; `hint` may be it.
    #[inline]
    pub(super) fn find(&self, key: AccountKey, hint: Option<u32>) -> Option<u32> {
        if hint.is_some_and(|at| self.holds(at, key)) {
            return hint;
        }
        self.index.find(key.0, |at| self.records.get(at).actor.key == key)
    }

    /// Whether the record that was found at `at` is still that of `key`.
    #[inline]
    pub(super) fn holds(&self, at: u32, key: AccountKey) -> bool {
        self.records.get(at).actor.key == key
    }

    pub(super) fn insert(&mut self, key: AccountKey, bucket: u32) -> u32 {
        let at = self.records.allocate();
        let actor = Actor { key, seen: bucket, ..Actor::default() };
        *self.records.get_mut(at) = Person { actor, first: Member::default() };
        self.index.insert(key.0, at, |at| self.records.get(at).actor.key.0);
        at
    }

    /// Takes an actor out with its memberships; its entries and touches must be freed.
    pub(super) fn remove(&mut self, at: u32) {
        let actor = self.get(at);
        let (key, mut next) = (actor.key, self.first_member(at).next);
        debug_assert_eq!(actor.entries.len(), 0, "entries must be freed before their actor");
        while next != NO_MEMBER {
            self.further.free(next);
            next = self.further.get(next).next;
        }
        self.index.remove(key.0, at, |at| self.records.get(at).actor.key.0);
        *self.get_mut(at) = Actor::default();
        self.records.free(at);
    }

    #[inline]
    pub(super) fn get(&self, at: u32) -> &Actor {
        &self.records.get(at).actor
    }

    #[inline]
    pub(super) fn get_mut(&mut self, at: u32) -> &mut Actor {
        &mut self.records.get_mut(at).actor
    }

    /// An actor and its first membership.
    #[inline]
    pub(super) fn person(&self, at: u32) -> (&Actor, &Member) {
        let Person { actor, first } = self.records.get(at);
        (actor, first)
    }

    /// An actor and its first membership.
    #[inline]
    pub(super) fn person_mut(&mut self, at: u32) -> (&mut Actor, &mut Member) {
        let Person { actor, first } = self.records.get_mut(at);
        (actor, first)
    }

    /// Whether `at` is in use; a freed record has no event.
    pub(super) fn is_live(&self, at: u32) -> bool {
        self.get(at).seen > 0 || self.get(at).key != AccountKey(0)
    }

    /// The membership of an actor in a segment; a new one starts at `bucket`.
    #[inline]
    pub(super) fn member_mut(&mut self, at: u32, segment: SegmentId, bucket: u32) -> &mut Member {
        if self.first_member(at).segment == segment {
            return &mut self.records.get_mut(at).first;
        }
        self.further_member_mut(at, segment, bucket)
    }

    /// A membership that is not the first one, or is new.
    #[inline(never)]
    pub(super) fn further_member_mut(
        &mut self,
        at: u32,
        segment: SegmentId,
        bucket: u32,
    ) -> &mut Member {
        let first = self.first_member(at);
        let (of, head) = (first.segment, first.next);
        let fresh = Member::new(segment, bucket);
        if of == SegmentId::NONE {
            let first = &mut self.records.get_mut(at).first;
            *first = fresh;
            return first;
        }
        let mut next = head;
        while next != NO_MEMBER {
            let member = self.further.get(next);
            if member.segment == segment {
                return self.further.get_mut(next);
            }
            next = member.next;
        }
        let new = self.further.allocate();
        self.records.get_mut(at).first.next = new;
        let member = self.further.get_mut(new);
        *member = fresh;
        member.next = head;
        member
    }

    /// The membership of an actor in the segment in which it first acted.
    pub(super) fn first_member(&self, at: u32) -> &Member {
        &self.records.get(at).first
    }

    /// All memberships of an actor.
    pub(super) fn members(&self, at: u32) -> impl Iterator<Item = &Member> {
        let first = Some(self.first_member(at)).filter(|first| first.segment != SegmentId::NONE);
        std::iter::successors(first, |member| {
            (member.next != NO_MEMBER).then(|| self.further.get(member.next))
        })
    }

    /// Takes in an actor as it was. Until all are in, they are not found.
    pub(super) fn put_back(&mut self, at: u32, actor: Actor) {
        self.records.reach(at + 1);
        self.records.get_mut(at).actor = actor;
    }

    /// Takes in the memberships of an actor that has none.
    pub(super) fn put_back_members(&mut self, at: u32, members: &[Member]) {
        let [first, further @ ..] = members else { return };
        let mut next = NO_MEMBER;
        for member in further.iter().rev() {
            let new = self.further.allocate();
            *self.further.get_mut(new) = member.before(next);
            next = new;
        }
        self.records.get_mut(at).first = first.before(next);
    }

    /// Has all actors found, and the freed records known, once all are in.
    pub(super) fn complete(&mut self, end: u32, freed: Vec<u32>) -> Result<(), Broken> {
        if end > Index::MAX_RECORDS {
            return Err(Broken::Content("number of actors"));
        }
        self.records.reach(end);
        let places = Places::without(&[&freed])?;
        self.records.set_freed(freed);
        self.index = Index::with_room(self.records.live());
        for at in places.up_to(end) {
            let key = self.records.get(at).actor.key;
            let ahead = self.records.get((at + AHEAD).min(end - 1)).actor.key;
            self.index.prefetch(ahead.0);
            self.index.insert(key.0, at, |at| self.records.get(at).actor.key.0);
        }
        Ok(())
    }

    /// The same actors once more, to be read only, and not to be searched.
    pub(super) fn share(&mut self) -> Self {
        Self {
            index: Index::new(),
            records: self.records.share_whole(),
            further: self.further.share(),
        }
    }

    /// Freed records; the last one is the next to be used.
    pub(super) fn freed(&self) -> &[u32] {
        self.records.freed()
    }

    pub(super) fn len(&self) -> usize {
        self.records.live()
    }

    /// Records lie below this index.
    pub(super) fn end(&self) -> u32 {
        self.records.end()
    }

    pub(super) fn bytes(&self) -> usize {
        self.records.live() * ACTOR_BYTES + self.further.live() * size_of::<Member>()
    }

    /// Asks for the place of the index where a search for `key` starts.
    pub(super) fn prefetch_index(&self, key: AccountKey) {
        self.index.prefetch(key.0);
    }

    /// Asks for the record that is most probably that of `key`, perhaps with its first membership,
    /// and gives where it is.
    pub(super) fn prefetch(&self, key: AccountKey, member: bool) -> Option<u32> {
        let at = self.index.candidate(key.0)?;
        prefetch_lines(self.records.get(at), member);
        Some(at)
    }

    /// Asks for an actor's record and its first membership.
    pub(super) fn prefetch_record(&self, at: u32) {
        let (actor, first) = self.person(at);
        prefetch(actor);
        prefetch(first);
    }
}
