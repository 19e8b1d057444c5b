//! What the generators promise of their streams.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use xxhash_rust::xxh3::xxh3_64;

use super::{Campaign, Load, Plan};
use crate::clock;

const DAY_MS: i64 = 86_400_000;

fn small(seed: u64) -> Plan {
    Plan { seed, people: 2_000, days: 12, ..Plan::default() }
}

fn bytes(plan: Plan) -> Vec<u8> {
    let mut out = Vec::new();
    for event in Campaign::new(plan).unwrap() {
        event.write_json(&mut out);
        out.push(b'\n');
    }
    out
}

#[test]
fn a_seed_fixes_every_byte() {
    assert_eq!(
        xxh3_64(&bytes(small(1))),
        13_838_904_552_616_782_030,
        "the stream of a seed must not change"
    );
    assert_ne!(bytes(small(1)), bytes(small(2)));
}

#[test]
fn a_load_s_seed_fixes_every_byte() {
    let bytes = |seed| {
        let load = Load { seed, events: 20_000, ..Load::default() };
        load.generate().fold(Vec::new(), |mut out, event| {
            event.write_json(true, &mut out);
            out
        })
    };
    assert_eq!(
        xxh3_64(&bytes(1)),
        9_693_284_412_694_135_395,
        "the stream of a seed must not change"
    );
    assert_ne!(bytes(1), bytes(2));
}

#[test]
fn a_campaign_is_in_order_and_within_its_days() {
    let plan = small(3);
    let times: Vec<i64> = Campaign::new(plan).unwrap().map(|e| e.time_ms).collect();
    assert!(times.is_sorted());
    assert!(times[0] >= plan.start_ms);
    assert!(times[times.len() - 1] < plan.start_ms + i64::from(plan.days) * DAY_MS);
}

#[test]
fn the_truth_tells_what_the_events_show() {
    let mut campaign = Campaign::new(small(4)).unwrap();
    let events: Vec<_> = campaign.by_ref().collect();
    let truth = campaign.truth();
    assert_eq!(truth.events, events.len() as u64);
    let ids: BTreeSet<&str> = events.iter().map(|e| e.id.as_str()).collect();
    assert_eq!(ids.len(), events.len());

    let day = |time: i64| time.div_euclid(DAY_MS);
    let mut touched: BTreeMap<(&str, &str), Vec<i64>> = BTreeMap::new();
    for event in events.iter().filter(|e| e.kind.class().is_some()) {
        let pair = (event.actor.as_ref(), event.target.as_deref().unwrap());
        touched.entry(pair).or_default().push(day(event.time_ms));
    }
    let sales: Vec<_> = events.iter().filter(|e| e.value.is_some()).collect();
    assert_eq!(truth.conversions, sales.len() as u64);
    for account in truth.accounts.iter().filter(|a| a.name != "ring") {
        let is_exposed = |sale: &&&super::Event| {
            let days = touched.get(&(sale.actor.as_ref(), account.name));
            let before = |d: &i64| (1..=3).contains(&(day(sale.time_ms) - d));
            days.is_some_and(|days| days.iter().any(before))
        };
        let exposed = sales.iter().filter(is_exposed).count() as u64;
        assert_eq!(account.exposed_conversions, exposed, "{}", account.name);
        let caused = exposed as f64 * (1.0 - 1.0 / account.rate_ratio);
        assert!((account.caused_conversions - caused).abs() < 1e-9, "{}", account.name);
    }
    assert!(truth.accounts.iter().any(|a| a.caused_conversions > 1.0));
}

#[test]
fn impossible_plans_are_refused() {
    for (plan, key) in [
        (Plan { people: 0, ..small(1) }, "people"),
        (Plan { people: Plan::PEOPLE_MAX + 1, ..small(1) }, "people"),
        (Plan { days: 0, ..small(1) }, "days"),
        (Plan { start_ms: -DAY_MS, ..small(1) }, "start_ms"),
        (Plan { start_ms: 1, ..small(1) }, "start_ms"),
    ] {
        assert_eq!(Campaign::new(plan).err().unwrap().key, key);
    }
}

#[test]
fn a_plan_can_end_now() {
    let now = 20_300 * DAY_MS + 5;
    let plan = small(1).ending_before(now);
    let last = Campaign::new(plan).unwrap().last().unwrap();
    assert!(last.time_ms < now && last.time_ms >= now - 2 * DAY_MS);
}

#[test]
fn a_load_reads_as_it_was_drawn() {
    let load = Load { events: 5_000, ..Load::default() };
    let mut line = Vec::new();
    let mut before = i64::MIN;
    for (number, event) in load.generate().enumerate() {
        line.clear();
        event.write_json(true, &mut line);
        assert!((180..=220).contains(&line.len()), "{} bytes", line.len());
        let json: Value = serde_json::from_slice(&line).unwrap();
        assert_eq!(json["id"], format!("load-{number:012}"));
        assert_eq!(json["kind"], event.kind.as_str());
        assert_eq!(json["time"], event.time_ms);
        assert_eq!(json["target"], format!("influencer-{:06}", event.target));
        assert_eq!(json["segments"][0], format!("segment-{:02}", event.segment));
        assert_ne!(json["actor"], json["target"]);
        assert!(event.time_ms >= before);
        before = event.time_ms;
    }
}

#[test]
fn a_load_s_actors_have_few_favourites_and_one_segment() {
    let load = Load { events: 50_000, actors: 500, ..Load::default() };
    let mut favourites: BTreeMap<String, BTreeSet<u32>> = BTreeMap::new();
    let mut segments: BTreeMap<String, BTreeSet<u16>> = BTreeMap::new();
    let mut kinds: BTreeMap<&str, u32> = BTreeMap::new();
    for event in load.generate() {
        let mut actor = Vec::new();
        event.write_actor(&mut actor);
        let actor = String::from_utf8(actor).unwrap();
        *kinds.entry(event.kind.as_str()).or_default() += 1;
        if actor.starts_with("member") {
            favourites.entry(actor.clone()).or_default().insert(event.target);
            segments.entry(actor).or_default().insert(event.segment);
        }
    }
    assert!(favourites.values().all(|f| f.len() <= 8));
    assert!(favourites.values().filter(|f| f.len() >= 6).count() > 250);
    assert!(segments.values().all(|s| s.len() == 1));
    assert!(segments.into_values().flatten().collect::<BTreeSet<_>>().len() == 16);
    let share = f64::from(kinds["retweet"]) / 50_000.0;
    assert!((share - 0.45).abs() < 0.01, "{share} of the acts are retweets");
}

/// Prints the speed; `cargo test --release` shows what benchmarks can count on.
#[test]
fn a_load_is_generated_fast() {
    let load = Load { events: 300_000, ..Load::default() };
    let begin = clock::instant();
    let mut line = Vec::with_capacity(256);
    let mut bytes = 0;
    for event in load.generate() {
        line.clear();
        event.write_json(true, &mut line);
        bytes += line.len();
    }
    let seconds = begin.elapsed().as_secs_f64();
    eprintln!("{:.1} M events/s of {} bytes", 0.3 / seconds, bytes / 300_000);
    assert!(seconds < 10.0);
}
