//! What the table of lifts costs when a bucket closes: CPU time of one thread, and memory.
//!
//! `cargo bench --bench evidence [-- CONVERTERS…]`. People act on 8 of 5,000 influencers, some of
//! which move them; bots act on 2,000. Times are the median of [`ROUNDS`].

#![allow(clippy::print_stdout, clippy::indexing_slicing, reason = "a benchmark")]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "numbers here are small and positive"
)]

use std::fs;
use std::sync::Arc;

use rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sillage::clock::thread_time;
use sillage::evidence::evidence;
use sillage::model::{AccountKey, Acted, HISTORY, Histories, History, Params, SegmentHistories};

/// As in the binary: where the state lies decides what a cache miss costs.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const ROUNDS: usize = 5;
const INFLUENCERS: usize = 5_000;
const FAVOURITES: usize = 8;
const BOTS: usize = 100;
const FAVOURITES_OF_BOTS: usize = 2_000;

fn main() {
    let sizes: Vec<usize> = std::env::args().skip(1).filter_map(|arg| arg.parse().ok()).collect();
    println!(
        "{:>12} {:>6} {:>12} {:>8} {:>8} {:>14} {:>14}",
        "converters", "bots", "established", "ms", "best", "bytes in each", "and on top"
    );
    if sizes.is_empty() {
        measure(100_000, 0);
        measure(100_000, BOTS);
        measure(1_000_000, 0);
    }
    for converters in sizes {
        measure(converters, 0);
    }
}

fn measure(converters: usize, bots: usize) {
    let histories = histories(converters, bots);
    let input: usize = histories
        .segments
        .iter()
        .map(|segment| size_of_val(&segment.people[..]) + size_of_val(&segment.acts[..]))
        .sum();
    let params = Params::default();
    let mut rounds = Vec::new();
    let (mut established, mut state) = (0, 0);
    for _ in 0..ROUNDS {
        let before = resident(true);
        let start = thread_time();
        let table = evidence(&params, &[&histories]);
        rounds.push(thread_time().saturating_sub(start).as_secs_f64() * 1e3);
        state = state.max(resident(false).saturating_sub(before));
        let lifts = table.segments.values().flat_map(|segment| segment.influencers.values());
        established = lifts.filter(|lift| lift.entangled_with.is_some()).count();
    }
    rounds.sort_by(f64::total_cmp);
    println!(
        "{converters:>12} {bots:>6} {established:>12} {:>8.1} {:>8.1} {:>14} {:>14}",
        rounds[ROUNDS / 2],
        rounds[0],
        input / converters,
        state / converters,
    );
}

/// One segment of people who converted, and the counts of all others.
fn histories(converters: usize, bots: usize) -> Histories {
    let mut random = ChaCha8Rng::seed_from_u64(5);
    let mut segment = SegmentHistories {
        segment: "buyers".into(),
        exposed: [0; HISTORY],
        exposed_converted: [0; HISTORY],
        converted: [0; HISTORY],
        people: Vec::with_capacity(converters),
        acts: Vec::with_capacity(converters * FAVOURITES),
    };
    while segment.people.len() < converters {
        person(&mut segment, FAVOURITES, &mut random);
    }
    while segment.people.len() < converters + bots {
        person(&mut segment, FAVOURITES_OF_BOTS, &mut random);
    }
    let influencers = (0..INFLUENCERS).map(|n| Arc::from(format!("influencer-{n}"))).collect();
    Histories { closed: 20_000, segments: vec![segment], influencers }
}

fn person(segment: &mut SegmentHistories, favourites: usize, random: &mut ChaCha8Rng) {
    let from = segment.acts.len();
    // Acts on each favourite in one bucket of 8, of 16, of 32 or of 64.
    let rarity = random.random_range(3..=6);
    for _ in 0..favourites {
        let buckets = (0..rarity).fold(u64::MAX, |mask, _| mask & random.next_u64());
        // Some are much more popular than others.
        let influencer = (random.random::<f64>().powi(2) * INFLUENCERS as f64) as u32;
        segment.acts.push(Acted { influencer, buckets });
    }
    let acts: Vec<Acted> = segment.acts[from..].to_vec();
    let exposed = |acts: u64| acts >> 1 | acts >> 2 | acts >> 3;
    let (mut quarters, mut converted) = ([0; HISTORY / 2], 0_u64);
    for age in (0..HISTORY).rev() {
        let at = |mask: u64| mask >> age & 1;
        let units: u64 = acts.iter().map(|acted| 4 * at(acted.buckets)).sum();
        quarters[age / 2] |= (units.min(12) as u8) << (4 * (age % 2));
        let moved: f64 = acts
            .iter()
            .filter(|acted| at(exposed(acted.buckets)) == 1)
            .map(|acted| effect(acted.influencer))
            .product();
        let bought = random.random::<f64>() < 0.004 * moved;
        converted |= u64::from(bought) << age;
        let any = acts.iter().any(|acted| at(exposed(acted.buckets)) == 1);
        segment.exposed[age] += u32::from(any);
        segment.exposed_converted[age] += u32::from(any && bought);
        segment.converted[age] += u32::from(bought);
    }
    if converted & ((1 << 49) - 1) == 0 {
        segment.acts.truncate(from);
        return;
    }
    let key = AccountKey(random.next_u64());
    let acts = (from as u32, segment.acts.len() as u32);
    segment.people.push(History { key, converted, quarters, acts });
}

/// One influencer of 18 moves people.
fn effect(influencer: u32) -> f64 {
    if influencer.is_multiple_of(18) { 2.0 } else { 1.0 }
}

/// Resident memory now, from which on the peak is counted anew, or the peak.
fn resident(now: bool) -> usize {
    if now {
        fs::write("/proc/self/clear_refs", "5").expect("the peak can be reset");
    }
    let key = if now { "VmRSS:" } else { "VmHWM:" };
    let status = fs::read_to_string("/proc/self/status").expect("a process has a status");
    let line = status.lines().find_map(|line| line.strip_prefix(key)).expect("it has its memory");
    let kilobytes: usize = line.trim().trim_end_matches(" kB").parse().expect("a number");
    kilobytes << 10
}
