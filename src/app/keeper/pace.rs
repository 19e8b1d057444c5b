//! How fast a state is written that is due: in a part of the time of a core, so that those that
//! score lose little, until somebody waits for what comes after it.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::clock;

/// Of a partition, for as long as it is owned.
pub(super) struct Pace {
    /// Part of the time of a core; at 1 there are no rests.
    share: f64,
    over: Mutex<bool>,
    ended: Condvar,
}

impl Pace {
    pub(super) fn new(share: f64) -> Self {
        Self { share, over: Mutex::new(false), ended: Condvar::new() }
    }

    /// Has who writes leave off: nobody wants what is not yet written.
    pub(super) fn end(&self) {
        *self.over() = true;
        self.ended.notify_all();
    }

    /// Rests until `spent`, of CPU time, is no more than the share of the time since `began`, but
    /// not for longer than `most` after that; false if nobody wants what follows.
    pub(super) fn goes_on(&self, spent: Duration, began: Instant, most: Duration) -> bool {
        let until = began + most.min(spent.div_f64(self.share));
        let rest = until.saturating_duration_since(clock::instant());
        let waited = self.ended.wait_timeout_while(self.over(), rest, |over| !*over);
        let (over, _) = waited.unwrap_or_else(PoisonError::into_inner);
        !*over
    }

    fn over(&self) -> MutexGuard<'_, bool> {
        self.over.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPENT: Duration = Duration::from_millis(10);
    const HOURS: Duration = Duration::from_hours(10);

    #[test]
    fn who_writes_rests_in_proportion_and_leaves_off_when_told() {
        let pace = Pace::new(0.1);
        let began = clock::instant();
        assert!(pace.goes_on(SPENT, began, HOURS));
        assert!(began.elapsed() >= SPENT * 10, "{:?}", began.elapsed());
        assert!(pace.goes_on(Duration::ZERO, clock::instant(), HOURS));
        assert!(pace.goes_on(HOURS, began, SPENT), "no longer than that");
        pace.end();
        assert!(!pace.goes_on(HOURS, clock::instant(), HOURS), "told before");
        assert!(began.elapsed() < HOURS);
    }

    #[test]
    fn who_rests_is_woken() {
        let pace = Pace::new(0.1);
        std::thread::scope(|scope| {
            let writing = scope.spawn(|| pace.goes_on(HOURS, clock::instant(), HOURS));
            pace.end();
            assert!(!writing.join().expect("a thread"));
        });
    }
}
