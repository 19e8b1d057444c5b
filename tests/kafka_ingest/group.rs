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
    assert_eq!(first.metric("events_total", &[]), 2_000);

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
    assert_eq!(first.metric("records_received_total", &[]), 2_000);
    let taken = second.metric("records_received_total", &[]);
    assert_eq!(first.metric("kafka_position_offset", &[]) + taken, 2_000);
    assert_eq!(first.metric("kafka_assigned_partitions", &[]), 2);

    produce(kafka, "shared", &events(1_000, "second"));
    poll("the new records to be read", WITHIN, || {
        let read = [&first, &second].map(|member| member.metric("records_received_total", &[]));
        (read.iter().sum::<i64>() >= 3_000 + taken).then_some(())
    });
    first.await_caught_up(2);
    second.await_caught_up(2);
    let read = [&first, &second].map(|member| member.metric("records_received_total", &[]));
    assert_eq!(read.iter().sum::<i64>(), 3_000 + taken, "each record by its owner only");
    let given_back = second.metric("kafka_position_offset", &[]);
    let before = first.metric("records_received_total", &[]);

    second.close();
    first.await_caught_up(4);
    assert_eq!(first.metric("kafka_position_offset", &[]), 3_000);
    let read_again = first.metric("records_received_total", &[]) - before;
    assert_eq!(read_again, given_back, "the partitions that came back are read anew, no others");
    assert_eq!(first.metric("events_rejected_total", &[]), 0);
    assert_eq!(first.metric("kafka_assignment_lost_total", &[]), 0);
    first.close();
}

#[test]
fn a_partition_of_several_topics_moves_as_a_whole() {
    let kafka = Kafka::shared();
    for topic in ["pair-a", "pair-b"] {
        kafka.create_topic(topic, 2, &[]);
        produce(kafka, topic, &events(500, topic));
    }
    let config = config(&kafka.brokers(), &["pair-a", "pair-b"], "pair");
    let first = Daemon::start(&config, <_>::default());
    first.await_caught_up(2);
    assert_eq!(first.metric("events_total", &[]), 1_000);

    let second = Daemon::start(&config, <_>::default());
    poll("the partitions to be shared", WITHIN, || {
        (first.partitions().len() == 1 && second.partitions().len() == 1).then_some(())
    });
    first.await_caught_up(1);
    second.await_caught_up(1);
    for member in [&first, &second] {
        for topic in ["pair-a", "pair-b"] {
            assert_eq!(member.metric("kafka_assigned_partitions", &[("topic", topic)]), 1);
        }
        assert_eq!(member.owners.poisoned(), None);
    }
    let positions = [&first, &second].map(|member| member.metric("kafka_position_offset", &[]));
    assert_eq!(positions.iter().sum::<i64>(), 1_000);
    second.close();
    first.await_caught_up(2);
    assert_eq!(first.metric("kafka_position_offset", &[]), 1_000);
    first.close();
}
