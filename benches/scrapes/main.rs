//! What scrapes cost a catch-up: the daemon on a real Kafka shows about 100,000 series of scores to
//! ten scrapers, all at once, in turns with nobody.
//!
//! `cargo bench --bench scrapes [-- EVENTS [ROUNDS [SECONDS]]]`, 20 M events, 3 rounds and a scrape
//! every 5 s by default, as `config/prometheus/prometheus.yml` has it.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a benchmark"
)]

#[path = "../catch_up/measure.rs"]
mod measure;
#[path = "../catch_up/produce.rs"]
mod produce;
mod progress;
mod scraper;
#[path = "../../tests/support/kafka.rs"]
mod support;

use std::thread;
use std::time::Duration;

use sillage::campaign::Load;

use measure::{Sillage, sum};
use progress::Turns;
use scraper::Scrapers;
use support::{Kafka, Ports};

const TOPIC: &str = "scraped";
const PARTITIONS: usize = 6;

/// Of 16 segments: 6 series each, and 21 of an influencer.
const SHOWN: [(&str, &str); 2] =
    [("SILLAGE__EXPORT__TOP_K", "300"), ("SILLAGE__EXPORT__SERIES_LIMIT", "200000")];

/// After the catch-up, while scrapes go on: for buffers to have their size, and to see them grow.
const WARM_UP: Duration = Duration::from_secs(15);
const WATCHED: Duration = Duration::from_mins(1);

fn main() {
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    let number = |at: usize| arguments.get(at).map(|arg| arg.parse::<u64>().expect("a number"));
    let (events, rounds) = (number(0).unwrap_or(20_000_000), number(1).unwrap_or(3));
    let every = Duration::from_secs(number(2).unwrap_or(5));
    let kafka = Kafka::start(Ports::draw());
    kafka.create_topic(TOPIC, i32::try_from(PARTITIONS).unwrap(), &[]);
    produce::fill(&kafka.brokers(), TOPIC, Load { events, conversions: 20, ..Load::default() });
    println!("{events} events, 2 % of them conversions, {PARTITIONS} partitions, zstd");
    let mut all = Turns::default();
    for _ in 0..rounds {
        all.extend(&scraped(&kafka, events, every));
    }
    println!("together {all}");
    hold(&kafka, events, every);
}

fn start(kafka: &Kafka) -> Sillage {
    Sillage::start(&kafka.brokers(), TOPIC, &SHOWN)
}

fn scraped(kafka: &Kafka, events: u64, every: Duration) -> Turns {
    let sillage = start(kafka);
    // From the first scrape on the next one is prepared for.
    sillage.await_events(1);
    let scrapers = Scrapers::paused(sillage.address(), every);
    let turns = progress::catch_up(&sillage, events, &scrapers);
    println!("         {turns}");
    scrapers.end().report();
    report_server(&sillage);
    turns
}

/// Memory, and the CPU time of the daemon, while nothing but scrapes goes on.
fn hold(kafka: &Kafka, events: u64, every: Duration) {
    let sillage = start(kafka);
    sillage.await_events(events);
    let spent = || {
        let before = sillage.cpu_seconds();
        thread::park_timeout(WARM_UP);
        (sillage.cpu_seconds() - before) / WARM_UP.as_secs_f64()
    };
    // What is left of the catch-up ends meanwhile.
    spent();
    let (alone, before) = (spent(), sillage.resident_bytes());
    let scrapers = Scrapers::paused(sillage.address(), every);
    scrapers.pause_or_go_on();
    let (scraped, warm) = (spent(), sillage.resident_bytes());
    thread::park_timeout(WATCHED);
    let end = sillage.resident_bytes();
    println!(
        "read to the end: {:.1} ms of CPU a second, scraped {:.1} ms; memory before the first scrape \
         {:.1} MB, after {WARM_UP:?} of scrapes {:.1} MB, after {WATCHED:?} more {:.1} MB",
        alone * 1e3,
        scraped * 1e3,
        before as f64 / 1e6,
        warm as f64 / 1e6,
        end as f64 / 1e6,
    );
    scrapers.end().report();
    report_server(&sillage);
}

/// What the daemon itself says of scrapes.
fn report_server(sillage: &Sillage) {
    let metrics = sillage.metrics().expect("an answer");
    let of = |name: &str, rest: &str| sum(&metrics, &format!("sillage_{name}{rest}"));
    let render = "scrape_render_seconds";
    let (waits, quick) = (of(render, "_count"), of(render, "_bucket{le=\"0.01\"}"));
    let request = "http_request_duration_seconds";
    let handler = "handler=\"/metrics\"";
    println!(
        "  the daemon: {} series, {waits} waits for them, {:.1} % shorter than 10 ms; {} requests, \
         {} within 25 ms, {} within 100 ms",
        of("series_exported{", ""),
        100.0 * quick as f64 / waits.max(1) as f64,
        of(request, &format!("_count{{{handler}}}")),
        of(request, &format!("_bucket{{{handler},le=\"0.025\"}}")),
        of(request, &format!("_bucket{{{handler},le=\"0.1\"}}")),
    );
}
