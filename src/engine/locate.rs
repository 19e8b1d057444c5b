//! Reads ahead for a few interactions at once, so that their cache misses overlap.
//!
//! Invariant: it changes nothing; what it finds is a hint that applying verifies.

use super::entry::Key;
use super::member::Devotion;
use super::pool::Block;
use super::rules::Feeds;
use super::segments::SetId;
use super::shard::Shard;
use crate::model::{Batch, Interaction};

/// Interactions read ahead at once: enough to fill the core's miss buffers, few enough that
/// what was asked for is still in the first cache when it is used.
pub(super) const WINDOW: usize = 16;

/// Where what an interaction refers to was when its window began.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Located {
    pub(super) actor: Option<u32>,
    pub(super) influencer: Option<u32>,
    /// The set of the segments that the event itself lists.
    pub(super) own_set: Option<SetId>,
    /// The slot of the first of its segments.
    pub(super) slot: Option<u32>,
    /// Where among the actor's entries that of the slot lies.
    pub(super) entry: Option<u16>,
}

/// A slot on the way to being found, of an actor that is known or not.
#[derive(Clone, Copy)]
struct Wanted {
    /// What hashes to it.
    hash: u64,
    /// Whether it is acted on or liked.
    acts: bool,
    entries: Option<Block>,
    devotion: Devotion,
}

impl Shard {
    /// Finds the actors and influencers of a window, and asks for what applying it will need.
    /// Each pass follows one level of pointers, independently for each interaction.
    pub(super) fn locate(
        &self,
        batch: &Batch<'_>,
        window: &[Interaction<'_>],
    ) -> [Located; WINDOW] {
        let mut located = [Located::default(); WINDOW];
        for interaction in window {
            self.actors.prefetch_index(interaction.actor);
            if let Some(target) = &interaction.target {
                self.slots.prefetch_influencer_index(target.key);
            }
            if let Some(id) = interaction.id {
                self.ids.prefetch(id);
            }
        }
        for (interaction, at) in window.iter().zip(&mut located) {
            let member = self.rules.feeds(interaction.kind).is_of_member();
            at.actor = self.actors.prefetch(interaction.actor, member);
            let target = interaction.target.as_ref();
            at.influencer = target.and_then(|target| self.slots.prefetch_influencer(target.key));
        }
        let mut wanted: [Option<Wanted>; WINDOW] = [None; WINDOW];
        for ((interaction, at), wanted) in window.iter().zip(&mut located).zip(&mut wanted) {
            let target = interaction.target.as_ref();
            at.influencer =
                target.and_then(|target| self.slots.influencer(target.key, at.influencer));
            *wanted = self.wanted(batch, interaction, at);
        }
        self.prefetch_entries(&mut located, &wanted);
        located
    }

    /// Asks for the slots and for the entries of a window whose actors and influencers are found.
    fn prefetch_entries(&self, located: &mut [Located; WINDOW], wanted: &[Option<Wanted>; WINDOW]) {
        for (at, wanted) in located.iter_mut().zip(wanted) {
            at.slot = wanted.and_then(|wanted| self.slots.prefetch(wanted.hash, wanted.acts));
        }
        for (at, wanted) in located.iter_mut().zip(wanted) {
            let Some(&Wanted { acts, entries: Some(entries), devotion, .. }) = wanted.as_ref()
            else {
                continue;
            };
            let Some(slot) = at.slot else { continue };
            let key = if acts { Key::acted(slot) } else { Key::liked(slot) };
            at.entry = self.blocks.prefetch(entries, key);
            if acts {
                self.prefetch_shared(entries, devotion, slot);
            }
        }
    }

    /// Asks for the credit that an actor gives the only account that it acts on, which is shared
    /// once it acts on another one.
    fn prefetch_shared(&self, entries: Block, devotion: Devotion, slot: u32) {
        if let Some(other) = devotion.only().filter(|other| *other != slot) {
            self.slots.prefetch_sums(other);
            self.blocks.prefetch(entries, Key::acted(other));
        }
    }

    /// What will lead to the entry that an act changes, in the first of its segments.
    /// Asks for the keys of the actor's entries on the way.
    fn wanted(
        &self,
        batch: &Batch<'_>,
        interaction: &Interaction<'_>,
        at: &mut Located,
    ) -> Option<Wanted> {
        let known = self.actors.look_up(interaction.actor, at.actor);
        at.actor = known.map(|(at, _, _)| at);
        let actor = known.map(|(_, actor, _)| actor);
        let current = actor.map_or(SetId::UNASSIGNED, |actor| actor.segments);
        let names = batch.segments(interaction);
        at.own_set = self.segments.known(names, current);
        let feeds = self.rules.feeds(interaction.kind);
        if let Some(actor) = actor {
            self.blocks.prefetch_keys(actor.entries);
            if matches!(feeds, Feeds::Influence { .. }) {
                self.touches.prefetch(actor.touched);
            }
        }
        let acts = match feeds {
            Feeds::Influence { .. } => true,
            Feeds::Popularity(_) => false,
            _ => return None,
        };
        let set = if names.is_empty() { current } else { at.own_set? };
        let segment = self.segments.members(set).first()?;
        let hash = self.slots.prefetch_index(*segment, at.influencer?);
        let entries = actor.map(|actor| actor.entries);
        // The membership was asked for together with the actor.
        let devotion =
            known.filter(|_| acts).map_or(Devotion::NOBODY, |(_, _, first)| first.devotion);
        Some(Wanted { hash, acts, entries, devotion })
    }
}
