//! Bounds on what anyone can give, how it decays, and what size of the audience changes.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::cuts;
use crate::library::{self, Cut};
use crate::oracle::{self, Event, Params};
use crate::streams::{START, Shape, params, streams};

const MOVING: Shape = Shape {
    late: crate::streams::Late::WithinGrace,
    moving_segments: true,
    repeated_ids: false,
    silences: true,
    noise: false,
    brief: false,
};
/// A silent audience so large that nothing adds to it: a share times it is the credit, exactly.
const HUGE: f64 = (1_u64 << 60) as f64;
const AMPLIFY: [&str; 4] = ["retweet", "quote", "share", "click"];
const RELATE: [&str; 2] = ["reply", "mention"];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    /// 5: an actor's further act never takes away, and what one can give is bounded.
    #[test]
    fn one_actor(
        params in params(),
        acts in vec((0..40_i64, 0..4_usize, any::<bool>()), 1..24),
    ) {
        let params = with(&params, "pseudo_audience", HUGE);
        let bucket = params.bucket_ms;
        let mut time = START;
        let events: Vec<Event> = acts.iter().map(|(gap, kind, next)| {
            time += if *next { bucket * gap / 20 } else { *gap };
            act(AMPLIFY[*kind], time, "a0", "i0")
        }).collect();
        let end = Event { segments: vec!["south".to_owned()], ..act("retweet", time, "a1", "i1") };
        let half_life = params.exponent * params.half_life_ms as f64;
        let most = (params.cap / (1.0 - (-bucket as f64 / half_life).exp2())).powf(params.exponent);
        let mut before = 0.0;
        for count in 1..=events.len() {
            let mut part = events[..count].to_vec();
            part.push(end.clone());
            let now = credit(&library::run(&part, &params, Cut::default()), "amplify_share");
            prop_assert!(now >= before * (1.0 - 1e-12), "fell from {before} to {now}");
            prop_assert!(now <= most * (1.0 + 1e-12), "{now} is over {most}");
            before = now;
        }
        let open = params.bucket(time);
        let last: Vec<Event> =
            events.into_iter().filter(|e| params.bucket(e.time) == open).chain([end]).collect();
        let once = credit(&library::run(&last, &params, Cut::default()), "amplify_share");
        prop_assert!(once <= params.cap.powf(params.exponent) * (1.0 + 1e-12));
    }

    /// 6: a half-life later half of it is left, exactly.
    #[test]
    fn half_life((params, mut events) in streams(MOVING), cut in cuts()) {
        let params = with(&params, "pseudo_audience", HUGE);
        let now = library::run(&events, &params, cut);
        let end = now["as_of"].as_i64().unwrap() + params.half_life_ms;
        events.push(Event { kind: "post".to_owned(), target: None, ..act("post", end, "clock", "") });
        let later = library::run(&events, &params, cut);
        for (path, value) in oracle::numbers(&now) {
            // Shares in credit; of less than this, a residue may be part.
            let credit = if path.ends_with("_share") { value * HUGE } else { value };
            if !path.ends_with("_share") && !path.ends_with("_audience") || credit < 1e-3 {
                continue;
            }
            let (segment, rest) = path.split_once('/').unwrap();
            let found = match rest.split_once('/') {
                Some((name, field)) => &later["segments"][segment]["influencers"][name][field],
                None => &later["segments"][segment][rest],
            };
            prop_assert_eq!(found.as_f64(), Some(value / 2.0), "{}", path);
        }
    }

    /// 8: one more person who passes it on never lowers the amplify points.
    #[test]
    fn one_more_retweeter((params, mut events) in streams(MOVING), cut in cuts(), segment in 0..4_usize) {
        let segment = ["north", "south", "west", "unassigned"][segment];
        let before = library::run(&events, &params, cut);
        let time = before["as_of"].as_i64().unwrap();
        events.push(Event { segments: vec![segment.to_owned()], ..act("retweet", time, "fresh", "i0") });
        let after = library::run(&events, &params, cut);
        let points = |result: &Value| {
            result["segments"][segment]["influencers"]["i0"]["amplify_points"].as_f64()
        };
        let (before, after) = (points(&before).unwrap_or(0.0), points(&after).unwrap());
        prop_assert!(after >= before - 1e-12, "fell from {before} to {after}");
        prop_assert!(after > 0.0);
    }

    /// 9: everyone twice, and the silent audience twice: the same shares.
    #[test]
    fn everyone_twice((params, events) in streams(MOVING), cut in cuts()) {
        let twin = |event: &Event| Event {
            actor: format!("{}'", event.actor),
            id: event.id.as_ref().map(|id| format!("{id}'")),
            ..event.clone()
        };
        let twice: Vec<Event> = events.iter().flat_map(|e| [e.clone(), twin(e)]).collect();
        let once = library::run(&events, &params, cut);
        let audience = params.pseudo_audience * 2.0;
        let twice = library::run(&twice, &with(&params, "pseudo_audience", audience), cut);
        let shares = |result: &Value| {
            let numbers = oracle::numbers(result).into_iter();
            numbers.filter(|(path, x)| path.ends_with("_share") && *x > 1e-9).collect::<Vec<_>>()
        };
        let (once, twice) = (shares(&once), shares(&twice));
        prop_assert_eq!(once.len(), twice.len());
        for ((path, one), (same, two)) in once.into_iter().zip(twice) {
            prop_assert_eq!(&path, &same);
            prop_assert!((one - two).abs() <= 1e-9, "{path}: {one} and {two}");
        }
    }

    /// 16: fresh bots, however busy, give at most √m each in a bucket.
    #[test]
    fn bots(
        (params, mut events) in streams(MOVING),
        count in 1..20_u8,
        acts in 1..12_usize,
        relate in any::<bool>(),
        cut in cuts(),
    ) {
        let params = with(&params, "pseudo_audience", HUGE);
        let before = library::run(&events, &params, cut);
        let time = before["as_of"].as_i64().unwrap();
        for bot in 0..count {
            for n in 0..acts {
                let kind = if relate { RELATE[n % 2] } else { AMPLIFY[n % 4] };
                events.push(act(kind, time, &format!("bot{bot}"), "i0"));
            }
        }
        let after = library::run(&events, &params, cut);
        let field = if relate { "relate_share" } else { "amplify_share" };
        let gain = credit(&after, field) - credit(&before, field);
        let most = f64::from(count) * params.cap.powf(params.exponent);
        prop_assert!(gain > 0.0 && gain <= most + 1e-9, "{gain} is not within 0 and {most}");
    }
}

fn act(kind: &str, time: i64, actor: &str, target: &str) -> Event {
    Event {
        kind: kind.to_owned(),
        time,
        actor: actor.to_owned(),
        target: Some(target.to_owned()),
        segments: vec!["north".to_owned()],
        ..Event::default()
    }
}

/// `E` of i0 in north, when the silent audience is huge.
fn credit(result: &Value, share: &str) -> f64 {
    result["segments"]["north"]["influencers"]["i0"][share].as_f64().unwrap_or(0.0) * HUGE
}

fn with(params: &Params, key: &str, value: f64) -> Params {
    let mut given = params.given().clone();
    given[key] = json!(value);
    Params::new(given)
}
