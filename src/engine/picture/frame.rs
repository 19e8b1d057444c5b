//! What the rows of a picture are told by, so that they are small: the newest moment, how units
//! fade, and how touches are read.
//!
//! Invariant: a picture brings its own, so that it is read to the last bit wherever it was written.

use super::near::Near;
use super::traces::Reading;
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
    /// What touches say.
    pub(in crate::engine) touches: Reading,
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
    /// The last layout in which touches were told by entries.
    const ENTRIES_FIRST: u8 = 2;

    /// Whether the layout of what is read has touches tell what other rows are likely to say.
    pub(in crate::engine) const fn is_told_by_touches(&self) -> bool {
        self.version > Self::ENTRIES_FIRST
    }

    /// Writes how units fade, and how touches are read.
    pub(in crate::engine) fn write(&self, columns: &mut impl Columns) {
        self.write_fade(columns);
        let Reading { bucket_ms, cap, relates } = self.touches;
        columns.words(&[bucket_ms, cap.into(), relates]);
    }

    pub(in crate::engine) fn read(&mut self, source: &mut impl Source) -> Result<(), Broken> {
        self.version = source.version();
        self.fade = Self::read_fade(source)?;
        if self.is_told_by_touches() {
            let numbers = <[u64; 3]>::try_from(source.words()?).map_err(|_other| Broken::Length)?;
            let [bucket_ms, cap, relates] = numbers;
            if bucket_ms == 0 || cap > 15 {
                return Err(Broken::Content("constants"));
            }
            self.touches = Reading { bucket_ms, cap: narrow(cap)?, relates };
        }
        Ok(())
    }

    fn write_fade(&self, columns: &mut impl Columns) {
        let fade: Vec<u64> = self.fade.iter().map(|fade| fade.to_bits()).collect();
        columns.words(&fade);
    }

    fn read_fade(source: &mut impl Source) -> Result<Vec<f64>, Broken> {
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
