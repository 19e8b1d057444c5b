//! How long a partition is at a standstill when a member joins, or is told to end: until the new
//! owner has applied a record of every partition that moved.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;

use super::{NEVER, TOPIC, World, folders};
use crate::measure::Sillage;
use crate::produce::Producer;

/// A partition's position is seen when a view is drawn.
const VIEWS: (&str, &str) = ("SILLAGE__VIEW__INTERVAL", "100ms");

/// Prints the times of each round.
pub(crate) fn run(world: &mut World, rounds: u64) {
    let (all, half) = (world.partitions, world.partitions / 2);
    println!("hand-over of {half} of {all} partitions, seconds since it was asked for");
    let copy = world.copy_of_snapshots();
    let flowing = AtomicBool::new(true);
    let producer = Producer::new(&world.kafka.brokers(), TOPIC);
    let world: &World = world;
    thread::scope(|scope| {
        scope.spawn(|| trickle(&producer, world.newest_ms, &flowing));
        let start = || world.start("hand-over", copy.path(), NEVER, &[VIEWS]);
        let mut stays = start();
        await_moving(&stays, all);
        for _ in 0..rounds {
            let asked = Asked::now();
            let joins = start();
            let moved = await_moving(&joins, half);
            println!("  start of a member: {}", asked.passed(copy.path(), &joins, moved));
            await_moving(&stays, half);
            let asked = Asked::now();
            stays.terminate();
            let moved = await_moving(&joins, all);
            println!("  signal to end:     {}", asked.passed(copy.path(), &joins, moved));
            stays.await_end();
            stays = joins;
        }
        flowing.store(false, Ordering::Relaxed);
    });
}

/// When a hand-over was asked for.
struct Asked {
    at: Instant,
    /// The same as files have it.
    of_files: SystemTime,
}

impl Asked {
    fn now() -> Self {
        Self { at: Instant::now(), of_files: SystemTime::now() }
    }

    /// What happened when: seconds until the last state was written, the first and the last
    /// partition was claimed, the states were read, and records of all were applied.
    fn passed(&self, dir: &Path, to: &Sillage, moved: Instant) -> String {
        let files: Vec<PathBuf> = folders(dir).flat_map(files_in).collect();
        let times = |extension: &str| -> Vec<f64> {
            let files =
                files.iter().filter(|file| file.extension().is_some_and(|e| e == extension));
            let since = |file: &PathBuf| {
                let written = file.metadata().ok()?.modified().ok()?;
                Some(written.duration_since(self.of_files).ok()?.as_secs_f64())
            };
            files.filter_map(since).collect()
        };
        let last = |extension| times(extension).into_iter().fold(f64::NAN, f64::max);
        let first = |extension| times(extension).into_iter().fold(f64::NAN, f64::min);
        let metrics = to.metrics().expect("an answer");
        let mut lines = metrics.lines();
        let read = lines.find_map(|l| l.strip_prefix("sillage_restore_duration_seconds "));
        format!(
            "states written {:.2}–{:.2}, claimed {:.2}–{:.2}, read in {}, records of all {:.2}",
            first("snapshot"),
            last("snapshot"),
            first("claim"),
            last("claim"),
            read.and_then(|seconds| seconds.get(..4)).unwrap_or("?"),
            (moved - self.at).as_secs_f64(),
        )
    }
}

fn files_in(folder: PathBuf) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    entries.filter_map(|entry| Some(entry.ok()?.path())).collect()
}

/// Waits until a member owns so many partitions and has read a record of each.
fn await_moving(sillage: &Sillage, count: usize) -> Instant {
    let deadline = Instant::now() + Duration::from_mins(2);
    loop {
        let moving = moving(sillage);
        let now = Instant::now();
        if moving == Some(count) {
            return now;
        }
        assert!(now < deadline, "{moving:?} partitions move, not {count}");
        thread::park_timeout(Duration::from_millis(10));
    }
}

/// Partitions that were read further than where the member began with them.
fn moving(sillage: &Sillage) -> Option<usize> {
    let status: Value = serde_json::from_str(&sillage.ask("/api/v1/status")?).ok()?;
    let positions = positions(&sillage.metrics()?);
    let moves = |partition: &&Value| {
        let number = partition["partition"].as_i64();
        let at = number.and_then(|number| positions.get(&number));
        at.copied() > partition["restored_at"].as_i64()
    };
    Some(status["partitions"].as_array()?.iter().filter(moves).count())
}

fn positions(metrics: &str) -> BTreeMap<i64, i64> {
    let of_line = |line: &str| {
        let series = line.strip_prefix("sillage_kafka_position_offset{partition=\"")?;
        let (partition, rest) = series.split_once('"')?;
        Some((partition.parse().ok()?, rest.rsplit_once(' ')?.1.parse::<f64>().ok()? as i64))
    };
    metrics.lines().filter_map(of_line).collect()
}

/// An event to each partition every few ms, until told to stop.
fn trickle(producer: &Producer, time_ms: i64, flowing: &AtomicBool) {
    let mut number = 0_u64;
    while flowing.load(Ordering::Relaxed) {
        number += 1;
        let actor = format!("trickle-{}", number % 1_000);
        let event =
            format!(r#"{{"kind":"like","actor":"{actor}","target":"ada","time":{time_ms}}}"#);
        producer.send(actor.as_bytes(), event.as_bytes());
        thread::park_timeout(Duration::from_millis(1));
    }
}
