//! What keeps the daemon from its input is said within ten seconds, and is over when it is over.

use std::net::TcpListener;

use crate::process::{Daemon, SAID_WITHIN, WITHIN};
use crate::stream::{event, produce};
use crate::support::kafka::{Kafka, Ports, USER, poll};

const NOW: i64 = 1_700_000_000_000;

/// The problem is said in one line of standard error, by readiness and by the status.
fn is_said(daemon: &Daemon, expected: &[&str]) {
    let has_all = |text: &str| expected.iter().all(|part| text.contains(part));
    let line = poll("a line that says it", SAID_WITHIN, || {
        daemon.said().into_iter().find(|line| has_all(line))
    });
    assert!(line.contains("ERROR"), "{line}");
    let reason = poll("readiness to say it", SAID_WITHIN, || {
        daemon.unready().filter(|reason| has_all(reason))
    });
    assert!(reason.contains("kafka"), "{reason}");
    let status = daemon.json("/api/v1/status");
    let problem = status["kafka"]["problem"].as_str().unwrap_or_default();
    assert!(has_all(problem), "{status}");
    assert!(status["kafka"]["since"].as_i64().is_some_and(|ms| ms > NOW), "{status}");
}

fn times_said(daemon: &Daemon, text: &str) -> usize {
    daemon.said().iter().filter(|line| line.contains("ERROR") && line.contains(text)).count()
}

#[test]
fn a_broker_and_a_topic_that_come_later_are_awaited() {
    let ports = Ports::draw();
    let brokers = ports.brokers();
    let daemon = Daemon::start(&brokers, "late", &[]);
    is_said(&daemon, &["no kafka broker at", &brokers, "refused"]);
    let kafka = Kafka::start(ports);
    is_said(&daemon, &[&brokers, "has no topic late"]);
    assert_eq!(times_said(&daemon, "no kafka broker at"), 1, "{:?}", daemon.said());
    kafka.create_topic("late", 2, &[]);
    let lines: Vec<String> =
        (0..100).map(|n| event("retweet", &format!("a{n}"), "t", NOW + n)).collect();
    produce(&kafka, "late", &lines);
    daemon.await_metric("sillage_events_total", &[], 100.0);
    daemon.await_ready();
    assert!(daemon.json("/api/v1/status")["kafka"]["problem"].is_null());
    assert_eq!(times_said(&daemon, "has no topic"), 1, "{:?}", daemon.said());
    // What was read is still served without a broker, and that it is away is said.
    drop(kafka);
    let problem = poll("the status to say it", SAID_WITHIN, || {
        daemon.json("/api/v1/status")["kafka"]["problem"].as_str().map(str::to_owned)
    });
    assert!(problem.contains(&brokers), "{problem}");
    assert!(daemon.is_ready(), "it serves what it has");
    assert_eq!(daemon.metric("sillage_active_fans", &["influencer=\"t\""]), 100.0);
    daemon.stop();
}

#[test]
fn a_broker_that_is_mute_is_said() {
    let mute = TcpListener::bind("127.0.0.1:0").unwrap();
    let brokers = mute.local_addr().unwrap().to_string();
    let daemon = Daemon::start(&brokers, "mute", &[]);
    is_said(&daemon, &["no kafka broker at", &brokers]);
    daemon.stop();
}

#[test]
fn a_wrong_password_is_said() {
    let kafka = Kafka::shared();
    kafka.create_topic("guarded", 1, &[]);
    produce(kafka, "guarded", &[event("retweet", "a", "t", NOW)]);
    let brokers = kafka.brokers_with_password();
    let login = |password| {
        [
            ("SILLAGE__KAFKA__PROPERTIES__SECURITY_PROTOCOL", "SASL_PLAINTEXT"),
            ("SILLAGE__KAFKA__PROPERTIES__SASL_MECHANISM", "PLAIN"),
            ("SILLAGE__KAFKA__PROPERTIES__SASL_USERNAME", USER.0),
            ("SILLAGE__KAFKA__PROPERTIES__SASL_PASSWORD", password),
        ]
    };
    let daemon = Daemon::start(&brokers, "guarded", &login("not-the-password"));
    is_said(&daemon, &[&brokers, "refuses us", "uthentication"]);
    assert!(!daemon.said().join("\n").contains("not-the-password"), "{:?}", daemon.said());
    daemon.stop();
    let daemon = Daemon::start(&brokers, "guarded", &login(USER.1));
    daemon.await_metric("sillage_events_total", &[], 1.0);
    daemon.await_ready();
    daemon.stop();
}

#[test]
fn topics_with_as_many_partitions_are_read_together() {
    let kafka = Kafka::shared();
    for topic in ["interactions", "conversions"] {
        kafka.create_topic(topic, 2, &[]);
    }
    let acts: Vec<String> =
        (0..500).map(|n| event("retweet", &format!("a{}", n % 50), "t", NOW + n * 1_000)).collect();
    produce(kafka, "interactions", &acts);
    let replies: Vec<String> =
        (0..50).map(|n| event("reply", &format!("b{n}"), "t", NOW + n * 10_000)).collect();
    produce(kafka, "conversions", &replies);
    let settings = [("SILLAGE__INGEST__IDLE_TIMEOUT", "500ms")];
    let daemon = Daemon::start(&kafka.brokers(), "interactions,conversions", &settings);
    daemon.await_records(550);
    daemon.await_ready();
    assert_eq!(daemon.metric("sillage_events_total", &["kind=\"retweet\""]), 500.0);
    assert_eq!(daemon.metric("sillage_events_total", &["kind=\"reply\""]), 50.0);
    assert_eq!(daemon.metric("sillage_active_fans", &["influencer=\"t\""]), 100.0);
    daemon.stop();
}

#[test]
fn topics_with_unlike_partitions_are_refused() {
    let kafka = Kafka::shared();
    kafka.create_topic("two", 2, &[]);
    kafka.create_topic("three", 3, &[]);
    let end = Daemon::start(&kafka.brokers(), "two,three", &[]).await_end(WITHIN);
    assert_eq!(end.code(), Some(1), "{}", end.said.join("\n"));
    let words = end.last_words();
    assert!(words.contains("two has 2, three has 3"), "{}", end.said.join("\n"));
}
