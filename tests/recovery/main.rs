//! Nothing lost, nothing counted twice, whatever happens to processes, disk and log: schedules of a
//! simulated world, each drawn from a seed.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod disk;
mod log;
mod member;
#[path = "../support/soak.rs"]
mod soak;
mod stream;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use disk::SimDisk;
use log::SimLog;
use member::{Member, WentOn};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use stream::Stream;
use world::{Seen, live};

/// Seeds from this one on.
const FIRST: u64 = 0;

/// `SILLAGE_SEED=n` lives through that schedule alone.
#[test]
fn every_schedule_ends_where_an_uninterrupted_run_would() {
    if let Some(seed) = std::env::var("SILLAGE_SEED").ok().and_then(|seed| seed.parse().ok()) {
        eprintln!("seed {seed}: {:?}", live(seed));
        return;
    }
    let schedules = soak::or(100_000, 1_000_000);
    let (next, total, failed) =
        (AtomicU64::new(FIRST), Mutex::new(Seen::default()), AtomicU64::new(u64::MAX));
    let work = || {
        let mut seen = Seen::default();
        while failed.load(Ordering::Relaxed) == u64::MAX {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= FIRST + schedules {
                break;
            }
            match catch_unwind(AssertUnwindSafe(|| live(number))) {
                Ok(one) => seen = sum(seen, one),
                Err(_) => drop(failed.fetch_min(number, Ordering::Relaxed)),
            }
        }
        let mut total = total.lock().unwrap();
        *total = sum(*total, seen);
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    let failed = failed.load(Ordering::Relaxed);
    assert!(failed == u64::MAX, "a schedule fails: SILLAGE_SEED={failed}");
    let seen = total.into_inner().unwrap();
    eprintln!("{schedules} schedules: {seen:?}");
    // A world in which nothing happens proves nothing.
    let least = schedules / 10;
    assert!(seen.written > least && seen.restored > least && seen.rebuilt > least, "{seen:?}");
    assert!(seen.resumed > least / 100, "{seen:?}");
    assert!(seen.gaps > least / 100 && seen.zombie_writes > least / 100, "{seen:?}");
}

#[test]
fn what_was_lost_stays_while_the_log_does_not_answer() {
    let (disk, log) = (SimDisk::new(ChaCha8Rng::seed_from_u64(1)), SimLog::new(1, 1, true));
    let mut stream = Stream::new(ChaCha8Rng::seed_from_u64(2));
    let mut member = Member::start(&disk, &log, 1, 1);
    let nobody = |_: &[i64]| Vec::new();
    assert!(member.assign(0, nobody).unwrap().is_none());
    for _ in 0..10 {
        let (time_ms, payload) = stream.next(0, 1);
        log.append((0, 0), 0, time_ms, &payload);
    }
    assert!(matches!(member.read(0, 10), Ok(10)));
    member.lose_assignment();
    log.set_away(true);
    for _ in 0..3 {
        assert!(member.assign(0, nobody).is_err());
    }
    log.set_away(false);
    assert_eq!(member.assign(0, nobody), Ok(Some(WentOn::InMemory(vec![10]))));
}

#[test]
fn a_seed_gives_the_same_schedule_again() {
    for seed in 0..20 {
        assert_eq!(live(seed), live(seed), "seed {seed}");
    }
}

fn sum(a: Seen, b: Seen) -> Seen {
    Seen {
        records: a.records + b.records,
        written: a.written + b.written,
        restored: a.restored + b.restored,
        resumed: a.resumed + b.resumed,
        rebuilt: a.rebuilt + b.rebuilt,
        gaps: a.gaps + b.gaps,
        zombie_writes: a.zombie_writes + b.zombie_writes,
    }
}
