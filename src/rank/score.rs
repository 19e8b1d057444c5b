//! From merged sums and what conversions prove to the score: shares, saturations, points, order.

use std::cmp::Ordering;
use std::sync::Arc;

use super::label::{Indices, Sides};
use super::merge::{Merged, Moment};
use crate::model::{HalfSaturation, Lift, Standing};

/// What holds for all influencers of a segment.
pub(super) struct Setting<'a> {
    pub(super) moment: &'a Moment<'a>,
    pub(super) half: HalfSaturation,
    /// `U`, fan-units.
    pub(super) active_audience: f64,
    /// `Y`, people and buckets with a conversion.
    pub(super) conversions: u64,
}

/// An influencer before it is judged.
pub(super) struct Candidate<'a> {
    pub(super) name: &'a Arc<str>,
    pub(super) sums: &'a Merged,
    /// The account's own outbound activity, fan-units.
    pub(super) outbound: f64,
    pub(super) lift: &'a Arc<Lift>,
    /// How it was labelled last, if it was listed.
    pub(super) sides: Option<Sides>,
}

/// Points of the three parts, popularity, and the shares that they come from.
struct Scored {
    amplify_share: f64,
    relate_share: f64,
    amplify_points: f64,
    relate_points: f64,
    convert_points: f64,
    popularity: f64,
}

impl Setting<'_> {
    /// Where an influencer stands, and on which sides of the thresholds.
    pub(super) fn standing(&self, candidate: &Candidate<'_>) -> (Standing, Sides) {
        let Candidate { sums, lift, .. } = candidate;
        let proven = lift.proven(self.moment.params.margin);
        let scored = self.scored(sums, candidate.outbound, proven);
        let score = scored.amplify_points + scored.relate_points + scored.convert_points;
        let (fans_by_bucket, active) = sums.ended(self.moment);
        let momentum = momentum(&fans_by_bucket[..active]);
        let indices = Indices {
            score,
            popularity: scored.popularity,
            momentum,
            credit: sums.amplify + sums.relate,
        };
        let sides = Sides::next(candidate.sides, &indices);
        let incremental = |ratio: fn(&Lift) -> Option<f64>| {
            ratio(lift).map_or(0.0, |ratio| lift.incremental(ratio))
        };
        let standing = Standing {
            influencer: Arc::clone(candidate.name),
            label: sides.label(&indices),
            amplify_share: scored.amplify_share,
            relate_share: scored.relate_share,
            outbound: candidate.outbound,
            active_fans: sums.active_fans,
            fans_by_bucket: (fans_by_bucket, active),
            momentum,
            exclusive_share: sums.exclusive_share(),
            attributed_conversions: sums.attributed.touched + sums.attributed.declared,
            declared_conversions: sums.attributed.declared,
            attributed_value: sums.attributed.value,
            incremental_conversions: incremental(|lift| lift.ratio.map(|r| r.estimate)),
            incremental_low: incremental(|lift| lift.ratio.map(|r| r.low)),
            incremental_high: incremental(|lift| lift.ratio.map(|r| r.high)),
            proven_conversions: proven,
            lift: Arc::clone(lift),
            amplify_points: scored.amplify_points,
            relate_points: scored.relate_points,
            convert_points: scored.convert_points,
            score,
            followers_gained: sums.followers,
            popularity: scored.popularity,
        };
        (standing, sides)
    }

    fn scored(&self, sums: &Merged, outbound: f64, proven: f64) -> Scored {
        let (half, params) = (&self.half, self.moment.params);
        let points = &params.points;
        let audience = self.active_audience + params.pseudo_audience;
        let sales = self.conversions as f64 + params.pseudo_audience;
        let amplify_share = (sums.amplify / audience).min(1.0);
        let relate_share = (sums.relate / audience).min(1.0);
        let relation = saturate(relate_share, half.relate_in) * saturate(outbound, half.relate_out);
        let crowd = (sums.followers as f64 + sums.popularity) / audience;
        Scored {
            amplify_share,
            relate_share,
            amplify_points: points.amplify * saturate(amplify_share, half.amplify),
            relate_points: points.relate * relation.sqrt(),
            convert_points: points.convert * saturate(proven / sales, half.convert),
            popularity: 100.0 * saturate(crowd, half.popularity),
        }
    }
}

/// Sorts by score, highest first, then by name.
pub(super) fn order(influencers: &mut [Standing]) {
    // Places are sorted, and each standing then moves once: it is large.
    let mut places: Vec<(f64, usize)> = influencers
        .iter()
        .enumerate()
        .map(|(at, standing)| (rounded(standing.score), at))
        .collect();
    places.sort_unstable_by(|(a, at), (b, other)| {
        let name = |at: usize| &influencers[at].influencer;
        b.total_cmp(a).then_with(|| name(*at).cmp(name(*other)))
    });
    for at in 0..places.len() {
        let mut from = places[at].1;
        // What lay there may have moved.
        while from < at {
            from = places[from].1;
        }
        places[at].1 = from;
        influencers.swap(at, from);
    }
}

/// The order of two scores, highest first. They are compared as rounded to 1e-9, so that the
/// last bits of a merge do not make ranks flap.
#[must_use]
pub fn rank_order(a: f64, b: f64) -> Ordering {
    rounded(b).total_cmp(&rounded(a))
}

fn rounded(score: f64) -> f64 {
    (score * 1e9).round()
}

/// `x / (x + half)`: 0 at 0, one half at `half`, below 1 always.
fn saturate(x: f64, half: f64) -> f64 {
    x / (x + half)
}

/// Fans of the last ended bucket over the mean of all; 0 without any.
fn momentum(fans: &[u64]) -> f64 {
    let total: u64 = fans.iter().sum();
    match fans.last() {
        Some(last) if total > 0 => *last as f64 * fans.len() as f64 / total as f64,
        _ => 0.0,
    }
}
