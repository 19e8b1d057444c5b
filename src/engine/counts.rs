//! People of a segment by bucket: how many are exposed to anyone, and how many convert.
//!
//! Invariant: they are counts of what the members' histories say, whatever the order of arrival.

use super::columns::{Broken, narrow};
use super::member::{Around, Member};
use crate::model::HISTORY;

const HISTORY_BUCKETS: u32 = 64;

/// Each count of bucket `b` lies at `b mod 64`.
#[derive(Clone, Debug)]
pub(super) struct Counts {
    /// Counts are of the 64 buckets up to `exposure` after this one.
    newest: u32,
    exposure: u32,
    exposed: [u32; HISTORY],
    exposed_converted: [u32; HISTORY],
    converted: [u32; HISTORY],
}

/// The counts of a segment by age: place `k` is of `closed − k`.
pub(super) struct ByAge {
    pub(super) exposed: [u32; HISTORY],
    pub(super) exposed_converted: [u32; HISTORY],
    pub(super) converted: [u32; HISTORY],
}

impl Counts {
    pub(super) const fn new(exposure: u32) -> Self {
        Self {
            newest: 0,
            exposure,
            exposed: [0; HISTORY],
            exposed_converted: [0; HISTORY],
            converted: [0; HISTORY],
        }
    }

    /// Counts the first act of a member in a bucket; `around` has it.
    pub(super) fn act(&mut self, member: &Member, bucket: u32, around: Around) {
        self.reach(bucket);
        for after in around.newly_exposed(self.exposure) {
            let exposed = bucket + after;
            if let Some(at) = self.place(exposed) {
                self.exposed[at] += 1;
                self.exposed_converted[at] += u32::from(member.has_converted_in(exposed));
            }
        }
    }

    /// Counts the first conversion of a member in a bucket.
    pub(super) fn convert(&mut self, bucket: u32, around: Around) {
        self.reach(bucket);
        if let Some(at) = self.place(bucket) {
            self.converted[at] += 1;
            self.exposed_converted[at] += u32::from(around.exposes_middle(self.exposure));
        }
    }

    /// Takes a member out of all counts.
    pub(super) fn forget(&mut self, member: &Member) {
        let newest = member.bucket() + self.exposure;
        for bucket in newest.saturating_sub(HISTORY_BUCKETS - 1)..=newest {
            let Some(at) = self.place(bucket) else { continue };
            let exposed = member.acted_around(bucket, self.exposure).exposes_middle(self.exposure);
            let converted = member.has_converted_in(bucket);
            self.exposed[at] -= u32::from(exposed);
            self.converted[at] -= u32::from(converted);
            self.exposed_converted[at] -= u32::from(exposed && converted);
        }
    }

    /// Makes room for counts of the buckets up to `bucket` and those that acts in it expose.
    pub(super) fn reach(&mut self, bucket: u32) {
        let skipped = bucket.saturating_sub(self.newest).min(HISTORY_BUCKETS);
        for back in 0..skipped {
            let at = place(bucket + self.exposure - back);
            (self.exposed[at], self.exposed_converted[at], self.converted[at]) = (0, 0, 0);
        }
        self.newest = self.newest.max(bucket);
    }

    /// The counts as of the close of a bucket, not after the newest.
    pub(super) fn by_age(&self, closed: u32) -> ByAge {
        let aged = |counts: &[u32; HISTORY]| {
            let mut aged = [0; HISTORY];
            for (age, count) in (0..).zip(&mut aged) {
                let at = closed.checked_sub(age).and_then(|bucket| self.place(bucket));
                *count = at.map_or(0, |at| counts[at]);
            }
            aged
        };
        ByAge {
            exposed: aged(&self.exposed),
            exposed_converted: aged(&self.exposed_converted),
            converted: aged(&self.converted),
        }
    }

    pub(super) const fn newest(&self) -> u32 {
        self.newest
    }

    pub(super) const fn set_newest(&mut self, newest: u32) {
        self.newest = newest;
    }

    /// The counts, place by place.
    pub(super) fn rows(&self) -> impl Iterator<Item = [u64; 3]> {
        let counts = self.exposed.iter().zip(&self.exposed_converted).zip(&self.converted);
        counts.map(|((exposed, both), converted)| [exposed, both, converted].map(|n| (*n).into()))
    }

    pub(super) fn set(&mut self, place: usize, row: [u64; 3]) -> Result<(), Broken> {
        let [exposed, both, converted] = row;
        self.exposed[place] = narrow(exposed)?;
        self.exposed_converted[place] = narrow(both)?;
        self.converted[place] = narrow(converted)?;
        Ok(())
    }

    /// Where the counts of a bucket lie, if they are kept.
    fn place(&self, bucket: u32) -> Option<usize> {
        let newest = self.newest + self.exposure;
        (bucket <= newest && newest - bucket < HISTORY_BUCKETS).then(|| place(bucket))
    }
}

const fn place(bucket: u32) -> usize {
    (bucket % HISTORY_BUCKETS) as usize
}
