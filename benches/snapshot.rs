//! What a picture of a shard costs: taking it, going on while it is alive, writing and reading it.
//!
//! `cargo bench --bench snapshot [-- NAME]`. Times are CPU time of the thread, which is the only
//! one. The stream goes on with as many events before a picture as after it, to compare. Memory for
//! copies is touched before each picture by another thread, whose time is not told.

#![allow(clippy::print_stdout, clippy::indexing_slicing, reason = "a benchmark")]

mod load;

use std::time::Duration;

use sillage::app::allocator::{arena, keep_between_pictures, lay_up};
use sillage::campaign::{Load, LoadEvent, LoadEvents};
use sillage::clock::thread_time;
use sillage::engine::{Outcome, Shard};
use sillage::model::Params;
use sillage::snapshot::{decode, encode};

use load::{Records, limits, page_faults};

/// As in the binary: what a copied chunk costs is the allocator's doing too.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Events decoded before they are applied at most, at least, and for how long they may take until
/// they become more or fewer: as the owner of a shard takes them.
const BATCH: usize = 1000;
const BATCH_MIN: usize = 4;
const BATCH_TIME: std::ops::Range<Duration> = Duration::from_millis(1)..Duration::from_millis(3);

/// For how long an owner may be held.
const HELD_MAX: Duration = Duration::from_millis(5);

/// Events timed before the first picture, and after each.
const TIMED: usize = 400_000;

const PICTURES: usize = 3;

/// Events generated at once.
const CHUNK: usize = 100_000;

fn main() {
    keep_between_pictures(Duration::from_mins(1)).expect("jemalloc is told");
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
    let before = usize::try_from(load.events).unwrap_or_default() - (1 + PICTURES) * TIMED;
    let mut feed = Feed::new(load, hurry);
    feed.apply(&mut shard, before);
    println!("  without a picture    {}", feed.apply(&mut shard, TIMED));
    let mut body = Vec::new();
    for number in 1..=PICTURES {
        make_room(shard.copied_bytes());
        let (frozen, freezing) = timed(|| shard.freeze());
        feed.batch = BATCH_MIN;
        println!("  with picture {number}       {}", feed.apply(&mut shard, TIMED));
        body.clear();
        let ((), encoding) = timed(|| encode(&frozen, None, &mut body));
        println!("  freeze               {:>10.2} ms", freezing.as_secs_f64() * 1e3);
        println!("  encode               {:>10.2} s", encoding.as_secs_f64());
    }
    drop(shard);
    let (restored, decoding) = timed(|| decode(&body, &Params::default(), &limits()));
    let Ok((restored, _)) = restored else { unreachable!("what was encoded can be decoded") };
    let usage = restored.usage();
    println!("  decode               {:>10.2} s", decoding.as_secs_f64());
    println!("  entries, of actors   {:>10}, {}", usage.entries.len, usage.actors.len);
    println!("  waiting              {:>10}", usage.waiting.len);
    println!("  bytes an entry       {:>10.2}", body.len() as f64 / usage.entries.len as f64);
}

/// Has memory be there for copies, as the thread does that writes.
fn make_room(bytes: usize) {
    let arena = arena().expect("a thread has an arena");
    let laid_up = std::thread::spawn(move || lay_up(arena, bytes)).join();
    laid_up.expect("no panic").expect("jemalloc lays up");
}

/// A load on its way into a shard.
struct Feed {
    ids: bool,
    start_ms: i64,
    hurry: i64,
    /// Events of the next batch at most.
    batch: usize,
    events: LoadEvents,
}

/// CPU time of applying batches.
#[derive(Clone, Copy, Default)]
struct Spent {
    total: Duration,
    worst: Duration,
    batches: usize,
    /// Of them those that took longer than an owner may be held.
    long: usize,
    page_faults: u64,
}

impl Feed {
    fn new(load: Load, hurry: i64) -> Self {
        let (ids, start_ms) = (load.ids, load.start_ms);
        Self { ids, start_ms, hurry, batch: BATCH, events: load.generate() }
    }

    fn apply(&mut self, shard: &mut Shard, events: usize) -> Spent {
        let mut spent = Spent::default();
        let mut left = events;
        while left > 0 {
            let mut chunk: Vec<LoadEvent> = self.events.by_ref().take(left.min(CHUNK)).collect();
            assert!(!chunk.is_empty(), "a load has as many events as it says");
            for event in &mut chunk {
                event.time_ms = self.start_ms + (event.time_ms - self.start_ms) / self.hurry;
            }
            left -= chunk.len();
            self.apply_chunk(shard, &chunk, &mut spent);
        }
        spent
    }

    fn apply_chunk(&mut self, shard: &mut Shard, chunk: &[LoadEvent], spent: &mut Spent) {
        let records = Records::of(chunk, self.ids);
        let mut outcomes: Vec<Outcome> = Vec::with_capacity(BATCH);
        let mut from = 0;
        while from < chunk.len() {
            let batch = records.decode(from, self.batch);
            from += batch.interactions().len();
            let faults = page_faults();
            let ((), took) = timed(|| shard.apply(&batch, &mut outcomes));
            outcomes.clear();
            spent.add(took, page_faults() - faults);
            if took < BATCH_TIME.start {
                self.batch = (self.batch + BATCH_MIN).min(BATCH);
            } else if took > BATCH_TIME.end {
                self.batch = (self.batch / 4).max(BATCH_MIN);
            }
            while shard.extract(usize::MAX) {}
            drop(shard.take_histories());
        }
    }
}

impl Spent {
    fn add(&mut self, took: Duration, page_faults: u64) {
        self.total += took;
        self.worst = self.worst.max(took);
        self.batches += 1;
        self.long += usize::from(took > HELD_MAX);
        self.page_faults += page_faults;
    }
}

impl std::fmt::Display for Spent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{:>10.0} ns/event, {} page faults, worst batch {:.2} ms, {} of {} over {} ms",
            self.total.as_nanos() as f64 / TIMED as f64,
            self.page_faults,
            self.worst.as_secs_f64() * 1e3,
            self.long,
            self.batches,
            HELD_MAX.as_millis(),
        )
    }
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = thread_time();
    let done = work();
    (done, thread_time().saturating_sub(start))
}
