//! The oracle against numbers that the reference model gave, stored in `tests/fixtures`.

use std::fs;
use std::path::PathBuf;

use crate::oracle::{self, Event, Params};
use serde_json::Value;

#[test]
fn ordinary() {
    check("ordinary");
}

#[test]
fn edges() {
    check("edges");
}

#[test]
fn silences() {
    check("silences");
}

#[test]
fn remembered() {
    check("remembered");
}

#[test]
fn forgotten() {
    check("forgotten");
}

#[test]
fn segments() {
    check("segments");
}

#[test]
fn follows() {
    check("follows");
}

#[test]
fn rejections() {
    check("rejections");
}

#[test]
fn conversions() {
    check("conversions");
}

#[test]
fn small_buckets() {
    check("small_buckets");
}

fn check(name: &str) {
    let events: Vec<Event> = read(name, "events.ndjson").lines().map(Event::from_json).collect();
    let json = |kind| serde_json::from_str::<Value>(&read(name, kind)).expect("a fixture is JSON");
    let params = Params::new(json("params.json"));
    let found = oracle::judge(&events, &params, 1);
    let expected = json("expected.json");
    let differences = oracle::differences(&expected, &found);
    assert!(differences.is_empty(), "{name}:\n{}", differences.join("\n"));
    assert!(oracle::numbers(&expected).len() > 80, "{name}: too little to compare");
}

fn read(name: &str, kind: &str) -> String {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let path = folder.join(format!("{name}.{kind}"));
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
