//! What one event costs the engine, and one pair takes of memory: the shard alone, no Kafka,
//! no decoding, on one thread.
//!
//! `cargo bench --bench engine [-- NAME]`. Times are the thread's CPU time around `Shard::apply`
//! only, batch by batch, each decoded just before as an owner does; every scenario runs [`ROUNDS`]
//! times, and the median round is what to quote. A shard starts empty: what the second half took is
//! told beside all, to see what its growth costs. The memory that it grows into was touched before,
//! as what the host takes to give a new page says nothing about the engine.

#![allow(clippy::print_stdout, clippy::indexing_slicing, reason = "a benchmark")]

mod load;

use std::time::Duration;

use sillage::app::allocator::{arena, keep_between_pictures, lay_up};
use sillage::campaign::Load;
use sillage::clock::thread_time;
use sillage::engine::{Outcome, Shard};
use sillage::model::Params;

use load::{BATCH, limits};

/// As in the binary: where the state lies decides what a cache miss costs.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const ROUNDS: usize = 3;

/// More than the state of any scenario.
const MEMORY: usize = 2 << 30;

fn main() {
    keep_between_pictures(Duration::from_hours(1)).expect("jemalloc is told");
    arena().and_then(|arena| lay_up(arena, MEMORY)).expect("jemalloc is told");
    let wanted = std::env::args().nth(1).filter(|arg| !arg.starts_with('-'));
    println!(
        "{:<32} {:>10} {:>10} {:>12} {:>12} {:>14}",
        "scenario", "ns/event", "best", "second half", "entries", "bytes/entry"
    );
    for (name, load) in scenarios() {
        if wanted.as_ref().is_none_or(|wanted| name.contains(wanted.as_str())) {
            run(name, &load);
        }
    }
}

fn scenarios() -> Vec<(&'static str, Load)> {
    let load = Load { events: 4_000_000, ids: false, ..Load::default() };
    vec![
        ("200k actors", load.clone()),
        ("200k actors, ids", Load { ids: true, ..load.clone() }),
        ("200k actors, 2 % conversions", Load { conversions: 20, ..load.clone() }),
        ("1k actors", Load { actors: 1_000, ..load.clone() }),
        ("20k actors", Load { actors: 20_000, ..load.clone() }),
        ("2M actors", Load { actors: 2_000_000, events: 12_000_000, ..load.clone() }),
        (
            "memory, 20 pairs an actor",
            Load {
                actors: 260_000,
                favourites: 28,
                activity_exponent: 0.0,
                popularity_exponent: 0.3,
                events: 12_000_000,
                ..load
            },
        ),
    ]
}

fn run(name: &str, load: &Load) {
    let (mut rounds, mut halves) = (Vec::new(), Vec::new());
    let mut usage = None;
    for _ in 0..ROUNDS {
        let mut shard = Shard::new(&Params::default(), &limits());
        let [first, second] = feed(&mut shard, load);
        rounds.push((first + second).as_nanos() as f64 / load.events as f64);
        halves.push(second.as_nanos() as f64 / (load.events / 2) as f64);
        usage = Some(shard.usage());
    }
    rounds.sort_by(f64::total_cmp);
    halves.sort_by(f64::total_cmp);
    let usage = usage.unwrap_or_default();
    let bytes = usage.actors.bytes + usage.entries.bytes + usage.slots.bytes;
    println!(
        "{name:<32} {:>10.0} {:>10.0} {:>12.0} {:>12} {:>14.1}",
        rounds[ROUNDS / 2],
        rounds[0],
        halves[ROUNDS / 2],
        usage.entries.len,
        bytes as f64 / usage.entries.len as f64,
    );
}

/// Feeds the load and gives the CPU time that applying each half of it took.
fn feed(shard: &mut Shard, load: &Load) -> [Duration; 2] {
    let (mut spent, mut fed) = ([Duration::ZERO; 2], 0);
    let mut outcomes = Vec::with_capacity(BATCH);
    load::feed(load, |batch| {
        let start = thread_time();
        shard.apply(batch, &mut outcomes);
        spent[usize::from(2 * fed >= load.events)] += thread_time().saturating_sub(start);
        assert!(outcomes.iter().all(|o| *o == Outcome::Scored), "every event of a load is scored");
        outcomes.clear();
        fed += batch.len() as u64;
    });
    spent
}
