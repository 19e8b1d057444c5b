//! What counts as the same result: every reported number to 1e-9, relative or absolute.

use std::collections::BTreeSet;

use serde_json::Value;

const FIELDS: [&str; 12] = [
    "amplify_share",
    "relate_share",
    "outbound",
    "active_fans",
    "fans_by_bucket",
    "momentum",
    "amplify_points",
    "relate_points",
    "convert_points",
    "score",
    "followers_gained",
    "popularity",
];

/// Each number of a result under its path.
pub(crate) fn numbers(result: &Value) -> Vec<(String, f64)> {
    let mut numbers = vec![("as_of".to_owned(), number(&result["as_of"]))];
    for (reason, count) in result["rejected"].as_object().expect("rejected is a table") {
        numbers.push((format!("rejected/{reason}"), number(count)));
    }
    for (segment, found) in result["segments"].as_object().expect("segments is a table") {
        let audience = number(&found["active_audience"]);
        numbers.push((format!("{segment}/active_audience"), audience));
        for (name, fields) in found["influencers"].as_object().expect("influencers is a table") {
            let path = |field| format!("{segment}/{name}/{field}");
            numbers.extend(influencer(fields).into_iter().map(|(field, x)| (path(field), x)));
        }
    }
    numbers.sort_by(|a, b| a.0.cmp(&b.0));
    numbers
}

/// Where two results differ, at most ten lines of it; empty when they agree.
pub(crate) fn differences(expected: &Value, found: &Value) -> Vec<String> {
    let (expected, found) = (numbers(expected), numbers(found));
    let look = |list: &[(String, f64)], path: &str| {
        list.binary_search_by(|(p, _)| p.as_str().cmp(path)).ok().map(|at| list[at].1)
    };
    let mut lines = Vec::new();
    for (path, want) in &expected {
        match look(&found, path) {
            Some(got) if is_close(*want, got) => {}
            Some(got) => lines.push(format!("{path}: expected {want:?}, found {got:?}")),
            None if may_be_absent(path, *want) => {}
            None => lines.push(format!("{path}: expected {want:?}, found nothing")),
        }
    }
    let known = |path: &str| look(&expected, path).is_some();
    let extra = found.iter().filter(|(path, x)| !known(path) && !may_be_absent(path, *x));
    lines.extend(extra.map(|(path, x)| format!("{path}: expected nothing, found {x:?}")));
    lines.truncate(10);
    lines
}

/// Where two values differ in anything at all, at most ten lines of it.
pub(crate) fn changes(before: &Value, after: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    collect_changes("", before, after, &mut lines);
    lines.truncate(10);
    lines
}

fn collect_changes(path: &str, before: &Value, after: &Value, lines: &mut Vec<String>) {
    match (before, after) {
        (Value::Object(one), Value::Object(other)) => {
            let keys: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
            for key in keys {
                let (before, after) = (&before[key.as_str()], &after[key.as_str()]);
                collect_changes(&format!("{path}/{key}"), before, after, lines);
            }
        }
        _ if before == after => {}
        _ => lines.push(format!("{path}: {before} became {after}")),
    }
}

fn influencer(fields: &Value) -> Vec<(String, f64)> {
    let mut numbers = Vec::new();
    for field in FIELDS {
        match &fields[field] {
            Value::Array(each) => {
                let each = each.iter().enumerate();
                numbers.extend(each.map(|(at, x)| (format!("{field}/{at}"), number(x))));
            }
            one => numbers.push((field.to_owned(), number(one))),
        }
    }
    numbers
}

fn is_close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9_f64.max(1e-9 * a.abs().max(b.abs()))
}

/// Whether an account with this number may be missing: one about which nothing is left but its
/// own acts on others is known or not as memory allows. Never so for a NaN.
fn may_be_absent(path: &str, x: f64) -> bool {
    path.ends_with("/outbound") || x.abs() <= 1e-9
}

/// What JSON cannot write, a NaN or an infinity, is a null in it and never equal to anything.
fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or(f64::NAN)
}
