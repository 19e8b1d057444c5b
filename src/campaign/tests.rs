//! What the generators promise of their streams.

#![allow(clippy::float_cmp, reason = "exact by construction")]

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use xxhash_rust::xxh3::xxh3_64;

use super::{Campaign, DESIGNS, Design, Event, KNOBS, Knobs, Load, Plan};
use crate::clock;
use crate::model::Kind;

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

/// The days on which each person touched each account, and the sales, of a stream.
#[derive(Clone)]
struct Shown<'a> {
    touched: BTreeMap<(&'a str, &'a str), Vec<(i64, i64)>>,
    sales: Vec<&'a Event>,
}

fn day(time_ms: i64) -> i64 {
    time_ms.div_euclid(DAY_MS)
}

impl<'a> Shown<'a> {
    fn of(events: &'a [Event]) -> Self {
        let mut touched: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for event in events.iter().filter(|e| e.kind.class().is_some()) {
            let pair = (event.actor.as_ref(), event.target.as_deref().unwrap());
            touched.entry(pair).or_default().push((day(event.time_ms), event.time_ms));
        }
        Self { touched, sales: events.iter().filter(|e| e.kind == Kind::Conversion).collect() }
    }

    /// Sales in a segment at most `days` (first and last) days after a touch that lies before.
    fn after(&self, account: &str, segment: &str, days: (u16, u16)) -> u64 {
        let (first, last) = (i64::from(days.0), i64::from(days.1));
        let is_after = |sale: &&&Event| {
            let touches = self.touched.get(&(sale.actor.as_ref(), account));
            let counts = |(on, at): &(i64, i64)| {
                (first..=last).contains(&(day(sale.time_ms) - on)) && *at < sale.time_ms
            };
            sale.segments.contains(&segment) && touches.is_some_and(|t| t.iter().any(counts))
        };
        self.sales.iter().filter(is_after).count() as u64
    }
}

/// The sales on some days of a campaign.
fn within<'a>(sales: &[&'a Event], days: (u16, u16)) -> Vec<&'a Event> {
    let within = 20_000 + i64::from(days.0)..20_000 + i64::from(days.1);
    sales.iter().copied().filter(|sale| within.contains(&day(sale.time_ms))).collect()
}

#[test]
fn in_each_design_the_truth_tells_what_the_events_show() {
    for design in DESIGNS {
        let knobs = design.knobs();
        let people = if knobs.size < 1.0 { 15_000 } else { 1_500 };
        let plan = Plan { people, days: 30, knobs, ..small(4) };
        let mut campaign = Campaign::new(plan).unwrap();
        let events: Vec<_> = campaign.by_ref().collect();
        let truth = campaign.truth();
        assert_eq!(truth.events, events.len() as u64, "{design:?}");
        let ids: BTreeSet<&str> = events.iter().map(|e| e.id.as_str()).collect();
        assert_eq!(ids.len(), events.len(), "{design:?}");

        let shown = Shown::of(&events);
        assert_eq!(truth.conversions, shown.sales.len() as u64, "{design:?}");
        let sold: u64 = shown.sales.iter().map(|sale| sale.segments.len() as u64).sum();
        assert_eq!(sold > truth.conversions, knobs.both > 0.0, "{design:?}");
        for account in truth.accounts.iter().filter(|a| a.name != "ring") {
            for (segment, planted) in &account.segments {
                let exposed = shown.after(&account.name, segment, (1, 3));
                assert_eq!(planted.exposed_conversions, exposed, "{design:?} {}", account.name);
                let works = account.works_within.unwrap_or((0, plan.days));
                let lasting = Shown { sales: within(&shown.sales, works), ..shown.clone() };
                let effective = lasting.after(&account.name, segment, account.effect_days) as f64;
                let caused = effective * (1.0 - 1.0 / account.rate_ratio);
                let off = (planted.caused_conversions - caused).abs();
                assert!(off < 1e-9, "{design:?} {}: off by {off}", account.name);
            }
        }
        let caused = truth.accounts.iter().map(|a| a.caused_conversions).sum::<f64>();
        assert_eq!(caused > 0.0, design.name != "nothing", "{design:?}");
    }
}

#[test]
fn knobs_combine_and_leave_the_rest_as_it_was() {
    let shared = |knobs: Knobs| {
        let events = Campaign::new(Plan { knobs, ..small(5) }).unwrap();
        let is_plain = |target: &str| ["celebrity", "micro", "mid"].contains(&target);
        let key = |e: Event| (e.time_ms, e.actor.into_owned(), e.target.map(Cow::into_owned));
        let of_plain =
            |e: &Event| e.kind != Kind::Follow && e.target.as_deref().is_some_and(is_plain);
        events.filter(of_plain).map(key).collect::<Vec<_>>()
    };
    let mut knobs = Knobs::default();
    let plain = shared(knobs);
    for (name, value) in [("bots", 9.0), ("wave", 0.5), ("spam", 7.0), ("accounts", 4.0)] {
        knobs.set(name, value).unwrap();
        assert!(shared(knobs) == plain, "{name}");
    }
    let most = KNOBS.iter().all(|knob| {
        let mut knobs = Knobs::default();
        knobs.set(knob.name, knob.most).is_ok() && knobs.set(knob.name, knob.most * 2.0).is_err()
    });
    assert!(most);
    assert_eq!(knobs.set("moon", 1.0).unwrap_err().key, "moon");
}

/// Purchases of people per exposed day over the same of others, by what the stream itself shows.
#[test]
fn designs_do_what_they_say() {
    let knobs = |name: &str| Design::find(name).unwrap().knobs();
    let world = |knobs: Knobs| {
        let plan = Plan { people: 4_000, days: 45, knobs, ..small(6) };
        Campaign::new(plan).unwrap().collect::<Vec<_>>()
    };
    let count = |events: &[Event], of: &dyn Fn(&Event) -> bool| {
        events.iter().filter(|e| of(e)).count() as f64
    };
    let sold = |events: &[Event]| count(events, &|e| e.kind == Kind::Conversion);
    let plain = world(Knobs::default());
    assert!((sold(&world(knobs("rare"))) / sold(&plain) - 0.5).abs() < 0.1);

    let sales = world(knobs("sales"));
    let in_sale = |events: &[Event]| {
        let on = |e: &Event| {
            e.kind == Kind::Conversion
                && [9, 10, 11, 23, 24, 25].contains(&(day(e.time_ms) - 20_000))
        };
        count(events, &on)
    };
    let times = in_sale(&sales) / in_sale(&plain);
    assert!((2.5..3.5).contains(&times), "{times} times the purchases");

    let poster = world(knobs("poster"));
    let of_poster = |e: &Event| e.target.as_deref() == Some("poster");
    let before = |e: &Event| of_poster(e) && (8..12).contains(&(day(e.time_ms) - 20_000));
    let after = |e: &Event| of_poster(e) && (13..17).contains(&(day(e.time_ms) - 20_000));
    assert!(count(&poster, &before) > 5.0 * count(&poster, &after));
    assert!(count(&poster, &|e| e.kind == Kind::Post) >= 10.0);

    let rings = world(knobs("rings"));
    let puppeteers = |e: &Event| e.actor.starts_with("puppeteer");
    assert_eq!(count(&rings, &puppeteers), 60.0 * 10.0 * 45.0);

    let beside = world(knobs("beside"));
    let days_on = |name: &str| {
        let on = beside.iter().filter(|e| e.target.as_deref() == Some(name));
        on.map(|e| (e.actor.as_ref(), day(e.time_ms))).collect::<BTreeSet<_>>()
    };
    let (micro, shadow) = (days_on("micro"), days_on("shadow"));
    let share = micro.intersection(&shadow).count() as f64 / micro.len() as f64;
    assert!((0.5..0.75).contains(&share), "{share} of the acts on micro are beside shadow");

    let thanks = world(knobs("thanks"));
    assert!(thanks.len() > plain.len());
    let sales = thanks.iter().filter(|e| e.kind == Kind::Conversion);
    let bought: BTreeSet<_> = sales.map(|e| (e.actor.as_ref(), day(e.time_ms))).collect();
    let acts = thanks.iter().filter(|e| e.target.as_deref() == Some("brand"));
    let acts: Vec<_> =
        acts.map(|e| bought.contains(&(e.actor.as_ref(), day(e.time_ms) - 1))).collect();
    let after = acts.iter().filter(|is_after| **is_after).count() as f64 / acts.len() as f64;
    assert!(after > 0.4, "{after} of the acts on the brand follow a purchase");
    let idol = world(knobs("idol"));
    let fans: BTreeSet<&str> = idol
        .iter()
        .filter(|e| e.target.as_deref() == Some("idol"))
        .map(|e| e.actor.as_ref())
        .collect();
    let acts = count(&idol, &|e| e.target.as_deref() == Some("idol"));
    assert_eq!(acts, fans.len() as f64 * 45.0);
}

#[test]
fn impossible_plans_are_refused() {
    for (plan, key) in [
        (Plan { people: 0, ..small(1) }, "people"),
        (Plan { people: Plan::PEOPLE_MAX + 1, ..small(1) }, "people"),
        (Plan { days: 0, ..small(1) }, "days"),
        (Plan { start_ms: -DAY_MS, ..small(1) }, "start_ms"),
        (Plan { start_ms: 1, ..small(1) }, "start_ms"),
        (Plan { knobs: Knobs { moods: 0.5, ..Knobs::default() }, ..small(1) }, "moods"),
        (Plan { knobs: Knobs { spam: f64::NAN, ..Knobs::default() }, ..small(1) }, "spam"),
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

#[test]
fn a_load_converts_as_often_as_it_is_told_and_names_nobody_then() {
    let load = Load { events: 50_000, conversions: 20, ..Load::default() };
    let mut conversions = 0;
    for event in load.generate() {
        let mut line = Vec::new();
        event.write_json(true, &mut line);
        let json: Value = serde_json::from_slice(&line).unwrap();
        let converts = json["kind"] == "conversion";
        conversions += u32::from(converts);
        assert_eq!(json["target"].is_null(), converts, "{json}");
        assert_eq!(json["value"].is_number(), converts, "{json}");
    }
    assert!((900..1_100).contains(&conversions), "{conversions} of 50,000");
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
