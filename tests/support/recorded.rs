//! Recorded streams, and what the reference model says of them. Both lie beside the repository,
//! in `../shared`; where they are absent, who asks is told so.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

/// Written past the capture of a test that passes, so that it is seen.
pub(crate) fn say(line: &str) {
    writeln!(std::io::stderr(), "{line}").expect("stderr takes a line");
}

/// The streams and the model, or a word that they are not there.
pub(crate) fn shared() -> Option<PathBuf> {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).parent()?.join("shared");
    let found = shared.join("reference/model.py").exists();
    if !found {
        say("skipped: ../shared is absent");
    }
    found.then_some(shared)
}

/// The recorded stream, and what the model says of it.
pub(crate) fn reference(shared: &Path, name: &str) -> (PathBuf, PathBuf) {
    judged(shared, name, || python(&shared.join("data/to_events.py"), &[name]))
}

/// A campaign with planted truth, and what the model says of it.
pub(crate) fn campaign(shared: &Path, seed: u32, people: u32, days: u32) -> (PathBuf, PathBuf) {
    let [seed, people, days] = [seed, people, days].map(|number| number.to_string());
    let arguments = ["--seed", &seed, "--people", &people, "--days", &days];
    let script = shared.join("reference/campaign.py");
    judged(shared, &format!("campaign-{seed}-{people}-{days}"), || python(&script, &arguments))
}

/// A stream that is made when it is not there yet, and what the model says of it; both are kept,
/// because the model takes its time.
fn judged(shared: &Path, name: &str, make: impl FnOnce() -> Vec<u8>) -> (PathBuf, PathBuf) {
    // One test makes it, the others wait.
    static MAKING: Mutex<()> = Mutex::new(());
    let _making = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("reference");
    fs::create_dir_all(&folder).expect("the folder of the tests can be used");
    let stream = folder.join(format!("{name}.ndjson"));
    let model = shared.join("reference/model.py");
    keep(&stream, make);
    // Under the model's own fingerprint, so that another model is asked anew.
    let print =
        xxhash_rust::xxh3::xxh3_64(&fs::read(&model).expect("the folder of the tests can be used"));
    let expected = folder.join(format!("{name}.{print:016x}.json"));
    keep(&expected, || python(&model, &[&stream]));
    (stream, expected)
}

fn keep(path: &Path, make: impl FnOnce() -> Vec<u8>) {
    if !path.exists() {
        let unfinished = path.with_extension("unfinished");
        fs::write(&unfinished, make()).expect("the folder of the tests can be used");
        fs::rename(&unfinished, path).expect("the folder of the tests can be used");
    }
}

fn python<A: AsRef<OsStr>>(script: &Path, arguments: &[A]) -> Vec<u8> {
    let output =
        Command::new("python3").arg(script).args(arguments).output().expect("python3 runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {errors}", script.display());
    output.stdout
}
