//! Reads ahead for a few interactions at once, so that their cache misses overlap.
//!
//! Invariant: it changes nothing; what it finds is a hint that applying verifies.

use super::entry::Key;
use super::rules::Feeds;
use super::segments::SetId;
use super::shard::Shard;
use crate::model::{Batch, Interaction};

/// Interactions read ahead at once: enough to fill the core's miss buffers, few enough that
/// what was asked for is still in the first cache when it is used.
pub(super) const WINDOW: usize = 32;

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

/// A slot on the way to being found: what hashes to it, and whether it is acted on or liked.
type Wanted = Option<(u64, bool)>;

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
            at.actor = self.actors.prefetch(interaction.actor);
            if let Some(actor) =
                at.actor.filter(|_| self.rules.feeds(interaction.kind).is_of_member())
            {
                self.actors.prefetch_member(actor);
            }
            let target = interaction.target.as_ref();
            at.influencer = target.and_then(|target| self.slots.prefetch_influencer(target.key));
        }
        let mut wanted: [Wanted; WINDOW] = [None; WINDOW];
        for ((interaction, at), wanted) in window.iter().zip(&mut located).zip(&mut wanted) {
            at.actor = self.actors.find(interaction.actor, at.actor);
            let target = interaction.target.as_ref();
            at.influencer =
                target.and_then(|target| self.slots.influencer(target.key, at.influencer));
            *wanted = self.wanted(batch, interaction, at);
        }
        self.prefetch_entries(&mut located, &wanted);
        located
    }

    /// Asks for the slots and for the entries of a window whose actors and influencers are found.
    fn prefetch_entries(&self, located: &mut [Located; WINDOW], wanted: &[Wanted; WINDOW]) {
        for (at, wanted) in located.iter_mut().zip(wanted) {
            at.slot = wanted.and_then(|(hash, acts)| self.slots.prefetch(hash, acts));
        }
        for (at, wanted) in located.iter_mut().zip(wanted) {
            if let (Some(actor), Some(slot), Some((_, acts))) = (at.actor, at.slot, wanted) {
                let key = if *acts { Key::acted(slot) } else { Key::liked(slot) };
                at.entry = self.blocks.prefetch(self.actors.get(actor).entries, key);
                if *acts {
                    self.prefetch_shared(actor, slot);
                }
            }
        }
    }

    /// Asks for the credit that an actor gives the only account that it acts on, which is shared
    /// once it acts on another one.
    fn prefetch_shared(&self, actor: u32, slot: u32) {
        let devoted = self.actors.first_member(actor).devotion.only();
        if let Some(other) = devoted.filter(|other| *other != slot) {
            self.slots.prefetch_sums(other);
            self.blocks.prefetch(self.actors.get(actor).entries, Key::acted(other));
        }
    }

    /// What will lead to the entry that an act changes, in the first of its segments.
    /// Asks for the keys of the actor's entries on the way.
    fn wanted(&self, batch: &Batch<'_>, interaction: &Interaction<'_>, at: &mut Located) -> Wanted {
        let actor = at.actor.map(|actor| self.actors.get(actor));
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
        Some((self.slots.prefetch_index(*segment, at.influencer?), acts))
    }
}
