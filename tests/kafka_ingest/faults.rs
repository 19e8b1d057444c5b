//! What cannot work is said within ten seconds, retried, and over when it is over.

use std::time::Duration;

use sillage::ingest::kafka::{Error, Problem, ProblemKind};

use crate::daemon::{Daemon, Options, WITHIN, config};
use crate::records::{events, produce};
use crate::support::kafka::{Kafka, Ports, USER, poll};

/// The problem, which must be there within ten seconds.
fn problem(daemon: &Daemon) -> Problem {
    let status = daemon.consumer.status();
    poll("a problem to be said", Duration::from_secs(10), || status.problem())
}

#[test]
fn a_topic_that_appears_later_is_found_within_seconds() {
    let kafka = Kafka::shared();
    let daemon = Daemon::start(&config(&kafka.brokers(), &["later"], "later"), <_>::default());
    let said = problem(&daemon);
    assert_eq!(said.kind, ProblemKind::NoTopic);
    assert!(said.what.contains("later") && said.what.contains(&kafka.brokers()), "{}", said.what);
    kafka.create_topic("later", 3, &[]);
    produce(kafka, "later", &events(100, "l"));
    poll("the topic to be found", Duration::from_secs(10), || {
        (daemon.metric("events_total", &[]) == 100).then_some(())
    });
    assert_eq!(daemon.consumer.status().problem(), None);
    daemon.close();
}

#[test]
fn a_broker_that_is_absent_is_said_and_awaited() {
    let ports = Ports::draw();
    let daemon = Daemon::start(&config(&ports.brokers(), &["awaited"], "awaited"), <_>::default());
    let said = problem(&daemon);
    assert_eq!(said.kind, ProblemKind::Unreachable);
    assert!(said.what.contains(&ports.brokers()), "{}", said.what);
    assert!(said.what.contains("refused"), "{}", said.what);
    let kafka = Kafka::start(ports);
    kafka.create_topic("awaited", 2, &[]);
    produce(&kafka, "awaited", &events(100, "w"));
    daemon.await_metric("events_total", &[], 100);
    assert_eq!(daemon.consumer.status().problem(), None);
    drop(kafka);
    let said = problem(&daemon);
    assert_eq!(said.kind, ProblemKind::Unreachable, "{}", said.what);
    daemon.close();
}

#[test]
fn a_wrong_password_is_said() {
    let kafka = Kafka::shared();
    kafka.create_topic("guarded", 1, &[]);
    produce(kafka, "guarded", &events(10, "g"));
    let login = |password: &str| {
        let mut config = config(&kafka.brokers_with_password(), &["guarded"], "guarded");
        for (key, value) in [
            ("security.protocol", "SASL_PLAINTEXT"),
            ("sasl.mechanism", "PLAIN"),
            ("sasl.username", USER.0),
            ("sasl.password", password),
        ] {
            config.properties.insert(key.into(), value.into());
        }
        config
    };
    let daemon = Daemon::start(&login("wrong"), <_>::default());
    let said = problem(&daemon);
    assert_eq!(said.kind, ProblemKind::Denied, "{}", said.what);
    assert!(said.what.contains(&kafka.brokers_with_password()), "{}", said.what);
    daemon.close();
    let daemon = Daemon::start(&login(USER.1), <_>::default());
    daemon.await_metric("events_total", &[], 10);
    daemon.close();
}

#[test]
fn topics_partitioned_unlike_are_refused() {
    let kafka = Kafka::shared();
    kafka.create_topic("unlike-a", 2, &[]);
    kafka.create_topic("unlike-b", 3, &[]);
    let config = config(&kafka.brokers(), &["unlike-a", "unlike-b"], "unlike");
    let daemon = Daemon::start(&config, <_>::default());
    let error = poll("a refusal", WITHIN, || daemon.consumer.failed());
    assert!(matches!(error, Error::PartitionedUnlike { .. }), "{error}");
    let said = error.to_string();
    assert!(said.contains("unlike-a has 2, unlike-b has 3"), "{said}");
    daemon.close();
}

#[test]
fn a_thread_that_panics_is_noticed_and_holds_up_nobody() {
    let kafka = Kafka::shared();
    kafka.create_topic("poisoned", 2, &[]);
    let options = Options { broken: true, ..Options::default() };
    let daemon = Daemon::start(&config(&kafka.brokers(), &["poisoned"], "poisoned"), options);
    let reason = poll("the poison to be noticed", WITHIN, || daemon.owners.poisoned());
    assert!(reason.contains("panicked: this panic is part of the test"), "{reason}");
    assert!(daemon.tick().is_empty(), "no shard is left to answer");
    daemon.close();
}
