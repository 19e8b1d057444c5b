//! An erasure that the broker refuses, and one that it takes.

use std::time::Duration;

use rdkafka::message::Message;
use serde_json::{Value, json};
use sillage::ingest::kafka::{EraseError, Eraser};

use crate::daemon::config;
use crate::support::kafka::{Kafka, Ports, USER};

const WITHIN: Duration = Duration::from_secs(10);

#[test]
fn a_broker_that_refuses_writes_is_said_to() {
    let kafka = Kafka::start_guarded(Ports::draw());
    kafka.create_topic("read-only", 1, &[]);
    let brokers = kafka.brokers_with_password();
    let mut guarded = config(&brokers, &["read-only"], "erasing");
    for (key, value) in [
        ("security.protocol", "SASL_PLAINTEXT"),
        ("sasl.mechanism", "PLAIN"),
        ("sasl.username", USER.0),
        ("sasl.password", USER.1),
    ] {
        guarded.properties.insert(key.into(), value.into());
    }
    let eraser = Eraser::start(&guarded, WITHIN).expect("needs no broker");
    let error = eraser.erase("ann", 0, "e1").expect_err("it may not");
    assert!(matches!(error, EraseError::Refused { .. }), "{error}");
    let said = error.to_string();
    assert!(said.contains(&brokers) && said.contains("read-only"), "{said}");
    assert!(said.to_lowercase().contains("authorization"), "{said}");
    assert!(!said.contains("ann"), "{said}");

    let open = config(&kafka.brokers(), &["read-only"], "erasing");
    let eraser = Eraser::start(&open, WITHIN).expect("needs no broker");
    let position = eraser.erase("ann", 1_500, "e2").expect("it may");
    assert_eq!((&*position.topic, position.partition, position.offset), ("read-only", 0, 0));
    let written = kafka.read_all("read-only", 1, |record| {
        serde_json::from_slice::<Value>(record.payload().unwrap_or_default()).expect("JSON")
    });
    let time = "1970-01-01T00:00:01.5Z";
    let event = json!({ "kind": "erase", "actor": "ann", "id": "e2", "time": time });
    assert_eq!(written, [event]);
}

#[test]
fn erasures_go_into_each_partition_of_the_topic_that_is_named() {
    let kafka = Kafka::shared();
    for topic in ["acts", "wishes"] {
        kafka.create_topic(topic, 2, &[]);
    }
    let mut config = config(&kafka.brokers(), &["acts", "wishes"], "named");
    config.erase_topic = Some("wishes".into());
    let eraser = Eraser::start(&config, WITHIN).expect("needs no broker");
    let position = eraser.erase("ann", 0, "e1").expect("it may");
    assert_eq!((&*position.topic, position.offset), ("wishes", 0));
    let mut written = kafka
        .read_all("wishes", 2, |record| (record.partition(), record.key().map(<[u8]>::to_vec)));
    written.sort_unstable();
    assert_eq!(written, [(0, Some(b"ann".to_vec())), (1, Some(b"ann".to_vec()))]);
}
