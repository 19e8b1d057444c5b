//! The single numbers of a shard: its moments, its counters, and how far its sweep is.

use crate::engine::columns::{Broken, Columns, Source, narrow};
use crate::engine::shard::Shard;
use crate::engine::sweep::{Evicted, Sweep};

const NUMBERS: usize = 17;

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Head {
    pub(super) newest_ms: Option<i64>,
    pub(super) newest_bucket: u32,
    pub(super) accepted: u64,
    pub(super) due_ms: i64,
    pub(super) watermark_ms: i64,
    pub(super) landmark_ms: i64,
    pub(super) unmatched_refunds: u64,
    pub(super) evicted_touches: u64,
    pub(super) closed: Option<u32>,
    pub(super) next_close_ms: i64,
    sweep: (Option<u32>, u32, Evicted),
}

impl Head {
    pub(super) fn of(shard: &Shard) -> Self {
        let (closed, next_close_ms) = shard.closing.stands();
        Self {
            newest_ms: shard.newest_ms(),
            newest_bucket: shard.newest_bucket(),
            accepted: shard.accepted(),
            due_ms: shard.due_ms(),
            watermark_ms: shard.watermark_ms,
            landmark_ms: shard.landmark_ms(),
            unmatched_refunds: shard.unmatched_refunds,
            evicted_touches: shard.touches.evicted(),
            closed,
            next_close_ms,
            sweep: shard.sweep.stands(),
        }
    }

    pub(super) fn write(&self, columns: &mut impl Columns) {
        let (hand, started, evicted) = self.sweep;
        let [has_newest, newest_ms] = optional(self.newest_ms.map(i64::cast_unsigned));
        let [has_closed, closed] = optional(self.closed.map(u64::from));
        let [has_hand, hand] = optional(hand.map(u64::from));
        let numbers: [u64; NUMBERS] = [
            has_newest,
            newest_ms,
            self.newest_bucket.into(),
            self.accepted,
            self.due_ms.cast_unsigned(),
            self.watermark_ms.cast_unsigned(),
            self.landmark_ms.cast_unsigned(),
            self.unmatched_refunds,
            self.evicted_touches,
            has_closed,
            closed,
            self.next_close_ms.cast_unsigned(),
            has_hand,
            hand,
            started.into(),
            evicted.actors,
            evicted.entries,
        ];
        columns.words(&numbers);
    }

    pub(super) fn read(source: &mut impl Source) -> Result<Self, Broken> {
        let numbers = <[u64; NUMBERS]>::try_from(source.words()?);
        let [
            has_newest,
            newest_ms,
            newest_bucket,
            accepted,
            due_ms,
            watermark_ms,
            landmark_ms,
            unmatched_refunds,
            evicted_touches,
            has_closed,
            closed,
            next_close_ms,
            has_hand,
            hand,
            started,
            actors,
            entries,
        ] = numbers.map_err(|_other| Broken::Length)?;
        let hand = if has_hand == 1 { Some(narrow(hand)?) } else { None };
        Ok(Self {
            newest_ms: (has_newest == 1).then_some(newest_ms.cast_signed()),
            newest_bucket: narrow(newest_bucket)?,
            accepted,
            due_ms: due_ms.cast_signed(),
            watermark_ms: watermark_ms.cast_signed(),
            landmark_ms: landmark_ms.cast_signed(),
            unmatched_refunds,
            evicted_touches,
            closed: if has_closed == 1 { Some(narrow(closed)?) } else { None },
            next_close_ms: next_close_ms.cast_signed(),
            sweep: (hand, narrow(started)?, Evicted { actors, entries }),
        })
    }

    /// Has a new shard stand where this one stood.
    pub(super) fn restore(&self, shard: &mut Shard) -> Result<(), Broken> {
        shard.stand_at(self.newest_ms, self.newest_bucket, (self.accepted, self.due_ms));
        shard.watermark_ms = self.watermark_ms;
        shard.unmatched_refunds = self.unmatched_refunds;
        shard.closing.stand_at(self.closed, self.next_close_ms);
        shard.sweep = Sweep::at(self.sweep);
        // It follows from the newest bucket, unless the constants are other ones.
        let same = shard.landmark_ms() == self.landmark_ms;
        if same { Ok(()) } else { Err(Broken::Content("landmark under these constants")) }
    }
}

fn optional(number: Option<u64>) -> [u64; 2] {
    number.map_or([0, 0], |number| [1, number])
}
