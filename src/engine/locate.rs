//! Reads ahead for a few interactions at once, so that their cache misses overlap.
//!
//! Invariant: it changes nothing; what it finds is a hint that applying verifies.

use std::hint::black_box;

use super::entry::Key;
use super::rules::Feeds;
use super::shard::Shard;
use crate::model::{Batch, Interaction};

/// Interactions read ahead at once: enough to fill the core's miss buffers, few enough that
/// what was read is still in the first cache when it is applied.
pub(super) const WINDOW: usize = 32;

/// Where an interaction's actor and influencer were when its window began.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Located {
    pub(super) actor: Option<u32>,
    pub(super) influencer: Option<u32>,
}

impl Shard {
    /// Finds the actors and influencers of a window, and reads what applying it will need.
    /// Each pass reads one level of pointers, independently for each interaction.
    pub(super) fn locate(
        &self,
        batch: &Batch<'_>,
        window: &[Interaction<'_>],
    ) -> [Located; WINDOW] {
        let mut located = [Located::default(); WINDOW];
        let mut read = 0;
        for interaction in window {
            read ^= u64::from(self.actors.touch(interaction.actor));
            read ^= interaction.id.map_or(0, |id| self.ids.touch(id));
        }
        for (interaction, at) in window.iter().zip(&mut located) {
            at.actor = self.actors.find(interaction.actor);
            at.influencer =
                interaction.target.as_ref().and_then(|target| self.slots.influencer(target.key));
        }
        let mut keys = [None; WINDOW];
        for ((interaction, at), key) in window.iter().zip(&located).zip(&mut keys) {
            *key = self.key(batch, interaction, *at);
            if let Some(actor) = at.actor {
                let first = self.blocks.keys(self.actors.get(actor).entries).first();
                read ^= u64::from(first.map_or(0, |key| key.id()));
            }
            if let Some(key) = key {
                read ^= u64::from(self.slots.get(key.id()).sums.newest_bucket);
            }
        }
        for (at, key) in located.iter().zip(keys) {
            if let (Some(actor), Some(key)) = (at.actor, key) {
                let block = self.actors.get(actor).entries;
                if let Some(at) = self.blocks.find(block, key) {
                    read ^= u64::from(self.blocks.entry(block, at).bucket(self.rules.bucket_ms));
                }
            }
        }
        black_box(read);
        located
    }

    /// The key of the entry that an act will change, in the first of its segments.
    fn key(&self, batch: &Batch<'_>, interaction: &Interaction<'_>, at: Located) -> Option<Key> {
        let current = self.actors.get(at.actor?).segments;
        let key = match self.rules.feeds(interaction.kind) {
            Feeds::Influence { .. } => Key::acted,
            Feeds::Popularity(_) => Key::liked,
            _ => return None,
        };
        let set = self.segments.known(batch.segments(interaction), current)?;
        let segment = self.segments.members(set).first()?;
        self.slots.find(*segment, at.influencer?).map(key)
    }
}
