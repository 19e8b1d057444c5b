//! What the daemon is measured beside: the floor, and the program that one would write by hand.

use std::process::{Command, Stdio};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use dashmap::DashMap;
use prometheus::{GaugeVec, Opts, Registry};
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{Consumer as _, StreamConsumer};
use rdkafka::message::Message as _;
use serde::Deserialize;
use sillage::ingest::kafka::{
    Assigned, Assignments, Committer, Config, Consumer, Message, Metrics, NotPrepared, Start,
};

use super::TOPIC;
use super::measure::{Measured, cpu_seconds, peak_bytes};

/// Runs a rival in a process of its own.
pub(crate) fn measure(role: &str, brokers: &str, events: u64) -> Measured {
    let output = Command::new(std::env::current_exe().expect("this program"))
        .args([role, brokers, &events.to_string()])
        .stderr(Stdio::inherit())
        .output()
        .expect("this program must start");
    let words = String::from_utf8(output.stdout).expect("numbers");
    let numbers: Vec<f64> =
        words.split_whitespace().map(|n| n.parse().expect("a number")).collect();
    Measured {
        events,
        cpu_seconds: numbers[0],
        events_per_second: numbers[1],
        peak_bytes: numbers[2] as u64,
    }
}

/// Is the rival, and prints what it needed.
pub(crate) fn run(role: &str, brokers: &str, events: u64) {
    let began = match role {
        "floor" => floor(brokers, events),
        "by-hand" => by_hand(brokers, events),
        _ => panic!("no such role: {role}"),
    };
    let seconds = began.elapsed().as_secs_f64();
    let process = std::process::id();
    println!("{} {} {}", cpu_seconds(process), events as f64 / seconds, peak_bytes(process));
}

/// Fetches all records in batches from the partitions' queues, as the daemon does, and counts
/// them. Gives when the first came.
fn floor(brokers: &str, events: u64) -> Instant {
    let config = Config {
        brokers: brokers.into(),
        topics: vec![TOPIC.into()],
        group: format!("floor-{}", std::process::id()),
        ..Config::default()
    };
    let (assigned, queues) = sync_channel(64);
    let metrics = Metrics::register(&Registry::new(), &config.topics).expect("registered");
    let consumer = Consumer::start(
        &config,
        Arc::new(Floor(Mutex::new(assigned))),
        Committer::default(),
        metrics,
    );
    let consumer = consumer.expect("a consumer");
    let mut owned: Vec<Assigned> = Vec::new();
    let (mut began, mut seen) = (None, 0);
    while seen < events {
        let wait = if owned.is_empty() { Duration::from_mins(1) } else { Duration::ZERO };
        owned.extend(queues.recv_timeout(wait));
        for assigned in &mut owned {
            let messages = assigned.queue.fetch(1_000, Duration::from_millis(1));
            let records = messages.iter().filter(|m| matches!(m, Message::Record(_))).count();
            if records > 0 {
                began.get_or_insert_with(Instant::now);
            }
            seen += records as u64;
        }
    }
    drop(owned);
    consumer.close(Duration::from_secs(5)).expect("closed");
    began.expect("events")
}

struct Floor(Mutex<SyncSender<Assigned>>);

impl Assignments for Floor {
    fn partitions(&self, _: usize) {}

    fn prepare(&self, _: &[(String, i32)]) -> Result<(), NotPrepared> {
        Ok(())
    }

    fn start(&self, _: &str, _: i32) -> Start {
        Start::Beginning
    }

    fn assign(&self, assigned: Vec<Assigned>) {
        let sender = self.0.lock().expect("never poisoned");
        for assigned in assigned {
            sender.send(assigned).expect("somebody reads");
        }
    }

    fn revoke(&self, _: &[(String, i32)], _: bool) {}
}

/// An event as a first program has it: all owned.
#[derive(Deserialize)]
struct Owned {
    time: i64,
    #[serde(default)]
    target: String,
    segments: Vec<String>,
}

/// A stream consumer, owned structs, a concurrent map, a gauge set for every event; of the whole
/// model only a decayed count. Gives when the first event came.
fn by_hand(brokers: &str, events: u64) -> Instant {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let consumer: StreamConsumer = ClientConfig::new()
            .set("bootstrap.servers", brokers)
            .set("group.id", format!("by-hand-{}", std::process::id()))
            .set("auto.offset.reset", "earliest")
            .set("fetch.queue.backoff.ms", "10")
            .create()
            .expect("a consumer");
        consumer.subscribe(&[TOPIC]).expect("subscribed");
        let gauge = GaugeVec::new(Opts::new("score", "decayed count"), &["segment", "influencer"]);
        let gauge = gauge.expect("a gauge");
        let scores: DashMap<(String, String), (f64, i64)> = DashMap::new();
        let (mut began, mut seen) = (None, 0);
        while seen < events {
            let message = consumer.recv().await.expect("a record");
            began.get_or_insert_with(Instant::now);
            seen += 1;
            let Ok(event) = serde_json::from_slice::<Owned>(message.payload().unwrap_or_default())
            else {
                continue;
            };
            for segment in event.segments {
                let key = (segment, event.target.clone());
                let mut score = scores.entry(key.clone()).or_insert((0.0, event.time));
                let elapsed = (event.time - score.1) as f64 / 604_800_000.0;
                *score = (score.0 * (-elapsed).exp2() + 1.0, event.time);
                gauge.with_label_values(&[&key.0, &key.1]).set(score.0);
            }
        }
        began.expect("events")
    })
}
