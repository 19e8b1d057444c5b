//! Neither the order of arrival, nor partitions, nor batches, nor the pace of publications shows.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value;

use crate::cuts;
use crate::library::{self, Cut};
use crate::oracle::{self, Event};
use crate::streams::{EVERYTHING, GRACE, Late, Shape, streams};

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
}

fn without_labels(mut result: Value) -> Value {
    for segment in result["segments"].as_object_mut().unwrap().values_mut() {
        for influencer in segment["influencers"].as_object_mut().unwrap().values_mut() {
            influencer.as_object_mut().unwrap().remove("label");
        }
    }
    result
}
