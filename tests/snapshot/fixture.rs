//! Bodies of each version that was ever written: they are read, and say what they said.
//!
//! `UPDATE_GOLDEN=1 cargo test --test snapshot fixture` writes that of the version of today.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use sillage::engine::Limits;

use crate::adversary::stream;
use crate::run::{Input, Running};

const LIMITS: Limits =
    Limits { memory_bytes: 1 << 30, dedup_window_ms: 3_600_000, dedup_ids: 1 << 20 };

/// A stream with sales, and the version whose fixture it is.
const SEED: u64 = 5;
const VERSION: u8 = 3;

#[test]
fn every_version_is_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/snapshot");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        write(&folder);
    }
    for version in 1..=VERSION {
        let read = |name: &str| fs::read(folder.join(format!("v{version}.{name}"))).unwrap();
        let expected: Value = serde_json::from_slice(&read("json")).unwrap();
        let params = serde_json::from_value(expected["params"].clone()).unwrap();
        let input = Input::with(params);
        let mut restored = Running::restored(&input, &LIMITS, &read("body"));
        let standings: Value = serde_json::from_str(&restored.standings().to_string()).unwrap();
        assert!(!standings[0]["influencers"].as_array().unwrap().is_empty());
        assert_eq!(standings, expected["standings"], "version {version}");
    }
}

fn write(folder: &Path) {
    let input = Input::of(&stream(SEED));
    let mut running = Running::new(&input, &LIMITS);
    running.feed(&input, 0..input.len(), (1_000_000, true));
    running.settle();
    let body = running.body();
    let expected = json!({"params": input.params, "standings": running.standings()});
    fs::write(folder.join(format!("v{VERSION}.body")), body).unwrap();
    let text = serde_json::to_string(&expected).unwrap() + "\n";
    fs::write(folder.join(format!("v{VERSION}.json")), text).unwrap();
}
