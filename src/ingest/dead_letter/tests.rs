//! Dead letters on their way to real files that can, cannot, and can again be written.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use prometheus::Registry;
use serde_json::{Value, json};

use super::*;
use crate::clock;
use crate::model::{Position, Reason, Rejection};

const PATIENCE: Duration = Duration::from_secs(10);
const NO_PATIENCE: Duration = Duration::from_millis(50);

fn rejection(offset: i64) -> Rejection {
    let position = Position { topic: "events".into(), partition: 3, offset };
    Rejection { position, reason: Reason::TooOld }
}

fn start(path: &Path, config: &Config) -> (DeadLetters, Writer, Registry) {
    let registry = Registry::new();
    let sink = FileSink::open(path).expect("the file can be opened");
    let (letters, writer) =
        DeadLetters::start(config, Some(Box::new(sink)), &registry).expect("names are free");
    (letters, writer, registry)
}

/// The sum of a metric over its labels.
fn metric(registry: &Registry, name: &str) -> f64 {
    let families = registry.gather();
    let family = families.iter().find(|family| family.name() == name).expect(name);
    let value =
        |m: &prometheus::proto::Metric| m.get_counter().get_value() + m.get_gauge().get_value();
    family.get_metric().iter().map(value).sum()
}

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = clock::instant() + PATIENCE;
    while !is_so() {
        assert!(clock::instant() < deadline, "{what}");
        std::thread::yield_now();
    }
}

fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).expect("the file is there");
    text.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

fn offsets(path: &Path) -> Vec<i64> {
    lines(path).iter().filter_map(|line| line["offset"].as_i64()).collect()
}

#[test]
fn a_letter_is_kept_whole() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("dead.ndjson");
    let (letters, writer, registry) = start(&path, &Config::default());
    letters.send(rejection(7), Some(b"ke\"y"), Some("☃\n".as_bytes()));
    letters.send(rejection(8), None, None);
    letters.send(rejection(9), Some(b"\xff"), Some(b"\x00\xfe\xff\x00"));
    assert!(writer.is_alive());
    assert_eq!(writer.close(PATIENCE), 0);

    let mut lines = lines(&path);
    for line in &mut lines {
        let time = line["time"].take().as_i64().expect("a time");
        assert!((0..60_000).contains(&(clock::wall_ms() - time)), "{time}");
    }
    let expected = [
        json!({"topic": "events", "partition": 3, "offset": 7, "reason": "too_old", "time": null,
            "key": "ke\"y", "payload": "☃\n"}),
        json!({"topic": "events", "partition": 3, "offset": 8, "reason": "too_old", "time": null}),
        json!({"topic": "events", "partition": 3, "offset": 9, "reason": "too_old", "time": null,
            "key_base64": "/w==", "payload_base64": "AP7/AA=="}),
    ];
    assert_eq!(lines, expected);
    assert!((metric(&registry, "sillage_deadletter_records_total") - 3.0).abs() < 0.5);
    assert!(metric(&registry, "sillage_deadletter_failures_total") < 0.5);
    assert!(metric(&registry, "sillage_deadletter_queue_records") < 0.5);
}

#[test]
fn a_path_that_cannot_be_written_is_known_at_once() {
    let directory = tempfile::tempdir().expect("a directory");
    for path in [directory.path().join("absent/dead.ndjson"), directory.path().to_owned()] {
        let error = FileSink::open(&path).err().expect("it cannot be opened");
        let expected = format!("cannot write dead letters to {}", path.display());
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn a_full_disk_loses_what_exceeds_the_queue_and_counts_it() {
    let config = Config { queue_records: 2, ..Config::default() };
    let (letters, writer, registry) = start(Path::new("/dev/full"), &config);
    let failures = || metric(&registry, "sillage_deadletter_failures_total");
    letters.send(rejection(0), None, None);
    until("the write fails", || failures() > 0.5);
    (1..=5).for_each(|offset| letters.send(rejection(offset), None, None));
    assert!(failures() > 4.5, "one failed write and four letters lost: {}", failures());
    assert!((metric(&registry, "sillage_deadletter_queue_records") - 2.0).abs() < 0.5);
    assert!(writer.is_alive());
    assert_eq!(writer.close(NO_PATIENCE), 2);
    assert!(metric(&registry, "sillage_deadletter_records_total") < 0.5);
    letters.send(rejection(6), None, None);
}

#[test]
fn what_waits_is_written_once_the_disk_has_room_again() {
    let directory = tempfile::tempdir().expect("a directory");
    let [link, path] = ["link", "dead.ndjson"].map(|name| directory.path().join(name));
    symlink("/dev/full", &link).expect("a link");
    let config = Config { queue_records: 1, on_failure: OnFailure::Block, ..Config::default() };
    let (letters, writer, registry) = start(&link, &config);
    let sender = std::thread::spawn(move || {
        (0..20).for_each(|offset| letters.send(rejection(offset), None, Some(b"x")));
    });
    let failures = || metric(&registry, "sillage_deadletter_failures_total");
    until("the write fails", || failures() > 0.5);
    assert!(!sender.is_finished(), "the sender waits for room");
    fs::write(&path, "{\"offset\":-1}\n{\"half\":").expect("a file that was cut short");
    symlink(&path, directory.path().join("new")).expect("a link");
    fs::rename(directory.path().join("new"), &link).expect("the link changes");
    until("the sender goes on", || sender.is_finished());
    assert_eq!(writer.close(PATIENCE), 0);
    let text = fs::read_to_string(&path).expect("the file is there");
    let (first, rest) = text.split_once("\n{\"half\":\n").expect("the cut line is ended");
    assert_eq!(first, "{\"offset\":-1}");
    fs::write(&path, rest).expect("writable");
    assert_eq!(offsets(&path), (0..20).collect::<Vec<_>>());
}

/// A sender that waits for room goes on at once after `free`, or when the queue is closed.
fn frees(free: Option<fn(&Writer)>) {
    let config = Config { queue_records: 1, on_failure: OnFailure::Block, ..Config::default() };
    let (letters, writer, registry) = start(Path::new("/dev/full"), &config);
    let sender = std::thread::spawn(move || {
        (0..3).for_each(|offset| letters.send(rejection(offset), None, None));
    });
    let failures = || metric(&registry, "sillage_deadletter_failures_total");
    until("the write fails", || failures() > 0.5);
    assert!(!sender.is_finished(), "the sender waits for room");
    if let Some(free) = free {
        free(&writer);
        until("the sender goes on", || sender.is_finished());
    }
    assert_eq!(writer.close(NO_PATIENCE), 1);
    until("the sender goes on", || sender.is_finished());
    assert!(failures() > 3.5, "one write, two lost for want of room, one unwritten");
}

#[test]
fn closing_frees_those_who_wait_for_room() {
    frees(None);
}

#[test]
fn a_shutdown_need_not_wait_for_room() {
    frees(Some(Writer::stop_blocking));
}

#[test]
fn a_writer_that_panics_is_noticed_and_stops_nobody() {
    struct Broken;
    impl Sink for Broken {
        fn write(&mut self, _: &[DeadLetter]) -> Result<(), SinkError> {
            panic!("this panic is part of the test");
        }
    }
    let config = Config { queue_records: 1, on_failure: OnFailure::Block, ..Config::default() };
    let started = DeadLetters::start(&config, Some(Box::new(Broken)), &Registry::new());
    let (letters, writer) = started.expect("names are free");
    let sender = std::thread::spawn(move || {
        (0..3).for_each(|offset| letters.send(rejection(offset), None, None));
    });
    until("its death is seen", || !writer.is_alive());
    until("the sender goes on", || sender.is_finished());
    assert_eq!(writer.close(PATIENCE), 1);
}

#[test]
fn without_a_sink_letters_are_dropped() {
    let started = DeadLetters::start(&Config::default(), None, &Registry::new());
    let (letters, writer) = started.expect("names are free");
    letters.send(rejection(0), None, None);
    assert!(writer.is_alive());
    assert_eq!(writer.close(NO_PATIENCE), 0);
}

#[test]
fn one_rejected_record_of_each_reason_is_remembered_until_somebody_asks() {
    let started = DeadLetters::start(&Config::default(), None, &Registry::new());
    let letters = started.expect("names are free").0;
    let send = |reason, offset| {
        letters.send(Rejection { reason, ..rejection(offset) }, None, None);
    };
    let latest = || -> Vec<(Reason, i64)> {
        let latest = letters.latest().into_iter();
        latest.map(|(rejection, _)| (rejection.reason, rejection.position.offset)).collect()
    };
    assert_eq!(latest(), []);
    send(Reason::TooOld, 3);
    (4..9).for_each(|offset| send(Reason::Parse, offset));
    assert_eq!(latest(), [(Reason::Parse, 4), (Reason::TooOld, 3)]);
    assert_eq!(latest(), [(Reason::Parse, 4), (Reason::TooOld, 3)], "none came since");
    send(Reason::Parse, 9);
    send(Reason::Parse, 10);
    assert_eq!(latest(), [(Reason::Parse, 9), (Reason::TooOld, 3)]);
}

#[test]
fn configuration_is_checked() {
    let file = Some("dead.ndjson".into());
    let topic = Some("dead".to_owned());
    for (config, expected) in [
        (Config { topic: topic.clone(), file: file.clone(), ..Config::default() }, Some("topic")),
        (Config { topic: Some(String::new()), ..Config::default() }, Some("topic")),
        (Config { file: Some("".into()), ..Config::default() }, Some("file")),
        (Config { queue_records: 0, ..Config::default() }, Some("queue_records")),
        (Config { topic, ..Config::default() }, None),
        (Config { file, ..Config::default() }, None),
        (Config::default(), None),
    ] {
        let invalid = config.validate().err().map(|invalid| invalid.key);
        assert_eq!(invalid.as_deref(), expected);
    }
}
