//! What one shard has published, under the directory's numbers.
//!
//! Invariant: each slot that is kept is referred to in the directory, once.

use std::collections::HashMap;
use std::iter::repeat;

use foldhash::fast::FixedState;

use super::directory::{Directory, Watching};
use crate::engine::SlotName;
use crate::model::{AccountKey, Attributed, Outbound, SegmentSums, Sums};

/// Slots that are read ahead of the one in hand.
const AHEAD: usize = 16;

#[derive(Default)]
pub(super) struct Part {
    pub(super) landmark_ms: i64,
    /// By the shard's number of a slot.
    slots: Vec<Option<Slot>>,
    pub(super) segments: Vec<(u32, SegmentSums)>,
    pub(super) outbound: HashMap<AccountKey, Outbound, FixedState>,
    pub(super) watching: Watching,
}

/// A segment and an influencer in it, as the shard last published them.
#[derive(Clone)]
pub(super) struct Slot {
    /// Its number in the directory.
    pub(super) number: u32,
    pub(super) sums: Sums,
    pub(super) attributed: Attributed,
}

impl Part {
    /// Takes over the sums of a slot, new or not.
    pub(super) fn change(
        &mut self,
        slot: u32,
        name: &SlotName<'_>,
        sums: &Sums,
        directory: &mut Directory,
    ) {
        let slot = slot as usize;
        if self.slots.len() <= slot {
            self.slots.resize(slot + 1, None);
        }
        match &mut self.slots[slot] {
            Some(known) => known.sums = *sums,
            new => {
                let number = directory.refer(name);
                *new = Some(Slot { number, sums: *sums, attributed: Attributed::default() });
            }
        }
    }

    /// Takes over all that conversions give a slot. One that was retired meanwhile is given
    /// nothing any more.
    pub(super) fn attribute(&mut self, slot: u32, attributed: &Attributed) {
        if let Some(Some(slot)) = self.slots.get_mut(slot as usize) {
            slot.attributed = *attributed;
        }
    }

    /// Lets go of a slot that the shard no longer has.
    pub(super) fn retire(&mut self, slot: u32, directory: &mut Directory) {
        if let Some(slot) = self.slots.get_mut(slot as usize).and_then(Option::take) {
            directory.release(slot.number);
        }
    }

    /// The slots, each with the number of one that comes some places later.
    pub(super) fn slots(&self) -> impl Iterator<Item = (&Slot, Option<u32>)> {
        let ahead = self.slots.iter().skip(AHEAD).map(Option::as_ref).chain(repeat(None));
        let slots = self.slots.iter().zip(ahead);
        slots.filter_map(|(slot, ahead)| Some((slot.as_ref()?, ahead.map(|ahead| ahead.number))))
    }
}
