//! Rules of the house that no lint holds: what files look like, what the core may import, and that
//! what one file says of another is true.

#![allow(clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const LINES_MAX: usize = 500;
const VAGUE: [&str; 7] = ["utils", "util", "helpers", "common", "manager", "types", "misc"];
/// Parts without I/O, clock, threads or serde.
const PURE: [&str; 4] = ["engine", "rank", "detect", "evidence"];
/// What they may import beside the model and themselves; rank reads the shards of the engine too,
/// evidence a function of mathematics, and detect reads views, hashes ids and has a state that
/// derives how it is written.
const PURE_IMPORTS: [&str; 6] =
    ["foldhash", "hashbrown", "dashmap", "super", "self", "crate::model"];
/// Parts of std that the core must not see.
const IMPURE_STD: [&str; 7] = ["fs", "io", "net", "process", "thread", "env", "time"];

/// Files below a folder whose names end so, without hidden ones and build products.
fn files(below: &str, end: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::from(below)];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for path in entries.map(|entry| entry.expect("an entry").path()) {
            let name = path.file_name().and_then(|n| n.to_str()).expect("a name").to_owned();
            if name.starts_with('.') || name == "target" {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if name.ends_with(end) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn code() -> Vec<PathBuf> {
    ["src", "tests", "benches"].iter().flat_map(|folder| files(folder, ".rs")).collect()
}

fn read(path: impl AsRef<Path>) -> String {
    let path = path.as_ref();
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The text without its unit tests.
fn untested(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod tests {").next().expect("a first part")
}

fn holds(rule: &str, broken: &[String]) {
    assert!(broken.is_empty(), "{rule}:\n  {}", broken.join("\n  "));
}

#[test]
fn files_are_short_and_say_what_they_are() {
    let mut broken = Vec::new();
    for path in code() {
        let text = read(&path);
        let lines = untested(&text).lines().count();
        if lines > LINES_MAX {
            broken.push(format!("{}: {lines} lines, tests apart", path.display()));
        }
        if !text.starts_with("//! ") {
            broken.push(format!("{}: the first line is not //!", path.display()));
        }
    }
    holds("files of at most 500 lines that begin with their role", &broken);
}

#[test]
fn names_of_modules_say_something() {
    let vague = |path: &&PathBuf| {
        path.iter().any(|part| {
            let name = part.to_str().expect("a name");
            VAGUE.contains(&name.trim_end_matches(".rs"))
        })
    };
    let broken: Vec<_> = code().iter().filter(vague).map(|p| p.display().to_string()).collect();
    holds("no module named after nothing", &broken);
}

#[test]
fn the_core_imports_only_the_model() {
    let mut broken = Vec::new();
    for part in PURE {
        for path in files(&format!("src/{part}"), ".rs") {
            if path.ends_with("tests.rs") {
                continue;
            }
            for line in untested(&read(&path)).lines() {
                let line = line.trim_start();
                let import = line.strip_prefix("pub use ").or_else(|| line.strip_prefix("use "));
                if import.is_some_and(|import| !is_pure(import, part)) {
                    broken.push(format!("{}: {line}", path.display()));
                }
            }
        }
    }
    holds("engine, rank, detect and evidence import only the model", &broken);
}

fn is_pure(import: &str, part: &str) -> bool {
    if let Some(of_std) = import.strip_prefix("std::") {
        return !IMPURE_STD.iter().any(|module| of_std.starts_with(module));
    }
    let own = format!("crate::{part}");
    let at_start = |name: &str| {
        import
            .strip_prefix(name)
            .is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric()))
    };
    import.starts_with("core::")
        || part == "rank" && at_start("crate::engine")
        || part == "evidence" && at_start("libm")
        || part == "detect" && ["crate::view", "serde", "xxhash_rust"].iter().any(|name| at_start(name))
        || at_start(&own)
        || PURE_IMPORTS.iter().any(|name| at_start(name))
        // `pub use child::Name`: a module of its own, next to the file.
        || import.split("::").next().is_some_and(|child| {
            ["rs", "mod"].iter().any(|_| {
                Path::new(&format!("src/{part}/{child}.rs")).exists()
                    || Path::new(&format!("src/{part}/{child}/mod.rs")).exists()
            })
        })
}

#[test]
fn nothing_is_left_for_later() {
    let marks =
        ["TO", "FIX"].map(|begin| begin.to_owned() + if begin == "TO" { "DO" } else { "ME" });
    let mut broken = Vec::new();
    for path in code().into_iter().chain(files("config", "")).chain(files("scripts", "")) {
        for (at, line) in read(&path).lines().enumerate() {
            if marks.iter().any(|mark| line.contains(mark)) {
                broken.push(format!("{}:{}: {line}", path.display(), at + 1));
            }
        }
    }
    holds("what is not done is not marked, it is an issue", &broken);
}

#[test]
fn the_map_shows_what_is_there() {
    let mut broken = Vec::new();
    for document in [
        "ARCHITECTURE.md",
        "README.md",
        "docs/operations.md",
        "docs/runbooks.md",
        "docs/scoring.md",
    ] {
        for path in quoted(&read(document)).filter(|text| is_path(text)) {
            if !Path::new(path.trim_end_matches('/')).exists() {
                broken.push(format!("{document}: {path} does not exist"));
            }
        }
    }
    holds("paths that the documents name exist", &broken);
}

/// What stands between backticks, code blocks apart.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    let prose = text.split("```").step_by(2);
    prose.flat_map(|part| part.split('`').skip(1).step_by(2))
}

fn is_path(text: &str) -> bool {
    let roots = ["src", "tests", "benches", "config", "docs", "scripts", ".ci"];
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    text.chars().all(plain) && text.split_once('/').is_some_and(|(root, _)| roots.contains(&root))
}

#[test]
fn modules_are_on_the_map() {
    let map = read("ARCHITECTURE.md");
    let modules = fs::read_dir("src").expect("the sources").map(|e| e.expect("an entry").path());
    let missing =
        |path: &PathBuf| !map.contains(&format!("`src/{}/`", path.file_name().unwrap().display()));
    let broken: Vec<_> =
        modules.filter(|p| p.is_dir() && missing(p)).map(|p| p.display().to_string()).collect();
    holds("each part of src is in ARCHITECTURE.md", &broken);
}

#[test]
fn metrics_are_documented_and_documented_ones_exist() {
    let documented = names(&read("docs/metrics.md"));
    let sources: String = files("src", ".rs")
        .iter()
        .filter(|path| !path.ends_with("tests.rs"))
        .map(|path| untested(&read(path)).to_owned())
        .collect();
    let literals: BTreeSet<&str> = sources.split('"').collect();
    let mut broken = Vec::new();
    for literal in &literals {
        let is_metric = literal.starts_with("sillage_") && literal.chars().all(in_name);
        if is_metric && !literal.ends_with('_') && !documented.contains(*literal) {
            broken.push(format!("{literal} is not in docs/metrics.md"));
        }
    }
    for name in &documented {
        let bare = name.trim_start_matches("sillage_");
        let known = [name, bare, bare.trim_start_matches("kafka_")];
        if !known.iter().any(|name| literals.contains(*name)) {
            broken.push(format!("{name} is documented and nothing registers it"));
        }
    }
    holds("docs/metrics.md has each metric", &broken);
}

#[test]
fn rules_and_dashboards_use_documented_metrics() {
    let documented = names(&read("docs/metrics.md"));
    let recorded = read("config/prometheus/rules/recording.yml");
    let recorded: BTreeSet<&str> =
        recorded.lines().filter_map(|line| line.trim().strip_prefix("- record: ")).collect();
    let mut broken = Vec::new();
    for path in files("config/prometheus", ".yml").iter().chain(&files("config/grafana", ".json")) {
        let text = read(path);
        let words = text.split(|c: char| !in_name(c) && c != ':');
        for name in words.filter(|word| word.contains("sillage_")) {
            let base = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
            let exists = documented.contains(name)
                || base.is_some_and(|base| documented.contains(base))
                || recorded.contains(name);
            if !exists {
                broken.push(format!("{}: {name}", path.display()));
            }
        }
    }
    holds("rules and dashboards use metrics that are documented", &broken);
}

/// Metric names in a text.
fn names(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !in_name(c));
    words.filter(|word| word.starts_with("sillage_")).map(str::to_owned).collect()
}

fn in_name(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'
}

#[test]
fn alerts_have_a_runbook() {
    let runbooks = read("docs/runbooks.md");
    let mut broken = Vec::new();
    let mut alerts = BTreeSet::new();
    for path in files("config/prometheus/rules", ".yml") {
        let rules = read(&path);
        for rule in rules.split("- alert: ").skip(1) {
            let alert = rule.lines().next().expect("a name");
            let link = format!("runbook_url: docs/runbooks.md#{}\n", alert.to_lowercase());
            if !rule.contains(&link) || !runbooks.contains(&format!("\n### {alert}\n")) {
                broken.push(alert.to_owned());
            }
            alerts.insert(alert.to_owned());
        }
    }
    holds("each alert leads to its section in docs/runbooks.md", &broken);
    let sections = runbooks.split("\n### ").skip(1);
    let without = sections.filter_map(|section| {
        let name = section.lines().next().expect("a name");
        let parts = ["- **Meaning.** ", "- **Impact.** ", "- **Look at.** ", "- **Do.** "];
        let whole = parts.iter().all(|part| section.contains(part));
        (!whole || !alerts.contains(name)).then(|| name.to_owned())
    });
    holds("each section is whole and of an alert", &without.collect::<Vec<_>>());
}

#[test]
fn what_compose_mounts_exists() {
    let compose = read("docker-compose.yml");
    let mounts: Vec<&str> = compose
        .split(|c: char| c.is_whitespace() || "[]\",".contains(c))
        .filter(|word| word.starts_with("./"))
        .filter_map(|mount| mount.split(':').next())
        .collect();
    assert!(mounts.len() >= 5, "mounts were looked for in the wrong way: {mounts:?}");
    let broken: Vec<_> =
        mounts.iter().filter(|path| !Path::new(path).exists()).map(|p| (*p).to_owned()).collect();
    holds("files that docker-compose.yml mounts exist", &broken);
}

#[test]
fn versions_are_pinned() {
    let mut broken = Vec::new();
    for file in ["docker-compose.yml", "Dockerfile"] {
        for line in read(file).lines() {
            let line = line.trim();
            let image = line.strip_prefix("image: ").or_else(|| line.strip_prefix("FROM "));
            let Some(image) = image.and_then(|text| text.split_whitespace().next()) else {
                continue;
            };
            let tag = image.rsplit_once(':').map_or("", |(_, tag)| tag);
            if !tag.contains(|c: char| c.is_ascii_digit()) {
                broken.push(format!("{file}: {image}"));
            }
        }
    }
    for line in read("Cargo.toml").lines().filter(|line| line.contains("= \"*\"")) {
        broken.push(format!("Cargo.toml: {line}"));
    }
    holds("images and crates have a version", &broken);
}

#[test]
fn those_beside_the_daemon_find_each_other() {
    let places = [
        ("config/prometheus/prometheus.yml", "alertmanager:9093"),
        ("config/grafana/provisioning/datasources/prometheus.yaml", "http://prometheus:9090"),
        ("config/grafana/provisioning/dashboards/sillage.yaml", "path: /etc/sillage/dashboards"),
        ("docker-compose.yml", "\n  prometheus:\n"),
        ("docker-compose.yml", "127.0.0.1:9090:9090"),
        (
            "docker-compose.yml",
            "./config/prometheus/prometheus.yml:/etc/prometheus/prometheus.yml:ro",
        ),
        ("docker-compose.yml", "./config/prometheus/rules:/etc/prometheus/rules:ro"),
        ("docker-compose.yml", "\n  alertmanager:\n"),
        ("docker-compose.yml", "127.0.0.1:9093:9093"),
        ("docker-compose.yml", "./config/alertmanager:/etc/alertmanager:ro"),
        ("docker-compose.yml", "./config/grafana/provisioning:/etc/grafana/provisioning:ro"),
        ("docker-compose.yml", "./config/grafana/dashboards:/etc/sillage/dashboards:ro"),
        (
            "docker-compose.yml",
            "HOME_DASHBOARD_PATH: /etc/sillage/dashboards/who-moves-this-audience.json",
        ),
        ("docker-compose.yml", "SILLAGE__CAMPAIGNS: spring"),
        ("docker-compose.yml", "--campaign spring"),
    ];
    let missing = places.iter().filter(|(file, text)| !read(file).contains(text));
    let broken: Vec<_> = missing.map(|(file, text)| format!("{file}: no {text}")).collect();
    holds("compose and what it mounts agree on names, ports and paths", &broken);
}

#[test]
fn everybody_speaks_of_the_same_port() {
    let places = [
        ("config/reference.yaml", "127.0.0.1:9464"),
        ("Dockerfile", "0.0.0.0:9464"),
        ("Dockerfile", "EXPOSE 9464"),
        ("Dockerfile", "/dev/tcp/127.0.0.1/9464"),
        ("docker-compose.yml", "127.0.0.1:9464:9464"),
        ("config/prometheus/prometheus.yml", "sillage:9464"),
        ("README.md", "127.0.0.1:9464"),
    ];
    let missing = places.iter().filter(|(file, text)| !read(file).contains(text));
    let broken: Vec<_> = missing.map(|(file, text)| format!("{file}: no {text}")).collect();
    holds("the port is 9464 everywhere", &broken);
}
