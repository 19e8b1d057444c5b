//! The oracle against numbers that the reference model gave, stored in `tests/fixtures`.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::adversary::established;
use crate::oracle::{self, Event, Params};

pub(crate) const NAMES: [&str; 22] = [
    "ordinary",
    "edges",
    "silences",
    "remembered",
    "forgotten",
    "segments",
    "follows",
    "rejections",
    "conversions",
    "small_buckets",
    "touches",
    "refunds",
    "currencies",
    "no_currencies",
    "closed_bucket",
    "open_bucket",
    "erasures",
    "erasures_late",
    "window",
    "dense",
    "dense_small",
    "dense_erased",
];

#[test]
fn the_oracle_equals_the_reference() {
    for name in NAMES {
        let (params, events, expected) = load(name);
        let found = oracle::judge(&events, &params, 1);
        let differences = oracle::differences(&expected, &found);
        assert!(differences.is_empty(), "{name}:\n{}", differences.join("\n"));
        assert!(oracle::numbers(&expected).len() > 80, "{name}: too little to compare");
    }
}

/// Only where several accounts have effects do they see one another.
#[test]
fn dense_fixtures_establish_effects() {
    for name in ["dense", "dense_erased"] {
        let (params, _, expected) = load(name);
        assert!(established(&expected, &params) >= 3, "{name}");
        let numbers = oracle::numbers(&expected);
        let convert =
            |(path, points): &&(String, f64)| path.ends_with("/convert_points") && *points > 0.0;
        assert!(numbers.iter().filter(convert).count() >= 2, "{name}");
    }
}

/// A fixture's constants, its stream, and what the reference says of it.
pub(crate) fn load(name: &str) -> (Params, Vec<Event>, Value) {
    let json = |kind| serde_json::from_str::<Value>(&read(name, kind)).expect("a fixture is JSON");
    let events = read(name, "events.ndjson").lines().map(Event::from_json).collect();
    (Params::new(json("params.json")), events, json("expected.json"))
}

fn read(name: &str, kind: &str) -> String {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let path = folder.join(format!("{name}.{kind}"));
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
