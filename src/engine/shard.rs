//! One partition's state: checks an interaction against what came before, and applies it.

use std::sync::Arc;

use super::actors::Actors;
use super::blocks::{Block, Blocks, MAX_ENTRIES};
use super::decay::Decay;
use super::entry::{Acted, Entry, Following, Gain, Key, Side, bucket_of};
use super::ids::Ids;
use super::index::Index;
use super::locate::{Located, WINDOW};
use super::rules::{Feeds, Rules};
use super::segments::{Segments, SetId};
use super::slots::{Latest, Slots, count_fan};
use super::sweep::Sweep;
use super::units::{Run, Weight};
use super::watch::Watch;
use crate::model::{AccountKey, Batch, Interaction, Outbound, Params, Reason, SegmentSums, Sums};

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

/// What a slot is of.
#[derive(Clone, Copy, Debug)]
pub struct SlotName<'a> {
    pub segment: &'a Arc<str>,
    pub influencer: &'a Arc<str>,
    pub key: AccountKey,
}

/// What a shard holds and what its limits took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    pub actors: Store,
    /// Acts, likes and follows, by actor.
    pub entries: Store,
    /// Sums by segment and influencer, names included.
    pub slots: Store,
    pub ids: Store,
}

/// One of the stores of a shard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Store {
    pub len: u64,
    pub bytes: u64,
    /// What the limits took, ever.
    pub evicted: u64,
}

impl std::ops::Add for Store {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            len: self.len + other.len,
            bytes: self.bytes + other.bytes,
            evicted: self.evicted + other.evicted,
        }
    }
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
    pub(super) memory_bytes: usize,
    newest_ms: Option<i64>,
}

/// An interaction on its way through: where it lies in time, and who it is of.
#[derive(Clone, Copy)]
struct Act {
    bucket: u32,
    actor: u32,
    set: SetId,
    /// Where the entry that it changes may lie.
    entry: Option<u16>,
}

/// What an act is on: the `n`th of its segments, the influencer, and perhaps their slot.
type On = (usize, u32, Option<u32>);

impl Shard {
    #[must_use]
    pub fn new(params: &Params, limits: &Limits) -> Self {
        Self {
            rules: Rules::new(params),
            decay: Decay::new(params),
            actors: Actors::new(),
            blocks: Blocks::new(),
            slots: Slots::new(),
            segments: Segments::new(),
            ids: Ids::new(limits.dedup_window_ms, limits.dedup_ids),
            watch: Watch::default(),
            sweep: Sweep::default(),
            memory_bytes: limits.memory_bytes,
            newest_ms: None,
        }
    }

    /// Applies a batch in order and appends one outcome an interaction.
    pub fn apply(&mut self, batch: &Batch<'_>, outcomes: &mut Vec<Outcome>) {
        for window in batch.interactions().chunks(WINDOW) {
            let located = self.locate(batch, window);
            for (interaction, at) in window.iter().zip(located) {
                outcomes.push(match self.apply_one(batch, interaction, at) {
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

    /// The moment to which all credit refers, ms since the Unix epoch.
    #[must_use]
    pub fn landmark_ms(&self) -> i64 {
        self.decay.landmark_ms()
    }

    /// Sums of every segment, by name, as of the landmark.
    pub fn segment_sums(&self) -> impl Iterator<Item = (&Arc<str>, SegmentSums)> {
        self.segments.sums()
    }

    /// Slots that are gone since the last call; their numbers may be given again.
    pub fn drain_retired(&mut self) -> Vec<u32> {
        self.slots.drain_retired()
    }

    /// Shows the sums of each slot changed since the last call.
    pub fn drain_changed(&mut self, mut show: impl FnMut(u32, SlotName<'_>, &Sums)) {
        let segments = &self.segments;
        self.slots.drain_changed(|slot, record, influencer| {
            let name = SlotName {
                segment: segments.name(record.segment),
                influencer: &influencer.name,
                key: influencer.key,
            };
            show(slot, name, &record.sums);
        });
    }

    /// Follows the outbound acts of these accounts from now on, whether or not they are known.
    pub fn watch(&mut self, accounts: &[AccountKey]) {
        for key in accounts {
            self.watch.add(*key, &mut self.actors);
        }
    }

    /// Shows the outbound activity of each watched account whose was changed since the last call.
    pub fn drain_outbound(&mut self, show: impl FnMut(AccountKey, Outbound)) {
        self.watch.drain(&self.actors, show);
    }

    /// What is held, and what the limits took.
    #[must_use]
    pub fn usage(&self) -> Usage {
        let store = |len: usize, bytes: usize, evicted| Store {
            len: len as u64,
            bytes: bytes as u64,
            evicted,
        };
        let evicted = self.sweep.evicted();
        Usage {
            actors: store(self.actors.len(), self.actors.bytes(), evicted.actors),
            entries: store(self.blocks.len(), self.blocks.bytes(), evicted.entries),
            slots: store(self.slots.len(), self.slots.bytes(), 0),
            ids: store(self.ids.len(), self.ids.bytes(), self.ids.evicted()),
        }
    }

    /// The bucket of the newest event scored, 0 before the first.
    pub(super) fn newest_bucket(&self) -> u32 {
        self.newest_ms.map_or(0, |newest| bucket_of(newest, self.rules.bucket_ms))
    }

    fn apply_one(
        &mut self,
        batch: &Batch<'_>,
        interaction: &Interaction<'_>,
        at: Located,
    ) -> Result<Outcome, Reason> {
        self.check(interaction)?;
        let known = at.actor.filter(|actor| self.actors.holds(*actor, interaction.actor));
        let known = known.or_else(|| self.actors.find(interaction.actor));
        let nothing_new = interaction.target.is_none() || at.influencer.is_some();
        self.make_room(known.is_some() && nothing_new)?;
        let known = known.filter(|actor| self.actors.holds(*actor, interaction.actor));
        let bucket = bucket_of(interaction.time_ms, self.rules.bucket_ms);
        let set = self.set_of(batch, interaction, (known, bucket), at.own_set)?;
        let late = self.newest_ms.is_some_and(|newest| interaction.time_ms < newest);
        self.advance(interaction, bucket);
        if matches!(self.rules.feeds(interaction.kind), Feeds::Erase) {
            self.erase(known);
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

    /// The checks of a well-formed interaction, in the order in which reasons take precedence.
    fn check(&self, interaction: &Interaction<'_>) -> Result<(), Reason> {
        let kind = interaction.kind;
        let target = interaction.target.as_ref();
        if kind.is_about_another() && target.is_some_and(|t| t.key == interaction.actor) {
            return Err(Reason::SelfInteraction);
        }
        if kind.needs_target() && target.is_none() {
            return Err(Reason::MissingField);
        }
        let bucket = interaction.time_ms / self.rules.bucket_ms;
        let oldest = i64::from(self.newest_bucket()) - self.rules.ring_buckets;
        if self.newest_ms.is_some() && bucket <= oldest {
            return Err(Reason::TooOld);
        }
        if Rules::too_new(interaction.time_ms, interaction.log_time_ms) {
            return Err(Reason::TooNew);
        }
        let newest_ms = self.newest_ms.map_or(interaction.time_ms, |n| n.max(interaction.time_ms));
        if interaction.id.is_some_and(|id| self.ids.repeats(id, newest_ms)) {
            return Err(Reason::Duplicate);
        }
        Ok(())
    }

    /// The segments of an event: its own, or else the actor's current ones.
    fn set_of(
        &mut self,
        batch: &Batch<'_>,
        interaction: &Interaction<'_>,
        (actor, bucket): (Option<u32>, u32),
        hint: Option<SetId>,
    ) -> Result<SetId, Reason> {
        let retention = self.decay.retention();
        let current = actor
            .map(|actor| self.actors.get(actor))
            .filter(|actor| bucket.saturating_sub(actor.seen()) <= retention)
            .map_or(SetId::UNASSIGNED, |actor| actor.segments);
        match batch.segments(interaction) {
            [] => Ok(current),
            names => match hint {
                Some(own_set) => Ok(own_set),
                None => self.segments.intern(names, current).ok_or(Reason::StateFull),
            },
        }
    }

    /// Moves time on and remembers the event's id.
    fn advance(&mut self, interaction: &Interaction<'_>, bucket: u32) {
        let newest_ms = self.newest_ms.map_or(interaction.time_ms, |n| n.max(interaction.time_ms));
        if (self.newest_ms.is_none() || bucket > self.newest_bucket())
            && let Some(factor) = self.decay.advance(bucket)
        {
            self.slots.rescale(factor);
            self.segments.rescale(factor);
        }
        self.newest_ms = Some(newest_ms);
        if let Some(id) = interaction.id {
            self.ids.remember(id, interaction.time_ms, newest_ms);
        }
    }

    fn welcome(&mut self, key: AccountKey, bucket: u32) -> u32 {
        let actor = self.actors.insert(key, bucket);
        self.actors.get_mut(actor).watched = self.watch.welcome(key, actor);
        actor
    }

    fn feed(&mut self, interaction: &Interaction<'_>, act: Act, at: Located) {
        match (self.rules.feeds(interaction.kind), &interaction.target) {
            (Feeds::Influence { side, weight, outbound }, Some(target)) => {
                let influencer = self.slots.intern(target, at.influencer);
                for n in 0..self.segments.members(act.set).len() {
                    self.act(act, (n, influencer, at.slot), side, weight);
                }
                if let Some(weight) = outbound {
                    self.act_outbound(act, weight);
                }
            }
            (Feeds::Popularity(weight), Some(target)) => {
                let influencer = self.slots.intern(target, at.influencer);
                for n in 0..self.segments.members(act.set).len() {
                    self.like(act, (n, influencer, at.slot), weight);
                }
            }
            (Feeds::Follow { on }, Some(target)) => {
                let influencer = self.slots.intern(target, at.influencer);
                let following = Following { time_ms: interaction.time_ms, segments: act.set, on };
                self.follow(act, influencer, following);
            }
            (Feeds::Conversion, _) => {
                for n in 0..self.segments.members(act.set).len() {
                    let segment = self.segments.members(act.set)[n];
                    let member = self.actors.member_mut(act.actor, segment, act.bucket);
                    member.run.advance(act.bucket, &self.decay);
                }
            }
            _ => {}
        }
    }

    /// An act of amplify or relate in the `n`th of its segments.
    fn act(&mut self, act: Act, on: On, side: Side, weight: Weight) {
        let (n, influencer, hint) = on;
        let segment = self.segments.members(act.set)[n];
        let member = self.actors.member_mut(act.actor, segment, act.bucket);
        let gained = member.run.act(act.bucket, weight, &self.decay);
        self.segments.add_audience(segment, gained);

        let slot = self.slots.open(segment, influencer, hint);
        let new = Entry::Acted(Acted::new(act.bucket));
        let (block, at, fresh) = self.entry(act, Key::acted(slot), new);
        let Entry::Acted(acted) = self.blocks.entry_mut(block, at) else { return };
        let Gain { credit, first_in_bucket, moved_from } =
            acted.act(side, act.bucket, weight, &self.decay);
        if fresh {
            self.slots.hold(slot);
        }
        let now = self.decay.weight(self.newest_bucket());
        let sums = self.slots.add_to(slot, now);
        match side {
            Side::Amplify => sums.amplify += credit,
            Side::Relate => sums.relate += credit,
        }
        let latest = match moved_from {
            _ if fresh => Latest::First,
            Some(before) => Latest::MovedFrom(before),
            None => Latest::Unmoved,
        };
        count_fan(sums, act.bucket, first_in_bucket, latest);
    }

    fn act_outbound(&mut self, act: Act, weight: Weight) {
        let record = self.actors.get_mut(act.actor);
        let fresh = Run { bucket: act.bucket, ..Run::default() };
        let mut run = record.outbound().unwrap_or(fresh);
        run.advance(act.bucket, &self.decay);
        run.add(act.bucket, weight, &self.decay);
        record.set_outbound(run);
        if record.watched {
            self.watch.changed(record.key, act.actor);
        }
    }

    fn like(&mut self, act: Act, (n, influencer, hint): On, weight: Weight) {
        let segment = self.segments.members(act.set)[n];
        let slot = self.slots.open(segment, influencer, hint);
        let new = Entry::Liked(Run { bucket: act.bucket, ..Run::default() });
        let (block, at, fresh) = self.entry(act, Key::liked(slot), new);
        let Entry::Liked(run) = self.blocks.entry_mut(block, at) else { return };
        let credit = run.act(act.bucket, weight, &self.decay);
        if fresh {
            self.slots.hold(slot);
        }
        let now = self.decay.weight(self.newest_bucket());
        self.slots.add_to(slot, now).popularity += credit;
    }

    /// Takes over a follow or unfollow unless a later one is known. At the same time the
    /// unfollow is the later one.
    fn follow(&mut self, act: Act, influencer: u32, new: Following) {
        let key = Key::following(influencer);
        let (block, at, fresh) = self.entry(act, key, Entry::Following(new));
        let Entry::Following(known) = self.blocks.entry_mut(block, at) else { return };
        let before = (!fresh).then_some(*known);
        if before.is_some_and(|before| (new.time_ms, !new.on) < (before.time_ms, !before.on)) {
            return;
        }
        *known = new;
        if fresh {
            self.slots.hold_influencer(influencer);
        }
        self.count_follower(influencer, before, -1);
        self.count_follower(influencer, Some(new), 1);
    }

    pub(super) fn count_follower(&mut self, influencer: u32, who: Option<Following>, sign: i32) {
        let Some(following) = who.filter(|following| following.on) else { return };
        for segment in self.segments.members(following.segments) {
            let slot = self.slots.open(*segment, influencer, None);
            let followers = &mut self.slots.change(slot).followers;
            *followers = followers.saturating_add_signed(sign);
        }
    }

    /// Where the actor's entry of `key` lies, and whether it is new: then it starts as `new`.
    fn entry(&mut self, act: Act, key: Key, new: Entry) -> (Block, u16, bool) {
        let actor = act.actor;
        let block = self.actors.get(actor).entries;
        if let Some(at) = self.blocks.find(block, key, act.entry) {
            return (block, at, false);
        }
        if block.len() == MAX_ENTRIES {
            self.drop_coldest(actor);
        }
        let mut block = self.actors.get(actor).entries;
        self.blocks.push(&mut block, key, new);
        self.actors.get_mut(actor).entries = block;
        (block, block.len() - 1, true)
    }

    /// Makes room under the memory limit; what is new is refused when nothing is left to evict.
    fn make_room(&mut self, known: bool) -> Result<(), Reason> {
        if self.bytes() <= self.memory_bytes && self.actors.end() < Index::MAX_RECORDS {
            return Ok(());
        }
        self.evict();
        if known || self.bytes() <= self.memory_bytes { Ok(()) } else { Err(Reason::StateFull) }
    }

    fn bytes(&self) -> usize {
        self.actors.bytes() + self.blocks.bytes() + self.slots.bytes() + self.ids.bytes()
    }
}
