//! From the start of a daemon that was killed to the first new record, and to the last.

use std::time::{Duration, Instant};

use super::measure::Sillage;
use super::{NEVER, World};

/// The group of the daemon that is killed.
pub(crate) const GROUP: &str = "restart";
/// By which the group knows it again at once.
pub(crate) const NAMED: (&str, &str) = ("SILLAGE__KAFKA__INSTANCE_ID", "only");

/// Records that come while it is dead.
const NEW: u64 = 600;

/// Prints the times of each round.
pub(crate) fn run(world: &mut World, rounds: u64) {
    println!("restart after kill -9, seconds from its start");
    for _ in 0..rounds {
        round(world, NAMED);
    }
    println!("the same, of a member without kafka.instance_id");
    // Killed the round before, and the group waits for it to be silent for long enough.
    for _ in 0..2 {
        round(world, ("SILLAGE__KAFKA__GROUP", "unnamed"));
    }
}

fn round(world: &mut World, more: (&str, &str)) {
    world.produce(NEW);
    let began = Instant::now();
    let sillage = world.start(GROUP, &world.snapshots(), NEVER, &[more]);
    let first = sillage.await_events(1).0 - began;
    let last = sillage.await_events(world.produced - world.covered).0 - began;
    let ready = await_ready(&sillage) - began;
    let metrics = sillage.metrics().expect("an answer");
    let restore = metrics.lines().find_map(|l| l.strip_prefix("sillage_restore_duration_seconds "));
    println!(
        "  first record {:.2}, last {:.2}, ready {:.2}, of that snapshots read {}, CPU {:.2}",
        first.as_secs_f64(),
        last.as_secs_f64(),
        ready.as_secs_f64(),
        restore.and_then(|s| s.get(..4)).unwrap_or("?"),
        sillage.cpu_seconds(),
    );
}

fn await_ready(sillage: &Sillage) -> Instant {
    let deadline = Instant::now() + Duration::from_mins(1);
    while sillage.ask("/-/ready").is_none() {
        assert!(Instant::now() < deadline, "not ready");
        std::thread::park_timeout(Duration::from_millis(10));
    }
    Instant::now()
}
