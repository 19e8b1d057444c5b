//! Decoded events on their way from the wire to a shard, borrowed from the bytes they came in.

use std::borrow::Cow;

use super::Interaction;

/// Interactions in offset order, and the names of the segments that they list.
///
/// The names lie side by side in one pool, so that an event with several segments needs no
/// allocation of its own.
#[derive(Debug, Default)]
pub struct Batch<'a> {
    interactions: Vec<Interaction<'a>>,
    segment_names: Vec<Cow<'a, str>>,
}

impl<'a> Batch<'a> {
    #[must_use]
    pub fn with_capacity(interactions: usize) -> Self {
        Self {
            interactions: Vec::with_capacity(interactions),
            segment_names: Vec::with_capacity(interactions),
        }
    }

    /// Adds a segment name for the interaction that is pushed next.
    pub fn push_segment(&mut self, name: Cow<'a, str>) {
        self.segment_names.push(name);
    }

    /// Forgets the segment names pushed since the last interaction, when its record is rejected.
    pub fn discard_segments(&mut self) {
        self.segment_names.truncate(self.pending_from());
    }

    /// Adds an interaction with the segment names pushed since the one before.
    pub fn push(&mut self, mut interaction: Interaction<'a>) {
        let from = self.pending_from();
        interaction.segments = (index32(from), index32(self.segment_names.len()));
        self.interactions.push(interaction);
    }

    /// The segments that the event itself lists, as spelled, perhaps with repetitions.
    #[must_use]
    pub fn segments(&self, interaction: &Interaction<'a>) -> &[Cow<'a, str>] {
        let (from, to) = interaction.segments;
        self.segment_names.get(from as usize..to as usize).unwrap_or_default()
    }

    #[must_use]
    pub fn interactions(&self) -> &[Interaction<'a>] {
        &self.interactions
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.interactions.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.interactions.is_empty()
    }

    fn pending_from(&self) -> usize {
        self.interactions.last().map_or(0, |last| last.segments.1 as usize)
    }
}

fn index32(index: usize) -> u32 {
    u32::try_from(index).expect("a batch must hold fewer than 2^32 segment names")
}
