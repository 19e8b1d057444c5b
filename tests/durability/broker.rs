//! A broker that holds still, is away or is slow: the daemon serves on, says so, goes on by itself,
//! and nothing is lost.

use std::time::Duration;

use rustix::process::Signal;

use crate::holes::{act, is_as_read_anew, start};
use crate::process::{DRAINED_WITHIN, Daemon, SAID_WITHIN, WITHIN, pace};
use crate::proxy::Proxy;
use crate::stream::{produce, ranking};
use crate::support::kafka::{Kafka, Ports, poll};
use crate::support::soak;

const TOPIC: &str = "acts";
const LOST: &str = "sillage_kafka_assignment_lost_total";
const RECEIVED: &str = "sillage_records_received_total";
const STALLS: &str = "sillage_shard_stalls_total";

fn acts(range: std::ops::Range<i64>) -> Vec<String> {
    range.map(act).collect()
}

/// Alive and ready all the time that the broker is not.
fn serves_for(daemon: &Daemon, seconds: usize) {
    pace(Duration::from_secs(1), seconds + 1, |_| {
        assert_eq!(daemon.ask("/-/healthy").map(|answer| answer.0), Some(200));
        assert!(daemon.is_ready(), "it serves what it has: {:?}", daemon.unready());
    });
}

fn problem(daemon: &Daemon) -> Option<String> {
    daemon.json("/api/v1/status")["kafka"]["problem"].as_str().map(str::to_owned)
}

fn await_no_problem(daemon: &Daemon) {
    poll("the problem to be over", WITHIN, || problem(daemon).is_none().then_some(()));
}

#[test]
fn a_broker_that_is_away_for_a_while_is_waited_for() {
    let mut kafka = Kafka::start(Ports::draw());
    let (brokers, folder) = (kafka.brokers(), tempfile::tempdir().unwrap());
    kafka.create_topic(TOPIC, 2, &[]);
    produce(&kafka, TOPIC, &acts(0..100));
    let daemon = start(&brokers, TOPIC, folder.path(), &[]);
    daemon.await_records(100);
    daemon.await_ready();

    kafka.pause(true);
    serves_for(&daemon, soak::or(20, 180));
    kafka.pause(false);
    produce(&kafka, TOPIC, &acts(100..200));
    daemon.await_records(200);
    await_no_problem(&daemon);

    kafka.kill();
    let said = poll("the problem to be said", SAID_WITHIN, || problem(&daemon));
    assert!(said.contains(&brokers), "{said}");
    serves_for(&daemon, soak::or(5, 180));
    kafka.start_again();
    produce(&kafka, TOPIC, &acts(200..300));
    daemon.await_records(300);
    await_no_problem(&daemon);
    assert!(daemon.metric(STALLS, &[]).abs() < 0.5, "nobody stood still who could move");
    let told = daemon.said();
    let begun = told.iter().filter(|line| line.contains("trying again until it works")).count();
    assert!(begun <= 2, "two outages, and none anew once they are over: {told:#?}");

    // Killed with its broker, it cannot know what of the log its snapshot lacks.
    kafka.kill();
    drop(daemon);
    let daemon = start(&brokers, TOPIC, folder.path(), &[]);
    let why = poll("readiness to say it", SAID_WITHIN, || {
        daemon.unready().filter(|why| why.contains("no kafka broker"))
    });
    assert!(why.contains(&brokers), "{why}");
    kafka.start_again();
    produce(&kafka, TOPIC, &acts(300..400));
    daemon.await_ready();
    is_as_read_anew(&brokers, TOPIC, &daemon);
    let received = daemon.metric("sillage_records_received_total", &[]);
    assert!((100.0..400.0).contains(&received), "{received} from a snapshot");
    daemon.signal(Signal::TERM);
    let said = daemon.await_end(DRAINED_WITHIN).said;
    let errors: Vec<_> = said.iter().filter(|line| line.contains("ERROR")).collect();
    assert!(errors.len() <= 2, "an outage is said once, not with each attempt: {errors:#?}");
}

/// A session that times out as fast as a broker allows.
const SHORT: [(&str, &str); 2] = [
    ("SILLAGE__KAFKA__PROPERTIES__SESSION_TIMEOUT_MS", "6000"),
    ("SILLAGE__KAFKA__PROPERTIES__HEARTBEAT_INTERVAL_MS", "500"),
];

/// Goes on from what it has after it lost its partitions, although no snapshot has it.
fn goes_on_from_memory(kafka: &mut Kafka, topic: &str, settings: &[(&str, &str)]) {
    kafka.create_topic(topic, 2, &[]);
    produce(kafka, topic, &acts(0..100));
    let daemon = Daemon::start(&kafka.brokers(), topic, &[&SHORT, settings].concat());
    daemon.await_records(100);
    daemon.await_ready();
    let ranked = ranking(&daemon, "s")["influencers"].clone();

    kafka.pause(true);
    let lost = || daemon.metric(LOST, &[]) > 0.5;
    poll("the session to time out", WITHIN, || {
        assert!(daemon.is_ready(), "it serves what it has: {:?}", daemon.unready());
        lost().then_some(())
    });
    serves_for(&daemon, 3);
    assert_eq!(ranking(&daemon, "s")["influencers"], ranked);
    assert!(problem(&daemon).is_some());
    kafka.pause(false);

    produce(kafka, topic, &acts(100..200));
    daemon.await_records(200);
    await_no_problem(&daemon);
    is_as_read_anew(&kafka.brokers(), topic, &daemon);
    let received = daemon.metric(RECEIVED, &[]);
    assert!((received - 200.0).abs() < 0.5, "{received} records were read of 200");
    daemon.stop();
}

#[test]
fn what_was_lost_is_gone_on_from_where_it_was() {
    let mut kafka = Kafka::start(Ports::draw());
    goes_on_from_memory(&mut kafka, "without-snapshots", &[]);
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().to_str().unwrap();
    let topic = "with-snapshots";
    let settings = [("SILLAGE__SNAPSHOT__DIR", dir), ("SILLAGE__SNAPSHOT__INTERVAL", "1d")];
    goes_on_from_memory(&mut kafka, topic, &settings);
    // Its last state has what came before and after.
    let again = Daemon::start(&kafka.brokers(), topic, &settings);
    again.await_ready();
    is_as_read_anew(&kafka.brokers(), topic, &again);
    assert!(again.metric(RECEIVED, &[]).abs() < 0.5);
    again.stop();
}

#[test]
fn what_was_lost_is_dropped_when_the_topic_is_another() {
    let kafka = Kafka::start(Ports::draw());
    let proxy = Proxy::start(&kafka.brokers_by_detour(), kafka.behind_the_detour());
    kafka.create_topic(TOPIC, 2, &[]);
    produce(&kafka, TOPIC, &acts(0..100));
    let folder = tempfile::tempdir().unwrap();
    let daemon = start(&kafka.brokers_by_detour(), TOPIC, folder.path(), &SHORT);
    daemon.await_records(100);
    daemon.await_ready();
    proxy.close(true);
    poll("the session to time out", WITHIN, || (daemon.metric(LOST, &[]) > 0.5).then_some(()));
    kafka.delete_topic(TOPIC);
    kafka.create_topic(TOPIC, 2, &[]);
    produce(&kafka, TOPIC, &acts(1_000..1_300));
    proxy.close(false);
    daemon.await_metric(RECEIVED, &[], 400.0);
    daemon.await_ready();
    is_as_read_anew(&kafka.brokers(), TOPIC, &daemon);
    daemon.stop();
}

/// What asks how far a partition goes, in Kafka's protocol.
const LIST_OFFSETS: u16 = 2;

#[test]
fn an_assignment_waits_for_a_log_that_does_not_answer() {
    let kafka = Kafka::start(Ports::draw());
    let proxy = Proxy::start(&kafka.brokers_by_detour(), kafka.behind_the_detour());
    kafka.create_topic(TOPIC, 2, &[]);
    produce(&kafka, TOPIC, &acts(0..100));
    let folder = tempfile::tempdir().unwrap();
    let run = || start(&kafka.brokers_by_detour(), TOPIC, folder.path(), &SHORT);
    let daemon = run();
    daemon.await_records(100);
    daemon.await_ready();
    daemon.stop();

    proxy.refuse(Some(LIST_OFFSETS));
    let daemon = run();
    let said = "cannot be compared with the snapshot";
    poll("it to be said", WITHIN, || problem(&daemon).filter(|problem| problem.contains(said)));
    assert_eq!(daemon.ask("/-/healthy").map(|answer| answer.0), Some(200));
    // Nor does it keep anybody from leaving.
    daemon.stop();
    let daemon = run();
    poll("it to be said", WITHIN, || problem(&daemon).filter(|problem| problem.contains(said)));
    // Nor is it too late when the session has timed out meanwhile.
    proxy.close(true);
    pace(Duration::from_secs(1), 16, |_| {
        assert_eq!(daemon.ask("/-/healthy").map(|answer| answer.0), Some(200));
    });
    proxy.close(false);
    proxy.refuse(None);
    daemon.await_ready();
    await_no_problem(&daemon);
    assert!(daemon.metric(RECEIVED, &[]).abs() < 0.5);
    is_as_read_anew(&kafka.brokers(), TOPIC, &daemon);
    daemon.stop();
}

#[test]
fn a_slow_broker_is_no_shard_that_stands_still() {
    let kafka = Kafka::start(Ports::draw());
    let proxy = Proxy::start(&kafka.brokers_by_detour(), kafka.behind_the_detour());
    kafka.create_topic(TOPIC, 1, &[]);
    // In batches that are small, since one is the least that a broker sends.
    let (batches, of_batch) = (60, 400);
    for n in 0..batches {
        produce(&kafka, TOPIC, &acts(n * of_batch..(n + 1) * of_batch));
    }
    let all = (batches * of_batch) as f64;
    let patience = Duration::from_secs(4);
    let settings = [
        ("SILLAGE__INGEST__STALL_TIMEOUT", "4s"),
        ("SILLAGE__KAFKA__PROPERTIES__FETCH_MESSAGE_MAX_BYTES", "1000"),
    ];
    proxy.slow_down(Duration::from_millis(100));
    let folder = tempfile::tempdir().unwrap();
    let daemon = start(&kafka.brokers_by_detour(), TOPIC, folder.path(), &settings);
    let received = || daemon.metric("sillage_records_received_total", &[]);
    poll("the first records", WITHIN, || (received() > 0.0).then_some(()));
    let began = sillage::clock::instant();
    daemon.await_metric("sillage_records_received_total", &[], all);
    let took = began.elapsed();
    assert!(took > patience * 2, "{took:?} is not slow");
    assert!(daemon.metric(STALLS, &[]).abs() < 0.5, "records kept coming");
    daemon.await_ready();
    proxy.slow_down(Duration::ZERO);
    is_as_read_anew(&kafka.brokers(), TOPIC, &daemon);
    daemon.stop();
}

#[test]
fn a_member_that_stops_while_a_commit_is_under_way_leaves_the_group() {
    let kafka = Kafka::start(Ports::draw());
    let proxy = Proxy::start(&kafka.brokers_by_detour(), kafka.behind_the_detour());
    kafka.create_topic(TOPIC, 1, &[]);
    produce(&kafka, TOPIC, &acts(0..100));
    proxy.slow_down(Duration::from_millis(100));
    let folder = tempfile::tempdir().unwrap();
    let run = || {
        let settings = [("SILLAGE__SNAPSHOT__DIR", folder.path().to_str().unwrap())];
        Daemon::start(&kafka.brokers_by_detour(), TOPIC, &settings)
    };
    let daemon = run();
    daemon.await_ready();
    // The only snapshot is the last one.
    daemon.stop();
    let began = sillage::clock::instant();
    let daemon = run();
    daemon.await_ready();
    let took = began.elapsed();
    assert!(took < Duration::from_secs(30), "{took:?}, as if the session of 45 s had to time out");
    assert!(daemon.metric("sillage_records_received_total", &[]).abs() < 0.5);
    daemon.stop();
}
