//! From an event's production to its place in `/metrics`, while the daemon is busy.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::measure::Sillage;
use super::produce::Producer;
use super::support::Kafka;
use sillage::campaign::Load;

const TOPIC: &str = "live";
/// Events a second: half of what catching up takes on a machine that also runs broker and producer.
const RATE: u64 = 300_000;
const SECONDS: u64 = 30;
/// From a probe to the next: no divisor of the view's interval, so that all phases occur.
const PROBE_EVERY: Duration = Duration::from_millis(370);

/// Prints percentiles over probes: events on influencers that nobody acted on before.
pub(crate) fn run(kafka: &Kafka) {
    kafka.create_topic(TOPIC, 6, &[]);
    let probes = usize::try_from(u128::from(SECONDS) * 1000 / PROBE_EVERY.as_millis()).unwrap() - 8;
    let watch: Vec<String> = (0..probes).map(|n| format!("probe-{n}")).collect();
    let sillage =
        Sillage::start(&kafka.brokers(), TOPIC, &[("SILLAGE__EXPORT__WATCH", &watch.join(","))]);
    let by_hand = Producer::new(&kafka.brokers(), TOPIC);
    let loading = AtomicBool::new(true);
    let mut delays: Vec<Duration> = std::thread::scope(|scope| {
        scope.spawn(|| load(kafka, &loading));
        // The load begins, and partitions are assigned.
        std::thread::park_timeout(Duration::from_secs(5));
        let delays = watch.iter().map(|name| probe(&by_hand, &sillage, name)).collect();
        loading.store(false, Ordering::Relaxed);
        delays
    });
    delays.sort_unstable();
    let percentile =
        |p: usize| delays[(delays.len() * p / 100).min(delays.len() - 1)].as_secs_f64();
    println!(
        "event to /metrics at {RATE} events/s, {} probes: p50 {:.2} s, p99 {:.2} s, max {:.2} s",
        delays.len(),
        percentile(50),
        percentile(99),
        delays[delays.len() - 1].as_secs_f64(),
    );
}

fn probe(prober: &Producer, sillage: &Sillage, name: &str) -> Duration {
    let began = Instant::now();
    let event = format!(
        "{{\"kind\":\"retweet\",\"actor\":\"prober\",\"target\":\"{name}\",\"segments\":[\"probes\"]}}"
    );
    prober.send(b"prober", event.as_bytes());
    let wanted = format!("sillage_influence_score{{segment=\"probes\",influencer=\"{name}\"");
    while !sillage.metrics().is_some_and(|metrics| metrics.contains(&wanted)) {
        assert!(began.elapsed() < Duration::from_secs(30), "{name} does not appear");
        std::thread::park_timeout(Duration::from_millis(10));
    }
    let delay = began.elapsed();
    std::thread::park_timeout(PROBE_EVERY.saturating_sub(delay));
    delay
}

/// Produces at [`RATE`] until told to stop, in slices of 50 ms.
fn load(kafka: &Kafka, loading: &AtomicBool) {
    let now_ms = sillage::clock::wall_ms();
    let load = Load { events: RATE * SECONDS * 3, start_ms: now_ms, ..Load::default() };
    let mut events = load.generate();
    let mut producer = Producer::new(&kafka.brokers(), TOPIC);
    let began = Instant::now();
    let mut sent = 0;
    while loading.load(Ordering::Relaxed) {
        let due = (began.elapsed().as_millis() as u64 * RATE) / 1000;
        for mut event in events.by_ref().take((due - sent) as usize) {
            event.time_ms = now_ms;
            producer.send_load(&event);
            sent += 1;
        }
        std::thread::park_timeout(Duration::from_millis(20));
    }
}
