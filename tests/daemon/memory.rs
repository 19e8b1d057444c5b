//! Memory ends where it was told to, and what is let go does not depend on chance.

use std::fs;

use serde_json::Value;

use crate::process::Daemon;
use crate::stream::{event, produce, ranking};
use crate::support::kafka::Kafka;
use crate::support::recorded::say;

const NOW: i64 = 1_700_000_000_000;
const MIB: u64 = 1 << 20;
const LIMIT: u64 = 16 * MIB;
/// The process around the state: code, stacks, buffers of Kafka, rendered answers.
const BESIDE: u64 = 144 * MIB;

#[test]
fn a_limit_bounds_the_state_and_evicts_the_same_each_time() {
    let kafka = Kafka::shared();
    kafka.create_topic("crowd", 2, &[]);
    let lines: Vec<String> = (0..400_000_i64)
        .map(|n| {
            let target = format!("t{}", n % 501);
            event("retweet", &format!("a{}", n * 7 % 300_007), &target, NOW + n * 1_000)
        })
        .collect();
    produce(kafka, "crowd", &lines);
    let runs = ["first", "second"].map(|group| run(kafka, group, lines.len()));
    assert_eq!(runs[0].1, runs[1].1, "evictions");
    assert_eq!(runs[0].0["total"], 501);
    assert!(runs[0].0 == runs[1].0, "the rankings of two runs differ");
}

/// The ranking, and how much was evicted of each store.
fn run(kafka: &Kafka, group: &str, records: usize) -> (Value, Vec<u64>) {
    let settings = [
        ("SILLAGE__KAFKA__GROUP", group),
        ("SILLAGE__STATE__MEMORY_LIMIT", "16MiB"),
        ("SILLAGE__KAFKA__PREFETCH", "8MiB"),
    ];
    let daemon = Daemon::start(&kafka.brokers(), "crowd", &settings);
    daemon.await_records(records);
    daemon.await_ready();
    let status = daemon.json("/api/v1/status");
    let stores = ["actors", "entries", "slots", "ids"];
    let of = |what: &str| stores.map(|s| status["state"][s][what].as_u64().unwrap()).to_vec();
    let bytes: u64 = of("bytes").iter().sum();
    assert!((LIMIT / 4..=LIMIT).contains(&bytes), "{bytes} bytes of state: {status}");
    let evicted = of("evicted");
    assert!(evicted[0] > 0 && evicted[1] > 0, "{status}");
    let counted = daemon.metric("sillage_state_evictions_total", &["store=\"actors\""]);
    assert_eq!(counted, evicted[0] as f64);
    let peak = peak_bytes(daemon.pid());
    say(&format!("state {bytes} bytes of {LIMIT}, process {peak} at its peak"));
    assert!(peak < LIMIT + BESIDE, "{} MiB", peak / MIB);
    let found = ranking(&daemon, "s");
    daemon.stop();
    (found, evicted)
}

/// The most memory that the process ever had.
fn peak_bytes(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() * 1024
}
