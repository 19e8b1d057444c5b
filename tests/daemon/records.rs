//! Records that are not events are counted and kept whole, and the daemon goes on.

use std::fs;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::process::{Daemon, WITHIN};
use crate::stream::event;
use crate::support::kafka::{Event, Kafka, poll};

const NOW: i64 = 1_700_000_000_000;

#[test]
fn what_cannot_be_scored_is_counted_and_kept_whole() {
    let kafka = Kafka::shared();
    kafka.create_topic("garbage", 1, &[("max.message.bytes", "10000000")]);
    let large = format!("{{\"kind\":\"retweet\",\"post\":\"{}\"}}", "x".repeat(2_000_000));
    let noise: Vec<u8> =
        (0..2_000_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let scored = event("retweet", "ann", "t", NOW);
    let himself = event("retweet", "t", "t", NOW);
    let strange = event("dance", "ann", "t", NOW);
    let bad: [(Option<&[u8]>, &str); 10] = [
        (Some(b"\xff\xfe\x00garbage"), "parse"),
        (Some(b"{\"kind\":"), "parse"),
        (Some(b"[1, 2]"), "parse"),
        (Some(b""), "parse"),
        (None, "parse"),
        (Some(b"{}"), "missing_field"),
        (Some(strange.as_bytes()), "unknown_kind"),
        (Some(himself.as_bytes()), "self_interaction"),
        (Some(large.as_bytes()), "too_large"),
        (Some(&noise), "too_large"),
    ];
    let keys = [Some("ann"), Some("ben"), None];
    let good = |key| Event { key, payload: Some(scored.as_bytes()), log_time_ms: None };
    let events = bad.iter().map(|(payload, _)| Event {
        key: Some("k\u{e9}"),
        payload: *payload,
        log_time_ms: None,
    });
    kafka.produce("garbage", events.chain(keys.map(good)));

    let settings = [("SILLAGE__DEAD_LETTER__FILE", "letters.ndjson")];
    let daemon = Daemon::start(&kafka.brokers(), "garbage", &settings);
    daemon.await_records(bad.len() + keys.len());
    daemon.await_ready();
    let warned = daemon.await_line("not keyed by their actor", WITHIN);
    assert!(warned.contains("WARN") && warned.contains("garbage"), "{warned}");
    assert_eq!(daemon.metric("sillage_events_total", &[]), keys.len() as f64);
    let rejected = |labels: &[&str]| daemon.metric("sillage_events_rejected_total", labels);
    for (_, reason) in &bad {
        let alike = bad.iter().filter(|(_, other)| other == reason).count();
        assert_eq!(rejected(&[&format!("reason=\"{reason}\"")]), alike as f64, "{reason}");
    }
    assert_eq!(rejected(&[]), bad.len() as f64);
    assert_eq!(daemon.metric("sillage_unkeyed_records_total", &["topic=\"garbage\""]), 2.0);
    daemon.await_metric("sillage_deadletter_records_total", &[], bad.len() as f64);

    let letters = fs::read_to_string(daemon.folder().join("letters.ndjson")).unwrap();
    let letters: Vec<Value> = letters.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(letters.len(), bad.len());
    for (at, (letter, (payload, reason))) in letters.iter().zip(&bad).enumerate() {
        assert_eq!(letter["reason"], *reason);
        let place = (&letter["topic"], &letter["partition"], &letter["offset"]);
        assert_eq!(place, (&"garbage".into(), &0.into(), &at.into()));
        assert_eq!(letter["key"], "k\u{e9}");
        let kept = letter["payload"].as_str().map(|text| text.as_bytes().to_vec());
        let coded = letter["payload_base64"].as_str().map(|text| STANDARD.decode(text).unwrap());
        assert!(kept.or(coded).as_deref() == *payload, "record {at} is not whole");
    }
    daemon.stop();
}

#[test]
fn an_empty_topic_is_ready_and_read_when_it_fills() {
    let kafka = Kafka::shared();
    kafka.create_topic("empty", 3, &[]);
    let daemon = Daemon::start(&kafka.brokers(), "empty", &[]);
    daemon.await_ready();
    assert_eq!(daemon.json("/api/v1/segments")["segments"], Value::Array(vec![]));
    assert_eq!(daemon.metric("sillage_kafka_assigned_partitions", &[]), 3.0);
    crate::stream::produce(kafka, "empty", &[event("retweet", "a", "t", NOW)]);
    daemon.await_metric("sillage_events_total", &[], 1.0);
    daemon.await_metric("sillage_active_fans", &["influencer=\"t\""], 1.0);
    daemon.stop();
}

#[test]
fn dead_letters_that_cannot_be_written_are_counted_or_block_by_policy() {
    let kafka = Kafka::shared();
    kafka.create_topic("unwritten", 1, &[]);
    let bad = (0..100).map(|_| Event { key: None, payload: Some(b"?"), log_time_ms: None });
    let good = event("retweet", "a", "t", NOW);
    let good = Event { key: Some("a"), payload: Some(good.as_bytes()), log_time_ms: None };
    kafka.produce("unwritten", bad.chain([good]));
    for (policy, scored) in [("count", 1.0), ("block", 0.0)] {
        let settings = [
            ("SILLAGE__KAFKA__GROUP", policy),
            ("SILLAGE__DEAD_LETTER__TOPIC", "no-such-topic"),
            ("SILLAGE__DEAD_LETTER__ON_FAILURE", policy),
            ("SILLAGE__DEAD_LETTER__QUEUE_RECORDS", "10"),
            ("SILLAGE__VIEW__INTERVAL", "100ms"),
        ];
        let daemon = Daemon::start(&kafka.brokers(), "unwritten", &settings);
        daemon.await_metric("sillage_deadletter_queue_records", &[], 10.0);
        if policy == "block" {
            let why = poll("readiness to go", WITHIN, || {
                daemon.unready().filter(|why| why.contains("stalled"))
            });
            assert!(why.contains("waits for dead letters to be written"), "{why}");
        } else {
            daemon.await_ready();
            poll("what did not fit to be counted", WITHIN, || {
                (daemon.metric("sillage_deadletter_failures_total", &[]) >= 90.0).then_some(())
            });
        }
        assert_eq!(daemon.metric("sillage_events_total", &[]), scored, "{policy}");
        daemon.stop();
    }
}
