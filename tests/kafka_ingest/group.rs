//! Members that come and go: each partition has one owner, which reads all of it.

use crate::daemon::{Daemon, WITHIN, config};
use crate::records::{events, produce};
use crate::support::kafka::{Kafka, poll};

#[test]
fn a_member_that_joins_and_leaves_takes_its_partitions_and_gives_them_back() {
    let kafka = Kafka::shared();
    kafka.create_topic("shared", 4, &[]);
    produce(kafka, "shared", &events(2_000, "first"));
    let config = config(&kafka.brokers(), &["shared"], "shared");
    let first = Daemon::start(&config, <_>::default());
    first.await_caught_up(4);
    assert_eq!(first.metric("events_total", &[]), 2_000.0);

    let second = Daemon::start(&config, <_>::default());
    let owned = poll("the partitions to be shared", WITHIN, || {
        let owned = [first.partitions(), second.partitions()];
        (owned[0].len() == 2 && owned[1].len() == 2).then_some(owned)
    });
    let mut all = owned.concat();
    all.sort_unstable();
    assert_eq!(all, [0, 1, 2, 3], "each partition has one owner");
    second.await_caught_up(2);
    // What the first kept it has not read again; the second read its part from the beginning.
    assert_eq!(first.metric("records_received_total", &[]), 2_000.0);
    let taken = second.metric("records_received_total", &[]);
    assert_eq!(first.metric("kafka_position_offset", &[]) + taken, 2_000.0);
    assert_eq!(first.metric("kafka_assigned_partitions", &[]), 2.0);

    produce(kafka, "shared", &events(1_000, "second"));
    poll("the new records to be read", WITHIN, || {
        let read = [&first, &second].map(|member| member.metric("records_received_total", &[]));
        (read.iter().sum::<f64>() > 2_999.5 + taken).then_some(())
    });
    first.await_caught_up(2);
    second.await_caught_up(2);
    let read = [&first, &second].map(|member| member.metric("records_received_total", &[]));
    assert_eq!(read.iter().sum::<f64>(), 3_000.0 + taken, "each record by its owner only");
    let given_back = second.metric("kafka_position_offset", &[]);
    let before = first.metric("records_received_total", &[]);

    second.close();
    first.await_caught_up(4);
    assert_eq!(first.metric("kafka_position_offset", &[]), 3_000.0);
    let read_again = first.metric("records_received_total", &[]) - before;
    assert_eq!(read_again, given_back, "the partitions that came back are read anew, no others");
    assert_eq!(first.metric("events_rejected_total", &[]), 0.0);
    assert_eq!(first.metric("kafka_assignment_lost_total", &[]), 0.0);
    first.close();
}
