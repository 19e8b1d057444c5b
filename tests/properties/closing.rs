//! Evidence is as of the close of a bucket, however slowly it is gathered.

use serde_json::{Value, json};

use crate::adversary::{Stream, stream};
use crate::library::{self, Cut};
use crate::oracle::{Event, Params};

/// 21: acts and sales in a bucket that is closed wait for the next evidence, whether or not the
/// histories of those who did them had been extracted when they came.
#[test]
fn what_is_too_late_waits_for_the_next_evidence() {
    let mut changed = 0;
    for seed in (2..92).step_by(3) {
        let Stream { params, mut events, .. } = stream(seed);
        events.retain(|e| e.kind != "erase");
        let newest = events.iter().map(|e| e.time).max().expect("there are events");
        let closes = (params.bucket(newest) + 1) * params.bucket_ms + params.grace_ms;
        events.push(event("post", closes, "clock"));
        let without = proven(&events, &params, (100_000, 1000));
        events.extend(too_late(&params, newest));
        for pace in [(1, 1), (7, 1), (100_000, 1), (100_000, 40)] {
            let with = proven(&events, &params, pace);
            for (path, lift) in without.as_object().expect("a table") {
                assert_eq!(with[path], *lift, "seed {seed}, {pace:?}: {path}");
            }
        }
        changed += usize::from(proven(&events, &params, (1, 0)) != without);
    }
    assert!(changed >= 25, "the late events matter in {changed} streams");
}

/// Acts of some and sales of others in the buckets up to that of `newest`, which are closed.
fn too_late(params: &Params, newest: i64) -> Vec<Event> {
    let time = params.bucket(newest) * params.bucket_ms;
    let late = |n: i64| {
        let actor = format!("a{n}");
        let before = event("retweet", time - params.bucket_ms, &actor);
        let act = Event { target: Some(format!("i{}", n % 3)), ..before };
        if n % 2 == 0 { act } else { event("conversion", time, &actor) }
    };
    (0..16).map(late).collect()
}

fn event(kind: &str, time: i64, actor: &str) -> Event {
    Event { kind: kind.to_owned(), time, actor: actor.to_owned(), ..Event::default() }
}

/// Conversions of the segments and lifts of the influencers, by path; with batches of a size, and
/// so many entries extracted after each.
fn proven(events: &[Event], params: &Params, (batch, extract): (usize, usize)) -> Value {
    let found = library::run(events, params, Cut { batch, extract, ..Cut::default() });
    let mut proven = json!({});
    for (segment, fields) in found["segments"].as_object().expect("segments is a table") {
        proven[segment] = fields["conversions"].clone();
        for (name, fields) in fields["influencers"].as_object().expect("a table") {
            proven[format!("{segment}/{name}")] = fields["lift"].clone();
        }
    }
    proven
}
