//! What the rows of a picture are told by, so that they are small: the newest moment, and how
//! units fade.
//!
//! Invariant: a picture brings its own, so that it is read to the last bit wherever it was written.

use super::near::Near;
use crate::engine::columns::{Broken, Columns, Source, narrow, within};
use crate::engine::segments::{SegmentId, SetId};
use crate::model::HISTORY;

#[derive(Clone, Default)]
pub(in crate::engine) struct Frame {
    /// The layout of what is read.
    pub(in crate::engine) version: u8,
    /// What so many buckets leave of a unit.
    pub(in crate::engine) fade: Vec<f64>,
    pub(in crate::engine) newest_bucket: u32,
    pub(in crate::engine) newest_ms: i64,
    /// How keys tell slots, and of whom these are.
    pub(in crate::engine) near: Near,
    /// Where the numbers of each kind end.
    pub(in crate::engine) ends: Ends,
}

#[derive(Clone, Copy, Default)]
pub(in crate::engine) struct Ends {
    pub(in crate::engine) segments: u32,
    pub(in crate::engine) sets: u32,
    pub(in crate::engine) influencers: u32,
    pub(in crate::engine) slots: u32,
}

impl Frame {
    pub(in crate::engine) fn write_fade(&self, columns: &mut impl Columns) {
        let fade: Vec<u64> = self.fade.iter().map(|fade| fade.to_bits()).collect();
        columns.words(&fade);
    }

    pub(in crate::engine) fn read_fade(source: &mut impl Source) -> Result<Vec<f64>, Broken> {
        let fade = source.words()?;
        if fade.len() > HISTORY {
            return Err(Broken::Length);
        }
        Ok(fade.into_iter().map(f64::from_bits).collect())
    }

    pub(in crate::engine) fn segment(&self, word: u64) -> Result<SegmentId, Broken> {
        within(narrow(word)?, self.ends.segments).map(SegmentId)
    }

    pub(in crate::engine) fn set(&self, word: u64) -> Result<SetId, Broken> {
        within(narrow(word)?, self.ends.sets).map(SetId)
    }

    pub(in crate::engine) fn influencer(&self, word: u64) -> Result<u32, Broken> {
        within(narrow(word)?, self.ends.influencers)
    }

    pub(in crate::engine) fn slot(&self, word: u64) -> Result<u32, Broken> {
        within(narrow(word)?, self.ends.slots)
    }
}
