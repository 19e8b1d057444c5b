//! What a view costs while six shards catch up: what changed in each is published, then all are
//! added up, ranked and put in order. No Kafka; on one thread.
//!
//! `cargo bench --bench view`. CPU time of the thread; one line a view, a million events apart.

#![allow(
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a benchmark"
)]

mod load;

use std::time::Duration;

use sillage::campaign::{Load, LoadEvent};
use sillage::clock::thread_time;
use sillage::engine::Shard;
use sillage::model::Params;
use sillage::rank::ScoreBook;
use sillage::view::{View, Views};

use load::{Records, limits};

/// As in the binary: where the state lies decides what a cache miss costs.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const PARTITIONS: usize = 6;

/// Events from one view to the next: what two cores take in a second.
const EVENTS: u64 = 1_000_000;

const VIEWS: u64 = 8;

/// Records of a batch, as owners take them.
const BATCH: usize = 1_000;

/// Events that are told apart by shard before they are applied.
const CHUNK: usize = 100_000;

fn main() {
    let load = Load { events: VIEWS * EVENTS, conversions: 20, ..Load::default() };
    let mut events = load.clone().generate();
    let params = Params::default();
    let book = ScoreBook::new(&params);
    let mut shards: Vec<Shard> = (0..PARTITIONS).map(|_| Shard::new(&params, &limits())).collect();
    println!(
        "{:>5} {:>10} {:>12} {:>14} {:>10}",
        "view", "listed", "publish ms", "standings ms", "ns/event"
    );
    let views = Views::default();
    for view in 0..VIEWS {
        let applied = feed(&mut shards, events.by_ref().take(EVENTS as usize), load.ids);
        let start = thread_time();
        for (partition, shard) in (0..).zip(&mut shards) {
            book.publish(partition, shard);
        }
        let published = thread_time();
        let newest_ms = shards.iter().filter_map(Shard::newest_ms).max().unwrap_or_default();
        // As in the daemon, a view is freed when the next one is there.
        let segments = book.standings(newest_ms);
        let listed = segments.iter().map(|segment| segment.influencers.len()).sum::<usize>();
        views.publish(View { segments, ..View::default() });
        let drawn = thread_time();
        let ms = |spent: Duration| spent.as_secs_f64() * 1e3;
        println!(
            "{view:>5} {listed:>10} {:>12.1} {:>14.1} {:>10.0}",
            ms(published.saturating_sub(start)),
            ms(drawn.saturating_sub(published)),
            applied.as_nanos() as f64 / EVENTS as f64,
        );
    }
}

/// Applies events, each in the shard of its actor.
fn feed(shards: &mut [Shard], events: impl Iterator<Item = LoadEvent>, ids: bool) -> Duration {
    let mut spent = Duration::ZERO;
    let mut waiting: Vec<Vec<LoadEvent>> = vec![Vec::new(); shards.len()];
    let mut outcomes = Vec::new();
    let (mut name, mut taken) = (Vec::new(), 0);
    for event in events {
        name.clear();
        event.write_actor(&mut name);
        let hash = name
            .iter()
            .fold(7_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3));
        waiting[(hash >> 32) as usize % shards.len()].push(event);
        taken += 1;
        if taken % CHUNK == 0 {
            for (shard, events) in shards.iter_mut().zip(&mut waiting) {
                let records = Records::of(events, ids);
                for from in (0..events.len()).step_by(BATCH) {
                    let batch = records.decode(from, BATCH);
                    outcomes.clear();
                    let start = thread_time();
                    shard.apply(&batch, &mut outcomes);
                    spent += thread_time().saturating_sub(start);
                }
                events.clear();
            }
        }
    }
    spent
}
