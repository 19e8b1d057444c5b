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

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use library::Cut;
use oracle::{Event, Params};

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

/// Written past the capture of a test that passes, so that it is seen.
fn say(line: &str) {
    writeln!(std::io::stderr(), "{line}").expect("stderr takes a line");
}

/// The streams and the model, or a word that they are not there.
fn shared() -> Option<PathBuf> {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).parent()?.join("shared");
    let found = shared.join("reference/model.py").exists();
    if !found {
        say("skipped: ../shared is absent");
    }
    found.then_some(shared)
}

/// The recorded stream, and what the model says of it; kept, because the model takes its time.
fn reference(shared: &Path, name: &str) -> (PathBuf, PathBuf) {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("reference");
    fs::create_dir_all(&folder).unwrap();
    let stream = folder.join(format!("{name}.ndjson"));
    let model = shared.join("reference/model.py");
    keep(&stream, || python(&shared.join("data/to_events.py"), Path::new(name)));
    // Under the model's own fingerprint, so that another model is asked anew.
    let print = xxhash_rust::xxh3::xxh3_64(&fs::read(&model).unwrap());
    let expected = folder.join(format!("{name}.{print:016x}.json"));
    keep(&expected, || python(&model, &stream));
    (stream, expected)
}

fn keep(path: &Path, make: impl FnOnce() -> Vec<u8>) {
    if !path.exists() {
        let unfinished = path.with_extension("unfinished");
        fs::write(&unfinished, make()).unwrap();
        fs::rename(&unfinished, path).unwrap();
    }
}

fn python(script: &Path, argument: &Path) -> Vec<u8> {
    let output = Command::new("python3").arg(script).arg(argument).output().expect("python3 runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {errors}", script.display());
    output.stdout
}
