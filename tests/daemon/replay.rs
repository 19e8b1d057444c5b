//! `replay` says what the reference model says, from whatever the stream comes in.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;

use crate::oracle;
use crate::process::command;
use crate::stream::Recorded;

#[test]
fn conferences_in_every_shape() {
    let Some(recorded) = Recorded::conferences() else { return };
    let folder = tempfile::tempdir().unwrap();
    let text = fs::read(&recorded.file).unwrap();
    let (gz, zst, csv) = ("events.ndjson.gz", "events.ndjson.zst", "table.csv");
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&text).unwrap();
    fs::write(folder.path().join(gz), encoder.finish().unwrap()).unwrap();
    fs::write(folder.path().join(zst), zstd::encode_all(&text[..], 1).unwrap()).unwrap();
    fs::write(folder.path().join(csv), table(&recorded.lines)).unwrap();
    let plain = recorded.file.to_str().unwrap();
    let columns = "actor=user,target=author,time=at,kind=act";
    for arguments in [&[plain][..], &[gz], &[zst], &["-"], &[csv, "--columns", columns]] {
        let found = replay(&folder, arguments, &recorded.file);
        let differences = oracle::differences(&recorded.expected, &found);
        assert!(differences.is_empty(), "{arguments:?}:\n{}", differences.join("\n"));
    }
}

#[test]
fn higgs() {
    let Some(recorded) = Recorded::higgs() else { return };
    let folder = tempfile::tempdir().unwrap();
    for file in [recorded.file.to_str().unwrap(), "-"] {
        let found = replay(&folder, &[file], &recorded.file);
        let differences = oracle::differences(&recorded.expected, &found);
        assert!(differences.is_empty(), "{file}:\n{}", differences.join("\n"));
        assert_eq!(found["scored"].as_u64(), Some(recorded.lines.len() as u64 - rejected(&found)));
    }
}

fn replay(folder: &tempfile::TempDir, arguments: &[&str], stdin: &Path) -> Value {
    let output = command(folder, &[])
        .args(["replay", "--format", "json"])
        .args(arguments)
        .stdin(Stdio::from(File::open(stdin).unwrap()))
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {errors}");
    assert_eq!(errors, "", "a bar is for terminals");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn rejected(found: &Value) -> u64 {
    found["rejected"].as_object().unwrap().values().filter_map(Value::as_u64).sum()
}

/// The same events as a table whose columns have names of their own.
fn table(lines: &[String]) -> String {
    let mut table = String::from("at,act,id,noise,user,author,segments\n");
    for line in lines {
        let event: Value = serde_json::from_str(line).unwrap();
        let text = |field: &str| event[field].as_str().unwrap_or_default().to_owned();
        let segments: Vec<&str> =
            event["segments"].as_array().unwrap().iter().map(|s| s.as_str().unwrap()).collect();
        let cells = [
            event["time"].to_string(),
            text("kind"),
            text("id"),
            "\"a, \"\"b\"\"\nc\"".into(),
            text("actor"),
            text("target"),
            segments.join("|"),
        ];
        table += &(cells.join(",") + "\n");
    }
    table
}
