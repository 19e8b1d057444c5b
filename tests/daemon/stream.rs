//! Recorded streams on their way into Kafka, and results in the shape of the reference.

use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;

use serde_json::{Map, Value, json};

use crate::process::{Daemon, series};
use crate::support::kafka::{Event, Kafka};
use crate::support::recorded::{reference, shared};

/// A stream, and what the model says of it.
pub(crate) struct Recorded {
    pub(crate) file: PathBuf,
    pub(crate) lines: Vec<String>,
    pub(crate) expected: Value,
}

impl Recorded {
    /// The half million events around a discovery; nothing, and a word, where they are absent.
    pub(crate) fn higgs() -> Option<&'static Self> {
        static HIGGS: OnceLock<Option<Recorded>> = OnceLock::new();
        HIGGS.get_or_init(|| Self::read("higgs")).as_ref()
    }

    pub(crate) fn conferences() -> Option<&'static Self> {
        static CONFERENCES: OnceLock<Option<Recorded>> = OnceLock::new();
        CONFERENCES.get_or_init(|| Self::read("conferences")).as_ref()
    }

    fn read(name: &str) -> Option<Self> {
        let (file, expected) = reference(&shared()?, name);
        let lines = fs::read_to_string(&file).unwrap().lines().map(str::to_owned).collect();
        let expected = serde_json::from_str(&fs::read_to_string(expected).unwrap()).unwrap();
        Some(Self { file, lines, expected })
    }

    /// Puts all of it into a topic, keyed by actor.
    pub(crate) fn produce(&self, kafka: &Kafka, topic: &str) {
        produce(kafka, topic, &self.lines);
    }
}

/// Puts canonical events into a topic, keyed by actor.
pub(crate) fn produce(kafka: &Kafka, topic: &str, lines: &[String]) {
    let events = lines.iter().map(|line| Event {
        key: Some(actor_of(line)),
        payload: Some(line.as_bytes()),
        log_time_ms: None,
    });
    kafka.produce(topic, events);
}

fn actor_of(line: &str) -> &str {
    let (_, rest) = line.split_once(r#""actor":""#).expect("an actor");
    rest.split('"').next().unwrap()
}

/// A canonical event.
pub(crate) fn event(kind: &str, actor: &str, target: &str, time_ms: i64) -> String {
    event_in("s", kind, actor, target, time_ms)
}

/// The same, of somebody in another segment.
pub(crate) fn event_in(
    segment: &str,
    kind: &str,
    actor: &str,
    target: &str,
    time_ms: i64,
) -> String {
    let segments = [segment];
    json!({ "kind": kind, "actor": actor, "target": target, "time": time_ms, "segments": segments })
        .to_string()
}

/// The whole ranking of a segment.
pub(crate) fn ranking(daemon: &Daemon, segment: &str) -> Value {
    daemon.json(&format!("/api/v1/segments/{segment}/ranking?limit=100000"))
}

/// A ranking as the reference would have printed it.
pub(crate) fn as_reference(daemon: &Daemon, ranking: &Value) -> Value {
    let (_, metrics) = daemon.ask("/metrics").expect("an answer");
    let rejected: Map<String, Value> = series(&metrics, "sillage_events_rejected_total", &[])
        .filter(|(_, count)| *count > 0.0)
        .map(|(series, count)| (series.split('"').nth(1).unwrap().to_owned(), json!(count)))
        .collect();
    let influencers: Map<String, Value> = ranking["influencers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|fields| (fields["influencer"].as_str().unwrap().to_owned(), fields.clone()))
        .collect();
    json!({
        "as_of": ranking["as_of"],
        "rejected": rejected,
        "segments": { ranking["segment"].as_str().unwrap(): {
            "active_audience": ranking["active_audience"],
            "conversions": ranking["conversions"],
            "organic_conversions": ranking["organic_conversions"],
            "organic_value": ranking["organic_value"],
            "influencers": influencers,
        } },
    })
}
