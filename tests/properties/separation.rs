//! What must not touch what: popularity and influence, one segment and another, an account that
//! answers nobody and the relate points; and the ranges of everything.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value;

use crate::adversary::{Stream, stream};
use crate::cuts;
use crate::library::{self, Cut};
use crate::oracle::{self, Event, Params};
use crate::streams::{EVERYTHING, Late, START, Shape, streams};

const MOVING: Shape =
    Shape { late: Late::WithinGrace, repeated_ids: false, noise: false, ..EVERYTHING };

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// 1: any number of follows, unfollows, likes and views leaves influence bit-equal.
    #[test]
    fn popularity_is_not_influence(
        (params, events) in streams(MOVING),
        extra in vec((0..12_usize, 0..6_u8, any::<bool>()), 120),
        cut in cuts(),
    ) {
        let kinds = ["like", "view", "follow", "unfollow"];
        let mut with = Vec::new();
        for (event, (kind, target, stranger)) in events.iter().zip(extra) {
            with.push(event.clone());
            let Some(kind) = kinds.get(kind) else { continue };
            let mut popular = Event {
                kind: (*kind).to_owned(),
                id: None,
                target: Some(format!("i{target}")),
                segments: Vec::new(),
                ..event.clone()
            };
            if stranger {
                popular.actor = format!("crowd{}", with.len());
                popular.segments = vec!["north".to_owned(), "south".to_owned()];
            }
            if popular.target.as_ref() != Some(&popular.actor) {
                with.push(popular);
            }
        }
        let popular = |path: &str| {
            ["popularity", "followers_gained", "outbound"].iter().any(|end| path.ends_with(end))
        };
        let (before, after) =
            (library::run(&events, &params, cut), library::run(&with, &params, cut));
        // Who is followed by nobody any more may be listed or not; then all influence is 0.
        let influence = |result: &Value, path: &str| {
            let found = at(result, path).and_then(Value::as_f64);
            found.unwrap_or_default().to_bits()
        };
        for (path, _) in every_number(&before).into_iter().chain(every_number(&after)) {
            if !popular(&path) {
                prop_assert_eq!(influence(&before, &path), influence(&after, &path), "{}", path);
            }
        }
    }

    /// 10: what happens in one segment changes nothing in another.
    #[test]
    fn segments_do_not_meet(
        (params, events) in streams(Shape { moving_segments: false, ..MOVING }),
        cut in cuts(),
    ) {
        // Members of south alone say nothing any more; time passes all the same.
        let silent = |event: &Event| {
            let south = event.actor.starts_with('a') && event.segments == ["south"];
            let quiet = Event { kind: "post".to_owned(), target: None, ..event.clone() };
            if south { quiet } else { event.clone() }
        };
        let without: Vec<Event> = events.iter().map(silent).collect();
        let (all, without) = (library::run(&events, &params, cut), library::run(&without, &params, cut));
        for part in ["segments", "order"] {
            let changes = oracle::changes(&all[part]["north"], &without[part]["north"]);
            prop_assert!(changes.is_empty(), "{}", changes.join("\n"));
        }
    }

    /// 7, 14, 15: ranges, no NaN and no ∞, and nobody relates who answers nobody.
    #[test]
    fn everything_is_in_its_range((params, events) in streams(EVERYTHING), cut in cuts()) {
        in_range(&library::run(&events, &params, cut))?;
    }
}

/// 7, 14: the same of streams in which much is sold and several accounts have effects.
#[test]
fn everything_is_in_its_range_where_much_is_sold() {
    for seed in 0..60 {
        let Stream { params, events, .. } = stream(seed);
        let found = library::run(&events, &params, Cut { extract: 9, ..Cut::default() });
        in_range(&found).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    }
}

/// 14: streams in which there is nothing, or nothing else, to compare sales with.
#[test]
fn sales_that_say_nothing() {
    let everyday = |who: &[(&str, &str, Option<&str>)]| -> Vec<Event> {
        let times = (0..58_i64).flat_map(|day| (0..).zip(who).map(move |(n, one)| (day, n, one)));
        let event = |(day, n, one): (i64, i64, &(&str, &str, Option<&str>))| {
            let (kind, actor, target) = *one;
            Event {
                kind: kind.to_owned(),
                time: START + day * 86_400_000 + n,
                actor: actor.to_owned(),
                target: target.map(str::to_owned),
                ..Event::default()
            }
        };
        times.map(event).collect()
    };
    let (sale, act, other) =
        ("conversion", ("retweet", "a0", Some("i0")), ("reply", "a0", Some("i1")));
    let sales = [
        everyday(&[(sale, "a0", None)]),
        everyday(&[act, (sale, "a0", None)]),
        everyday(&[act, (sale, "a0", Some("i0")), ("refund", "a0", Some("i0"))]),
        everyday(&[act, other, (sale, "a0", None)]),
        everyday(&[act, (sale, "a1", None)]),
        everyday(&[act, ("reply", "a1", Some("i0")), (sale, "a1", None)]),
        everyday(&[act, other, ("refund", "a0", None)]),
        everyday(&[act, other]),
    ];
    let params = Params::new(serde_json::json!({}));
    for events in sales {
        // And on every second day only, so that there are days of both kinds.
        let is_kept = |e: &&Event| e.kind != sale || params.bucket(e.time) % 2 == 0;
        let half: Vec<Event> = events.iter().filter(is_kept).cloned().collect();
        for events in [events, half] {
            let found = library::run(&events, &params, Cut::default());
            in_range(&found).unwrap_or_else(|error| panic!("{events:?}: {error}"));
            let expected = oracle::judge(&events, &params, 1);
            assert_eq!(oracle::differences(&expected, &found), [""; 0], "{events:?}");
        }
    }
}

/// 14: streams in which there is little to divide by.
#[test]
fn hardly_anything() {
    let event = |kind: &str, target: Option<&str>| Event {
        kind: kind.to_owned(),
        time: START,
        actor: "a0".to_owned(),
        target: target.map(str::to_owned),
        ..Event::default()
    };
    let streams = [
        vec![],
        vec![event("post", None)],
        vec![event("conversion", None)],
        vec![event("conversion", Some("i0")), event("refund", Some("i0"))],
        vec![event("view", Some("i0"))],
        vec![event("follow", Some("i0"))],
        vec![event("unfollow", Some("i0"))],
        vec![event("retweet", Some("i0"))],
        vec![event("reply", Some("i0"))],
        vec![
            event("retweet", Some("i0")),
            Event { time: START + (1 << 40), ..event("post", None) },
        ],
    ];
    let params = Params::new(serde_json::json!({}));
    for events in streams {
        for partitions in [1, 3] {
            let cut = Cut { partitions, ..Cut::default() };
            let found = library::run(&events, &params, cut);
            in_range(&found).unwrap_or_else(|error| panic!("{events:?}: {error}"));
            let expected = oracle::judge(&events, &params, partitions);
            assert_eq!(oracle::differences(&expected, &found), [""; 0], "{events:?}");
        }
    }
}

fn in_range(result: &Value) -> Result<(), TestCaseError> {
    for (path, value) in every_number(result) {
        let field = path.rsplit('/').next().unwrap();
        // A refund takes back what no sale had given.
        let may_be_taken_back = field.starts_with("attributed_")
            || field.starts_with("organic_")
            || field == "declared_conversions";
        prop_assert!(value.is_finite(), "{path}: {value}");
        prop_assert!(value >= 0.0 || may_be_taken_back, "{path}: {value}");
        let most = match field {
            "amplify_share" | "relate_share" | "exclusive_share" => 1.0,
            "amplify_points" => 30.0,
            "relate_points" => 25.0,
            "convert_points" => 45.0,
            "score" | "popularity" => 100.0,
            _ => f64::MAX,
        };
        prop_assert!(value <= most, "{path}: {value}");
    }
    for segment in result["segments"].as_object().unwrap().values() {
        for fields in segment["influencers"].as_object().unwrap().values() {
            let field = |name: &str| fields[name].as_f64().unwrap();
            let sum = field("amplify_points") + field("relate_points") + field("convert_points");
            prop_assert!((field("score") - sum).abs() <= 1e-12, "{fields}");
            prop_assert!(field("outbound") > 0.0 || field("relate_points") == 0.0, "{fields}");
            prop_assert!(
                field("amplify_share") > 0.0 || field("amplify_points") == 0.0,
                "{fields}"
            );
        }
    }
    Ok(())
}

/// Every number of every segment and influencer under its JSON pointer; a null counts as a NaN.
fn every_number(result: &Value) -> Vec<(String, f64)> {
    let mut numbers = Vec::new();
    collect_numbers("/segments", &result["segments"], &mut numbers);
    numbers
}

fn collect_numbers(path: &str, value: &Value, numbers: &mut Vec<(String, f64)>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                collect_numbers(&format!("{path}/{name}"), field, numbers);
            }
        }
        Value::Array(each) => {
            for (at, one) in each.iter().enumerate() {
                collect_numbers(&format!("{path}/{at}"), one, numbers);
            }
        }
        Value::Number(_) | Value::Null => {
            numbers.push((path.to_owned(), value.as_f64().unwrap_or(f64::NAN)));
        }
        _ => {}
    }
}

fn at<'a>(result: &'a Value, pointer: &str) -> Option<&'a Value> {
    result.pointer(pointer)
}
