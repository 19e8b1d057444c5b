//! What `generate` writes: the same events to any destination, at the rate asked for.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::Read;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{ClientConfig, Message};
use serde_json::Value;
use sillage::app::generate::{Destination, Generate, Stream, run};
use sillage::campaign::{Campaign, Load, Plan};
use sillage::clock;
use sillage::ingest::kafka::{self, Embedded};

fn small() -> Plan {
    Plan { people: 500, days: 6, ..Plan::default() }
}

fn request(to: Destination) -> Generate {
    Generate { stream: Stream::Campaign(small()), to, rate: None, campaign: None, truth: None }
}

fn go() -> AtomicBool {
    AtomicBool::new(false)
}

fn read(path: &Path) -> String {
    let file = std::fs::File::open(path).unwrap();
    let mut text = String::new();
    let mut reader: Box<dyn Read> = match path.extension().unwrap().to_str() {
        Some("gz") => Box::new(flate2::read::GzDecoder::new(file)),
        Some("zst") => Box::new(zstd::Decoder::new(file).unwrap()),
        _ => Box::new(file),
    };
    reader.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn files_hold_the_campaign_and_its_truth() {
    let folder = tempfile::tempdir().unwrap();
    let mut expected = Vec::new();
    for event in Campaign::new(small()).unwrap() {
        event.write_json(&mut expected);
        expected.push(b'\n');
    }
    let expected = String::from_utf8(expected).unwrap();
    for name in ["events.ndjson", "events.ndjson.gz", "events.ndjson.zst"] {
        let path = folder.path().join(name);
        let truth = folder.path().join("truth.json");
        let request =
            Generate { truth: Some(truth.clone()), ..request(Destination::File(path.clone())) };
        let count = run(&request, &go()).unwrap();
        let text = read(&path);
        assert_eq!(text, expected, "{name}");
        assert_eq!(count, text.lines().count() as u64);
        let truth: Value = serde_json::from_str(&std::fs::read_to_string(truth).unwrap()).unwrap();
        assert_eq!(truth["events"], count);
        assert_eq!(truth["accounts"].as_array().unwrap().len(), 5);
    }
}

#[test]
fn every_event_can_be_said_to_be_of_a_campaign() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.ndjson");
    let to = Destination::File(path.clone());
    let named = Generate { campaign: Some("spring".to_owned()), ..request(to) };
    let count = run(&named, &go()).unwrap();
    let text = read(&path);
    let of = |line: &str| serde_json::from_str::<Value>(line).unwrap()["campaign"] == "spring";
    assert_eq!(text.lines().filter(|line| of(line)).count() as u64, count);
}

#[test]
fn a_topic_gets_every_event_keyed_by_its_actor() {
    let broker = Embedded::start(&[("acts", 3)]).unwrap();
    let config = kafka::Config { brokers: broker.brokers(), ..kafka::Config::default() };
    let to = Destination::Kafka { config, topic: "acts".to_owned() };
    let load = Load { events: 2_000, ..Load::default() };
    let request = Generate { stream: Stream::Load(load), ..request(to) };
    assert_eq!(run(&request, &go()).unwrap(), 2_000);

    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", broker.brokers())
        .set("group.id", "test")
        .set("auto.offset.reset", "earliest")
        .create()
        .unwrap();
    consumer.subscribe(&["acts"]).unwrap();
    let deadline = clock::instant() + Duration::from_secs(30);
    let mut numbers = Vec::new();
    while numbers.len() < 2_000 && clock::instant() < deadline {
        let Some(record) = consumer.poll(Duration::from_millis(100)) else { continue };
        let record = record.unwrap();
        let event: Value = serde_json::from_slice(record.payload().unwrap()).unwrap();
        assert_eq!(record.key().unwrap(), event["actor"].as_str().unwrap().as_bytes());
        numbers.push(event["id"].as_str().unwrap().to_owned());
    }
    numbers.sort_unstable();
    let expected: Vec<String> = (0..2_000).map(|n| format!("load-{n:012}")).collect();
    assert_eq!(numbers, expected);
}

#[test]
fn a_missing_broker_is_an_error() {
    let mut config =
        kafka::Config { brokers: "127.0.0.1:1".to_owned(), ..kafka::Config::default() };
    config.properties.insert("message.timeout.ms".to_owned(), "500".to_owned());
    let to = Destination::Kafka { config, topic: "acts".to_owned() };
    let load = Load { events: 10, ..Load::default() };
    let error = run(&Generate { stream: Stream::Load(load), ..request(to) }, &go()).unwrap_err();
    assert_eq!(error.to_string(), "10 events of acts were not delivered");
}

#[test]
fn the_rate_is_kept_and_stop_is_heard() {
    let folder = tempfile::tempdir().unwrap();
    let to = Destination::File(folder.path().join("events.ndjson"));
    let load = Load { events: 50, ..Load::default() };
    let paced = Generate { stream: Stream::Load(load), rate: Some(100.0), ..request(to) };
    let began = clock::instant();
    assert_eq!(run(&paced, &go()).unwrap(), 50);
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(480), "{took:?} is too fast");
    assert_eq!(run(&paced, &AtomicBool::new(true)).unwrap(), 0);
}
