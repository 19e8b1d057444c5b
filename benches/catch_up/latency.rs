//! From an event's production to its place in `/metrics`, while the daemon is busy.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::measure::Sillage;
use super::produce::Producer;
use super::support::Kafka;
use sillage::campaign::Load;

/// Events a second. At the higher one, broker and producer on the same two cores leave none idle.
const RATES: [(&str, u64); 2] = [("live-150", 150_000), ("live-300", 300_000)];
const SECONDS: u64 = 60;
/// From a probe to the next, whatever became of it: no divisor of the view's interval, so that
/// probes meet views in all phases.
const PROBE_EVERY: Duration = Duration::from_millis(370);
/// From a look at `/metrics` to the next, which is part of the delay.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Prints percentiles over probes: events on influencers that nobody acted on before.
pub(crate) fn run(kafka: &Kafka) {
    for (topic, rate) in RATES {
        run_at(kafka, topic, rate);
    }
}

fn run_at(kafka: &Kafka, topic: &'static str, rate: u64) {
    kafka.create_topic(topic, 6, &[]);
    let probes = usize::try_from(u128::from(SECONDS) * 1000 / PROBE_EVERY.as_millis()).unwrap() - 8;
    let watch: Vec<String> = (0..probes).map(|n| format!("probe-{n}")).collect();
    let sillage =
        Sillage::start(&kafka.brokers(), topic, &[("SILLAGE__EXPORT__WATCH", &watch.join(","))]);
    let by_hand = Producer::new(&kafka.brokers(), topic);
    let loading = AtomicBool::new(true);
    let mut delays: Vec<Duration> = std::thread::scope(|scope| {
        scope.spawn(|| load(kafka, topic, rate, &loading));
        // The load begins, and partitions are assigned.
        std::thread::park_timeout(Duration::from_secs(5));
        let delays = probe(&by_hand, &sillage, &watch);
        loading.store(false, Ordering::Relaxed);
        delays
    });
    delays.sort_unstable();
    let percentile =
        |p: usize| delays[(delays.len() * p / 100).min(delays.len() - 1)].as_secs_f64();
    println!(
        "event to /metrics at {rate} events/s, {} probes: p50 {:.2} s, p99 {:.2} s, max {:.2} s",
        delays.len(),
        percentile(50),
        percentile(99),
        delays[delays.len() - 1].as_secs_f64(),
    );
}

/// Sends a probe a name, each in its time, and gives how long each one took to appear.
fn probe(prober: &Producer, sillage: &Sillage, names: &[String]) -> Vec<Duration> {
    let began = Instant::now();
    let mut names = names.iter().zip(0..);
    let (mut away, mut delays): (Vec<(Instant, String)>, _) = (Vec::new(), Vec::new());
    let mut next = names.next();
    while next.is_some() || !away.is_empty() {
        while let Some((name, n)) = next
            && began.elapsed() >= PROBE_EVERY * n
        {
            let event = format!(
                "{{\"kind\":\"retweet\",\"actor\":\"prober\",\"target\":\"{name}\",\"segments\":[\"probes\"]}}"
            );
            let sample =
                format!("sillage_influence_score{{segment=\"probes\",influencer=\"{name}\"");
            away.push((Instant::now(), sample));
            prober.send(b"prober", event.as_bytes());
            next = names.next();
        }
        let metrics = sillage.metrics().unwrap_or_default();
        away.retain(|(sent, sample)| {
            assert!(sent.elapsed() < Duration::from_secs(30), "{sample} does not appear");
            let there = metrics.contains(sample);
            if there {
                delays.push(sent.elapsed());
            }
            !there
        });
        std::thread::park_timeout(LOOK_EVERY);
    }
    delays
}

/// Produces at a rate until told to stop, in slices of 50 ms.
fn load(kafka: &Kafka, topic: &'static str, rate: u64, loading: &AtomicBool) {
    let now_ms = sillage::clock::wall_ms();
    let load = Load { events: rate * SECONDS * 3, start_ms: now_ms, ..Load::default() };
    let mut events = load.generate();
    let mut producer = Producer::new(&kafka.brokers(), topic);
    let began = Instant::now();
    let mut sent = 0;
    while loading.load(Ordering::Relaxed) {
        let due = (began.elapsed().as_millis() as u64 * rate) / 1000;
        for mut event in events.by_ref().take((due - sent) as usize) {
            event.time_ms = now_ms;
            producer.send_load(&event);
            sent += 1;
        }
        std::thread::park_timeout(Duration::from_millis(20));
    }
}
