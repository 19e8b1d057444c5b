//! What is asked in a wrong way is refused before anything else happens: exit 64.

use std::net::TcpListener;
use std::process::Output;

use crate::process::command;

/// One wrong key of each section, and what its line has in it.
const WRONG: &[(&str, &str, &[&str])] = &[
    ("SILLAGE__KAFKA__PREFETCH", "1KiB", &["kafka.prefetch", "1KiB", "1MiB to 1TiB"]),
    ("SILLAGE__INGEST__THREADS", "0", &["ingest.threads", "0", "1"]),
    ("SILLAGE__CODES", "[a]", &["codes", "[a]", "map"]),
    ("SILLAGE__MODEL__HALF_LIFE_MS", "soon", &["model.half_life_ms", "soon", "duration"]),
    ("SILLAGE__VIEW__CLOCK", "moon", &["view.clock", "moon", "one of log, wall"]),
    ("SILLAGE__EXPORT__TOP_K", "-1", &["export.top_k", "-1", "whole number"]),
    ("SILLAGE__SNAPSHOT__INTERVAL", "10ms", &["snapshot.interval", "10ms", "1s or more"]),
    ("SILLAGE__DEAD_LETTER__ON_FAILURE", "cry", &["dead_letter.on_failure", "cry", "count, block"]),
    ("SILLAGE__STATE__MEMORY_LIMIT", "1MiB", &["state.memory_limit", "1MiB", "16MiB or more"]),
    ("SILLAGE__SERVE__LISTEN", "everywhere", &["serve.listen", "everywhere", "host and port"]),
    ("SILLAGE__LOG__FORMAT", "song", &["log.format", "song", "one of text, json"]),
    ("SILLAGE__NOTIFY__WEBHOOK", "x", &["notify.webhook", "a section with the keys"]),
    ("SILLAGE__NOTIFY__EMAIL", "x", &["notify.email", "no such key"]),
    ("SILLAGE__KAFKA__BROKER", "x:1", &["kafka.broker", "did you mean brokers?"]),
];

#[test]
fn a_wrong_key_is_one_line_and_exit_64() {
    for (name, value, expected) in WRONG {
        let output = run(&["run"], &[(name, value)]);
        refused(&output, &[name]);
        refused(&output, expected);
    }
}

#[test]
fn a_file_that_is_named_must_be_there() {
    refused(&run(&["run", "--config", "absent.yaml"], &[]), &["absent.yaml", "cannot be read"]);
}

#[test]
fn what_is_no_command_is_wrong_usage() {
    for arguments in [&["dance"][..], &[], &["run", "--fast"], &["replay"]] {
        let output = run(arguments, &[]);
        assert_eq!(output.status.code(), Some(64), "{arguments:?}");
        assert!(!output.stderr.is_empty() && output.stdout.is_empty(), "{arguments:?}");
    }
    for arguments in [["--version"], ["--help"]] {
        let output = run(&arguments, &[]);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        assert!(output.stderr.is_empty() && !output.stdout.is_empty(), "{arguments:?}");
    }
}

#[test]
fn what_fails_while_running_is_one_line_and_exit_1() {
    let output = run(&["replay", "absent.ndjson"], &[]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.lines().count() == 1 && said.contains("absent.ndjson"), "{said}");
}

#[test]
fn what_cannot_be_had_at_the_start_is_said_and_exit_1() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = listener.local_addr().unwrap().to_string();
    let free = ("SILLAGE__SERVE__LISTEN", "127.0.0.1:0");
    for (settings, expected) in [
        ([free, ("SILLAGE__SERVE__LISTEN", taken.as_str())], ["cannot listen on", taken.as_str()]),
        (
            [("SILLAGE__DEAD_LETTER__FILE", "absent/letters"), free],
            ["absent/letters", "dead letter"],
        ),
    ] {
        let output = run(&["run"], &settings[..]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        let last = said.lines().last().unwrap_or_default();
        assert!(last.starts_with("sillage: "), "{said}");
        assert!(expected.iter().all(|part| last.contains(part)), "{said}");
    }
}

fn run(arguments: &[&str], settings: &[(&str, &str)]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    command(&folder, settings).args(arguments).output().unwrap()
}

fn refused(output: &Output, expected: &[&str]) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(64), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    for part in expected {
        assert!(said.contains(part), "no {part:?} in {said}");
    }
}
