//! What is rejected is counted once and has no other effect, to the last bit.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value;

use crate::cuts;
use crate::library::{self, Cut};
use crate::oracle::{self, Event, Params};
use crate::order::without_labels;
use crate::streams::{Shape, streams};

const CLEAN: Shape = Shape {
    late: crate::streams::Late::WithinGrace,
    moving_segments: true,
    repeated_ids: false,
    silences: true,
    noise: false,
    brief: false,
};

/// Rejected events to add after each of the first ones, some of several kinds.
fn additions() -> impl Strategy<Value = Vec<u8>> {
    vec(0..16_u8, 120)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// 4: an id that comes again within the window, whatever else the event says.
    #[test]
    fn repeated_ids((params, events) in streams(CLEAN), extra in additions(), cut in cuts()) {
        let repeat = |earlier: &Event, now: i64, choice: u8| {
            let copy = match choice {
                0 | 1 => earlier.clone(),
                2 => Event { time: now, ..earlier.clone() },
                3 => Event { kind: "quote".to_owned(), target: Some("i3".to_owned()), ..earlier.clone() },
                4 => Event { segments: vec!["west".to_owned()], ..earlier.clone() },
                5 => Event { kind: "profile".to_owned(), time: now + 1, ..earlier.clone() },
                _ => return None,
            };
            let in_window = earlier.time > copy.time.max(now) - params.dedup_window_ms;
            in_window.then_some(copy)
        };
        let mut now = i64::MIN;
        let with = woven(&events, &extra, |before, choice| {
            now = now.max(before[before.len() - 1].time);
            let back = 1 + usize::from(choice) * 2 % before.len();
            repeat(&before[before.len() - back], now, choice)
        });
        unchanged(&params, &events, &with, &["duplicate"], cut)?;
    }

    /// 11: whatever an account does to itself.
    #[test]
    fn self_acts((params, events) in streams(CLEAN), extra in additions(), cut in cuts()) {
        let kinds = ["retweet", "reply", "like", "follow", "unfollow", "conversion", "refund"];
        let with = woven(&events, &extra, |before, choice| {
            let last = &before[before.len() - 1];
            Some(Event {
                kind: (*kinds.get(usize::from(choice))?).to_owned(),
                time: last.time + params.bucket_ms * i64::from(choice),
                target: Some(last.actor.clone()),
                id: None,
                segments: vec!["west".to_owned()],
                ..last.clone()
            })
        });
        unchanged(&params, &events, &with, &["self_interaction"], cut)?;
    }

    /// 20: every reason. Nothing of a rejected event is remembered, not even its id.
    #[test]
    fn every_reason((params, events) in streams(CLEAN), extra in additions()) {
        let mut newest = i64::MIN;
        let mut ids = events.iter().skip(1).map(|e| e.id.clone());
        let with = woven(&events, &extra, |before, choice| {
            let last = &before[before.len() - 1];
            newest = newest.max(last.time);
            let wrong = Event { id: ids.next().flatten(), segments: vec!["west".to_owned()], ..last.clone() };
            let too_old = newest - newest.rem_euclid(params.bucket_ms) - 1 - 7 * params.bucket_ms;
            match choice {
                0 => Some(Event { kind: "boost".to_owned(), ..wrong }),
                1 => Some(Event { kind: "retweet".to_owned(), target: None, ..wrong }),
                2 => Some(Event { kind: "unfollow".to_owned(), target: Some(wrong.actor.clone()), ..wrong }),
                3 => Some(Event { kind: "retweet".to_owned(), time: too_old, target: Some("i4".to_owned()), ..wrong }),
                4 => Some(Event { kind: "profile".to_owned(), time: too_old - 1, ..wrong }),
                _ => None,
            }
        });
        let reasons = ["unknown_kind", "missing_field", "self_interaction", "too_old"];
        unchanged(&params, &events, &with, &reasons, Cut::default())?;
    }
}

/// `events` with what `add` makes of the events so far and a number, after each of them.
fn woven(
    events: &[Event],
    numbers: &[u8],
    mut add: impl FnMut(&[Event], u8) -> Option<Event>,
) -> Vec<Event> {
    let mut woven = Vec::new();
    for (at, (event, number)) in events.iter().zip(numbers).enumerate() {
        woven.push(event.clone());
        woven.extend(add(&events[..=at], *number));
    }
    woven
}

fn unchanged(
    params: &Params,
    without: &[Event],
    with: &[Event],
    reasons: &[&str],
    cut: Cut,
) -> Result<(), TestCaseError> {
    let before = library::run(without, params, cut);
    let after = library::run(with, params, cut);
    // Labels remember the reading before, and what is rejected moves where batches are read.
    let (before, after) = (without_labels(before), without_labels(after));
    for part in ["as_of", "segments", "order"] {
        let changes = oracle::changes(&before[part], &after[part]);
        prop_assert!(changes.is_empty(), "{}", changes.join("\n"));
    }
    let count = |result: &Value, reason: &str| result["rejected"][reason].as_u64().unwrap_or(0);
    let counted: u64 = reasons.iter().map(|reason| count(&after, reason)).sum();
    prop_assert_eq!(counted, (with.len() - without.len()) as u64);
    let all: u64 =
        after["rejected"].as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum();
    prop_assert_eq!(counted, all);
    Ok(())
}
