//! The binary from outside: exit codes, and what is said on which stream.

use std::process::{Command, Output};

fn sillage(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sillage"));
    command.args(arguments).env_clear().envs(variables.iter().copied());
    // No file there: only defaults and the variables.
    command.current_dir(std::env::temp_dir()).output().expect("the binary must run")
}

#[test]
fn each_ending_has_its_code_and_its_stream() {
    struct Case(&'static [&'static str], i32, &'static str, &'static str);
    for Case(arguments, code, out, err) in [
        Case(&["--version"], 0, "sillage 0.1.0", ""),
        Case(&["--help"], 0, "Examples:", ""),
        Case(&["generate", "--help"], 0, "Designs, which combine with +", ""),
        Case(&["backtest", "--help"], 0, "Knobs, of --set:", ""),
        Case(&["run", "--version"], 0, "sillage-run 0.1.0", ""),
        Case(&["run", "--help"], 0, "Examples:", ""),
        Case(&["demo", "--help"], 0, "Examples:", ""),
        Case(&["replay", "--help"], 0, "Examples:", ""),
        Case(&["check", "--help"], 0, "Examples:", ""),
        Case(&["reference", "--help"], 0, "Examples:", ""),
        Case(&["check"], 0, "configuration  ", ""),
        Case(&["reference"], 0, "\nview:\n", ""),
        Case(&["reference", "--metrics"], 0, "| `sillage_influence_score` |", ""),
        Case(&[], 64, "", "Usage: sillage"),
        Case(&["chek"], 64, "", "unrecognized subcommand"),
        Case(&["check", "--loud"], 64, "", "unexpected argument"),
        Case(&["replay"], 64, "", "not provided: <FILE>...; Usage: sillage replay <FILE>...; For"),
        Case(&["replay", "--limit", "x", "f"], 64, "", "<N>': a whole number is needed; For more"),
        Case(&["check", "--config", "/nowhere.yaml"], 64, "", "/nowhere.yaml: cannot be read"),
    ] {
        let output = sillage(arguments, &[]);
        let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", said(&output.stderr));
        assert!(said(&output.stdout).contains(out), "{arguments:?}: {}", said(&output.stdout));
        assert!(said(&output.stderr).contains(err), "{arguments:?}: {}", said(&output.stderr));
        assert!(output.stdout.is_empty() == out.is_empty(), "{arguments:?}");
        assert!(output.stderr.is_empty() == err.is_empty(), "{arguments:?}");
        let lines = said(&output.stderr).lines().count();
        assert!(lines <= 1 || arguments.is_empty(), "{arguments:?}: {}", said(&output.stderr));
    }
}

#[test]
fn dashboards_are_written_into_a_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let target = folder.path().join("new/dashboards");
    let target = target.to_str().expect("a path");
    let output = sillage(&["reference", "--dashboards", target], &[]);
    assert_eq!(output.status.code(), Some(0));
    for shipped in std::fs::read_dir("config/grafana/dashboards").expect("the folder") {
        let shipped = shipped.expect("an entry");
        let written = std::path::Path::new(target).join(shipped.file_name());
        let text = |path: &std::path::Path| std::fs::read_to_string(path).expect("a dashboard");
        assert_eq!(text(&written), text(&shipped.path()), "{}", written.display());
    }
    let wrong = sillage(&["reference", "--metrics", "--dashboards", target], &[]);
    assert_eq!(wrong.status.code(), Some(64));
}

#[test]
fn a_wrong_variable_is_one_line() {
    for (variable, expected) in [
        (
            ("SILLAGE__KAKFA__BROKERS", "127.0.0.1:9092"),
            "SILLAGE__KAKFA__BROKERS: kakfa: there is no such key",
        ),
        (("RUST_LOG", "info,,="), "RUST_LOG: log.level: info,,= is not allowed, it must be error"),
    ] {
        let output = sillage(&["check"], &[variable]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), said.lines().count()), (Some(64), 1), "{said}");
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn the_same_stream_gives_the_same_bytes() {
    let folder = tempfile::tempdir().expect("a folder");
    let stream = folder.path().join("events.ndjson").display().to_string();
    let truth = folder.path().join("truth.json").display().to_string();
    let size = ["--people", "500", "--days", "20"];
    let made =
        sillage(&[&["generate", "--out", &stream, "--truth", &truth], &size[..]].concat(), &[]);
    assert_eq!(made.status.code(), Some(0));
    let replayed = || sillage(&["replay", "--format", "json", &stream], &[]).stdout;
    let first = replayed();
    assert!(first.len() > 1_000 && (0..3).all(|_| replayed() == first));
}
