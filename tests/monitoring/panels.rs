//! The queries of the dashboards as Grafana would ask them.

use std::fs;

use serde_json::Value;

use crate::programs::root;

/// A query of a panel, an annotation or a variable.
pub(crate) struct Query {
    /// Dashboard and panel.
    pub(crate) place: String,
    pub(crate) text: String,
    pub(crate) kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Panel,
    /// Something that happens now and then.
    Mark,
    /// `label_values(series, label)`.
    Variable,
}

/// All queries of the files, with a segment and an influencer chosen.
pub(crate) fn queries(segment: &str, influencer: &str) -> Vec<Query> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root().join("config/grafana/dashboards")).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        let dashboard: Value = serde_json::from_str(&text).unwrap();
        let mut add = |what: &Value, kind, text: &Value| {
            let text = text.as_str().unwrap();
            let text = text.replace("$segment", segment).replace("$influencer", influencer);
            let text = text.replace("$__rate_interval", "1m");
            assert!(!text.contains('$'), "a variable that nothing sets: {text}");
            let title = dashboard["title"].as_str().unwrap();
            let place = format!("{title}, {}", what.as_str().unwrap());
            found.push(Query { place, text, kind });
        };
        for panel in dashboard["panels"].as_array().unwrap() {
            for target in panel["targets"].as_array().unwrap() {
                add(&panel["title"], Kind::Panel, &target["expr"]);
            }
        }
        for mark in dashboard["annotations"]["list"].as_array().unwrap() {
            add(&mark["name"], Kind::Mark, &mark["expr"]);
        }
        for variable in dashboard["templating"]["list"].as_array().unwrap() {
            if variable["type"] == "query" {
                add(&variable["name"], Kind::Variable, &variable["query"]["query"]);
            }
        }
    }
    found
}
