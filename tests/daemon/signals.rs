//! What the daemon does when it is told to stop: drain, and not for long.

use std::time::Duration;

use rustix::process::Signal;

use crate::process::{DRAINED_WITHIN, Daemon, WITHIN};
use crate::stream::{event, produce};
use crate::support::kafka::{Kafka, poll};

const NOW: i64 = 1_700_000_000_000;

#[test]
fn a_signal_drains_and_ends_clean_also_in_the_midst_of_reading() {
    let kafka = Kafka::shared();
    kafka.create_topic("drained", 3, &[]);
    let lines: Vec<String> = (0..150_000)
        .map(|n| event("retweet", &format!("a{}", n % 9_999), &format!("t{}", n % 99), NOW + n))
        .collect();
    produce(kafka, "drained", &lines);
    for signal in [Signal::TERM, Signal::INT] {
        let daemon = Daemon::start(&kafka.brokers(), "drained", &[]);
        poll("the first records", WITHIN, || {
            (daemon.metric("sillage_events_total", &[]) > 0.0).then_some(())
        });
        daemon.signal(signal);
        let end = daemon.await_end(DRAINED_WITHIN);
        let said = end.said.join("\n");
        assert_eq!(end.code(), Some(0), "{said}");
        assert!(said.contains("told to stop, draining"), "{said}");
        assert!(end.last_words().contains("stopped"), "{said}");
        assert!(!said.contains("ERROR") && !said.contains("panicked"), "{said}");
    }
}

#[test]
fn a_signal_also_ends_what_waits_for_its_broker() {
    let daemon = Daemon::start("127.0.0.1:1", "nowhere", &[]);
    daemon.await_line("127.0.0.1:1", WITHIN);
    daemon.stop();
}

#[test]
fn a_second_signal_stops_at_once() {
    let kafka = Kafka::shared();
    kafka.create_topic("impatient", 1, &[]);
    let slow = [("FAILPOINTS", "drain=sleep(20000)")];
    let daemon = Daemon::start(&kafka.brokers(), "impatient", &slow);
    daemon.await_ready();
    daemon.signal(Signal::TERM);
    daemon.await_line("told to stop, draining", WITHIN);
    let why = poll("readiness to go", WITHIN, || daemon.unready());
    assert!(why.contains("draining"), "{why}");
    daemon.signal(Signal::INT);
    let end = daemon.await_end(Duration::from_secs(5));
    assert_eq!(end.code(), Some(130), "{}", end.said.join("\n"));
    assert!(end.took < Duration::from_secs(2), "{:?}", end.took);
}

#[test]
fn a_shutdown_in_which_several_parts_hang_ends_in_time() {
    let kafka = Kafka::shared();
    kafka.create_topic("hanging", 2, &[]);
    let folder = tempfile::tempdir().unwrap();
    let settings = [
        // One shard's thread, what writes the other's state, and the daemon itself for a while.
        ("FAILPOINTS", "apply=1*off->sleep(600000);snapshot=sleep(600000);drain=sleep(9000)"),
        ("SILLAGE__INGEST__THREADS", "2"),
        ("SILLAGE__SNAPSHOT__DIR", folder.path().to_str().unwrap()),
        ("SILLAGE__SNAPSHOT__INTERVAL", "1d"),
    ];
    let daemon = Daemon::start(&kafka.brokers(), "hanging", &settings);
    daemon.await_partitions(2);
    // Of these two each lies in a partition of its own.
    produce(kafka, "hanging", &[event("retweet", "a", "t", NOW)]);
    daemon.await_metric("sillage_active_fans", &["influencer=\"t\""], 1.0);
    daemon.await_ready();
    produce(kafka, "hanging", &[event("retweet", "d", "t", NOW + 1)]);
    let why = poll("readiness to go", WITHIN, || daemon.unready());
    assert!(why.contains("does not answer"), "{why}");
    daemon.signal(Signal::TERM);
    let end = daemon.await_end(DRAINED_WITHIN);
    let said = end.said.join("\n");
    assert_eq!(end.code(), Some(1), "{said}");
    for part in ["writes snapshots", "the kafka client", "a shard thread"] {
        assert!(end.last_words().contains(part), "{said}");
    }
}

#[test]
fn a_hang_up_reads_the_configuration_anew() {
    let kafka = Kafka::shared();
    kafka.create_topic("reloaded", 1, &[]);
    let daemon = Daemon::start(&kafka.brokers(), "reloaded", &[]);
    daemon.await_ready();
    // Its usual place, where there was none at the start.
    let folder = daemon.folder().join("config");
    std::fs::create_dir(&folder).unwrap();
    let reload = |text: &str, said: &str| {
        std::fs::write(folder.join("sillage.yaml"), text).unwrap();
        daemon.signal(Signal::HUP);
        daemon.await_line(said, WITHIN);
    };
    reload("export: {top_k: 0}", "the new configuration is wrong, the old one stays in force");
    assert_eq!(daemon.metric("sillage_config_last_reload_successful", &[]), 0.0);
    let text = "export: {top_k: 1}\nlog: {level: debug}\nstate: {memory_limit: 1GiB}\n";
    reload(text, "state.memory_limit");
    daemon.await_line("export.top_k, log.level", WITHIN);
    assert_eq!(daemon.metric("sillage_config_last_reload_successful", &[]), 1.0);
    produce(kafka, "reloaded", &[event("retweet", "b", "u", NOW)]);
    daemon.await_metric("sillage_influence_rank", &[], 1.0);
    produce(kafka, "reloaded", &[event("retweet", "a", "t", NOW)]);
    daemon.await_metric("sillage_events_total", &[], 2.0);
    daemon.await_metric("sillage_segment_influencers", &[], 2.0);
    assert_eq!(daemon.metric("sillage_series_exported", &["influence_rank"]), 1.0, "top_k is 1");
    assert!(daemon.is_ready());
    daemon.stop();
}
