//! Partitions that are added while the daemon runs are read from their beginnings.

use crate::holes::{act, is_as_read_anew, start};
use crate::process::WITHIN;
use crate::stream::produce;
use crate::support::kafka::Kafka;

#[test]
fn added_partitions_are_read_from_their_beginnings() {
    let (kafka, topic, folder) = (Kafka::shared(), "grown", tempfile::tempdir().unwrap());
    kafka.create_topic(topic, 2, &[]);
    let acts = |range: std::ops::Range<i64>| range.map(act).collect::<Vec<_>>();
    let brokers = kafka.brokers();
    // As often as the cluster is asked, new partitions are found.
    let soon = ("SILLAGE__KAFKA__PROPERTIES__TOPIC_METADATA_REFRESH_INTERVAL_MS", "2000");
    let begin = || start(&brokers, topic, folder.path(), &[soon]);
    produce(kafka, topic, &acts(0..100));
    let daemon = begin();
    daemon.await_records(100);
    kafka.add_partitions(topic, 5);
    // Written before anybody reads them.
    produce(kafka, topic, &acts(100..200));
    daemon.await_partitions(5);
    daemon.await_records(200);
    let said = daemon.await_line("partitions were added", WITHIN);
    assert!(said.contains("WARN") && said.contains("actors that moved"), "{said}");
    assert!(said.contains("partitions=5") && said.contains("before=2"), "{said}");
    daemon.await_ready();
    daemon.stop();
    // And kept like the others.
    let daemon = begin();
    daemon.await_partitions(5);
    daemon.await_ready();
    assert!(daemon.metric("sillage_records_received_total", &[]).abs() < 0.5);
    is_as_read_anew(&brokers, topic, &daemon);
    daemon.stop();
}
