//! Members that share a folder of snapshots hand partitions over without reading the log again.

use crate::process::{Daemon, WITHIN};
use crate::stream::{event, produce};
use crate::support::kafka::{Kafka, poll};

const NOW: i64 = 1_700_000_000_000;
const TOPIC: &str = "handed-over";
const FANS: u32 = 3_000;

#[test]
fn a_partition_goes_over_with_its_state() {
    let kafka = Kafka::shared();
    kafka.create_topic(TOPIC, 4, &[]);
    let fan = |n: u32| event("retweet", &format!("a{n}"), "ada", NOW + i64::from(n));
    produce(kafka, TOPIC, &(0..FANS).map(fan).collect::<Vec<_>>());
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().to_str().unwrap();
    // So long that only what is given away is written.
    let settings = [("SILLAGE__SNAPSHOT__DIR", dir), ("SILLAGE__SNAPSHOT__INTERVAL", "1d")];
    let start = || Daemon::start(&kafka.brokers(), TOPIC, &settings);
    let one = start();
    one.await_records(FANS as usize);
    let other = start();
    one.await_partitions(2);
    other.await_partitions(2);
    let fans = |daemon: &Daemon| daemon.metric("sillage_active_fans", &["influencer=\"ada\""]);
    let all = f64::from(FANS);
    poll("both to have their part", WITHIN, || {
        ((fans(&one) + fans(&other) - all).abs() < 0.5).then_some(())
    });
    let read_again = other.metric("sillage_records_received_total", &[]);
    assert!(read_again.abs() < 0.5, "{read_again} records were read again");
    // Nothing of what went over is shown where it was.
    let (_, text) = one.ask("/metrics").unwrap();
    let shown =
        |p: u32| text.contains(&format!("sillage_kafka_position_offset{{partition=\"{p}\""));
    assert_eq!((0..4).filter(|p| shown(*p)).count(), 2);
    other.stop();
    one.await_partitions(4);
    one.await_metric("sillage_active_fans", &["influencer=\"ada\""], all);
    let received = one.metric("sillage_records_received_total", &[]);
    assert!((received - all).abs() < 0.5, "{received} records were read for {FANS}");
    one.stop();
}
