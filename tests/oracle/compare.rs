//! What counts as the same result: every reported number to 1e-9, relative or absolute, and every
//! word and yes or no exactly.

use std::collections::BTreeSet;

use serde_json::Value;

/// Of a segment.
const SEGMENT: [&str; 4] =
    ["active_audience", "conversions", "organic_conversions", "organic_value"];

/// Of an influencer.
const INFLUENCER: [&str; 18] = [
    "amplify_share",
    "relate_share",
    "outbound",
    "active_fans",
    "fans_by_bucket",
    "momentum",
    "attributed_conversions",
    "attributed_value",
    "incremental_conversions",
    "incremental_low",
    "incremental_high",
    "proven_conversions",
    "amplify_points",
    "relate_points",
    "convert_points",
    "score",
    "followers_gained",
    "popularity",
];

/// Of a lift. A ratio and its interval are there together or not at all.
const LIFT: [&str; 7] =
    ["basis", "rate_ratio", "low", "high", "exposed_conversions", "exposed_buckets", "discovered"];

/// What the oracle and the library say and the reference does not. The place in the order of
/// chances is not among it: of two that are equal but for rounding, either may come first.
const BEYOND_REFERENCE: [&str; 4] =
    ["declared_conversions", "lift/test/chance", "lift/test/tested", "lift/entangled_with"];

/// A number, a word, or yes or no.
#[derive(Clone, Debug, PartialEq)]
enum Leaf {
    Number(f64),
    Word(String),
}

/// Each number of a result under its path.
pub(crate) fn numbers(result: &Value) -> Vec<(String, f64)> {
    let number = |(path, leaf)| match leaf {
        Leaf::Number(x) => Some((path, x)),
        Leaf::Word(_) => None,
    };
    leaves(result, is_beyond_reference(result)).into_iter().filter_map(number).collect()
}

/// Where two results differ, at most ten lines of it; empty when they agree.
pub(crate) fn differences(expected: &Value, found: &Value) -> Vec<String> {
    let beyond = is_beyond_reference(expected);
    let (expected, found) = (leaves(expected, beyond), leaves(found, beyond));
    let look = |list: &[(String, Leaf)], path: &str| {
        list.binary_search_by(|(p, _)| p.as_str().cmp(path)).ok().map(|at| list[at].1.clone())
    };
    let mut lines = Vec::new();
    for (path, want) in &expected {
        match look(&found, path) {
            Some(got) if is_same(want, &got) => {}
            Some(got) => lines.push(format!("{path}: expected {want:?}, found {got:?}")),
            None if may_be_absent(path, want) => {}
            None => lines.push(format!("{path}: expected {want:?}, found nothing")),
        }
    }
    let known = |path: &str| look(&expected, path).is_some();
    let extra = found.iter().filter(|(path, x)| !known(path) && !may_be_absent(path, x));
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

/// Everything that is compared, by path.
fn leaves(result: &Value, beyond_reference: bool) -> Vec<(String, Leaf)> {
    let mut leaves = Vec::new();
    add("as_of".to_owned(), &result["as_of"], &mut leaves);
    for (reason, count) in result["rejected"].as_object().expect("rejected is a table") {
        add(format!("rejected/{reason}"), count, &mut leaves);
    }
    for (segment, found) in result["segments"].as_object().expect("segments is a table") {
        for field in SEGMENT {
            add(format!("{segment}/{field}"), &found[field], &mut leaves);
        }
        for (name, fields) in found["influencers"].as_object().expect("influencers is a table") {
            for field in INFLUENCER {
                add(format!("{segment}/{name}/{field}"), &fields[field], &mut leaves);
            }
            let lift = LIFT.iter().map(|field| format!("lift/{field}"));
            let beyond = BEYOND_REFERENCE.iter().map(|field| (*field).to_owned());
            for field in lift.chain(beyond.filter(|_| beyond_reference)) {
                if let Some(value) = fields.pointer(&format!("/{field}")) {
                    add(format!("{segment}/{name}/{field}"), value, &mut leaves);
                }
            }
        }
    }
    leaves.sort_by(|a, b| a.0.cmp(&b.0));
    leaves
}

fn add(path: String, value: &Value, leaves: &mut Vec<(String, Leaf)>) {
    match value {
        Value::Array(each) => {
            for (at, one) in each.iter().enumerate() {
                add(format!("{path}/{at}"), one, leaves);
            }
        }
        Value::String(word) => leaves.push((path, Leaf::Word(word.clone()))),
        Value::Bool(yes) => leaves.push((path, Leaf::Word(yes.to_string()))),
        // What JSON cannot write, a NaN or an infinity, is a null in it and equal to nothing.
        number => leaves.push((path, Leaf::Number(number.as_f64().unwrap_or(f64::NAN)))),
    }
}

fn is_beyond_reference(result: &Value) -> bool {
    let segments =
        result["segments"].as_object().into_iter().flat_map(|segments| segments.values());
    let influencers = segments.filter_map(|segment| segment["influencers"].as_object());
    influencers
        .flat_map(|each| each.values())
        .any(|fields| !fields["declared_conversions"].is_null())
}

fn is_same(one: &Leaf, other: &Leaf) -> bool {
    match (one, other) {
        (Leaf::Number(a), Leaf::Number(b)) => {
            (a - b).abs() <= 1e-9_f64.max(1e-9 * a.abs().max(b.abs()))
        }
        _ => one == other,
    }
}

/// Whether an account or a segment may be missing with this: one about which nothing is left but
/// its own acts on others is known or not as memory allows. Never so for a NaN.
fn may_be_absent(path: &str, leaf: &Leaf) -> bool {
    match leaf {
        Leaf::Number(x) => path.ends_with("/outbound") || x.abs() <= 1e-9,
        Leaf::Word(word) => {
            path.ends_with("/lift/basis") && word == "insufficient"
                || path.ends_with("/lift/discovered") && word == "false"
        }
    }
}
