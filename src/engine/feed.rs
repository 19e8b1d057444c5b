//! What an interaction that passed the checks changes: units, credit, fans, follows.
//!
//! Invariant: sums only grow, but for what an unfollow takes back.

use super::blocks::MAX_ENTRIES;
use super::entry::{Acted, Entry, Following, Gain, Key, Side};
use super::fans::{Latest, count_fan};
use super::locate::Located;
use super::member::Devotion;
use super::pool::Block;
use super::rules::Feeds;
use super::segments::SegmentId;
use super::shard::{Act, Shard};
use super::touches::Touch;
use super::units::{Run, Weight};
use crate::model::{Account, Interaction};

/// What an act is on: the `n`th of its segments, the influencer, and perhaps their slot.
type On<'a> = (u32, &'a Account<'a>, Option<u32>);

impl Shard {
    // Apart from the checks, whose values would take its registers.
    #[inline(never)]
    pub(super) fn feed(&mut self, interaction: &Interaction<'_>, act: Act, at: &Located) {
        match (self.rules.feeds(interaction.kind), &interaction.target) {
            (Feeds::Influence { side, weight, outbound }, Some(target)) => {
                let mut influencer = 0;
                for n in 0..self.segments.width(act.set) {
                    influencer = self.act(act, (n, target, at.slot), side, weight);
                }
                let touch = Touch::new(interaction.time_ms, weight.counts, influencer);
                self.act_of_own(act, touch, outbound);
            }
            (Feeds::Popularity(weight), Some(target)) => {
                for n in 0..self.segments.width(act.set) {
                    self.like(act, (n, target, at.slot), weight);
                }
            }
            (Feeds::Follow { on }, Some(target)) => {
                let influencer = self.slots.intern(target);
                let following = Following { time_ms: interaction.time_ms, segments: act.set, on };
                self.follow_influencer(act, influencer, following);
            }
            (Feeds::Conversion, _) => self.convert(interaction, act),
            (Feeds::Refund, _) => self.wait(interaction, act),
            _ => {}
        }
    }

    /// An act of amplify or relate in the `n`th of its segments; gives the influencer's number.
    fn act(&mut self, act: Act, on: On<'_>, side: Side, weight: Weight) -> u32 {
        let (n, target, hint) = on;
        let segment = self.segments.member(act.set, n);
        self.preserve(act.actor, act.bucket);
        let slot = self.slots.open(segment, target, hint);
        let influencer = self.slots.get(slot).influencer;
        let (devoted, entries) = self.act_on_anyone(act, segment, slot, weight);
        if let Some(other) = devoted.only().filter(|other| *other != slot) {
            self.share_credit(act, entries, other);
        }

        let new = Entry::Acted(Acted::new(act.bucket));
        let (block, at, fresh) = self.entry(act, entries, Key::acted(slot), new);
        let Entry::Acted(acted) = self.blocks.entry_mut(block, at) else { return influencer };
        let Gain { credit, first_in_bucket, moved_from } =
            acted.act(side, act.bucket, weight, &self.decay);
        let now = self.decay.newest_weight();
        let sums = self.slots.add_to(slot, now, fresh);
        let sum = match side {
            Side::Amplify => &mut sums.amplify,
            Side::Relate => &mut sums.relate,
        };
        *sum += credit;
        if devoted != Devotion::NOBODY && devoted != Devotion::to(slot) {
            sums.shared += credit;
        }
        let latest = match moved_from {
            _ if fresh => Latest::First,
            Some(before) => Latest::MovedFrom(before),
            None => Latest::Unmoved,
        };
        count_fan(sums, act.bucket, first_in_bucket, latest);
        influencer
    }

    /// An act as one on anyone: it makes the actor part of the active audience, and exposed. Gives
    /// to whom it was devoted before, and where the actor's entries lie.
    fn act_on_anyone(
        &mut self,
        act: Act,
        segment: SegmentId,
        slot: u32,
        weight: Weight,
    ) -> (Devotion, Block) {
        let (actor, first) = self.actors.person_mut(act.actor);
        let entries = actor.entries;
        let member = if first.segment == segment {
            first
        } else {
            self.actors.further_member_mut(act.actor, segment, act.bucket)
        };
        let (gained, first) = member.act(act.bucket, weight, &self.decay);
        let devoted = member.devote(slot);
        if first {
            let around = member.acted_around(act.bucket, self.segments.exposure());
            self.segments.counts_mut(segment).act(member, act.bucket, around);
        }
        self.segments.add_audience(segment, gained);
        (devoted, entries)
    }

    /// Counts the credit that an account has of an actor as shared: it now acts on others, too.
    fn share_credit(&mut self, act: Act, block: Block, slot: u32) {
        if let Some(at) = self.blocks.find(block, Key::acted(slot))
            && let Entry::Acted(acted) = self.blocks.entry(block, at)
            // What is older may be swept, and must not show.
            && acted.bucket() + self.decay.retention() >= act.bucket
        {
            let (amplify, relate) = acted.credit(&self.decay);
            self.slots.change(slot).shared += amplify + relate;
        }
    }

    /// An act as one of its actor's, whoever it is on.
    fn act_of_own(&mut self, act: Act, touch: Touch, outbound: Option<Weight>) {
        let settled_ms = self.watermark_ms - self.terms.grace_ms;
        let record = self.actors.get_mut(act.actor);
        let name = |at| &**self.slots.name_of(at);
        self.touches.push(&mut record.touched, touch, settled_ms, name);
        let Some(weight) = outbound else { return };
        record.act_outbound(act.bucket, weight, &self.decay);
        if record.watched {
            self.watch.changed(record.key, act.actor);
        }
    }

    fn like(&mut self, act: Act, (n, target, hint): On<'_>, weight: Weight) {
        let segment = self.segments.member(act.set, n);
        let slot = self.slots.open(segment, target, hint);
        let new = Entry::Liked(Run { bucket: act.bucket, ..Run::default() });
        let entries = self.actors.get(act.actor).entries;
        let (block, at, fresh) = self.entry(act, entries, Key::liked(slot), new);
        let Entry::Liked(run) = self.blocks.entry_mut(block, at) else { return };
        let credit = run.act(act.bucket, weight, &self.decay);
        let now = self.decay.newest_weight();
        self.slots.add_to(slot, now, fresh).popularity += credit;
    }

    /// Takes over a follow or unfollow unless a later one is known. At the same time the
    /// unfollow is the later one.
    fn follow_influencer(&mut self, act: Act, influencer: u32, new: Following) {
        let key = Key::following(influencer);
        let entries = self.actors.get(act.actor).entries;
        let (block, at, fresh) = self.entry(act, entries, key, Entry::Following(new));
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
            let slot = self.slots.open_of(*segment, influencer);
            let followers = &mut self.slots.change(slot).followers;
            *followers = followers.saturating_add_signed(sign);
        }
    }

    /// Where the actor's entry of `key` lies, and whether it is new: then it starts as `new`.
    #[inline]
    fn entry(&mut self, act: Act, block: Block, key: Key, new: Entry) -> (Block, u16, bool) {
        match act.entry.filter(|at| self.blocks.is_at(block, *at, key)) {
            Some(at) => (block, at, false),
            None => self.entry_unguessed(act.actor, block, key, new),
        }
    }

    #[inline(never)]
    fn entry_unguessed(
        &mut self,
        actor: u32,
        block: Block,
        key: Key,
        new: Entry,
    ) -> (Block, u16, bool) {
        if let Some(at) = self.blocks.find(block, key) {
            return (block, at, false);
        }
        if block.len() == MAX_ENTRIES {
            self.drop_coldest(actor);
        }
        let block = &mut self.actors.get_mut(actor).entries;
        self.blocks.push(block, key, new);
        (*block, block.len() - 1, true)
    }
}
