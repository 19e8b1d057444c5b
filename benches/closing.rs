//! For how long the owner of a shard is held when buckets close: by the batch that closes one, and
//! by each slice of the histories that are then extracted between batches.
//!
//! `cargo bench --bench closing [-- ACTORS…]`. Times are CPU time of the thread, which is the only
//! one; nobody waits, so a slice follows each batch as in the daemon. What a page that is touched for
//! the first time costs is the machine's: slices without one are shown apart.

#![allow(clippy::print_stdout, clippy::indexing_slicing, reason = "a benchmark")]

mod load;

use std::time::Duration;

use sillage::campaign::Load;
use sillage::clock::thread_time;
use sillage::engine::Shard;
use sillage::model::{Batch, Params};

use load::{limits, page_faults};

/// As in the binary: where the state lies decides what a cache miss costs.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Entries of a slice, as owners take them: usually, and while a picture is due.
const SLICES: [usize; 2] = [2_000, 10_000];

/// What the owner was held by.
#[derive(Default)]
struct Held {
    closes: usize,
    people: usize,
    /// All slices of the largest close.
    extraction: Duration,
    worst_slice: Duration,
    /// Of the slices in which no page was touched for the first time.
    worst_without_faults: Duration,
    worst_closing_batch: Duration,
    /// In ascending order at the end.
    other_batches: Vec<Duration>,
}

fn main() {
    let wanted: Vec<u32> = std::env::args().skip(1).filter_map(|arg| arg.parse().ok()).collect();
    println!(
        "{:>10} {:>8} {:>7} {:>10} {:>14} {:>12} {:>14} {:>14} {:>22}",
        "actors",
        "slice of",
        "closes",
        "people",
        "extraction ms",
        "worst slice",
        "without faults",
        "closing batch",
        "batches, median, worst"
    );
    for actors in if wanted.is_empty() { vec![200_000, 2_000_000] } else { wanted } {
        let load = Load {
            actors,
            events: 6 * u64::from(actors),
            conversions: 20,
            ids: false,
            ..Load::default()
        };
        for slice in SLICES {
            report(actors, slice, &measure(&load, slice));
        }
    }
}

fn measure(load: &Load, slice: usize) -> Held {
    let mut shard = Shard::new(&Params::default(), &limits());
    let mut held = Held::default();
    let mut spent = Duration::ZERO;
    load::feed(load, |batch| spent = step(&mut shard, (batch, slice), &mut held, spent));
    held.other_batches.sort_unstable();
    held
}

/// A batch and a slice; takes and gives what the slices since the last close took.
fn step(
    shard: &mut Shard,
    (batch, slice): (&Batch<'_>, usize),
    held: &mut Held,
    mut spent: Duration,
) -> Duration {
    let mut outcomes = Vec::with_capacity(batch.interactions().len());
    let was_extracting = shard.is_extracting();
    let took = timed(|| shard.apply(batch, &mut outcomes));
    if shard.is_extracting() && !was_extracting {
        held.closes += 1;
        held.worst_closing_batch = held.worst_closing_batch.max(took);
        spent = Duration::ZERO;
    } else {
        held.other_batches.push(took);
    }
    let faults = page_faults();
    let took = timed(|| {
        shard.extract(slice);
    });
    spent += took;
    held.worst_slice = held.worst_slice.max(took);
    if page_faults() == faults {
        held.worst_without_faults = held.worst_without_faults.max(took);
    }
    if let Some(histories) = shard.take_histories() {
        held.extraction = held.extraction.max(spent);
        let people = histories.segments.iter().map(|segment| segment.people.len()).sum();
        held.people = held.people.max(people);
    }
    spent
}

fn report(actors: u32, slice: usize, held: &Held) {
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    let batches = &held.other_batches;
    println!(
        "{actors:>10} {slice:>8} {:>7} {:>10} {:>14.1} {:>12.2} {:>14.2} {:>14.2} {:>14.2}, {:>6.2}",
        held.closes,
        held.people,
        ms(held.extraction),
        ms(held.worst_slice),
        ms(held.worst_without_faults),
        ms(held.worst_closing_batch),
        ms(batches[batches.len() / 2]),
        ms(batches[batches.len() - 1]),
    );
}

fn timed(work: impl FnOnce()) -> Duration {
    let start = thread_time();
    work();
    thread_time().saturating_sub(start)
}
