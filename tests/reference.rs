//! The library against the reference model itself, on recorded streams. Both lie beside the
//! repository, in `../shared`; where they are absent the tests say so and pass.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod library;
mod oracle;
mod support;

use std::fs;

use serde_json::Value;

use library::Cut;
use oracle::{Event, Params};
use support::recorded::{reference, say, shared};

#[test]
fn conferences() {
    check("conferences", 5_000);
}

#[test]
fn higgs() {
    check("higgs", 500_000);
}

fn check(name: &str, at_least: usize) {
    let Some(shared) = shared() else { return };
    let (stream, expected) = reference(&shared, name);
    let expected: Value =
        serde_json::from_str(&fs::read_to_string(&expected).unwrap()).expect("JSON of the model");
    let text = fs::read_to_string(&stream).unwrap();
    let events: Vec<Event> = text.lines().map(Event::from_json).collect();
    assert!(events.len() >= at_least, "{} events", events.len());
    let params = Params::new(Value::Null);
    for (partitions, batch) in [(1, 1000), (3, 77), (6, 4096)] {
        let cut = Cut { partitions, batch, publish_every: 100 };
        let found = library::run(&events, &params, cut);
        let differences = oracle::differences(&expected, &found);
        assert!(differences.is_empty(), "{name}, {cut:?}:\n{}", differences.join("\n"));
    }
    let compared = oracle::numbers(&expected).len();
    say(&format!("{name}: {compared} numbers of {} events are equal", events.len()));
}
