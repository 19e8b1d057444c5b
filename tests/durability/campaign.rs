//! A campaign with everything in it, a chunk at a time, and what the model says after each.

use std::fs::File;
use std::io::Write;
use std::process::Stdio;

use serde_json::{Map, Value, json};
use sillage::campaign::{Campaign as World, Plan};
use sillage::clock;
use tempfile::TempDir;

use crate::oracle;
use crate::process::{Daemon, WITHIN, command};
use crate::stream::{produce, ranking};
use crate::support::kafka::Kafka;

/// What was sent so far, and what is still to come.
pub(crate) struct Campaign {
    topic: String,
    coming: Vec<String>,
    /// In the order in which it was sent.
    pub(crate) sent: Vec<String>,
    folder: TempDir,
}

impl Campaign {
    pub(crate) fn new(kafka: &Kafka, topic: &str, partitions: i32) -> Self {
        kafka.create_topic(topic, partitions, &[]);
        let plan = Plan { people: 1_500, days: 40, ..Plan::default() };
        let mut world = World::new(plan).unwrap();
        let mut coming = Vec::new();
        while let Some(day) = world.next_day() {
            for event in day {
                let mut line = Vec::new();
                event.write_json(&mut line);
                coming.push(String::from_utf8(line).unwrap());
            }
        }
        let folder = tempfile::tempdir().unwrap();
        Self { topic: topic.to_owned(), coming, sent: Vec::new(), folder }
    }

    pub(crate) fn len(&self) -> usize {
        self.coming.len() + self.sent.len()
    }

    /// Sends up to `count` events, some of them twice.
    pub(crate) fn send(&mut self, kafka: &Kafka, count: usize) {
        let count = count.min(self.coming.len());
        let mut lines = Vec::new();
        for (n, line) in self.coming.drain(..count).enumerate() {
            // At once, since an id is known for an hour of event time.
            let times = if n % 20 == 0 { 2 } else { 1 };
            lines.extend(std::iter::repeat_n(line, times));
        }
        produce(kafka, &self.topic, &lines);
        self.sent.extend(lines);
    }

    /// Brings every partition to the same event time, so that their shards close the same buckets.
    pub(crate) fn level(&mut self, kafka: &Kafka) {
        let time =
            serde_json::from_str::<Value>(self.sent.last().unwrap()).unwrap()["time"].clone();
        let n = self.sent.len();
        let like = |actor: usize| {
            let line = json!({
                "kind": "like", "actor": format!("leveller-{actor}"), "target": "nobody-special",
                "time": time, "id": format!("level-{n}-{actor}"),
            });
            line.to_string()
        };
        // Enough that each partition gets some.
        let lines: Vec<String> = (0..64).map(like).collect();
        produce(kafka, &self.topic, &lines);
        self.sent.extend(lines);
    }

    /// What a replay says of all that was sent.
    pub(crate) fn expected(&self) -> Value {
        let path = self.folder.path().join("sent.ndjson");
        let mut file = File::create(&path).unwrap();
        self.sent.iter().for_each(|line| writeln!(file, "{line}").unwrap());
        let output = command(&self.folder, &[])
            .args(["replay", "--format", "json"])
            .arg(&path)
            .stderr(Stdio::inherit())
            .output()
            .unwrap();
        assert!(output.status.success());
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// What the definitions say of all that was sent.
    pub(crate) fn judged(&self, partitions: usize) -> Value {
        let events: Vec<_> = self.sent.iter().map(|line| oracle::Event::from_json(line)).collect();
        oracle::judge(&events, &oracle::Params::new(json!({})), partitions)
    }
}

/// The rankings of all segments as the reference would have printed them, counts of rejections
/// apart, which a restart forgets.
pub(crate) fn rankings(daemon: &Daemon, segments: &Map<String, Value>) -> Option<Value> {
    let mut found = Map::new();
    let mut as_of = Value::Null;
    for segment in segments.keys() {
        daemon
            .ask(&format!("/api/v1/segments/{segment}/ranking?limit=1"))
            .filter(|a| a.0 == 200)?;
        let ranking = ranking(daemon, segment);
        let influencers: Map<String, Value> = ranking["influencers"]
            .as_array()?
            .iter()
            .map(|fields| (fields["influencer"].as_str().unwrap().to_owned(), fields.clone()))
            .collect();
        as_of = ranking["as_of"].clone();
        let fields = ["active_audience", "conversions", "organic_conversions", "organic_value"];
        let mut of_segment: Map<String, Value> =
            fields.iter().map(|field| ((*field).to_owned(), ranking[*field].clone())).collect();
        of_segment.insert("influencers".into(), Value::Object(influencers));
        found.insert(segment.clone(), Value::Object(of_segment));
    }
    Some(json!({ "as_of": as_of, "rejected": {}, "segments": found }))
}

/// Waits until the daemon says what is expected.
pub(crate) fn await_rankings(daemon: &Daemon, expected: &Value, when: &str) {
    let expected = json!({
        "as_of": expected["as_of"], "rejected": {}, "segments": expected["segments"],
    });
    let segments = expected["segments"].as_object().unwrap();
    let deadline = clock::instant() + WITHIN * 2;
    loop {
        let found = rankings(daemon, segments);
        let wrong = found.as_ref().map(|found| oracle::differences(&expected, found));
        if wrong.as_ref().is_some_and(Vec::is_empty) {
            return;
        }
        let say = || {
            let (status, said) = (daemon.ask("/api/v1/status"), daemon.said().join("\n"));
            let wrong = wrong.unwrap_or_default();
            let some = wrong.iter().take(20).cloned().collect::<Vec<_>>().join("\n");
            format!("{when}: {} differences\n{some}\n{status:?}\n{said}", wrong.len())
        };
        assert!(clock::instant() < deadline, "{}", say());
        std::thread::park_timeout(std::time::Duration::from_millis(200));
    }
}
