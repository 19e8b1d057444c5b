//! Reads ahead of the interaction that is applied, so that cache misses pass meanwhile.
//!
//! Invariant: it changes nothing; what it finds is a hint that applying verifies.

use super::entry::Key;
use super::member::Devotion;
use super::pool::Block;
use super::rules::Feeds;
use super::segments::SetId;
use super::shard::Shard;
use crate::model::{Batch, Interaction};

/// What is asked for of an interaction in a step, and in later ones what that leads to: where the
/// index has its actor, the actor, its lists and where the index has the slot, the slot, the entry.
/// A step takes about as long as memory; what comes from far has two. What is asked for earlier
/// than it must be is no longer in the first cache when it is used.
const RECORDS: usize = 1;
const LISTS: usize = 3;
const SLOT: usize = 5;
const ENTRY: usize = 6;

/// Steps from the first to that in which an interaction is applied.
pub(super) const AHEAD: usize = 7;

/// The interactions that are on their way: that at `n` lies at `n mod` [`OnTheirWay::ROOM`].
#[derive(Default)]
pub(super) struct OnTheirWay([Approach; OnTheirWay::ROOM]);

/// What is known of an interaction on its way.
#[derive(Clone, Copy, Debug, Default)]
struct Approach {
    located: Located,
    wanted: Option<Wanted>,
}

/// Where what an interaction refers to was shortly before it is applied.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Located {
    pub(super) actor: Option<u32>,
    /// The set of the segments that the event itself lists.
    pub(super) own_set: Option<SetId>,
    /// The slot of the first of its segments.
    pub(super) slot: Option<u32>,
    /// Where among the actor's entries that of the slot lies.
    pub(super) entry: Option<u16>,
}

/// What leads to the entry that an act changes, in the first of its segments.
#[derive(Clone, Copy, Debug)]
struct Wanted {
    /// What hashes to its slot.
    hash: u64,
    /// Whether it is acted on or liked.
    acts: bool,
    entries: Block,
    devotion: Devotion,
}

impl OnTheirWay {
    const ROOM: usize = 8;

    /// Where what the interaction at `at` refers to was.
    pub(super) const fn located(&self, at: usize) -> &Located {
        &self.0[at % Self::ROOM].located
    }

    const fn at(&mut self, at: usize) -> &mut Approach {
        &mut self.0[at % Self::ROOM]
    }
}

impl Shard {
    /// Does what is due in a step for each interaction on its way: follows one more pointer, and
    /// asks for what that leads to.
    #[inline]
    pub(super) fn read_ahead(&self, batch: &Batch<'_>, step: usize, ahead: &mut OnTheirWay) {
        let interaction = |behind: usize| {
            let at = step.wrapping_sub(behind);
            batch.interactions().get(at).map(|interaction| (at, interaction))
        };
        if let Some((_, interaction)) = interaction(0) {
            self.ask_for_places(interaction);
        }
        if let Some((at, interaction)) = interaction(RECORDS) {
            *ahead.at(at) = Approach::default();
            self.ask_for_records(interaction, &mut ahead.at(at).located);
        }
        if let Some((at, interaction)) = interaction(LISTS) {
            let approach = ahead.at(at);
            approach.wanted = self.wanted(batch, interaction, &mut approach.located);
        }
        if let Some((at, _)) = interaction(SLOT) {
            let Approach { located, wanted } = ahead.at(at);
            located.slot = wanted.and_then(|wanted| self.slots.prefetch(wanted.hash, wanted.acts));
        }
        if let Some((at, _)) = interaction(ENTRY) {
            let Approach { located, wanted } = ahead.at(at);
            located.entry = wanted.zip(located.slot).and_then(|on| self.ask_for_entry(on));
        }
    }

    /// Asks for where the indexes have an interaction's actor and id.
    #[inline]
    fn ask_for_places(&self, interaction: &Interaction<'_>) {
        self.actors.prefetch_index(interaction.actor);
        if let Some(id) = interaction.id {
            self.ids.prefetch(id);
        }
    }

    /// Asks for what most probably is the record of the actor.
    #[inline]
    fn ask_for_records(&self, interaction: &Interaction<'_>, at: &mut Located) {
        let acts = self.rules.feeds(interaction.kind).is_of_member();
        at.actor = self.actors.prefetch(interaction.actor, acts);
    }

    /// Asks for the entry, and gives where among the actor's it lies.
    #[inline]
    fn ask_for_entry(&self, (wanted, slot): (Wanted, u32)) -> Option<u16> {
        if let Some(other) = wanted.devotion.only().filter(|other| *other != slot) {
            self.prefetch_shared(wanted.entries, other);
        }
        self.blocks.prefetch(wanted.entries, Key::of(slot, wanted.acts))
    }

    /// Asks for the credit that an actor gives the only account that it acts on, which is shared
    /// once it acts on another one.
    #[inline(never)]
    fn prefetch_shared(&self, entries: Block, other: u32) {
        self.slots.prefetch_sums(other);
        self.blocks.prefetch(entries, Key::acted(other));
    }

    /// What will lead to the entry that an act changes, in the first of its segments.
    /// Asks for the keys of the actor's entries on the way.
    #[inline]
    fn wanted(
        &self,
        batch: &Batch<'_>,
        interaction: &Interaction<'_>,
        at: &mut Located,
    ) -> Option<Wanted> {
        let feeds = self.rules.feeds(interaction.kind);
        let acts = matches!(feeds, Feeds::Influence { .. });
        let (mut current, mut entries) = (SetId::UNASSIGNED, Block::default());
        let mut devotion = Devotion::NOBODY;
        if let Some((known, actor, first)) = self.actors.look_up(interaction.actor, at.actor) {
            (at.actor, current, entries) = (Some(known), actor.segments, actor.entries);
            self.blocks.prefetch_keys(entries);
            if acts {
                // The membership was asked for together with the actor.
                devotion = first.devotion;
                self.touches.prefetch(actor.touched);
            }
        } else {
            at.actor = None;
        }
        let names = batch.segments(interaction);
        at.own_set = self.segments.known(names, current);
        let target = interaction.target.as_ref()?;
        if !acts && !matches!(feeds, Feeds::Popularity(_)) {
            return None;
        }
        let set = if names.is_empty() { current } else { at.own_set? };
        let hash = self.slots.prefetch_index(self.segments.member(set, 0), target.key);
        Some(Wanted { hash, acts, entries, devotion })
    }
}
