//! The latest shifts, for those who ask and those who follow.
//!
//! Invariant: bounded, each id once, in the order announced; whoever is slow misses some and knows.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::model::{Shift, ShiftId};

/// Shifts that are remembered.
pub const SHIFTS_MAX: usize = 10_000;

/// Shared by who announces and all who read.
#[derive(Clone, Default)]
pub struct ShiftLog(Arc<Inner>);

#[derive(Default)]
struct Inner {
    ring: Mutex<Ring>,
    end: watch::Sender<u64>,
}

/// Places count shifts from the first on, those that are forgotten included.
#[derive(Default)]
struct Ring {
    first: u64,
    shifts: VecDeque<Arc<Shift>>,
}

impl ShiftLog {
    /// Adds a shift, unless it is there already.
    pub fn push(&self, shift: Shift) {
        let mut ring = self.ring();
        if ring.place(shift.id).is_some() {
            return;
        }
        if ring.shifts.len() == SHIFTS_MAX {
            ring.shifts.pop_front();
            ring.first += 1;
        }
        ring.shifts.push_back(Arc::new(shift));
        self.0.end.send_replace(ring.end());
    }

    #[must_use]
    pub fn contains(&self, id: ShiftId) -> bool {
        self.ring().place(id).is_some()
    }

    /// All, oldest first.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Shift>> {
        self.ring().shifts.iter().cloned().collect()
    }

    /// The place behind the newest.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.ring().end()
    }

    /// The place behind a shift, if it is remembered.
    #[must_use]
    pub fn behind(&self, id: ShiftId) -> Option<u64> {
        self.ring().place(id).map(|place| place + 1)
    }

    /// The place of the oldest that is remembered.
    #[must_use]
    pub fn start(&self) -> u64 {
        self.ring().first
    }

    /// At most `limit` shifts from a place on; nothing if some of them are forgotten.
    #[must_use]
    pub fn from(&self, place: u64, limit: usize) -> Option<Vec<Arc<Shift>>> {
        let ring = self.ring();
        let skip = usize::try_from(place.checked_sub(ring.first)?).unwrap_or(usize::MAX);
        Some(ring.shifts.iter().skip(skip).take(limit).cloned().collect())
    }

    /// Tells of each new end.
    #[must_use]
    pub fn follow(&self) -> watch::Receiver<u64> {
        self.0.end.subscribe()
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.0.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ring {
    fn end(&self) -> u64 {
        self.first + self.shifts.len() as u64
    }

    /// New ones are asked for most.
    fn place(&self, id: ShiftId) -> Option<u64> {
        let at = self.shifts.iter().rposition(|shift| shift.id == id)?;
        Some(self.first + at as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::sample::shift;

    #[test]
    fn the_oldest_are_forgotten_and_places_stay() {
        let log = ShiftLog::default();
        for number in 0..SHIFTS_MAX as u64 + 3 {
            log.push(shift(number));
        }
        assert!(log.contains(ShiftId(7)) && !log.contains(ShiftId(1)));
        // What is there is not added again, what was forgotten is.
        log.push(shift(7));
        log.push(shift(1));
        let (first, end) = (4, SHIFTS_MAX as u64 + 4);
        assert_eq!((log.start(), log.end(), log.all().len()), (first, end, SHIFTS_MAX));
        assert!(log.from(first - 1, 5).is_none());
        assert_eq!(log.from(first, 2).unwrap()[1].id, ShiftId(5));
        assert_eq!(log.from(end, 2).unwrap(), []);
        assert_eq!(log.behind(ShiftId(1)), Some(end));
        assert_eq!(log.behind(ShiftId(0)), None);
    }
}
