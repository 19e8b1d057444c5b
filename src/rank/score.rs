//! From merged sums and what conversions prove to the score: shares, saturations, points, order.

use std::cmp::Ordering;
use std::sync::Arc;

use super::label::{Indices, Sides};
use super::merge::Merged;
use crate::model::{HalfSaturation, Lift, Params, Standing};

/// What holds for all influencers of a segment.
pub(super) struct Setting<'a> {
    pub(super) params: &'a Params,
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
    pub(super) lift: &'a Lift,
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
        let proven = lift.proven(self.params.margin);
        let scored = self.scored(sums, candidate.outbound, proven);
        let score = scored.amplify_points + scored.relate_points + scored.convert_points;
        let (fans_by_bucket, active) = sums.ended(self.params);
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
            lift: (*lift).clone(),
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
        let (half, points) = (&self.half, &self.params.points);
        let audience = self.active_audience + self.params.pseudo_audience;
        let sales = self.conversions as f64 + self.params.pseudo_audience;
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
    influencers.sort_unstable_by(|a, b| {
        rank_order(a.score, b.score).then_with(|| a.influencer.cmp(&b.influencer))
    });
}

/// The order of two scores, highest first. They are compared as rounded to 1e-9, so that the
/// last bits of a merge do not make ranks flap.
#[must_use]
pub fn rank_order(a: f64, b: f64) -> Ordering {
    let rounded = |score: f64| (score * 1e9).round();
    rounded(b).total_cmp(&rounded(a))
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
