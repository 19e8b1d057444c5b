//! A campaign in which the leader changes: who is told hears of it once, over a crash too.

use rdkafka::Message;
use rustix::process::Signal;
use serde_json::Value;

use crate::process::{Daemon, WITHIN};
use crate::receivers::{Health, Receiver};
use crate::stream::{event, produce};
use crate::support::kafka::{Kafka, poll};

const NOW: i64 = 1_700_000_000_000;
const HOUR: i64 = 3_600_000;

/// Rule and influencer of each shift told.
fn told(receiver: &Receiver) -> Vec<(String, String)> {
    let text = |shift: &Value, key: &str| shift[key].as_str().unwrap().to_owned();
    let told = receiver.taken();
    told.iter().map(|shift| (text(shift, "rule"), text(shift, "influencer"))).collect()
}

/// Retweets of someone, each by another actor, some hours from the start.
fn wave(target: &str, actors: std::ops::Range<u32>, hours: i64) -> Vec<String> {
    let by = |n| event("retweet", &format!("{target}-fan{n}"), target, NOW + hours * HOUR);
    actors.map(by).collect()
}

#[test]
fn a_change_of_leader_is_told_once_over_a_crash_and_so_is_one_meanwhile() {
    let kafka = Kafka::shared();
    kafka.create_topic("shifts", 2, &[]);
    kafka.create_topic("shifts-told", 1, &[]);
    let (receiver, kept) = (Receiver::start(Health::Well), tempfile::tempdir().unwrap());
    let folder = kept.path().display().to_string();
    let webhook = format!("http://{}/", receiver.address);
    // Only the leader can shift: nothing else moves that far.
    let settings = [
        ("SILLAGE__SNAPSHOT__DIR", folder.as_str()),
        ("SILLAGE__NOTIFY__QUEUE_DIR", folder.as_str()),
        ("SILLAGE__NOTIFY__WEBHOOK__URL", webhook.as_str()),
        ("SILLAGE__NOTIFY__KAFKA__TOPIC", "shifts-told"),
        ("SILLAGE__DETECT__SCORE_POINTS", "100"),
        ("SILLAGE__DETECT__SHARE_MIN", "1"),
        ("SILLAGE__DETECT__MIN_SCORE", "0.1"),
        ("SILLAGE__DETECT__LEADER_MARGIN", "2"),
        ("SILLAGE__DETECT__HOLD_MS", "31d"),
    ];
    let first: Vec<String> =
        [("ana", 300), ("bob", 150), ("cy", 75)].map(|(who, fans)| wave(who, 0..fans, 0)).concat();
    produce(kafka, "shifts", &first);
    let daemon = Daemon::start(&kafka.brokers(), "shifts", &settings);
    daemon.await_ready();
    poll("how things stand to be kept", WITHIN, || {
        std::fs::read_to_string(kept.path().join("shifts.json")).ok().filter(|k| k.contains("ana"))
    });
    assert_eq!(told(&receiver), []);
    assert_eq!(daemon.metric("sillage_leader_changes_total", &[r#"segment="s""#]), 0.0);

    produce(kafka, "shifts", &wave("bob", 150..800, 1));
    daemon.await_metric("sillage_notifications_total", &[r#"sink="webhook""#], 1.0);
    let leader = |who: &str| ("leader_changed".to_owned(), who.to_owned());
    assert_eq!(told(&receiver), [leader("bob")]);
    assert_eq!(daemon.metric("sillage_leader_changes_total", &[r#"segment="s""#]), 1.0);
    let first = receiver.taken()[0].clone();
    assert_eq!(first["previous"], "ana");
    assert!(first["after"].as_f64() > first["before"].as_f64(), "{first:#}");
    let id = first["id"].as_str().unwrap().to_owned();
    assert_eq!(daemon.json("/api/v1/shifts")["shifts"][0]["id"], id);

    // What is delivered but not noted as such would come again.
    daemon.await_metric("sillage_notifications_total", &[r#"sink="kafka""#], 1.0);
    daemon.signal(Signal::KILL);
    daemon.await_end(WITHIN);
    produce(kafka, "shifts", &wave("cy", 75..2_000, 2));
    let daemon = Daemon::start(&kafka.brokers(), "shifts", &settings);
    daemon.await_metric("sillage_notifications_total", &[r#"sink="webhook""#], 1.0);
    daemon.await_ready();
    assert_eq!(told(&receiver), [leader("bob"), leader("cy")]);
    // Told or not, it would be by now.
    let all = daemon.metric("sillage_records_received_total", &[]);
    produce(kafka, "shifts", &wave("cy", 2_000..2_010, 2));
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
    daemon.await_records(all as usize + 10);
    assert_eq!(told(&receiver).len(), 2);
    let shifts = daemon.json("/api/v1/shifts");
    assert_eq!(shifts["shifts"].as_array().unwrap().len(), 2, "{shifts:#}");
    assert_eq!(shifts["shifts"][1]["id"], id, "remembered");
    daemon.stop();
    let records = kafka.read_all("shifts-told", 2, |record| {
        let payload: Value = serde_json::from_slice(record.payload().unwrap()).unwrap();
        let key = String::from_utf8(record.key().unwrap().to_vec()).unwrap();
        (key, payload["influencer"].as_str().unwrap().to_owned())
    });
    assert_eq!(records, [("s".into(), "bob".into()), ("s".into(), "cy".into())]);
}
