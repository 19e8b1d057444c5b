//! A shard that broke takes the daemon with it: unready at once, ended within seconds.

use std::time::Duration;

use rustix::process::Signal;

use crate::process::{DRAINED_WITHIN, Daemon, WITHIN};
use crate::stream::{event, produce};
use crate::support::kafka::{Kafka, poll};

const NOW: i64 = 1_700_000_000_000;

#[test]
fn a_thread_that_panics_ends_the_daemon_with_its_reason() {
    check("poisoned", "broken by a test");
}

#[test]
fn so_does_one_that_reads_several_topics() {
    check("poisoned-a,poisoned-b", "broken too");
}

#[test]
fn a_thread_that_is_stuck_is_said_and_left_behind() {
    let kafka = Kafka::shared();
    kafka.create_topic("stuck", 1, &[]);
    let settings = [("FAILPOINTS", "apply=1*off->sleep(600000)")];
    let daemon = Daemon::start(&kafka.brokers(), "stuck", &settings);
    produce(kafka, "stuck", &[event("retweet", "a", "t", NOW)]);
    daemon.await_metric("sillage_active_fans", &["influencer=\"t\""], 1.0);
    daemon.await_ready();
    produce(kafka, "stuck", &[event("retweet", "b", "t", NOW + 1)]);
    let why = poll("readiness to go", WITHIN, || daemon.unready());
    assert!(why.contains("shard thread 0 does not answer"), "{why}");
    let ranking = daemon.json("/api/v1/segments/s/ranking");
    assert_eq!(ranking["as_of"], NOW, "what was read is still shown");
    daemon.signal(Signal::TERM);
    let end = daemon.await_end(DRAINED_WITHIN);
    assert_eq!(end.code(), Some(1), "{}", end.said.join("\n"));
    assert!(end.last_words().contains("shard thread"), "{}", end.said.join("\n"));
}

fn check(topics: &str, words: &str) {
    let kafka = Kafka::shared();
    let lines: Vec<String> =
        (0..100).map(|n| event("retweet", &format!("a{n}"), "t", NOW + n)).collect();
    for topic in topics.split(',') {
        kafka.create_topic(topic, 2, &[]);
    }
    // The last word waits a while, so that there is time to ask.
    let faults = format!("apply=panic({words});drain=sleep(2000)");
    let settings = [
        ("FAILPOINTS", faults.as_str()),
        ("SILLAGE__INGEST__IDLE_TIMEOUT", "100ms"),
        ("SILLAGE__INGEST__THREADS", "2"),
    ];
    let daemon = Daemon::start(&kafka.brokers(), topics, &settings);
    if !topics.contains(',') {
        daemon.await_ready();
    }
    for topic in topics.split(',') {
        produce(kafka, topic, &lines);
    }
    let why =
        poll("readiness to go", WITHIN, || daemon.unready().filter(|why| why.contains("poisoned")));
    assert!(why.contains(words), "{why}");
    let end = daemon.await_end(Duration::from_secs(15));
    let said = end.said.join("\n");
    assert_eq!(end.code(), Some(1), "{said}");
    let last = end.last_words();
    assert!(last.starts_with("sillage: shard thread") && last.contains(words), "{said}");
}
