//! Copies of what changes while a picture is alive go to memory that somebody else touched before,
//! on the allocator of the binary.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use sillage::app::allocator::{arena, keep_between_pictures, laid_up, lay_up};
use sillage::campaign::{Load, LoadEvent, LoadEvents};
use sillage::engine::{Limits, Shard};
use sillage::ingest::format::{Decoder, Record};
use sillage::model::{Batch, Params, Secret};
use tikv_jemalloc_ctl::{Access as _, AsName as _};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const MB: usize = 1 << 20;

#[test]
fn copies_take_no_memory_that_was_never_touched() {
    keep_between_pictures(Duration::from_hours(1)).unwrap();
    let limits = Limits { memory_bytes: 1 << 30, dedup_window_ms: 3_600_000, dedup_ids: 100_000 };
    let mut shard = Shard::new(&Params::default(), &limits);
    let load = Load { actors: 50_000, events: 300_000, ids: false, ..Load::default() };
    let mut events = load.generate();
    apply(&mut shard, &mut events, 250_000);

    let (arena, room) = (arena().unwrap(), shard.copied_bytes());
    assert!(room > 16 * MB, "{room}");
    thread::spawn(move || lay_up(arena, room)).join().unwrap().unwrap();
    let (before, held) = (laid_up(arena).unwrap(), resident(arena));
    assert!(before >= room, "{before} of {room}");
    let frozen = shard.freeze();
    apply(&mut shard, &mut events, 50_000);
    let (after, holds) = (laid_up(arena).unwrap(), resident(arena));
    assert!(before - after > room / 3, "{before} to {after} of {room}");
    assert!(holds < held + 2 * MB, "{held} to {holds}");
    drop(frozen);
}

/// Bytes of an arena that were touched, in use or not.
fn resident(arena: u32) -> usize {
    laid_up(arena).unwrap();
    let name = format!("stats.arenas.{arena}.resident\0");
    name.as_bytes().name().read().unwrap()
}

fn apply(shard: &mut Shard, events: &mut LoadEvents, most: usize) {
    let decoder = Decoder::new(Secret::new(7), &BTreeMap::new(), &BTreeMap::new());
    let mut outcomes = Vec::new();
    let mut left = most;
    while left > 0 {
        let some: Vec<LoadEvent> = events.by_ref().take(left.min(500)).collect();
        assert!(!some.is_empty(), "a load has as many events as it says");
        left -= some.len();
        let lines: Vec<(Vec<u8>, i64)> = some.iter().map(line).collect();
        let mut batch = Batch::with_capacity(lines.len());
        for (line, log_time_ms) in &lines {
            let record = Record { payload: Some(line), key: None, log_time_ms: *log_time_ms };
            decoder.decode(&record, &mut batch).unwrap();
        }
        outcomes.clear();
        shard.apply(&batch, &mut outcomes);
        while shard.extract(usize::MAX) {}
        drop(shard.take_histories());
    }
}

fn line(event: &LoadEvent) -> (Vec<u8>, i64) {
    let mut line = Vec::new();
    event.write_json(false, &mut line);
    (line, event.time_ms)
}
