//! What becomes of records: each is scored once or rejected with its bytes kept.

use std::time::Duration;

use rdkafka::Message as _;
use rdkafka::message::Headers as _;
use sillage::clock;
use sillage::ingest::dead_letter::FileSink;
use sillage::ingest::kafka::{Embedded, Outgoing, Producer, Receipts, TopicSink};

use crate::daemon::{Daemon, Options, config};
use crate::support::kafka::{Event, Kafka};

/// Events of 97 actors, each with its own id.
pub(crate) fn events(count: usize, id: &str) -> Vec<(String, Vec<u8>)> {
    let now = clock::wall_ms();
    let event = |n: usize| {
        let actor = format!("actor-{}", n % 97);
        let json = format!(
            r#"{{"kind":"retweet","actor":"{actor}","target":"t{}","time":{},"id":"{id}-{n}"}}"#,
            n % 7,
            now - 60_000,
        );
        (actor, json.into_bytes())
    };
    (0..count).map(event).collect()
}

pub(crate) fn produce(kafka: &Kafka, topic: &str, events: &[(String, Vec<u8>)]) {
    let event =
        |(key, payload)| Event { key: Some(key), payload: Some(payload), log_time_ms: None };
    kafka.produce(topic, events.iter().map(|(key, payload)| event((&**key, &**payload))));
}

#[test]
fn all_records_arrive_once_whatever_the_partitions_and_threads() {
    let kafka = Kafka::shared();
    for (partitions, threads) in [(1, 1), (3, 2), (6, 2), (6, 1)] {
        let topic = format!("once-{partitions}-{threads}");
        kafka.create_topic(&topic, partitions, &[]);
        produce(kafka, &topic, &events(20_000, "a"));
        let options = Options { threads, ..Options::default() };
        let daemon = Daemon::start(&config(&kafka.brokers(), &[&topic], &topic), options);
        daemon.await_caught_up(usize::try_from(partitions).expect("small"));
        let label = [("topic", topic.as_str())];
        // What comes while it is live takes the other way, by a wake-up.
        produce(kafka, &topic, &events(500, "b"));
        daemon.await_metric("records_received_total", &label, 20_500);
        daemon.await_caught_up(usize::try_from(partitions).expect("small"));
        let total = |name: &str| daemon.metric(name, &[]);
        assert_eq!(total("records_received_total"), 20_500);
        assert_eq!(total("events_total"), 20_500);
        assert_eq!(daemon.metric("events_total", &[("kind", "retweet")]), 20_500);
        assert_eq!(total("events_rejected_total"), 0);
        assert_eq!(total("unkeyed_records_total"), 0);
        assert_eq!(total("kafka_position_offset"), 20_500);
        assert_eq!(total("kafka_high_watermark_offset"), 20_500);
        assert_eq!(total("kafka_consumer_lag_records"), 0);
        assert_eq!(total("kafka_assigned_partitions"), i64::from(partitions));
        let registry = daemon.close();
        let left = registry.gather();
        let owned = |name: &str| left.iter().any(|f| f.name() == format!("sillage_{name}"));
        assert!(!owned("kafka_position_offset"), "series of partitions given back");
        assert!(!owned("watermark_timestamp_seconds"), "series of partitions given back");
    }
}

#[test]
fn records_not_keyed_by_their_actor_are_counted() {
    let kafka = Kafka::shared();
    kafka.create_topic("unkeyed", 2, &[]);
    let events = events(30, "u");
    let record = |(n, (actor, payload)): (usize, &'static (String, Vec<u8>))| Event {
        key: [None, Some("someone else"), Some(actor.as_str())][n % 3],
        payload: Some(payload),
        log_time_ms: None,
    };
    let events: &'static [(String, Vec<u8>)] = events.leak();
    kafka.produce("unkeyed", events.iter().enumerate().map(record));
    let daemon = Daemon::start(&config(&kafka.brokers(), &["unkeyed"], "unkeyed"), <_>::default());
    daemon.await_metric("events_total", &[], 30);
    assert_eq!(daemon.metric("unkeyed_records_total", &[("topic", "unkeyed")]), 20);
    daemon.close();
}

/// A tombstone, garbage, a record that is too large, and an event about oneself.
fn bad() -> [(&'static str, Option<Vec<u8>>, &'static str); 4] {
    let mut large = br#"{"kind":"retweet","actor":"a","target":"b","x":""#.to_vec();
    large.resize(2 << 20, b'x');
    let own = br#"{"kind":"retweet","actor":"a","target":"a"}"#.to_vec();
    [
        ("a", None, "parse"),
        ("b", Some(vec![0, 159, 146, 150, 255]), "parse"),
        ("c", Some(large), "too_large"),
        ("d", Some(own), "self_interaction"),
    ]
}

fn produce_bad(kafka: &Kafka, topic: &str) {
    kafka.create_topic(topic, 1, &[("max.message.bytes", "5000000")]);
    let bad = bad();
    let event = |(key, payload): (&'static str, Option<&'static [u8]>)| Event {
        key: Some(key),
        payload,
        log_time_ms: None,
    };
    let leaked = bad.map(|(key, payload, _)| (key, payload.map(|p| &*p.leak())));
    kafka.produce(topic, leaked.map(event));
    produce(kafka, topic, &events(10, topic));
}

fn check_counted(daemon: &Daemon) {
    daemon.await_metric("events_total", &[], 10);
    for (reason, count) in [("parse", 2), ("too_large", 1), ("self_interaction", 1)] {
        assert_eq!(daemon.metric("events_rejected_total", &[("reason", reason)]), count);
    }
    assert_eq!(daemon.metric("events_rejected_total", &[]), 4);
}

#[test]
fn rejected_records_are_kept_in_a_topic_as_they_came() {
    let kafka = Kafka::shared();
    produce_bad(kafka, "bad");
    kafka.create_topic("bad-dead", 1, &[("max.message.bytes", "5000000")]);
    let config = config(&kafka.brokers(), &["bad"], "bad");
    let sink = TopicSink::start(&config, "bad-dead").expect("a sink");
    let options = Options { sink: Some(Box::new(sink)), ..Options::default() };
    let daemon = Daemon::start(&config, options);
    check_counted(&daemon);
    daemon.close();
    let dead = kafka.read_all("bad-dead", 4, |message| {
        let headers = message.headers().expect("headers");
        let header = |at: usize| {
            let header = headers.get(at);
            let value = String::from_utf8_lossy(header.value.unwrap_or_default());
            format!("{}={value}", header.key)
        };
        let headers: Vec<String> = (0..headers.count()).map(header).collect();
        let bytes = |part: Option<&[u8]>| part.map(<[u8]>::to_vec);
        (bytes(message.key()), bytes(message.payload()), headers.join(" "))
    });
    for (at, (key, payload, reason)) in bad().into_iter().enumerate() {
        let headers = format!("reason={reason} topic=bad partition=0 offset={at}");
        let found = dead.iter().find(|(k, _, _)| k.as_deref() == Some(key.as_bytes()));
        let (_, bytes, said) = found.expect("kept");
        assert_eq!(*said, headers);
        assert!(*bytes == payload, "{key}: the bytes must be those that came");
    }
}

#[test]
fn a_dead_letter_that_its_topic_cannot_hold_is_kept_without_its_bytes() {
    let kafka = Kafka::shared();
    produce_bad(kafka, "large");
    kafka.create_topic("large-dead", 1, &[("max.message.bytes", "1000000")]);
    let config = config(&kafka.brokers(), &["large"], "large");
    let mut properties = config.properties.clone();
    // Or else it fits.
    properties.insert("compression.codec".into(), "none".into());
    let producing = sillage::ingest::kafka::Config { properties, ..config.clone() };
    let sink = TopicSink::start(&producing, "large-dead").expect("a sink");
    let options = Options { sink: Some(Box::new(sink)), ..Options::default() };
    let daemon = Daemon::start(&config, options);
    check_counted(&daemon);
    daemon.close();
    let dead = kafka.read_all("large-dead", 4, |message| {
        let headers = message.headers().expect("headers");
        let omitted = (0..headers.count()).any(|at| headers.get(at).key == "omitted_bytes");
        (message.key().map(<[u8]>::to_vec), message.payload_len(), omitted)
    });
    for (key, len, omitted) in dead {
        assert_eq!(omitted, key.as_deref() == Some(b"c"), "{key:?} of {len} bytes");
    }
}

#[test]
fn rejected_records_are_kept_in_a_file_as_they_came() {
    let kafka = Kafka::shared();
    produce_bad(kafka, "filed");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("dead.ndjson");
    let sink = FileSink::open(&path).expect("a file");
    let options = Options { sink: Some(Box::new(sink)), ..Options::default() };
    let daemon = Daemon::start(&config(&kafka.brokers(), &["filed"], "filed"), options);
    check_counted(&daemon);
    daemon.close();
    let text = std::fs::read_to_string(&path).expect("written");
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    assert_eq!(lines.len(), 4);
    for (at, (key, payload, reason)) in bad().into_iter().enumerate() {
        let line = lines.iter().find(|line| line["offset"] == at).expect("kept");
        assert_eq!((line["key"].as_str(), line["reason"].as_str()), (Some(key), Some(reason)));
        if let Some(text) = payload.and_then(|bytes| String::from_utf8(bytes).ok()) {
            assert!(line["payload"] == *text, "{key}: the bytes must be those that came");
        }
    }
}

#[test]
fn topics_of_a_shard_are_merged_in_event_time() {
    let kafka = Kafka::shared();
    let day = 86_400_000;
    let began = clock::wall_ms() - 300 * day;
    let produce = |topic: &str, kind: &str, count: i64, days: i64| {
        kafka.create_topic(topic, 2, &[]);
        let payload = |n: i64| {
            let time = began + n * (days * day / count);
            let actor = format!("actor-{}", n % 13);
            (
                actor.clone(),
                format!(
                    r#"{{"kind":"{kind}","actor":"{actor}","target":"t","time":{time},"value":1}}"#,
                ),
            )
        };
        let events: Vec<(String, String)> = (0..count).map(payload).collect();
        let event =
            |(key, payload)| Event { key: Some(key), payload: Some(payload), log_time_ms: None };
        kafka.produce(topic, events.iter().map(|(k, p)| event((&**k, p.as_bytes()))));
    };
    // One after the other either topic would be far too old for the other.
    produce("merged-a", "retweet", 30_000, 280);
    produce("merged-b", "conversion", 700, 280);
    let config = config(&kafka.brokers(), &["merged-a", "merged-b"], "merged");
    let daemon = Daemon::start(&config, <_>::default());
    daemon.await_caught_up(2);
    assert_eq!(daemon.metric("events_total", &[("kind", "retweet")]), 30_000);
    assert_eq!(daemon.metric("events_total", &[("kind", "conversion")]), 700);
    assert_eq!(daemon.metric("events_rejected_total", &[]), 0);
    assert_eq!(daemon.metric("events_late_total", &[]), 0);
    assert_eq!(daemon.metric("kafka_consumer_lag_records", &[]), 0);
    daemon.close();
}

/// Expects every record to be delivered.
struct AllDelivered;

impl Receipts for AllDelivered {
    fn delivered(&self, _ticket: usize, _at: (i32, i64)) {}
    fn lost(&self, ticket: usize, why: &rdkafka::error::KafkaError) {
        panic!("record {ticket} was lost: {why}");
    }
}

#[test]
fn the_embedded_broker_will_do() {
    let broker = Embedded::start(&[("demo", 3)]).expect("a broker");
    let config = config(&broker.brokers(), &["demo"], "demo");
    let patience = Duration::from_secs(10);
    let producer = Producer::start(&config, patience, AllDelivered).expect("a producer");
    for (ticket, (key, payload)) in events(1_000, "e").iter().enumerate() {
        let record = Outgoing {
            ticket,
            topic: "demo",
            partition: None,
            key: Some(key.as_bytes()),
            payload: Some(payload),
            headers: &[],
        };
        producer.send(&record, patience).expect("room");
    }
    assert!(producer.flush(patience), "all must be delivered");
    let daemon = Daemon::start(&config, <_>::default());
    daemon.await_metric("events_total", &[], 1_000);
    daemon.await_caught_up(3);
    assert_eq!(daemon.metric("events_rejected_total", &[]), 0);
    daemon.close();
}
