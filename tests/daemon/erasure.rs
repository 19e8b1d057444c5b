//! Who is erased over HTTP is gone, and stays gone when the log is read again.

use rdkafka::message::Message;
use serde_json::{Value, json};

use crate::process::{Daemon, SAID_WITHIN, WITHIN};
use crate::stream::{event, produce, ranking};
use crate::support::kafka::{Kafka, Ports, poll};

/// A log that ended long ago: an erasure must not bring it to the present.
const NOW: i64 = 1_700_000_000_000;
const ENABLED: [(&str, &str); 1] = [("SILLAGE__SERVE__ERASE", "true")];

fn acts(topic: &str, kafka: &Kafka) {
    let acts: Vec<String> = ["ann", "ben", "cyd/é"]
        .iter()
        .enumerate()
        .map(|(n, actor)| event("retweet", actor, "t", NOW + i64::try_from(n).unwrap()))
        .collect();
    produce(kafka, topic, &acts);
}

fn fans(daemon: &Daemon) -> f64 {
    daemon.metric("sillage_active_fans", &["influencer=\"t\""])
}

#[test]
fn who_is_erased_is_gone_and_stays_gone() {
    let kafka = Kafka::shared();
    kafka.create_topic("forgetting", 3, &[]);
    acts("forgetting", kafka);
    let daemon = Daemon::start(&kafka.brokers(), "forgetting", &ENABLED);
    daemon.await_records(3);
    daemon.await_ready();
    assert_eq!(fans(&daemon), 3.0);
    let before = ranking(&daemon, "s");

    let (status, body) = daemon.delete("/api/v1/actors/cyd%2F%C3%A9").expect("an answer");
    assert_eq!(status, 202, "{body}");
    let position: Value = serde_json::from_str(&body).unwrap();
    daemon.await_metric("sillage_events_total", &["kind=\"erase\""], 3.0);
    poll("the fan to be gone", WITHIN, || (fans(&daemon) <= 2.0).then_some(()));
    let after = ranking(&daemon, "s");
    let share = |ranking: &Value| ranking["influencers"][0]["amplify_share"].as_f64().unwrap();
    assert!(share(&after) < share(&before) && share(&after) > 0.0, "{after}");
    assert_eq!(after["as_of"], before["as_of"], "time has not moved");
    assert_eq!(daemon.metric("sillage_unkeyed_records_total", &[]), 0.0);
    assert_eq!(daemon.metric("sillage_events_rejected_total", &[]), 0.0);
    assert!(!daemon.said().join("\n").contains("cyd"), "nobody is named in the log");
    daemon.stop();

    let records = kafka.read_all("forgetting", 6, |record| {
        let text = |bytes: Option<&[u8]>| String::from_utf8(bytes.unwrap().to_vec()).unwrap();
        (text(record.key()), text(record.payload()), record.partition(), record.offset())
    });
    let erasures: Vec<_> =
        records.iter().filter(|(_, event, ..)| event.contains("\"erase\"")).collect();
    assert!(erasures.iter().all(|(key, ..)| key == "cyd/é"), "{records:?}");
    let mut partitions: Vec<_> = erasures.iter().map(|(.., partition, _)| *partition).collect();
    partitions.sort_unstable();
    assert_eq!(partitions, [0, 1, 2]);
    let theirs =
        records.iter().find(|(key, event, ..)| key == "cyd/é" && event.contains("retweet"));
    let partition = theirs.unwrap().2;
    let (.., offset) = erasures.iter().find(|(.., of, _)| *of == partition).unwrap();
    assert_eq!(
        position,
        json!({ "topic": "forgetting", "partition": partition, "offset": offset }),
        "the one that follows what the actor did"
    );

    let again = Daemon::start(&kafka.brokers(), "forgetting", &ENABLED);
    again.await_records(6);
    again.await_ready();
    assert_eq!(ranking(&again, "s"), after);
    again.stop();
}

#[test]
fn nobody_is_erased_where_that_is_not_enabled() {
    let kafka = Kafka::shared();
    kafka.create_topic("remembering", 1, &[]);
    acts("remembering", kafka);
    let daemon = Daemon::start(&kafka.brokers(), "remembering", &[]);
    daemon.await_records(3);
    daemon.await_ready();
    let (status, body) = daemon.delete("/api/v1/actors/ann").expect("an answer");
    assert_eq!(status, 403, "{body}");
    assert!(body.contains("serve.erase"), "{body}");
    daemon.stop();
}

#[test]
fn while_the_broker_is_away_it_can_be_asked_again() {
    let ports = Ports::draw();
    let kafka = Kafka::start(ports);
    kafka.create_topic("leaving", 1, &[]);
    acts("leaving", &kafka);
    let brokers = kafka.brokers();
    let settings = [ENABLED[0], ("SILLAGE__SERVE__REQUEST_TIMEOUT", "4s")];
    let daemon = Daemon::start(&brokers, "leaving", &settings);
    daemon.await_records(3);
    daemon.await_ready();
    drop(kafka);
    let began = sillage::clock::instant();
    let (status, body) = daemon.delete("/api/v1/actors/ann").expect("an answer");
    assert_eq!(status, 503, "{body}");
    assert!(body.contains(&brokers) && body.contains("leaving"), "{body}");
    assert!(began.elapsed() < SAID_WITHIN, "{:?}", began.elapsed());
    assert_eq!(fans(&daemon), 3.0, "nobody is gone");
    daemon.stop();
}
