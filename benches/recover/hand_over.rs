//! How long a partition is at a standstill when a member joins, or is told to end: until the new
//! owner has applied a record of every partition that moved.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{NEVER, PARTITIONS, TOPIC, World};
use crate::measure::Sillage;
use crate::produce::Producer;

/// A partition's position is seen when a view is drawn.
const VIEWS: (&str, &str) = ("SILLAGE__VIEW__INTERVAL", "100ms");

/// Prints the times of each round.
pub(crate) fn run(world: &mut World, rounds: u64) {
    println!("hand-over of {} of {PARTITIONS} partitions, seconds", PARTITIONS / 2);
    let copy = world.copy_of_snapshots();
    let flowing = AtomicBool::new(true);
    let producer = Producer::new(&world.kafka.brokers(), TOPIC);
    let world: &World = world;
    thread::scope(|scope| {
        scope.spawn(|| trickle(&producer, world.newest_ms, &flowing));
        let start = || world.start("hand-over", copy.path(), NEVER, &[VIEWS]);
        let mut stays = start();
        await_moving(&stays, PARTITIONS);
        for _ in 0..rounds {
            let joins = start();
            let began = Instant::now();
            let joined = await_moving(&joins, PARTITIONS / 2) - began;
            await_moving(&stays, PARTITIONS / 2);
            let began = Instant::now();
            stays.terminate();
            let left = await_moving(&joins, PARTITIONS) - began;
            stays.await_end();
            stays = joins;
            println!(
                "  after the start of a member {:.2}, after a signal to end {:.2}",
                joined.as_secs_f64(),
                left.as_secs_f64(),
            );
        }
        flowing.store(false, Ordering::Relaxed);
    });
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
