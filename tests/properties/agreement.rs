//! The library against the oracle, number for number, on streams with everything in them; and
//! against the reference's own numbers.

use proptest::prelude::*;

use crate::library::{self, Cut};
use crate::oracle::{self, Event, Params};
use crate::streams::{EVERYTHING, Late, Shape, streams};
use crate::{cuts, fixtures};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn equals_the_oracle((params, events) in streams(EVERYTHING), cut in cuts()) {
        agree(&params, &events, cut)?;
    }

    /// Without noise, streams are long enough for runs, rings and outbound acts to interact.
    #[test]
    fn equals_the_oracle_through_silences(
        (params, events) in streams(Shape { silences: true, moving_segments: true, ..Shape::default() }),
        cut in cuts(),
    ) {
        agree(&params, &events, cut)?;
    }

    #[test]
    fn equals_the_oracle_when_late(
        (params, events) in streams(Shape { late: Late::WithinRing, ..Shape::default() }),
        cut in cuts(),
    ) {
        agree(&params, &events, cut)?;
    }
}

#[test]
fn equals_the_reference_on_the_fixtures() {
    for name in fixtures::NAMES {
        let (params, events, expected) = fixtures::load(name);
        for batch in [1, 3, 64, 1000] {
            let cut = Cut { batch, ..Cut::default() };
            let found = library::run(&events, &params, cut);
            let differences = oracle::differences(&expected, &found);
            assert!(differences.is_empty(), "{name}, {cut:?}:\n{}", differences.join("\n"));
        }
    }
}

/// What is proven is read at the end: an act later than the grace would enter the next evidence.
fn agree(params: &Params, events: &[Event], cut: Cut) -> Result<(), TestCaseError> {
    let cut = Cut { extract: 0, ..cut };
    let expected = oracle::judge(events, params, cut.partitions);
    let found = library::run(events, params, cut);
    let differences = oracle::differences(&expected, &found);
    prop_assert!(differences.is_empty(), "{}", differences.join("\n"));
    Ok(())
}
