//! What a picture of a shard costs: taking it, going on while it is alive, writing and reading it.
//!
//! `cargo bench --bench snapshot [-- NAME]`. Times are CPU time of the thread, which is the only
//! one. The stream goes on with as many events before the picture as after it, to compare.

#![allow(clippy::print_stdout, clippy::indexing_slicing, reason = "a benchmark")]

use std::collections::BTreeMap;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use sillage::campaign::{Load, LoadEvent, LoadEvents};
use sillage::engine::{Limits, Shard};
use sillage::ingest::format::{Decoder, Record};
use sillage::model::{Batch, Params, Secret};
use sillage::snapshot::{decode, encode};

/// As in the binary: what a copied chunk costs is the allocator's doing too.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Events decoded before they are applied at most, at least, and for how long they may take until
/// they become more or fewer: as the owner of a shard takes them.
const BATCH: usize = 1000;
const BATCH_MIN: usize = 32;
const BATCH_TIME: std::ops::Range<Duration> = Duration::from_millis(2)..Duration::from_millis(5);

/// Events generated before any of them is timed.
const CHUNK: usize = 100_000;

/// Events timed before the picture, and after it.
const TIMED: usize = 400_000;

fn main() {
    let wanted = std::env::args().nth(1).filter(|arg| !arg.starts_with('-'));
    for (name, load, hurry) in scenarios() {
        if wanted.as_ref().is_none_or(|wanted| name.contains(wanted.as_str())) {
            println!("{name}");
            run(load, hurry);
        }
    }
}

/// By name, and how many times faster than a load can be they go by.
fn scenarios() -> Vec<(&'static str, Load, i64)> {
    let load = Load { ids: false, ..Load::default() };
    let few = Load { actors: 1_400_000, events: 9_000_000, ..load.clone() };
    let many = Load {
        actors: 175_000,
        favourites: 28,
        activity_exponent: 0.0,
        popularity_exponent: 0.3,
        events: 9_000_000,
        ..load
    };
    let sales = Load { ids: true, conversions: 500, days: 1, events: 3_000_000, ..Load::default() };
    vec![
        ("about 3 entries an actor", few.clone(), 1),
        ("about 25 entries an actor", many, 1),
        ("about 3 entries an actor, ids", Load { ids: true, ..few }, 1),
        ("conversions that wait, 200 a second", sales, 12),
    ]
}

fn run(load: Load, hurry: i64) {
    let mut shard = Shard::new(&Params::default(), &limits());
    let before = usize::try_from(load.events).unwrap_or_default() - 2 * TIMED;
    let mut feed = Feed::new(load, hurry);
    feed.apply(&mut shard, before);
    let without = feed.apply(&mut shard, TIMED);
    let (frozen, freezing) = timed(|| shard.freeze());
    feed.batch = BATCH_MIN;
    let with = feed.apply(&mut shard, TIMED);

    let mut body = Vec::new();
    let ((), encoding) = timed(|| encode(&frozen, None, &mut body));
    drop(frozen);
    drop(shard);
    let (restored, decoding) = timed(|| decode(&body, &Params::default(), &limits()));
    let Ok((restored, _)) = restored else { unreachable!("what was encoded can be decoded") };
    let usage = restored.usage();
    println!("  entries, of actors   {:>10}, {}", usage.entries.len, usage.actors.len);
    println!("  waiting              {:>10}", usage.waiting.len);
    println!("  freeze               {:>10.2} ms", freezing.as_secs_f64() * 1e3);
    for (when, spent) in [("without", without), ("with", with)] {
        println!(
            "  {when:<8} a picture   {:>10.0} ns/event, worst batch {:.2} ms, {} of {} over {} ms",
            spent.total.as_nanos() as f64 / TIMED as f64,
            spent.worst.as_secs_f64() * 1e3,
            spent.long,
            spent.batches,
            BATCH_TIME.end.as_millis(),
        );
    }
    println!("  encode               {:>10.2} s", encoding.as_secs_f64());
    println!("  decode               {:>10.2} s", decoding.as_secs_f64());
    println!("  bytes an entry       {:>10.2}", body.len() as f64 / usage.entries.len as f64);
}

/// A load on its way into a shard.
struct Feed {
    load: Load,
    hurry: i64,
    /// Events of the next batch at most.
    batch: usize,
    events: LoadEvents,
    decoder: Decoder,
}

/// CPU time of applying batches.
#[derive(Clone, Copy, Default)]
struct Spent {
    total: Duration,
    worst: Duration,
    batches: usize,
    /// Of them those that took longer than they should.
    long: usize,
}

impl Feed {
    fn new(load: Load, hurry: i64) -> Self {
        let decoder = Decoder::new(Secret::new(7), &BTreeMap::new(), &BTreeMap::new());
        Self { events: load.clone().generate(), load, hurry, batch: BATCH, decoder }
    }

    fn apply(&mut self, shard: &mut Shard, events: usize) -> Spent {
        let mut spent = Spent::default();
        let mut left = events;
        while left > 0 {
            let mut chunk: Vec<LoadEvent> = self.events.by_ref().take(left.min(CHUNK)).collect();
            assert!(!chunk.is_empty(), "a load has as many events as it says");
            let start_ms = self.load.start_ms;
            for event in &mut chunk {
                event.time_ms = start_ms + (event.time_ms - start_ms) / self.hurry;
            }
            left -= chunk.len();
            self.apply_chunk(shard, &chunk, &mut spent);
        }
        spent
    }

    fn apply_chunk(&mut self, shard: &mut Shard, chunk: &[LoadEvent], spent: &mut Spent) {
        let (mut text, mut ends) = (Vec::new(), Vec::new());
        for event in chunk {
            event.write_json(self.load.ids, &mut text);
            ends.push((text.len(), event.time_ms));
        }
        let mut from = 0;
        let mut outcomes = Vec::with_capacity(BATCH);
        let mut left = &ends[..];
        while !left.is_empty() {
            let (ends, later) = left.split_at(self.batch.min(left.len()));
            left = later;
            let mut batch = Batch::with_capacity(ends.len());
            for (end, log_time_ms) in ends {
                let payload = Some(&text[from..*end]);
                let record = Record { payload, key: None, log_time_ms: *log_time_ms };
                assert!(self.decoder.decode(&record, &mut batch).is_ok(), "a load is well formed");
                from = *end;
            }
            let ((), took) = timed(|| shard.apply(&batch, &mut outcomes));
            outcomes.clear();
            spent.total += took;
            spent.worst = spent.worst.max(took);
            spent.batches += 1;
            spent.long += usize::from(took > BATCH_TIME.end);
            if took < BATCH_TIME.start {
                self.batch = (self.batch * 2).min(BATCH);
            } else if took > BATCH_TIME.end {
                self.batch = (self.batch / 2).max(BATCH_MIN);
            }
            while shard.extract(usize::MAX) {}
            drop(shard.take_histories());
        }
    }
}

fn limits() -> Limits {
    Limits { memory_bytes: 16 << 30, dedup_window_ms: 3_600_000, dedup_ids: 2_000_000 }
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = thread_time();
    let done = work();
    (done, thread_time().saturating_sub(start))
}

fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or_default())
}
