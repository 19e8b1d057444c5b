//! That the dashboards are what the files hold, and ask only for what there is.

use std::collections::BTreeSet;

use super::*;
use crate::app::catalogue::SECTIONS;
use crate::serve::exposition::catalogue::{Family, Kind};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config/grafana/dashboards");

/// Labels that Prometheus adds, and those of a histogram.
const ADDED: [&str; 3] = ["instance", "job", "le"];

/// `UPDATE_GOLDEN=1` writes the files anew.
#[test]
fn the_files_are_what_is_made_here() {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        write(Path::new(FOLDER)).unwrap();
    }
    let names: BTreeSet<String> = fs::read_dir(FOLDER)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(names, all().iter().map(|(name, _)| (*name).to_owned()).collect());
    for (name, dashboard) in all() {
        let text = fs::read_to_string(Path::new(FOLDER).join(name)).unwrap();
        let file: Value = serde_json::from_str(&text).unwrap();
        assert!(file == dashboard, "{name} differs, UPDATE_GOLDEN=1 writes it anew");
    }
}

/// All queries, with the dashboard and the panel that ask them.
fn queries() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (name, dashboard) in all() {
        let list = |of: &Value, member: &str| of[member].as_array().cloned().unwrap_or_default();
        for panel in list(&dashboard, "panels") {
            let place = format!("{name}, {}", panel["title"]);
            for target in list(&panel, "targets") {
                found.push((place.clone(), target["expr"].as_str().unwrap().to_owned()));
            }
        }
        for mark in list(&dashboard["annotations"], "list") {
            found.push((name.into(), mark["expr"].as_str().unwrap().to_owned()));
        }
        for variable in list(&dashboard["templating"], "list").iter().skip(1) {
            found.push((name.into(), variable["query"]["query"].as_str().unwrap().to_owned()));
        }
    }
    found
}

fn family(name: &str) -> Option<&'static Family> {
    let all = || SECTIONS.iter().flat_map(|section| section.families.iter().copied());
    let base = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
    all().find(|family| family.name == name).or_else(|| {
        all().find(|family| family.kind == Kind::Histogram && Some(family.name) == base)
    })
}

/// Metrics with the labels that their selector names.
fn selectors(query: &str) -> Vec<(&str, Vec<&str>)> {
    let in_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let starts: Vec<usize> = query.match_indices("sillage_").map(|(at, _)| at).collect();
    starts
        .into_iter()
        .map(|at| {
            let rest = &query[at..];
            let end = rest.find(|c| !in_name(c)).unwrap_or(rest.len());
            let (name, rest) = rest.split_at(end);
            let inside = rest.strip_prefix('{').and_then(|rest| rest.split('}').next());
            let labels = inside.unwrap_or_default().split(',').filter(|part| !part.is_empty());
            (name, labels.map(|part| part.split(['=', '!']).next().unwrap()).collect())
        })
        .collect()
}

/// What is between `by (` and `)`.
fn grouped(query: &str) -> Vec<&str> {
    let after = query.split("by (").skip(1).filter_map(|rest| rest.split(')').next());
    after.flat_map(|names| names.split(',').map(str::trim)).collect()
}

#[test]
fn queries_name_metrics_of_the_catalogue_and_labels_that_they_have() {
    let mut known = 0;
    for (place, query) in queries() {
        let mut labels: BTreeSet<&str> = ADDED.into();
        for (name, named) in selectors(&query) {
            let family = family(name).unwrap_or_else(|| panic!("{place}: there is no {name}"));
            known += 1;
            labels.extend(family.labels);
            for label in named {
                let fine = family.labels.contains(&label) || ADDED.contains(&label);
                assert!(fine, "{place}: {name} has no label {label}");
            }
        }
        for label in grouped(&query) {
            assert!(labels.contains(label), "{place}: nothing has the label {label}: {query}");
        }
    }
    assert!(known > 80, "queries were looked for in the wrong way: {known}");
}

#[test]
fn the_picture_of_the_product_comes_first() {
    let [(_, home), ..] = all();
    assert_eq!(home["panels"][0]["type"], "xychart");
    assert_eq!(home["panels"][0]["gridPos"]["x"], 0);
    let expr = |at: usize| home["panels"][0]["targets"][at]["expr"].as_str().unwrap().to_owned();
    assert!(expr(0).contains("popularity") && expr(1).contains("influence_score"));
}

#[test]
fn dashboards_can_be_provisioned_anywhere() {
    let mut uids = BTreeSet::new();
    for (name, dashboard) in all() {
        assert!(dashboard.get("id").is_none(), "{name}");
        assert!(uids.insert(dashboard["uid"].as_str().unwrap().to_owned()), "{name}");
        assert_eq!(dashboard["schemaVersion"], 39);
        assert_eq!(dashboard["templating"]["list"][0]["name"], "datasource");
        let panels = dashboard["panels"].as_array().unwrap();
        let mut places = Vec::new();
        for panel in panels {
            let at = |side: &str| panel["gridPos"][side].as_u64().unwrap();
            assert!(at("x") + at("w") <= 24, "{name}: {}", panel["title"]);
            let meets = |other: &(u64, u64, u64, u64)| {
                at("x") < other.0 + other.2
                    && other.0 < at("x") + at("w")
                    && at("y") < other.1 + other.3
                    && other.1 < at("y") + at("h")
            };
            assert!(!places.iter().any(meets), "{name}: {} lies on another", panel["title"]);
            places.push((at("x"), at("y"), at("w"), at("h")));
            let sources = panel["targets"].as_array().unwrap().iter().map(|t| &t["datasource"]);
            for source in sources.chain([&panel["datasource"]]) {
                assert_eq!(source["uid"], "${datasource}", "{name}: {}", panel["title"]);
            }
        }
        let ids: BTreeSet<_> = panels.iter().map(|panel| panel["id"].as_u64()).collect();
        assert_eq!(ids.len(), panels.len(), "{name}");
    }
}
