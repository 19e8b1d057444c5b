//! Logs with holes: what transactions and compaction leave is neither a gap nor another log, and
//! nothing counts twice.

use std::fs;
use std::path::Path;
use std::time::Duration;

use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use serde_json::Value;
use sillage::clock;
use tempfile::TempDir;

use crate::process::{Daemon, WITHIN, pace};
use crate::stream::{event, produce, ranking};
use crate::support::kafka::{Kafka, poll};

const NOW: i64 = 1_700_000_000_000;
/// From an event to the next: longer than an id is known, so that what counts twice shows.
const STEP_MS: i64 = 2 * 3_600_000;
const GAP: &str = "sillage_kafka_gap_records_total";
const REFUSED: &str = "sillage_snapshots_refused_total";
const RECEIVED: &str = "sillage_records_received_total";

/// Events on `ada`, the `n`-th of all at its own time.
pub(crate) fn act(n: i64) -> String {
    event("retweet", &format!("a{}", n % 37), "ada", NOW + n * STEP_MS)
}

pub(crate) fn start(brokers: &str, topic: &str, dir: &Path, more: &[(&str, &str)]) -> Daemon {
    let mut settings = vec![
        ("SILLAGE__SNAPSHOT__DIR", dir.to_str().unwrap()),
        ("SILLAGE__SNAPSHOT__INTERVAL", "1s"),
        // The group knows a member that was killed again at once.
        ("SILLAGE__KAFKA__INSTANCE_ID", "only"),
    ];
    settings.extend(more);
    Daemon::start(brokers, topic, &settings)
}

/// Whoever reads the log from its beginning comes to the same.
pub(crate) fn is_as_read_anew(brokers: &str, topic: &str, daemon: &Daemon) {
    let anew = Daemon::start(brokers, topic, &[("SILLAGE__KAFKA__GROUP", "anew")]);
    anew.await_ready();
    are_alike(daemon, &anew);
    anew.stop();
}

fn are_alike(daemon: &Daemon, other: &Daemon) {
    let shown = |daemon: &Daemon| {
        let ranking = ranking(daemon, "s");
        let fields = ["as_of", "active_audience", "complete", "influencers"];
        fields.map(|field| ranking[field].clone())
    };
    let deadline = clock::instant() + WITHIN;
    while shown(daemon) != shown(other) {
        assert!(clock::instant() < deadline, "{:?}\nis not\n{:?}", shown(daemon), shown(other));
        std::thread::park_timeout(Duration::from_millis(50));
    }
}

/// Nothing was taken for missing, nor a snapshot for another log's.
fn nothing_is_wrong(daemon: &Daemon) {
    let counts = [GAP, REFUSED].map(|name| daemon.metric(name, &[]));
    assert_eq!(counts, [0.0, 0.0], "{}", daemon.said().join("\n"));
    assert_eq!(ranking(daemon, "s")["complete"], Value::Bool(true));
}

/// Events in transactions.
struct Transactions {
    producer: BaseProducer,
    topic: &'static str,
    sent: i64,
}

impl Transactions {
    fn put(&mut self, line: &str) {
        let key = format!("a{}", self.sent % 37);
        let record = BaseRecord::to(self.topic).key(&key).payload(line);
        self.producer.send(record).unwrap();
    }

    fn begin(&mut self, count: i64) {
        self.producer.begin_transaction().unwrap();
        for _ in 0..count {
            let line = act(self.sent);
            self.put(&line);
            self.sent += 1;
        }
    }

    fn commit(&self) {
        self.producer.commit_transaction(WITHIN).unwrap();
    }

    /// Some that count, and some that do not.
    fn some(&mut self) {
        self.begin(10);
        self.commit();
        self.producer.begin_transaction().unwrap();
        for n in 0..7 {
            self.put(&event("retweet", &format!("g{n}"), "ghost", NOW));
        }
        self.producer.flush(WITHIN).unwrap();
        self.producer.abort_transaction(WITHIN).unwrap();
    }
}

/// Waits until all that was sent counts, once.
fn await_newest(daemon: &Daemon, sent: i64) {
    let newest = Value::from(NOW + (sent - 1) * STEP_MS);
    poll("the newest event", WITHIN * 2, || {
        let answer = daemon.ask("/api/v1/segments/s/ranking").filter(|answer| answer.0 == 200)?;
        let ranking: Value = serde_json::from_str(&answer.1).ok()?;
        (ranking["as_of"] == newest).then_some(())
    });
}

#[test]
fn transactions_count_once_committed_and_leave_no_gap() {
    let (kafka, topic, folder) = (Kafka::shared(), "transactions", tempfile::tempdir().unwrap());
    kafka.create_topic(topic, 2, &[]);
    let mut stream = Transactions { producer: kafka.transactional(topic), topic, sent: 0 };
    let brokers = kafka.brokers();
    let begin = || start(&brokers, topic, folder.path(), &[]);
    for round in 0..3 {
        let daemon = begin();
        for _ in 0..5 {
            stream.some();
        }
        await_newest(&daemon, stream.sent);
        poll("a snapshot", WITHIN, || {
            (daemon.metric("sillage_snapshots_total", &[]) >= 2.0).then_some(())
        });
        stream.some();
        if round == 1 {
            // In the midst of one that is open.
            stream.begin(10);
            stream.producer.flush(WITHIN).unwrap();
        }
        drop(daemon);
        if round == 1 {
            stream.commit();
        }
    }
    let daemon = begin();
    daemon.await_ready();
    await_newest(&daemon, stream.sent);
    assert!(daemon.metric(RECEIVED, &[]) < stream.sent as f64, "from a snapshot");
    nothing_is_wrong(&daemon);
    is_as_read_anew(&brokers, topic, &daemon);
    let names = ranking(&daemon, "s")["influencers"].to_string();
    assert!(!names.contains("ghost"), "{names}");
    daemon.stop();
    // The log ends with what was aborted, and nothing of it is new.
    let daemon = begin();
    daemon.await_ready();
    assert_eq!(daemon.metric(RECEIVED, &[]), 0.0);
    nothing_is_wrong(&daemon);
    daemon.stop();
}

/// Has the segment that is written to closed, so that the log can be compacted up to there, and
/// waits until the record at `offset` is gone. Gives how many records that took.
fn compact(kafka: &Kafka, topic: &str, offset: i64) -> i64 {
    let mut more = 0;
    poll("the log to be compacted", WITHIN, || {
        pace(Duration::from_millis(1_100), 2, |_| {});
        produce(kafka, topic, &[event("like", "roller", "eve", NOW)]);
        more += 1;
        (!kafka.offsets(topic, 0).contains(&offset)).then_some(())
    });
    more
}

#[test]
fn a_compacted_log_is_gone_on_from() {
    let (kafka, topic, folder) = (Kafka::shared(), "compacted", tempfile::tempdir().unwrap());
    let settings = [
        ("cleanup.policy", "compact"),
        ("segment.ms", "1000"),
        ("min.cleanable.dirty.ratio", "0.001"),
        ("min.compaction.lag.ms", "0"),
        ("max.compaction.lag.ms", "1"),
    ];
    kafka.create_topic(topic, 1, &settings);
    let acts = |range: std::ops::Range<i64>| range.map(act).collect::<Vec<_>>();
    produce(kafka, topic, &acts(0..200));
    let brokers = kafka.brokers();
    let begin = |dir: &TempDir| start(&brokers, topic, dir.path(), &[]);
    let daemon = begin(&folder);
    await_newest(&daemon, 200);
    daemon.stop();
    let snapshots = fs::read_dir(folder.path().join("00000")).unwrap().count();
    assert!(snapshots > 0);
    // The last record that the snapshot has goes as well, since its actor acts again.
    produce(kafka, topic, &acts(200..260));
    let rollers = compact(kafka, topic, 199);
    let left = kafka.offsets(topic, 0);
    assert!(left.first() > Some(&199), "{left:?}");
    let daemon = begin(&folder);
    await_newest(&daemon, 260);
    daemon.await_ready();
    nothing_is_wrong(&daemon);
    let received = daemon.metric(RECEIVED, &[]);
    assert_eq!(received, left.len() as f64, "of 60 and {rollers} those that are left");
    let fans = daemon.metric("sillage_active_fans", &["influencer=\"ada\""]);
    drop(daemon);
    // Killed, it goes on from the same place.
    produce(kafka, topic, &acts(260..270));
    let daemon = begin(&folder);
    await_newest(&daemon, 270);
    nothing_is_wrong(&daemon);
    assert_eq!(daemon.metric("sillage_active_fans", &["influencer=\"ada\""]), fans);
    daemon.stop();
}
