//! The library and the binary against the reference model itself, on recorded streams, campaigns
//! and streams made to provoke. The model lies beside the repository, in `../shared`; where it is
//! absent the tests say so and pass.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod adversary;
mod library;
mod oracle;
mod support;

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use adversary::{Stream, stream};
use library::Cut;
use oracle::{Event, Params};
use support::model::Model;
use support::recorded::{campaign, reference, say, shared};
use support::soak;

#[test]
fn conferences() {
    recorded("conferences", 5_000);
}

#[test]
fn higgs() {
    recorded("higgs", 500_000);
}

/// The binary on campaigns, in which accounts are proven.
#[test]
fn campaigns() {
    let Some(shared) = shared() else { return };
    let (seeds, people, days) = soak::or((3, 3_000, 60), (20, 20_000, 45));
    let mut proven = 0;
    for seed in 1..=seeds {
        let (stream, expected) = campaign(&shared, seed, people, days);
        let expected = read(&expected);
        let found = replay(&stream);
        let differences = oracle::differences(&expected, &found);
        assert!(differences.is_empty(), "campaign {seed}:\n{}", differences.join("\n"));
        let convert =
            |(path, points): &(String, f64)| path.ends_with("/convert_points") && *points > 0.0;
        proven += oracle::numbers(&expected).iter().filter(|one| convert(one)).count();
    }
    assert!(proven >= 1, "{proven} accounts are proven in {seeds} campaigns");
    say(&format!("campaigns: {seeds} of {people} people are equal, {proven} accounts proven"));
}

/// The oracle and the library on streams made to provoke, which the model judges at the same time.
#[test]
fn adversarial_streams() {
    let Some(shared) = shared() else { return };
    let mut model = Model::start(&shared.join("reference/model.py"));
    let seeds = soak::or(200, 10_000);
    // Other streams than those of the properties.
    for seed in 1_000..1_000 + seeds {
        let Stream { params, events, .. } = stream(seed);
        let lines: Vec<Value> = events.iter().map(Event::to_json).collect();
        model.ask(&json!({"params": params.given(), "events": lines}));
        let by_definition = oracle::judge(&events, &params, 1);
        let batch = [1, 13, 100_000][(seed / 3 % 3) as usize];
        let extract = [0, 2][(seed % 2) as usize];
        let found = library::run(&events, &params, Cut { batch, extract, ..Cut::default() });
        let expected = model.answer();
        for (who, found) in [("oracle", by_definition), ("library", found)] {
            let differences = oracle::differences(&expected, &found);
            assert!(differences.is_empty(), "{who}, seed {seed}:\n{}", differences.join("\n"));
        }
    }
    say(&format!("adversarial streams: {seeds} are equal"));
}

fn recorded(name: &str, at_least: usize) {
    let Some(shared) = shared() else { return };
    let (stream, expected) = reference(&shared, name);
    let expected = read(&expected);
    let text = fs::read_to_string(&stream).unwrap();
    let events: Vec<Event> = text.lines().map(Event::from_json).collect();
    assert!(events.len() >= at_least, "{} events", events.len());
    let params = Params::new(Value::Null);
    for (partitions, batch) in [(1, 1000), (3, 77), (6, 4096)] {
        let cut = Cut { partitions, batch, publish_every: 100, extract: batch };
        let found = library::run(&events, &params, cut);
        let differences = oracle::differences(&expected, &found);
        assert!(differences.is_empty(), "{name}, {cut:?}:\n{}", differences.join("\n"));
    }
    let compared = oracle::numbers(&expected).len();
    say(&format!("{name}: {compared} numbers of {} events are equal", events.len()));
}

fn read(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).expect("JSON of the model")
}

/// What the binary says of a stream under its defaults.
fn replay(stream: &Path) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_sillage"))
        .env_clear()
        .current_dir(&folder)
        .args(["replay", "--format", "json"])
        .arg(stream)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {errors}", stream.display());
    serde_json::from_slice(&output.stdout).unwrap()
}
