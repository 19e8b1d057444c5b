//! When a shard's state is handed over to be kept, and what is known to be missing from it.
//!
//! Invariant: what is handed over is the state of exactly the records that its header covers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::reading::Reading;
use crate::app::keeper::Picture;
use crate::clock;
use crate::engine::Shard;
use crate::model::Histories;
use crate::snapshot::{Covered, Header, LogId, Origin};

/// The side of a shard that has to do with snapshots.
pub struct Keeping {
    /// Which taking over of the partition it is.
    taken: u64,
    origin: Origin,
    logs: Vec<LogId>,
    interval: Duration,
    due: Instant,
    /// The offsets that were last handed over.
    saved: Vec<i64>,
    /// Whether that is durable.
    durable: Arc<AtomicBool>,
}

/// Whether records were deleted before they were read, and for how long that matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Completeness {
    Complete,
    /// The first event after those that are missing has yet to come; this is the newest before.
    Broken(Option<i64>),
    /// Event time, ms since the Unix epoch, from which the missing would not count any more.
    Until(i64),
}

impl Keeping {
    /// Of a shard that was taken over as `taken`, of topics that lie in `logs`; there is a snapshot
    /// up to the offsets `saved`, or nothing to keep before them.
    #[must_use]
    pub fn new(
        (origin, taken): (Origin, u64),
        logs: Vec<LogId>,
        saved: Vec<i64>,
        interval: Duration,
    ) -> Self {
        // Partitions that are assigned together are not all due at once.
        let share = f64::from(origin.partition.rem_euclid(8) + 1) / 8.0;
        let due = clock::instant() + interval.mul_f64(share);
        let durable = Arc::new(AtomicBool::new(true));
        Self { taken, origin, logs, interval, due, saved, durable }
    }

    /// Which taking over of the partition it is.
    #[must_use]
    pub const fn taken(&self) -> u64 {
        self.taken
    }

    /// Whether it is time for another snapshot.
    #[must_use]
    pub fn is_due(&self) -> bool {
        clock::instant() >= self.due
    }

    /// How far the topics were read, as a snapshot says it.
    #[must_use]
    pub fn covered<'a>(&self, topics: impl Iterator<Item = &'a Reading>) -> Vec<Covered> {
        topics.zip(&self.logs).map(|(topic, log)| topic.covered(log.clone())).collect()
    }

    /// The state to be handed over; nothing if it is durable already. The shard must not be
    /// extracting histories; `histories` are those that it extracted last.
    pub fn picture<'a>(
        &mut self,
        shard: &mut Shard,
        topics: impl Iterator<Item = &'a Reading>,
        histories: Option<Arc<Histories>>,
        completeness: Completeness,
    ) -> Option<Picture> {
        self.due = clock::instant() + self.interval;
        let covered = self.covered(topics);
        let offsets: Vec<i64> = covered.iter().map(|covered| covered.next_offset).collect();
        if self.durable.load(Ordering::Relaxed) && offsets == self.saved {
            return None;
        }
        (self.saved, self.durable) = (offsets, Arc::default());
        let incomplete_until_ms = completeness.until_ms();
        let header = Header { origin: self.origin.clone(), covered, incomplete_until_ms };
        Some(Picture {
            taken: self.taken,
            header,
            frozen: shard.freeze(),
            histories,
            last: false,
            durable: Arc::clone(&self.durable),
        })
    }
}

impl Completeness {
    /// As a snapshot has it, whose newest event is at `newest_ms`.
    #[must_use]
    pub fn restored(until_ms: Option<i64>, newest_ms: Option<i64>) -> Self {
        match until_ms {
            None => Self::Complete,
            Some(i64::MAX) => Self::Broken(newest_ms),
            Some(until_ms) => Self::Until(until_ms),
        }
    }

    fn until_ms(self) -> Option<i64> {
        match self {
            Self::Complete => None,
            Self::Broken(_) => Some(i64::MAX),
            Self::Until(until_ms) => Some(until_ms),
        }
    }

    /// Takes note of the newest event; what is missing counts for `horizon_ms` more.
    pub fn follow(&mut self, newest_ms: Option<i64>, horizon_ms: i64) {
        let Some(newest_ms) = newest_ms else { return };
        match *self {
            Self::Broken(before) if before.is_none_or(|before| newest_ms > before) => {
                *self = Self::Until(newest_ms.saturating_add(horizon_ms));
            }
            Self::Until(until_ms) if newest_ms >= until_ms => *self = Self::Complete,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_matters_until_the_horizon_after_the_first_event_behind_it() {
        let mut state = Completeness::Broken(Some(100));
        state.follow(Some(100), 50);
        assert_eq!(state, Completeness::Broken(Some(100)), "nothing came yet");
        state.follow(Some(130), 50);
        assert_eq!(state, Completeness::Until(180));
        state.follow(Some(179), 50);
        assert_eq!(Completeness::restored(state.until_ms(), Some(179)), Completeness::Until(180));
        state.follow(Some(180), 50);
        assert_eq!(state, Completeness::Complete);
        let broken = Completeness::Broken(None);
        assert_eq!(Completeness::restored(broken.until_ms(), None), broken);
    }
}
