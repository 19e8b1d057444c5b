//! How far two tables are apart.

use std::collections::BTreeSet;

use sillage::model::{Evidence, Lift, SegmentEvidence};

/// Where the tables differ by more than 1e-9, relative or absolute, whichever is looser.
pub(crate) fn differences(expected: &Evidence, found: &Evidence) -> Vec<String> {
    let mut differences = Vec::new();
    if expected.as_of_ms != found.as_of_ms {
        differences.push(format!("as of {} and not {}", found.as_of_ms, expected.as_of_ms));
    }
    let names: BTreeSet<_> = expected.segments.keys().chain(found.segments.keys()).collect();
    for name in names {
        match (expected.segments.get(name), found.segments.get(name)) {
            (Some(expected), Some(found)) => segment(name, expected, found, &mut differences),
            (expected, _) => {
                let is = if expected.is_some() { "missing" } else { "too many" };
                differences.push(format!("{name}: {is}"));
            }
        }
    }
    differences
}

fn segment(name: &str, expected: &SegmentEvidence, found: &SegmentEvidence, to: &mut Vec<String>) {
    if expected.conversions != found.conversions {
        to.push(format!("{name}: {} conversions, not {}", found.conversions, expected.conversions));
    }
    let all = expected.influencers.keys().chain(found.influencers.keys());
    for influencer in all.collect::<BTreeSet<_>>() {
        let (expected, found) =
            (expected.influencers.get(influencer), found.influencers.get(influencer));
        if !expected.zip(found).is_some_and(|(expected, found)| alike(expected, found)) {
            to.push(format!("{name}, {influencer}:\n  {expected:?}\n  {found:?}"));
        }
    }
}

fn alike(expected: &Lift, found: &Lift) -> bool {
    let ends = |lift: &Lift| lift.ratio.map(|ratio| [ratio.estimate, ratio.low, ratio.high]);
    let numbers = match (ends(expected), ends(found)) {
        (Some(expected), Some(found)) => expected.iter().zip(found).all(|(a, b)| close(*a, b)),
        (expected, found) => expected.is_none() && found.is_none(),
    };
    let tests = match (expected.test, found.test) {
        (Some(expected), Some(found)) => {
            close(expected.chance, found.chance)
                && (expected.place, expected.tested) == (found.place, found.tested)
        }
        (expected, found) => expected.is_none() && found.is_none(),
    };
    let rest = |lift: &Lift| Lift { ratio: None, test: None, ..lift.clone() };
    numbers && tests && rest(expected) == rest(found)
}

pub(crate) fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1.0)
}
