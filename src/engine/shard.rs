//! One partition's state: checks an interaction against what came before, and applies it.

use std::borrow::Cow;

use super::actors::{Actor, Actors};
use super::attribution::{Ledger, Sales, Terms, Waiting};
use super::blocks::Blocks;
use super::decay::Decay;
use super::histories::Closing;
use super::ids::{Found, Ids};
use super::index::Index;
use super::locate::{AHEAD, Located, OnTheirWay};
use super::rules::{Feeds, Rules};
use super::segments::{Segments, SetId};
use super::slots::Slots;
use super::sweep::Sweep;
use super::touches::{Touch, Touches};
use super::watch::Watch;
use crate::model::{AccountKey, Batch, Interaction, Params, Reason};

/// Accepted events from one look at the memory to the next.
const MEMORY_CHECKED_EVERY: u64 = 16;

/// Bounds on what a shard keeps; everything that a bound takes is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of state, remembered ids included.
    pub memory_bytes: usize,
    /// Event time for which an `id` is remembered.
    pub dedup_window_ms: i64,
    /// Ids remembered at most.
    pub dedup_ids: usize,
}

/// What became of one interaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Scored,
    /// Scored, and older than the newest event of its shard.
    ScoredLate,
    Rejected(Reason),
}

/// The state of one partition.
pub struct Shard {
    pub(super) rules: Rules,
    pub(super) decay: Decay,
    pub(super) actors: Actors,
    pub(super) blocks: Blocks,
    pub(super) slots: Slots,
    pub(super) segments: Segments,
    pub(super) ids: Ids,
    pub(super) watch: Watch,
    pub(super) sweep: Sweep,
    pub(super) touches: Touches,
    pub(super) terms: Terms,
    pub(super) waiting: Waiting,
    pub(super) sales: Sales,
    /// What conversions gave each slot.
    pub(super) credited: Ledger,
    /// What they gave nobody, by segment number.
    pub(super) organic: Ledger,
    pub(super) unmatched_refunds: u64,
    /// Where conversions are split.
    pub(super) scratch: Vec<Touch>,
    pub(super) closing: Closing,
    memory_bytes: usize,
    newest_ms: Option<i64>,
    /// The bucket of the newest event scored, 0 before the first.
    newest_bucket: u32,
    /// Events accepted, ever.
    accepted: u64,
    /// When the next conversion settles or the next bucket closes.
    due_ms: i64,
    /// Event time up to which nothing is expected any more, the grace apart.
    pub(super) watermark_ms: i64,
}

/// An interaction on its way through: where it lies in time, and who it is of.
#[derive(Clone, Copy)]
pub(super) struct Act {
    pub(super) bucket: u32,
    pub(super) actor: u32,
    pub(super) set: SetId,
    /// Where the entry that it changes may lie.
    pub(super) entry: Option<u16>,
}

impl Shard {
    #[must_use]
    pub fn new(params: &Params, limits: &Limits) -> Self {
        Self {
            rules: Rules::new(params),
            decay: Decay::new(params),
            actors: Actors::new(),
            blocks: Blocks::new(),
            slots: Slots::new(),
            segments: Segments::new(u32::try_from(params.exposure_buckets).unwrap_or(1)),
            ids: Ids::new(limits.dedup_window_ms, limits.dedup_ids),
            watch: Watch::default(),
            sweep: Sweep::default(),
            touches: Touches::new(params),
            terms: Terms::new(params),
            waiting: Waiting::default(),
            sales: Sales::new(),
            credited: Ledger::new(),
            organic: Ledger::new(),
            unmatched_refunds: 0,
            scratch: Vec::new(),
            closing: Closing::new(params),
            memory_bytes: limits.memory_bytes,
            newest_ms: None,
            newest_bucket: 0,
            accepted: 0,
            due_ms: 0,
            watermark_ms: 0,
        }
    }

    /// Applies a batch in order and appends one outcome an interaction.
    pub fn apply(&mut self, batch: &Batch<'_>, outcomes: &mut Vec<Outcome>) {
        let mut ahead = OnTheirWay::default();
        // Nothing is applied in the first steps, and nothing more is asked for in the last.
        for step in 0..batch.len() + AHEAD {
            self.read_ahead(batch, step, &mut ahead);
            let at = step.wrapping_sub(AHEAD);
            if let Some(interaction) = batch.interactions().get(at) {
                outcomes.push(match self.apply_one(batch, interaction, ahead.located(at)) {
                    Ok(outcome) => outcome,
                    Err(reason) => Outcome::Rejected(reason),
                });
            }
        }
    }

    /// The largest event time scored, ms since the Unix epoch.
    #[must_use]
    pub const fn newest_ms(&self) -> Option<i64> {
        self.newest_ms
    }

    /// Takes note that nothing before `watermark_ms` is expected any more: conversions settle and
    /// buckets close. For a shard that is read to its end and whose peers are further.
    pub fn follow(&mut self, watermark_ms: i64) {
        self.watermark_ms = self.watermark_ms.max(watermark_ms);
        self.catch_up();
    }

    /// Does what is due at the watermark.
    #[inline]
    pub(super) fn catch_up(&mut self) {
        if self.watermark_ms >= self.due_ms {
            self.do_what_is_due();
        }
    }

    #[inline(never)]
    fn do_what_is_due(&mut self) {
        self.settle();
        self.close();
        let settles_ms = self.waiting.next_ms().saturating_add(self.terms.grace_ms);
        self.due_ms = self.closing.next_ms().min(settles_ms);
    }

    /// The bucket of the newest event scored, 0 before the first.
    pub(super) const fn newest_bucket(&self) -> u32 {
        self.newest_bucket
    }

    /// Events accepted, ever.
    #[must_use]
    pub const fn accepted(&self) -> u64 {
        self.accepted
    }

    pub(super) const fn due_ms(&self) -> i64 {
        self.due_ms
    }

    /// Has a new shard stand where another one stood.
    pub(super) fn stand_at(
        &mut self,
        newest_ms: Option<i64>,
        newest_bucket: u32,
        (accepted, due_ms): (u64, i64),
    ) {
        (self.newest_ms, self.newest_bucket) = (newest_ms, newest_bucket);
        (self.accepted, self.due_ms) = (accepted, due_ms);
        if newest_ms.is_some() {
            // There are no sums yet that would have to move with the landmark.
            let _no_sums = self.decay.advance(newest_bucket);
        }
    }

    /// Notes that a conversion waits that settles at `time_ms`.
    pub(super) fn is_due(&mut self, time_ms: i64) {
        self.due_ms = self.due_ms.min(time_ms);
    }

    fn apply_one(
        &mut self,
        batch: &Batch<'_>,
        interaction: &Interaction<'_>,
        at: &Located,
    ) -> Result<Outcome, Reason> {
        let bucket = self.bucket_of(interaction.time_ms);
        let id = interaction.id.map(|id| self.ids.look_up(id));
        self.check(interaction, bucket, id.as_ref())?;
        if self.is_full() {
            self.make_room(interaction, at)?;
        }
        let found = self.actors.look_up(interaction.actor, at.actor);
        let known = found.map(|(at, _, _)| at);
        let set = if let Some(set) = at.own_set {
            set
        } else {
            let current = self.current_set(found.map(|(_, actor, _)| actor), bucket);
            self.set_of(batch.segments(interaction), current)?
        };
        let late = self.newest_ms.is_some_and(|newest| interaction.time_ms < newest);
        self.advance(interaction, bucket, id.as_ref());
        if matches!(self.rules.feeds(interaction.kind), Feeds::Erase) {
            self.erase(interaction.actor, known);
        } else {
            let actor = known.unwrap_or_else(|| self.welcome(interaction.actor, bucket));
            let record = self.actors.get_mut(actor);
            record.see(bucket);
            record.segments = set;
            self.feed(interaction, Act { bucket, actor, set, entry: at.entry }, at);
        }
        self.sweep_step();
        Ok(if late { Outcome::ScoredLate } else { Outcome::Scored })
    }

    /// The bucket of an event time; that of most events is the newest, without a division.
    fn bucket_of(&self, time_ms: i64) -> u32 {
        let bucket_ms = self.rules.bucket_ms;
        let since_ms = time_ms - i64::from(self.newest_bucket) * bucket_ms;
        if (0..bucket_ms).contains(&since_ms) {
            return self.newest_bucket;
        }
        u32::try_from(time_ms / bucket_ms).unwrap_or(u32::MAX)
    }

    /// The checks of a well-formed interaction, in the order in which reasons take precedence.
    fn check(
        &self,
        interaction: &Interaction<'_>,
        bucket: u32,
        id: Option<&Found>,
    ) -> Result<(), Reason> {
        let kind = interaction.kind;
        let target = interaction.target.as_ref();
        if kind.is_about_another() && target.is_some_and(|t| t.key == interaction.actor) {
            return Err(Reason::SelfInteraction);
        }
        if kind.needs_target() && target.is_none() {
            return Err(Reason::MissingField);
        }
        let oldest = i64::from(self.newest_bucket) - self.rules.ring_buckets;
        if self.newest_ms.is_some() && i64::from(bucket) <= oldest {
            return Err(Reason::TooOld);
        }
        if Rules::too_new(interaction.time_ms, interaction.log_time_ms) {
            return Err(Reason::TooNew);
        }
        let newest_ms = self.newest_ms.map_or(interaction.time_ms, |n| n.max(interaction.time_ms));
        if id.is_some_and(|id| self.ids.repeats(id, newest_ms)) {
            return Err(Reason::Duplicate);
        }
        Ok(())
    }

    /// The segments that an actor is in at a bucket, as its events until then say.
    fn current_set(&self, actor: Option<&Actor>, bucket: u32) -> SetId {
        let retention = self.decay.retention();
        actor
            .filter(|actor| bucket.saturating_sub(actor.seen()) <= retention)
            .map_or(SetId::UNASSIGNED, |actor| actor.segments)
    }

    /// The segments of an event: those that it names, or else the actor's current ones.
    fn set_of(&mut self, names: &[Cow<'_, str>], current: SetId) -> Result<SetId, Reason> {
        if names.is_empty() {
            return Ok(current);
        }
        self.segments.intern(names, current).ok_or(Reason::StateFull)
    }

    /// Moves time on and remembers the event's id.
    fn advance(&mut self, interaction: &Interaction<'_>, bucket: u32, id: Option<&Found>) {
        let newest_ms = self.newest_ms.map_or(interaction.time_ms, |n| n.max(interaction.time_ms));
        if self.newest_ms.is_none() || bucket > self.newest_bucket {
            self.newest_bucket = bucket;
            if let Some(factor) = self.decay.advance(bucket) {
                self.slots.rescale(factor);
                self.segments.rescale(factor);
            }
        }
        self.newest_ms = Some(newest_ms);
        self.accepted += 1;
        self.follow(newest_ms);
        if let Some(id) = id {
            self.ids.remember(id, interaction.time_ms, newest_ms);
        }
    }

    fn welcome(&mut self, key: AccountKey, bucket: u32) -> u32 {
        let actor = self.actors.insert(key, bucket);
        self.actors.get_mut(actor).watched = self.watch.welcome(key, actor);
        actor
    }

    /// Whether nothing more should be taken in. Memory is looked at now and then, by count.
    fn is_full(&self) -> bool {
        self.actors.end() >= Index::MAX_RECORDS
            || (self.accepted.is_multiple_of(MEMORY_CHECKED_EVERY) && self.is_over())
    }

    /// Makes room under the memory limit; what is new is refused when nothing is left to evict.
    fn make_room(&mut self, interaction: &Interaction<'_>, at: &Located) -> Result<(), Reason> {
        let is_actor_known = self.actors.find(interaction.actor, at.actor).is_some();
        let target = interaction.target.as_ref();
        let is_known = is_actor_known
            && target.is_none_or(|target| self.slots.influencer(target.key).is_some());
        self.evict();
        if is_known || !self.is_over() { Ok(()) } else { Err(Reason::StateFull) }
    }

    fn is_over(&self) -> bool {
        self.bytes() > self.memory_bytes
    }

    /// Bytes that may be copied while a picture is alive: all that is held, in chunks that are not
    /// full, with what lists have outgrown between.
    #[must_use]
    pub fn copied_bytes(&self) -> usize {
        let outgrown = self.blocks.outgrown_bytes() + self.touches.outgrown_bytes();
        (self.bytes() + outgrown) / 4 * 5
    }

    fn bytes(&self) -> usize {
        let ledgers = self.credited.bytes() + self.organic.bytes();
        let attribution =
            self.touches.bytes() + self.waiting.bytes() + self.sales.bytes() + ledgers;
        let people = self.actors.bytes() + self.blocks.bytes();
        people + attribution + self.slots.bytes() + self.ids.bytes()
    }
}
