//! Whoever is erased leaves everything as if it had never been there.

use serde_json::{Value, json};

use crate::adversary::{Made, Stream, stream};
use crate::library::{self, Cut};
use crate::oracle::{self, Event, Params};

/// 17: but for attribution that was settled, which holds no person. What the actor does later,
/// somebody new does.
#[test]
fn erase_leaves_everything_as_without_the_actor() {
    let (mut compared, mut established) = (0, 0);
    for (seed, actor) in (0..90).flat_map(|seed| ["a0", "a1", "a3"].map(|actor| (seed, actor))) {
        let Stream { made, params, events } = stream(seed);
        let Some((with, without)) = erased_and_absent(&params, &events, (made, actor)) else {
            continue;
        };
        let cut = Cut { partitions: [1, 3][(seed % 2) as usize], extract: 5, ..Cut::default() };
        let (with, without) =
            (library::run(&with, &params, cut), library::run(&without, &params, cut));
        let differences =
            oracle::differences(&without_attribution(without), &without_attribution(with.clone()));
        assert!(differences.is_empty(), "seed {seed}, {actor}:\n{}", differences.join("\n"));
        compared += 1;
        established += usize::from(crate::adversary::established(&with, &params) >= 2);
    }
    assert!(compared >= 200 && established >= 50, "{compared} streams, {established} with effects");
}

/// The stream with an erase of an actor in its last quarter, and one in which it only says that it
/// is there until then.
fn erased_and_absent(
    params: &Params,
    events: &[Event],
    (made, actor): (Made, &str),
) -> Option<(Vec<Event>, Vec<Event>)> {
    let first = params.bucket(events.first()?.time);
    // What was credited to a run that has ended stays.
    let within = |e: &&Event| params.bucket(e.time) - first < params.retention_buckets - 1;
    let events: Vec<Event> =
        events.iter().filter(within).filter(|e| e.kind != "erase").cloned().collect();
    let at = if made == Made::Silent { events.len() } else { events.len() * 3 / 4 };
    let now = events[..at].iter().map(|e| e.time).max()?;
    let says = |kind: &str, time| Event {
        kind: kind.to_owned(),
        time,
        actor: actor.to_owned(),
        ..Event::default()
    };
    let mut with = events.clone();
    with.insert(at, says("erase", now));
    let absent = |e: &Event| {
        let quiet = Event { id: e.id.clone(), ..says("post", e.time) };
        if e.actor == actor { quiet } else { e.clone() }
    };
    let mut without: Vec<Event> = events[..at].iter().map(absent).collect();
    without.push(says("post", now));
    without.extend_from_slice(&events[at..]);
    Some((with, without))
}

fn without_attribution(mut result: Value) -> Value {
    result["rejected"] = json!({});
    for segment in result["segments"].as_object_mut().unwrap().values_mut() {
        for field in ["organic_conversions", "organic_value"] {
            segment[field] = json!(0);
        }
        for influencer in segment["influencers"].as_object_mut().unwrap().values_mut() {
            for field in ["attributed_conversions", "declared_conversions", "attributed_value"] {
                influencer[field] = json!(0);
            }
        }
    }
    result
}
