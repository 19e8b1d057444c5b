//! The log is not what it was: records deleted, a topic made anew, another model.

use std::fs;
use std::path::{Path, PathBuf};

use rustix::process::Signal;
use sillage::clock;
use tempfile::TempDir;

use crate::process::{DRAINED_WITHIN, Daemon, WITHIN};
use crate::stream::{event, produce, ranking};
use crate::support::kafka::{Kafka, poll};

const NOW: i64 = 1_700_000_000_000;
const HOUR_MS: i64 = 3_600_000;

fn settings(folder: &TempDir) -> Vec<(&'static str, String)> {
    vec![
        ("SILLAGE__SNAPSHOT__DIR", folder.path().to_str().unwrap().to_owned()),
        ("SILLAGE__SNAPSHOT__INTERVAL", "1s".to_owned()),
    ]
}

fn start(topic: &str, folder: &TempDir, more: &[(&'static str, &str)]) -> Daemon {
    let mut all = settings(folder);
    all.extend(more.iter().map(|(key, value)| (*key, (*value).to_owned())));
    let all: Vec<(&str, &str)> = all.iter().map(|(key, value)| (*key, value.as_str())).collect();
    Daemon::start(&Kafka::shared().brokers(), topic, &all)
}

/// `count` fans of `target`, each with an act of its own.
fn fans(target: &str, first: i64, count: i64) -> Vec<String> {
    let at = |n: i64| NOW + n * HOUR_MS / 1000;
    (first..first + count).map(|n| event("retweet", &format!("a{n}"), target, at(n))).collect()
}

fn fans_of(daemon: &Daemon, target: &str) -> f64 {
    daemon.metric("sillage_active_fans", &[&format!("influencer=\"{target}\"")])
}

fn await_fans(daemon: &Daemon, target: &str, count: f64) {
    let deadline = clock::instant() + WITHIN;
    while (fans_of(daemon, target) - count).abs() > 0.5 {
        let say =
            || (fans_of(daemon, target), daemon.ask("/api/v1/status"), daemon.said().join("\n"));
        assert!(clock::instant() < deadline, "not {count} fans of {target}: {:?}", say());
        std::thread::park_timeout(std::time::Duration::from_millis(20));
    }
}

/// The snapshots of a topic's only partition, oldest first, by what their names end in.
fn files(folder: &Path, end: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder.join("00000")) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut found: Vec<PathBuf> =
        paths.filter(|p| p.extension().is_some_and(|e| e == end)).collect();
    found.sort();
    found
}

/// Reads a topic of so many fans, and leaves a snapshot.
fn leave_a_snapshot(topic: &str, folder: &TempDir, count: i64) {
    let kafka = Kafka::shared();
    kafka.create_topic(topic, 1, &[]);
    produce(kafka, topic, &fans("ada", 0, count));
    let daemon = start(topic, folder, &[]);
    await_fans(&daemon, "ada", count as f64);
    daemon.stop();
    assert!(!files(folder.path(), "snapshot").is_empty(), "a drained daemon leaves a snapshot");
}

#[test]
fn a_start_goes_on_where_the_last_one_ended() {
    let (kafka, topic, folder) = (Kafka::shared(), "goes-on", tempfile::tempdir().unwrap());
    leave_a_snapshot(topic, &folder, 50);
    produce(kafka, topic, &fans("ada", 50, 10));
    let daemon = start(topic, &folder, &[]);
    await_fans(&daemon, "ada", 60.0);
    assert_eq!(daemon.metric("sillage_records_received_total", &[]), 10.0);
    let status = daemon.json("/api/v1/status");
    assert_eq!(status["partitions"][0]["restored_at"].as_i64(), Some(50), "{status}");
    assert!(ranking(&daemon, "s")["complete"].as_bool().unwrap());
    // What is committed is what is durable.
    daemon.await_metric("sillage_kafka_committed_offset", &[], 60.0);
    poll("the commit to be answered", WITHIN, || {
        (daemon.metric("sillage_kafka_commits_total", &[]) >= 1.0).then_some(())
    });
    assert!(daemon.metric("sillage_snapshots_total", &[]) >= 1.0);
    daemon.stop();
}

#[test]
fn what_was_deleted_before_it_was_read_is_told() {
    let (kafka, topic, folder) = (Kafka::shared(), "deleted", tempfile::tempdir().unwrap());
    leave_a_snapshot(topic, &folder, 50);
    produce(kafka, topic, &fans("ada", 50, 30));
    kafka.delete_records(topic, 0, 70);
    let refused = start(topic, &folder, &[("SILLAGE__KAFKA__ON_GAP", "stop")]);
    let end = refused.await_end(DRAINED_WITHIN);
    assert_eq!(end.code(), Some(1));
    let said = end.said.join("\n");
    assert!(said.contains("records 50 to 70 of deleted-0 were deleted"), "{said}");
    let daemon = start(topic, &folder, &[]);
    await_fans(&daemon, "ada", 60.0);
    daemon.await_metric("sillage_kafka_gap_records_total", &["topic=\"deleted\""], 20.0);
    assert!(!ranking(&daemon, "s")["complete"].as_bool().unwrap(), "20 fans are missing");
    // It is remembered, and forgiven when the missing would not count any more.
    daemon.stop();
    let daemon = start(topic, &folder, &[]);
    await_fans(&daemon, "ada", 60.0);
    assert!(!ranking(&daemon, "s")["complete"].as_bool().unwrap());
    let later = NOW + 100 * 24 * HOUR_MS;
    produce(kafka, topic, &[event("retweet", "a0", "eve", later)]);
    let forgiven = || ranking(&daemon, "s")["complete"].as_bool().filter(|complete| *complete);
    poll("the gap to be forgiven", WITHIN, forgiven);
    daemon.stop();
}

#[test]
fn what_is_deleted_while_it_runs_is_told_too() {
    let (kafka, topic, folder) = (Kafka::shared(), "overtaken", tempfile::tempdir().unwrap());
    leave_a_snapshot(topic, &folder, 50);
    let daemon =
        start(topic, &folder, &[("SILLAGE__KAFKA__PROPERTIES__SESSION_TIMEOUT_MS", "30000")]);
    await_fans(&daemon, "ada", 50.0);
    daemon.signal(Signal::STOP);
    // The question that is under way is answered with these.
    produce(kafka, topic, &fans("ada", 50, 10));
    produce(kafka, topic, &fans("ada", 60, 490));
    kafka.delete_records(topic, 0, 540);
    daemon.signal(Signal::CONT);
    let gap = "sillage_kafka_gap_records_total";
    let gap = poll("the gap", WITHIN, || Some(daemon.metric(gap, &[])).filter(|gap| *gap > 0.0));
    assert!((1.0..=490.0).contains(&gap), "{gap}");
    await_fans(&daemon, "ada", 550.0 - gap);
    assert!(!ranking(&daemon, "s")["complete"].as_bool().unwrap());
    daemon.stop();
}

#[test]
fn a_topic_made_anew_is_not_the_one_of_the_snapshot() {
    let (kafka, topic, folder) = (Kafka::shared(), "made-anew", tempfile::tempdir().unwrap());
    leave_a_snapshot(topic, &folder, 50);
    kafka.delete_topic(topic);
    kafka.create_topic(topic, 1, &[]);
    produce(kafka, topic, &fans("bob", 0, 80));
    let refused = start(topic, &folder, &[("SILLAGE__KAFKA__ON_OTHER_LOG", "stop")]);
    let end = refused.await_end(DRAINED_WITHIN);
    assert_eq!(end.code(), Some(1));
    assert!(end.said.join("\n").contains("another log"), "{}", end.said.join("\n"));
    let daemon = start(topic, &folder, &[]);
    await_fans(&daemon, "bob", 80.0);
    assert_eq!(fans_of(&daemon, "ada"), 0.0);
    daemon.stop();
    assert!(!files(folder.path(), "foreign").is_empty(), "it is set aside, not deleted");
}

#[test]
fn damage_costs_a_snapshot_and_nothing_else() {
    let (kafka, topic, folder) = (Kafka::shared(), "damaged", tempfile::tempdir().unwrap());
    leave_a_snapshot(topic, &folder, 50);
    produce(kafka, topic, &fans("ada", 50, 10));
    let daemon = start(topic, &folder, &[]);
    await_fans(&daemon, "ada", 60.0);
    daemon.stop();
    let newest = files(folder.path(), "snapshot").pop().unwrap();
    let mut bytes = fs::read(&newest).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&newest, bytes).unwrap();
    let daemon = start(topic, &folder, &[]);
    await_fans(&daemon, "ada", 60.0);
    assert_eq!(daemon.metric("sillage_records_received_total", &[]), 10.0, "from the older one");
    assert_eq!(daemon.metric("sillage_snapshots_refused_total", &["reason=\"corrupt\""]), 1.0);
    daemon.stop();
    assert_eq!(files(folder.path(), "corrupt").len(), 1);
    // With all of them damaged the log is read again.
    for file in files(folder.path(), "snapshot") {
        fs::write(file, b"no snapshot").unwrap();
    }
    let daemon = start(topic, &folder, &[]);
    await_fans(&daemon, "ada", 60.0);
    assert_eq!(daemon.metric("sillage_records_received_total", &[]), 60.0);
    daemon.stop();
}

#[test]
fn another_model_or_key_reads_the_log_again() {
    let (topic, folder) = ("other-model", tempfile::tempdir().unwrap());
    leave_a_snapshot(topic, &folder, 50);
    let half_life = ("SILLAGE__MODEL__HALF_LIFE_MS", "8d");
    let daemon = start(topic, &folder, &[half_life]);
    await_fans(&daemon, "ada", 50.0);
    assert_eq!(daemon.metric("sillage_snapshots_refused_total", &["reason=\"model\""]), 1.0);
    assert_eq!(daemon.metric("sillage_records_received_total", &[]), 50.0);
    daemon.stop();
    let key = ("SILLAGE__STATE__ACTOR_KEY", "0123456789abcdef");
    let daemon = start(topic, &folder, &[half_life, key]);
    await_fans(&daemon, "ada", 50.0);
    assert!(daemon.metric("sillage_snapshots_refused_total", &["reason=\"key\""]) >= 1.0);
    daemon.stop();
}
