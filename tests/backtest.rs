//! `backtest` and the worlds of `generate` from outside: what is printed, and with which code.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn sillage(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sillage"));
    // No file there: only defaults.
    command.args(arguments).env_clear().current_dir(std::env::temp_dir()).output().unwrap()
}

fn printed(arguments: &[&str]) -> String {
    let output = sillage(arguments);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

fn json(arguments: &[&str]) -> Value {
    serde_json::from_str(&printed(&[arguments, &["--format", "json"]].concat())).unwrap()
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A line for each act; `x` has three fans each day, `y` two, `z` one, and `late` four on day 9.
fn steady() -> String {
    let mut lines = String::new();
    for day in 0..10_i64 {
        for (account, fans) in
            [("x", 3), ("y", 2), ("z", 1), ("late", if day == 9 { 4 } else { 0 })]
        {
            for fan in 0..fans {
                let time = (20_000 + day) * 86_400_000 + i64::from(fan);
                let act =
                    format!(r#""kind":"reply","actor":"{account}{fan}","target":"{account}""#);
                writeln!(lines, r#"{{{act},"time":{time},"segments":["s"]}}"#).unwrap();
            }
        }
    }
    lines
}

#[test]
fn a_recorded_stream_is_foretold_day_by_day() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("steady.ndjson");
    std::fs::write(&file, steady()).unwrap();
    let of = |arguments: &[&str]| json(&[&["backtest", path(&file)], arguments].concat());
    let counts = |told: &Value| {
        let methods = told["methods"].as_array().unwrap();
        methods.iter().find(|m| m["method"] == "decayed_counts").unwrap().clone()
    };
    let told = of(&["--warm-up", "3d"]);
    assert_eq!((told["scored"].as_u64(), told["days"].as_u64()), (Some(64), Some(10)));
    assert_eq!(told["foretold_days"], 7);
    // Six days as foretold; on the last, gains 4, 3, 2, 1 of which the first is put last.
    let gain = |gains: [f64; 4]| {
        (2..6).zip(gains).map(|(at, gain)| gain / f64::from(at).log2()).sum::<f64>()
    };
    let last = gain([3.0, 2.0, 1.0, 4.0]) / gain([4.0, 3.0, 2.0, 1.0]);
    let ndcg = counts(&told)["ndcg"]["value"].as_f64().unwrap();
    assert!((ndcg - (6.0 + last) / 7.0).abs() < 1e-12, "{ndcg}");
    let rho = counts(&told)["spearman"]["value"].as_f64().unwrap();
    assert!((rho - 1.0).abs() < 1e-12, "who is new does not count: {rho}");

    assert_eq!(of(&["--warm-up", "3d", "--every", "3d"])["foretold_days"], 3);
    assert_eq!(of(&["--warm-up", "3d", "--segment", "t"])["foretold_days"], 0);
    assert_eq!(of(&[])["foretold_days"], 0, "shorter than the usual warm-up");
}

#[test]
fn what_is_planted_in_a_file_is_judged_as_without_one() {
    let folder = tempfile::tempdir().unwrap();
    let [file, truth] = ["events.ndjson", "truth.json"].map(|name| folder.path().join(name));
    let size = ["--people", "1500", "--days", "20", "--seed", "3"];
    let world = ["generate", "--design", "beside+poster", "--set", "accounts=5"];
    let to = ["--out", path(&file), "--truth", path(&truth)];
    printed(&[world.as_slice(), &size, &to].concat());
    let told = json(&["backtest", path(&file), "--truth", path(&truth)]);
    let planted: Value = serde_json::from_slice(&std::fs::read(&truth).unwrap()).unwrap();
    assert_eq!(told["scored"], planted["events"]);
    let worlds = told["truth"]["worlds"].as_array().unwrap();
    let cases = worlds[0]["cases"].as_array().unwrap();
    // Four of the plain campaign, five more, shadow, poster and the ring.
    assert_eq!(cases.len(), 12);
    for (case, account) in cases.iter().zip(planted["accounts"].as_array().unwrap()) {
        assert_eq!(case["account"], account["name"]);
        assert_eq!(case["planted"], account["segments"]["buyers"]);
    }

    let direct = ["backtest", "--worlds", "1", "--design", "beside+poster", "--set", "accounts=5"];
    let direct = json(&[direct.as_slice(), &size].concat());
    for (case, from_file) in direct["worlds"][0]["cases"].as_array().unwrap().iter().zip(cases) {
        // The order of people, by key, decides last bits.
        for number in ["score", "proven_conversions", "incremental_conversions"] {
            let [a, b] = [&case[number], &from_file[number]].map(|value| value.as_f64().unwrap());
            assert!((a - b).abs() <= 1e-9 * a.abs().max(1.0), "{}: {number}", case["account"]);
        }
    }
}

#[test]
fn the_same_seeds_print_the_same_whatever_the_threads() {
    let arguments = ["backtest", "--worlds", "5", "--people", "800", "--days", "10"];
    let on = |threads: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sillage"));
        let command = command.args(arguments).args(["--format", "json"]).env_clear();
        let output = command.env("SILLAGE__INGEST__THREADS", threads).output().unwrap();
        assert!(output.status.success());
        output.stdout
    };
    assert_eq!(on("1"), on("3"));
    let other = printed(&[arguments.as_slice(), &["--seed", "2", "--format", "json"]].concat());
    assert_ne!(on("1"), other.into_bytes());
}

#[test]
fn tables_and_the_weights_are_printed() {
    let worlds = ["backtest", "--design", "plain,rings", "--worlds", "2"];
    let size = ["--people", "500", "--days", "8"];
    let table = printed(&[worlds.as_slice(), &size].concat());
    for said in
        ["2 worlds of 500 people and 8 days, seeds 1 to 2", "\nplain  ", "\nrings  ", "\nall  "]
    {
        assert!(table.contains(said), "{said}: {table}");
    }
    let weights = json(&[&["backtest", "--sensitivity", "--design", "plain"], &size[..]].concat());
    let weights = weights["weights"].as_array().unwrap();
    assert_eq!(weights.len(), 16);
    let of = |key: &str| weights.iter().find(|weight| weight["weight"] == key).unwrap();
    assert_eq!(of("weights.share")["halved"], 1.0, "there are no shares in a world");
    assert_eq!(of("weights.view")["halved"], Value::Null);
    let moved = of("weights.mention")["halved"].as_f64().unwrap();
    assert!(moved < 1.0 && moved > 0.0, "{moved}");
}

#[test]
fn wrong_usage_is_64_and_what_is_missing_is_1() {
    for (arguments, code, said) in [
        (["backtest", "--design", "mods"].as_slice(), 64, "there is no design mods"),
        (&["generate", "--design", "moods+mods"], 64, "there is no design mods"),
        (&["generate", "--set", "moods=0.5"], 64, "it must be from 1 to 10"),
        (&["backtest", "--set", "moon=1"], 64, "it must be a knob: size"),
        (&["backtest", "--truth", "/t.json"], 64, "required"),
        (&["backtest", "/e.ndjson", "--worlds", "3"], 64, "cannot be used with"),
        (&["backtest", "/e.ndjson", "--warm-up", "5h"], 64, "whole days are needed"),
        (&["backtest", "-", "--sensitivity"], 64, "give a file, not -"),
        (&["backtest", "--worlds", "0"], 64, "0 is not in 1..=100000"),
        (&["backtest", "/nowhere.ndjson"], 1, "nowhere.ndjson"),
        (&["backtest", "/dev/null", "--truth", "/nowhere.json"], 1, "cannot read /nowhere.json"),
        (&["backtest", "/dev/null", "--truth", "/dev/null"], 1, "is no truth of a world"),
    ] {
        let output = sillage(arguments);
        let err = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {err}");
        assert!(err.contains(said) && output.stdout.is_empty(), "{arguments:?}: {err}");
    }
}

/// Property 13 of the model, small: without an effect hardly anything is proven, and with one it is.
#[test]
fn where_nothing_is_planted_nothing_is_proven() {
    let designs = "nothing,nothing+moods,nothing+poster";
    let told = json(&["backtest", "--design", designs, "--worlds", "6", "--people", "12000"]);
    let all = &told["summary"]["all"];
    assert_eq!(all["quiet_proven"]["value"], 0.0, "{all}");
    // One discovery in twenty such worlds is what is asked for.
    assert!(all["strangers_proven"]["value"].as_f64().unwrap() < 1e-3, "{all}");
    assert!(all["strangers_proven"]["of"].as_u64().unwrap() > 1_000, "{all}");
    let covered = &all["covered"];
    assert!(covered["value"].as_f64().unwrap() > 0.85, "{covered}");

    let told = json(&["backtest", "--design", "plain", "--worlds", "3", "--people", "12000"]);
    let all = &told["summary"]["all"];
    assert_eq!(all["proven"]["×3"]["value"], 1.0, "{all}");
    assert_eq!(all["quiet_proven"]["value"], 0.0, "{all}");
    let incremental = all["incremental"]["value"].as_f64().unwrap();
    assert!((0.85..1.15).contains(&incremental), "{incremental}");
}

#[test]
fn planted_changes_are_told() {
    let told = json(&["backtest", "--shifts", "--worlds", "1", "--people", "20000"]);
    let found = |account: &str| told["summary"]["kinds"][account]["found"].as_u64().unwrap();
    for account in ["celebrity", "fade", "newcomer", "spark", "surge"] {
        assert_eq!(found(account), 1, "{account}: {told:#}");
    }
    // Whose effect is gone is proven for as long as the window of 49 days remembers it.
    assert_eq!(found("ember"), 0);
    let printed = printed(&["backtest", "--shifts", "--worlds", "1", "--people", "1000"]);
    assert!(printed.contains("recall") && printed.contains("precision"), "{printed}");
}
