//! Neither the order of arrival, nor partitions, nor batches, nor the pace of publications shows.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::cuts;
use crate::library::{self, Cut};
use crate::oracle::{self, Event, Params};
use crate::streams::{EVERYTHING, GRACE, Late, START, Shape, streams};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// 2: any order of arrival within the grace.
    #[test]
    fn arrival_within_the_grace(
        (params, events) in streams(Shape { brief: true, ..Shape::default() }),
        delays in vec(0..GRACE, 120),
    ) {
        let mut arriving: Vec<(i64, Event)> =
            events.iter().zip(delays).map(|(e, delay)| (e.time + delay, e.clone())).collect();
        arriving.sort_by_key(|(arrival, _)| *arrival);
        let shuffled: Vec<Event> = arriving.into_iter().map(|(_, event)| event).collect();
        let ordered = library::run(&events, &params, Cut::default());
        let found = library::run(&shuffled, &params, Cut::default());
        let differences = oracle::differences(&ordered, &found);
        prop_assert!(differences.is_empty(), "{}", differences.join("\n"));
    }

    /// 3: any split by actor.
    #[test]
    fn partitions(
        (params, events) in streams(Shape {
            late: Late::WithinGrace,
            repeated_ids: false,
            ..EVERYTHING
        }),
        cut in cuts(),
    ) {
        let one = library::run(&events, &params, Cut { partitions: 1, ..cut });
        for partitions in [2, 3, 7] {
            let found = library::run(&events, &params, Cut { partitions, ..cut });
            let differences = oracle::differences(&one, &found);
            prop_assert!(differences.is_empty(), "{partitions}:\n{}", differences.join("\n"));
        }
    }

    /// 21: batches and publications, to the last bit; but for labels, which remember the reading
    /// before, so that they do not flap.
    #[test]
    fn batches_and_publications(
        (params, events) in streams(EVERYTHING),
        one in cuts(),
        other in cuts(),
    ) {
        // In the end or on the way: those see other acts that are later than the grace.
        let (one, other) = (
            Cut { extract: one.extract.max(1), ..one },
            Cut { partitions: one.partitions, extract: other.extract.max(1), ..other },
        );
        let (one, other) =
            (library::run(&events, &params, one), library::run(&events, &params, other));
        let changes = oracle::changes(&without_labels(one), &without_labels(other));
        prop_assert!(changes.is_empty(), "{}", changes.join("\n"));
    }

    /// 21: sweeps, which go on a step an event: what a stranger says in between changes nothing,
    /// to the last bit.
    #[test]
    fn sweeps(
        (params, events) in streams(Shape { silences: true, moving_segments: true, ..Shape::default() }),
        words in vec(0..12_usize, 120),
    ) {
        let between = |(event, words): (&Event, usize)| {
            let word = Event {
                kind: "post".to_owned(),
                time: event.time,
                actor: "stranger".to_owned(),
                ..Event::default()
            };
            std::iter::once(event.clone()).chain(std::iter::repeat_n(word, words))
        };
        let with: Vec<Event> =
            events.iter().zip(words).flat_map(|both| between(both).collect::<Vec<_>>()).collect();
        let quiet = library::run(&events, &params, Cut::default());
        let loud = library::run(&with, &params, Cut::default());
        let changes = oracle::changes(&quiet["segments"], &loud["segments"]);
        prop_assert!(changes.is_empty(), "{}", changes.join("\n"));
    }
}

/// 21: an act on another account, when the one before it is as old as sweeps let go of, though a
/// sale in between kept the person's run going.
#[test]
fn sweeps_do_not_show_in_who_is_shared() {
    let event = |kind: &str, day: i64, actor: &str, target: Option<&str>| Event {
        kind: kind.to_owned(),
        time: START + day * 86_400_000,
        actor: actor.to_owned(),
        target: target.map(str::to_owned),
        segments: vec!["north".to_owned()],
        ..Event::default()
    };
    let exclusive = |words: usize| {
        let mut events =
            vec![event("retweet", 0, "a0", Some("i1")), event("conversion", 31, "a0", None)];
        events.extend(std::iter::repeat_n(event("post", 80, "stranger", None), words));
        events.push(event("retweet", 81, "a0", Some("i0")));
        let found = library::run(&events, &Params::new(json!({})), Cut::default());
        found["segments"]["north"]["influencers"]["i1"]["exclusive_share"].clone()
    };
    assert_eq!(exclusive(0), exclusive(10));
}

pub(crate) fn without_labels(mut result: Value) -> Value {
    for segment in result["segments"].as_object_mut().unwrap().values_mut() {
        for influencer in segment["influencers"].as_object_mut().unwrap().values_mut() {
            influencer.as_object_mut().unwrap().remove("label");
        }
    }
    result
}
