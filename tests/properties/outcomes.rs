//! Where sales go: all of each to somebody or nobody, to touches before it, and back again.

use std::collections::BTreeMap;

use serde_json::json;

use crate::adversary::{Stream, stream};
use crate::library::{self, Cut};
use crate::oracle::{Event, Params};
use crate::streams::{START, home};

const SEEDS: u64 = 45;
const CUT: Cut = Cut { partitions: 3, batch: 17, publish_every: 4, extract: 3 };

/// 12: in each segment, what influencers and nobody are given is what was sold there less what
/// was given back, in conversions and in value.
#[test]
fn nothing_is_lost_and_nothing_made_up() {
    let mut compared = 0;
    for seed in 0..SEEDS {
        let Stream { params, events, .. } = tamed(seed);
        let events = settled(&params, events);
        let found = library::run(&events, &params, CUT);
        for (segment, (conversions, value)) in sold(&params, &events) {
            let given = &found["segments"][&segment];
            let sum = |field: &str, organic: &str| {
                let to = given["influencers"].as_object().unwrap().values();
                to.map(|fields| fields[field].as_f64().unwrap()).sum::<f64>()
                    + given[organic].as_f64().unwrap()
            };
            let (counted, valued) = (
                sum("attributed_conversions", "organic_conversions"),
                sum("attributed_value", "organic_value"),
            );
            assert!(
                (counted - conversions).abs() < 1e-9,
                "{seed}, {segment}: {counted} of {conversions}"
            );
            assert!(
                (valued - value).abs() < 1e-9 * value.abs().max(1.0),
                "{seed}, {segment}: {valued} of {value}"
            );
            compared += usize::from(conversions > 0.0);
        }
    }
    assert!(compared > 40, "{compared} segments with sales");
}

/// 12: a refund of the whole sale leaves nothing of it to anybody, and lift as it was.
#[test]
fn a_refund_takes_back_what_its_sale_gave() {
    for seed in 0..SEEDS {
        let Stream { params, events, .. } = tamed(seed);
        let sales: Vec<Event> = events.into_iter().filter(|e| e.kind != "refund").collect();
        let with = sales.iter().enumerate().flat_map(|(at, event)| {
            let sale = Event { id: Some(format!("s{at}")), ..event.clone() };
            let refund = Event {
                kind: "refund".to_owned(),
                id: Some(format!("r{at}")),
                refers: sale.id.clone(),
                ..sale.clone()
            };
            let is_sale = sale.kind == "conversion";
            [Some(sale), Some(refund).filter(|_| is_sale)].into_iter().flatten()
        });
        let with = library::run(&settled(&params, with.collect()), &params, CUT);
        let without = library::run(&settled(&params, sales), &params, CUT);
        for (segment, found) in with["segments"].as_object().unwrap() {
            for (name, fields) in found["influencers"].as_object().unwrap() {
                for field in ["attributed_conversions", "declared_conversions", "attributed_value"]
                {
                    let left = fields[field].as_f64().unwrap();
                    assert!(left.abs() < 1e-9, "seed {seed}, {segment}, {name}, {field}: {left}");
                }
                let lift = &without["segments"][segment]["influencers"][name]["lift"];
                assert_eq!(fields["lift"], *lift, "seed {seed}, {segment}, {name}");
            }
            let left = found["organic_conversions"].as_f64().unwrap();
            assert!(left.abs() < 1e-9, "seed {seed}, {segment}: {left}");
        }
    }
}

/// 12: the edges of the look-back, and what is not before the sale.
#[test]
fn touches_count_from_the_look_back_to_just_before_the_sale() {
    let params = Params::new(json!({}));
    let lookback = params.lookback_ms;
    let half = 0.5_f64.powf(lookback as f64 / params.attribution_half_life_ms as f64);
    let share = |q: f64| q / (0.5 + q);
    for (before, expected) in [
        (lookback + 1, 0.0),
        (lookback, share(half)),
        (lookback - 1, share(half * 2_f64.powf(1.0 / 86_400_000.0))),
        (86_400_000, share(0.5)),
        (1, share(0.5_f64.powf(1.0 / 86_400_000.0))),
        (0, 0.0),
        (-1, 0.0),
    ] {
        let sale = START + 2 * lookback;
        let event = |kind: &str, time| Event {
            kind: kind.to_owned(),
            time,
            actor: "a0".to_owned(),
            ..Event::default()
        };
        let mut events = vec![
            Event { target: Some("i0".to_owned()), ..event("retweet", sale - before) },
            event("conversion", sale),
            event("post", sale + params.grace_ms),
        ];
        events.sort_by_key(|e| e.time);
        let found = library::run(&events, &params, Cut::default());
        let given = &found["segments"]["unassigned"]["influencers"]["i0"]["attributed_conversions"];
        let given = given.as_f64().unwrap();
        assert!((given - expected).abs() < 1e-12, "{before} ms before: {given}, not {expected}");
    }
}

/// An adversarial stream without what makes it hard to say what was sold where: nobody moves or
/// is erased, every event counts, refunds refer to nothing.
fn tamed(seed: u64) -> Stream {
    let mut stream = stream(seed);
    let kinds = ["retweet", "quote", "share", "click", "reply", "mention", "conversion", "refund"];
    let newest = stream.events.iter().map(|e| e.time).max().unwrap();
    let oldest = newest - (stream.params.evidence_buckets - 2) * stream.params.bucket_ms;
    let params = &stream.params;
    stream.events.retain(|e| {
        let outcome = matches!(e.kind.as_str(), "conversion" | "refund");
        let code = || e.code.as_deref().filter(|_| outcome).and_then(|code| params.code(code));
        let target = e.target.as_deref().or_else(code);
        kinds.contains(&e.kind.as_str())
            && (outcome || target.is_some())
            && target != Some(e.actor.as_str())
            && e.time > oldest
    });
    let mut now = i64::MIN;
    stream.events.retain(|e| {
        now = now.max(e.time);
        now - e.time < stream.params.grace_ms
    });
    for event in &mut stream.events {
        let number = event.actor.bytes().last().unwrap() - b'0';
        (event.segments, event.id, event.refers) = (home(number), None, None);
    }
    stream
}

/// With a last event, by when all that is to be settled is.
fn settled(params: &Params, mut events: Vec<Event>) -> Vec<Event> {
    let newest = events.iter().map(|e| e.time).max().unwrap_or(START);
    let end = Event {
        kind: "post".to_owned(),
        time: newest + params.grace_ms,
        actor: "clock".to_owned(),
        ..Event::default()
    };
    events.push(end);
    events
}

/// Conversions and their value by segment, less those given back.
fn sold(params: &Params, events: &[Event]) -> BTreeMap<String, (f64, f64)> {
    let mut sold: BTreeMap<String, (f64, f64)> = BTreeMap::new();
    for event in events {
        let sign = match event.kind.as_str() {
            "conversion" => 1.0,
            "refund" => -1.0,
            _ => continue,
        };
        let rate = params.rate(event.currency.as_deref());
        for segment in &event.segments {
            let (conversions, value) = sold.entry(segment.clone()).or_default();
            *conversions += sign;
            *value += sign * rate * event.value.unwrap_or(0.0);
        }
    }
    sold
}
