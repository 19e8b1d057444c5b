//! The one place that reads a clock; everything else is told the time.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};

/// Wall clock, ms since the Unix epoch.
#[must_use]
pub fn wall_ms() -> i64 {
    #[allow(clippy::disallowed_methods, reason = "the edge that reads the wall clock")]
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Monotonic clock, for durations and deadlines.
#[must_use]
pub fn instant() -> Instant {
    #[allow(clippy::disallowed_methods, reason = "the edge that reads the monotonic clock")]
    Instant::now()
}

/// CPU time of the thread so far: what it did, however many others wanted the core.
#[must_use]
pub fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or_default())
}
