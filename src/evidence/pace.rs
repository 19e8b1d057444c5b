//! How fast a segment converts in each bucket, over its mean: a launch or a weekend is nobody's
//! influence.

use super::Part;
use super::window::Window;
use crate::model::{HISTORY, Params, SegmentHistories};

/// By age of the bucket, 0 outside of the window.
pub(super) type Paces = [f64; HISTORY];

/// `(y + κ) / (n·ȳ + κ)` of each bucket, where `n` people are exposed to anyone, `y` of them
/// convert, and `ȳ` is the mean of that over the window.
pub(super) fn paces(params: &Params, window: &Window, parts: &[Part<'_>]) -> Paces {
    let exposed = totals(parts, |part| &part.exposed);
    let converted = totals(parts, |part| &part.exposed_converted);
    let sum = |counts: &[u64; HISTORY]| counts[..window.buckets()].iter().sum::<u64>() as f64;
    let people = sum(&exposed);
    let mean = if people > 0.0 { sum(&converted) / people } else { 0.0 };
    let steadied = params.pace_conversions;
    let mut paces = [0.0; HISTORY];
    for (age, pace) in paces.iter_mut().enumerate().take(window.buckets()) {
        *pace = (converted[age] as f64 + steadied) / (exposed[age] as f64 * mean + steadied);
    }
    paces
}

/// People and buckets of the window with a conversion, exposed or not.
pub(super) fn conversions(window: &Window, parts: &[Part<'_>]) -> u64 {
    totals(parts, |part| &part.converted)[..window.buckets()].iter().sum()
}

fn totals(
    parts: &[Part<'_>],
    counts: impl Fn(&SegmentHistories) -> &[u32; HISTORY],
) -> [u64; HISTORY] {
    let mut totals = [0; HISTORY];
    for part in parts {
        for (total, count) in totals.iter_mut().zip(counts(part.histories)) {
            *total += u64::from(*count);
        }
    }
    totals
}

#[cfg(test)]
mod tests {
    #![allow(clippy::float_cmp, reason = "whole numbers give the same bits")]

    use super::*;

    fn segment(exposed: &[u32], converted: &[u32]) -> SegmentHistories {
        let filled = |counts: &[u32]| {
            let mut all = [0; HISTORY];
            all[..counts.len()].copy_from_slice(counts);
            all
        };
        SegmentHistories {
            segment: "s".into(),
            exposed: filled(exposed),
            exposed_converted: filled(converted),
            converted: filled(converted).map(|count| count + 1),
            people: Vec::new(),
            acts: Vec::new(),
        }
    }

    fn check(parts: &[SegmentHistories], expected: &[f64]) {
        let params = Params { evidence_buckets: 3, pace_conversions: 2.0, ..Params::default() };
        let window = Window::new(&params);
        let parts: Vec<_> = parts.iter().map(|histories| Part { shard: 0, histories }).collect();
        let found = paces(&params, &window, &parts);
        assert_eq!(found[..3], *expected);
        assert!(found[3..].iter().all(|pace| *pace == 0.0), "outside of the window");
        let converted: u32 = parts.iter().flat_map(|part| &part.histories.converted[..3]).sum();
        assert_eq!(conversions(&window, &parts), u64::from(converted));
    }

    #[test]
    fn a_pace_is_relative_to_the_mean_of_the_window() {
        // 12 of 60 convert, one in five; the fourth bucket is outside of the window.
        let all = segment(&[10, 20, 30, 500], &[4, 8, 0, 500]);
        check(&[all], &[6.0 / 4.0, 10.0 / 6.0, 2.0 / 8.0]);
    }

    #[test]
    fn shards_add_up() {
        let one = segment(&[10, 0, 30, 1], &[4, 0, 0, 1]);
        let two = segment(&[0, 20, 0, 9], &[0, 8, 0, 7]);
        check(&[one, two], &[6.0 / 4.0, 10.0 / 6.0, 2.0 / 8.0]);
    }

    #[test]
    fn without_people_or_conversions_every_pace_is_one() {
        check(&[segment(&[], &[])], &[1.0, 1.0, 1.0]);
        check(&[segment(&[5, 6, 7], &[])], &[1.0, 1.0, 1.0]);
        check(&[], &[1.0, 1.0, 1.0]);
    }
}
