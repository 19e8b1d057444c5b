//! Receivers of shifts that are mute, away, broken or slow: nobody waits for them, what they miss is
//! counted, and what still waits arrives when they are back.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use rdkafka::Message;
use serde_json::Value;
use sillage::clock;

use crate::process::{Daemon, WITHIN, pace, series};
use crate::receivers::{Health, Receiver};
use crate::stream::{event, event_in, produce};
use crate::support::kafka::{Kafka, Stream, poll};
use crate::support::recorded::say;
use crate::support::soak;

const TOPIC: &str = "unwell";
/// Where shifts are to go as records; it is not there at first.
const TOLD: &str = "unwell-told";
const SINKS: [&str; 4] = ["alertmanager", "webhook", "slack", "kafka"];
/// Shifts that may wait for a sink.
const QUEUE: usize = 20;
/// How each of the three that speak HTTP is, in turns.
const UNWELL: [Health; 4] = [Health::Mute, Health::Away, Health::Broken, Health::Trickling];

const STEP: Duration = Duration::from_millis(100);
/// Events a step, of people who are there from the start.
const EVENTS: usize = 200;
const PEOPLE: usize = 10_000;
/// The leader of one of them changes each step.
const SEGMENTS: usize = 10;

/// A view is drawn every 200 ms; a machine that runs its tests has other things to do as well.
const VISIBLE_WITHIN: Duration = Duration::from_secs(3);
/// More would be what is queued beyond its bound, or never let go.
const GROWS_AT_MOST: f64 = 1.15;
/// Of what states hold; the rest are sums that views are made of, and room to grow.
const MEMORY_OF_STATE: f64 = 2.0;

#[test]
fn receivers_that_are_unwell_hold_nobody_up_and_get_what_waits() {
    let kafka = Kafka::shared();
    kafka.create_topic(TOPIC, 2, &[]);
    let receivers = [Health::Mute, Health::Away, Health::Broken].map(Receiver::start);
    let daemon = start(kafka, &receivers);
    let mut load = Load::start(kafka, &daemon);
    let mut sizes = Vec::new();
    let steps = soak::or(50, 1_500);
    for phase in 0..UNWELL.len() {
        for (at, receiver) in receivers.iter().enumerate() {
            receiver.is_now(UNWELL[(phase + at) % UNWELL.len()]);
        }
        pace(STEP, steps, |_| load.step(&daemon));
        sizes.push(memory_beside_state(&daemon));
    }
    load.stream.flush();
    daemon.await_records(load.sent);
    load.look(&daemon);
    assert!(load.marks.is_empty(), "all is visible");
    let announced = daemon.metric("sillage_shifts_total", &[]);
    for sink in SINKS {
        nothing_arrived(&daemon, sink, announced);
    }
    let grown = sizes[UNWELL.len() - 1] / sizes[0];
    say(&format!(
        "{announced} shifts, visible after {:?} at most, memory beside the state × {grown:.3}",
        load.worst
    ));
    assert!(load.worst < VISIBLE_WITHIN, "an event was visible after {:?}", load.worst);
    assert!(grown < GROWS_AT_MOST, "memory after each phase: {sizes:?}");

    for receiver in &receivers {
        receiver.is_now(Health::Well);
    }
    kafka.create_topic(TOLD, 1, &[]);
    for sink in SINKS {
        let label = format!("sink=\"{sink}\"");
        daemon.await_metric("sillage_notifications_total", &[&label], QUEUE as f64);
        assert_eq!(daemon.metric("sillage_notification_queue", &[&label]), 0.0, "{sink}");
    }
    what_waited_arrived(kafka, &daemon, &receivers);
    daemon.stop();
}

/// A daemon that tells a change of leader however small it is.
fn start(kafka: &Kafka, [alertmanager, webhook, slack]: &[Receiver; 3]) -> Daemon {
    let url = |receiver: &Receiver| format!("http://{}/", receiver.address);
    let (alertmanager, webhook, slack) = (url(alertmanager), url(webhook), url(slack));
    let queue = QUEUE.to_string();
    let settings = [
        ("SILLAGE__EXPORT__WATCH", "marked"),
        ("SILLAGE__NOTIFY__ALERTMANAGER__URL", &alertmanager),
        ("SILLAGE__NOTIFY__WEBHOOK__URL", &webhook),
        ("SILLAGE__NOTIFY__SLACK__URL", &slack),
        ("SILLAGE__NOTIFY__KAFKA__TOPIC", TOLD),
        ("SILLAGE__NOTIFY__TIMEOUT", "1s"),
        ("SILLAGE__NOTIFY__RETRY_MAX", "1s"),
        ("SILLAGE__NOTIFY__QUEUE_SHIFTS", &queue),
        ("SILLAGE__DETECT__LEADER_MARGIN", "0"),
        ("SILLAGE__DETECT__HOLD_MS", "0s"),
        ("SILLAGE__DETECT__COOL_DOWN_MS", "0s"),
        ("SILLAGE__DETECT__MIN_SCORE", "0.1"),
        ("SILLAGE__DETECT__SCORE_POINTS", "100"),
        ("SILLAGE__DETECT__SHARE_MIN", "1"),
    ];
    Daemon::start(&kafka.brokers(), TOPIC, &settings)
}

/// No sink was told anything: the newest shifts wait, all others are counted as lost.
fn nothing_arrived(daemon: &Daemon, sink: &str, announced: f64) {
    let label = format!("sink=\"{sink}\"");
    let of = |name: &str| daemon.metric(&format!("sillage_{name}"), &[&label]);
    assert!(announced > 3.0 * QUEUE as f64, "{announced} shifts are too few to try a queue");
    assert_eq!(of("notifications_total"), 0.0, "{sink}");
    assert!(of("notification_failures_total") > 1.0, "{sink}");
    assert_eq!(of("notification_queue_limit"), QUEUE as f64, "{sink}");
    assert_eq!(of("notification_queue"), QUEUE as f64, "{sink}");
    assert_eq!(of("notifications_dropped_total"), announced - QUEUE as f64, "{sink}");
}

/// Each sink has the newest shifts, oldest first, each at least once.
fn what_waited_arrived(kafka: &Kafka, daemon: &Daemon, receivers: &[Receiver; 3]) {
    let shifts = daemon.json(&format!("/api/v1/shifts?limit={QUEUE}"));
    let newest = |key: &str| -> Vec<Value> {
        shifts["shifts"].as_array().unwrap().iter().rev().map(|shift| shift[key].clone()).collect()
    };
    let told = |receiver: &Receiver, path: &str| -> Vec<Value> {
        let taken = receiver.taken();
        let mut told: Vec<Value> =
            taken.iter().map(|body| body.pointer(path).unwrap().clone()).collect();
        // One whose answer came too late comes again.
        told.dedup();
        told
    };
    let [alertmanager, webhook, slack] = receivers;
    assert_eq!(told(alertmanager, "/0/annotations/shift"), newest("id"));
    assert_eq!(told(webhook, "/id"), newest("id"));
    assert_eq!(told(slack, "/text"), newest("summary"));
    let records = kafka.read_all(TOLD, QUEUE, |record| {
        let payload: Value = serde_json::from_slice(record.payload().unwrap()).unwrap();
        payload["id"].clone()
    });
    assert_eq!(records, newest("id"));
}

/// What goes on meanwhile: many events, changes of leader, and marks by which delays are seen.
struct Load {
    stream: Stream,
    steps: usize,
    sent: usize,
    /// When events were sent whose effect is not seen yet.
    marks: VecDeque<Instant>,
    seen: f64,
    worst: Duration,
}

impl Load {
    /// Begins once the daemon knows who leads where.
    fn start(kafka: &Kafka, daemon: &Daemon) -> Self {
        let now = clock::wall_ms();
        let segments: Vec<String> = (0..SEGMENTS)
            .map(|at| event_in(&segment(at), "retweet", &format!("first-{at}"), "ana", now))
            .collect();
        produce(kafka, TOPIC, &segments);
        daemon.await_records(SEGMENTS);
        daemon.await_ready();
        let looked = || daemon.metric("sillage_view_build_seconds_count", &[]);
        let since = looked();
        poll("a view that is compared", WITHIN, || (looked() > since + 2.0).then_some(()));
        Self {
            stream: Stream::to(kafka, TOPIC),
            steps: 0,
            sent: SEGMENTS,
            marks: VecDeque::new(),
            seen: 0.0,
            worst: Duration::ZERO,
        }
    }

    fn step(&mut self, daemon: &Daemon) {
        let (now, step) = (clock::wall_ms(), self.steps);
        self.steps += 1;
        for n in 0..EVENTS {
            let actor = format!("a{}", (step * EVENTS + n) % PEOPLE);
            self.send(&actor, &event("retweet", &actor, &format!("t{}", n % 97), now));
        }
        // Two more fans each time are enough to lead.
        let (at, turn) = (step % SEGMENTS, step / SEGMENTS);
        let leader = ["bob", "ana"][turn % 2];
        for fan in 0..2 {
            let actor = format!("fan-{step}-{fan}");
            self.send(&actor, &event_in(&segment(at), "retweet", &actor, leader, now));
        }
        if step.is_multiple_of(5) {
            let actor = format!("marks-{step}");
            self.marks.push_back(clock::instant());
            self.send(&actor, &event("retweet", &actor, "marked", now));
        }
        self.look(daemon);
    }

    fn send(&mut self, actor: &str, event: &str) {
        self.stream.send(actor, event);
        self.sent += 1;
    }

    /// Sees how long marks took, and that no queue is beyond its bound.
    fn look(&mut self, daemon: &Daemon) {
        let (_, text) = daemon.ask("/metrics").expect("an answer");
        let now = clock::instant();
        let values = |name| series(&text, name, &[]).map(|(_, value)| value);
        assert!(values("sillage_notification_queue").all(|queue| queue <= QUEUE as f64));
        let fans: f64 = series(&text, "sillage_active_fans", &["influencer=\"marked\""])
            .map(|(_, fans)| fans)
            .sum();
        while self.seen < fans {
            let sent = self.marks.pop_front().expect("a mark was sent");
            self.worst = self.worst.max(now - sent);
            self.seen += 1.0;
        }
        let waiting = self.marks.front().map_or(Duration::ZERO, |sent| now - *sent);
        self.worst = self.worst.max(waiting);
    }
}

fn segment(at: usize) -> String {
    format!("seg-{at}")
}

/// Bytes that the daemon holds beside what grows with the number of people.
fn memory_beside_state(daemon: &Daemon) -> f64 {
    let state = daemon.metric("sillage_state_bytes", &[]);
    daemon.metric("process_resident_memory_bytes", &[]) - MEMORY_OF_STATE * state
}
