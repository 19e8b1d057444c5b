//! Catch-up from a real Kafka: the daemon beside the floor (the same records, not even parsed)
//! and beside what one would write by hand, each a process of its own on the same topic.
//!
//! `cargo bench --bench catch_up [-- EVENTS [ROUNDS [CONVERSIONS]]]`: 5 M events, 3 rounds and 20
//! conversions in a thousand events by default.

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

mod latency;
mod measure;
mod produce;
mod rivals;
#[path = "../../tests/support/kafka.rs"]
mod support;

use sillage::campaign::Load;

use measure::{Measured, Sillage};
use support::{Kafka, Ports};

const TOPIC: &str = "load";
const PARTITIONS: i32 = 6;

fn main() {
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    let number = |at: usize| arguments.get(at).map(|arg| arg.parse::<u64>().expect("a number"));
    if let Some(role) = arguments.first().filter(|arg| arg.parse::<u64>().is_err()) {
        return rivals::run(role, &arguments[1], number(2).expect("a number of events"));
    }
    let (events, rounds) = (number(0).unwrap_or(5_000_000), number(1).unwrap_or(3));
    let conversions = number(2).map_or(20, |n| u16::try_from(n).expect("of a thousand"));
    let kafka = Kafka::start(Ports::draw());
    kafka.create_topic(TOPIC, PARTITIONS, &[]);
    produce::fill(&kafka.brokers(), TOPIC, Load { events, conversions, ..Load::default() });
    println!("{events} events, {conversions} ‰ conversions, {PARTITIONS} partitions, zstd");
    println!("{:<40} {:>12} {:>14} {:>9}", "", "CPU-s per M", "events/s", "MB");
    for _ in 0..rounds {
        report("floor: fetched, not parsed", &rivals::measure("floor", &kafka.brokers(), events));
        let sillage = Sillage::start(&kafka.brokers(), TOPIC, &[]);
        report("sillage", &sillage.catch_up(events));
    }
    report("by hand", &rivals::measure("by-hand", &kafka.brokers(), events));
    latency::run(&kafka);
}

fn report(name: &str, measured: &Measured) {
    println!(
        "{name:<40} {:>12.2} {:>14.0} {:>9.0}",
        measured.cpu_seconds / measured.events as f64 * 1e6,
        measured.events_per_second,
        measured.peak_bytes as f64 / 1e6,
    );
}
