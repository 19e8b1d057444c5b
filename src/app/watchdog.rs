//! Notices what stands still and clocks that jump.
//!
//! Invariant: pure but for its counters; a stall is counted once, however long it lasts.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use prometheus::{IntCounter, Registry};

use super::owner::Cut;

/// The wall clock may be slewed, and a thread may wait; more than this is a jump.
const JUMP_MS: u64 = 5_000;

/// Watches the beats.
pub(super) struct Watchdog {
    patience: Duration,
    partitions: BTreeMap<i32, Progress>,
    clocks: Option<(Instant, i64)>,
    stalls: IntCounter,
    jumps: IntCounter,
}

struct Progress {
    read: u64,
    since: Instant,
    stalled: bool,
}

impl Watchdog {
    /// A partition with records to be read of which none is for `patience` stands still.
    pub(super) fn new(patience: Duration, registry: &Registry) -> prometheus::Result<Self> {
        let stalls = IntCounter::new(
            "sillage_shard_stalls_total",
            "Times a shard read nothing for longer than ingest.stall_timeout, with records waiting.",
        )?;
        let jumps = IntCounter::new(
            "sillage_clock_jumps_total",
            "Times the wall clock moved otherwise than time passed.",
        )?;
        registry.register(Box::new(stalls.clone()))?;
        registry.register(Box::new(jumps.clone()))?;
        Ok(Self { patience, partitions: BTreeMap::new(), clocks: None, stalls, jumps })
    }

    /// Looks at how far the shards are; says which stand still. While Kafka is known to be away
    /// nobody is expected to move.
    pub(super) fn look(&mut self, cuts: &[Cut], away: bool, now: Instant) -> Option<String> {
        self.partitions.retain(|partition, _| cuts.iter().any(|cut| cut.partition == *partition));
        for cut in cuts {
            let fresh = Progress { read: cut.read, since: now, stalled: false };
            let known = self.partitions.entry(cut.partition).or_insert(fresh);
            if known.read != cut.read || cut.behind == 0 || away {
                *known = Progress { read: cut.read, since: now, stalled: false };
            } else if !known.stalled && now - known.since >= self.patience {
                known.stalled = true;
                self.stalls.inc();
                let (partition, behind) = (cut.partition, cut.behind);
                tracing::error!(partition, behind, "a shard stands still, with records waiting");
            }
        }
        let stalled = self.partitions.iter().filter(|(_, progress)| progress.stalled);
        let names: Vec<String> = stalled.map(|(partition, _)| partition.to_string()).collect();
        (!names.is_empty()).then(|| format!("partition {} stands still", names.join(", ")))
    }

    /// Compares the clocks with what they were.
    pub(super) fn compare(&mut self, now: Instant, wall_ms: i64) {
        let before = self.clocks.replace((now, wall_ms));
        let Some((then, then_ms)) = before else { return };
        let passed_ms = i64::try_from((now - then).as_millis()).unwrap_or(i64::MAX);
        let jumped_ms = wall_ms.saturating_sub(then_ms).saturating_sub(passed_ms);
        if jumped_ms.unsigned_abs() > JUMP_MS {
            self.jumps.inc();
            tracing::warn!(jumped_ms, "the wall clock jumped: events may be too new, or look late");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    fn cut(read: u64, behind: u64) -> Cut {
        Cut { read, behind, ..Cut::unread(4) }
    }

    fn watchdog() -> Watchdog {
        Watchdog::new(Duration::from_mins(1), &Registry::new()).expect("registered")
    }

    #[test]
    fn a_shard_that_reads_nothing_of_what_waits_stands_still() {
        let (mut dog, began) = (watchdog(), clock::instant());
        let mut after = |seconds, cut, away| {
            dog.look(&[cut], away, began + Duration::from_secs(seconds)).is_some()
        };
        assert!(!after(0, cut(7, 10), false));
        assert!(!after(59, cut(7, 10), false), "it may still move");
        assert!(after(60, cut(7, 10), false));
        assert!(after(61, cut(7, 12), false));
        assert!(!after(62, cut(8, 11), false), "it moves");
        assert!(!after(130, cut(8, 0), false), "nothing waits");
        assert!(!after(140, cut(8, 5), true), "the broker is away");
        assert!(!after(199, cut(8, 5), false), "its patience starts anew");
        assert!(after(200, cut(8, 5), false));
        assert_eq!(dog.stalls.get(), 2);
        assert!(dog.look(&[], false, began + Duration::from_secs(201)).is_none());
    }

    #[test]
    fn a_jump_of_the_wall_clock_is_counted_in_either_direction() {
        let (mut dog, began) = (watchdog(), clock::instant());
        let second = |n| began + Duration::from_secs(n);
        dog.compare(second(0), 1_000_000);
        dog.compare(second(1), 1_001_300);
        assert_eq!(dog.jumps.get(), 0, "clocks are slewed");
        dog.compare(second(2), 1_062_300);
        dog.compare(second(3), 1_000_000);
        dog.compare(second(63), 1_060_000);
        assert_eq!(dog.jumps.get(), 2);
    }
}
