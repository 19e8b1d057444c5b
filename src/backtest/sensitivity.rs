//! What the weights of the model are worth: how far the ranking moves when one is halved or
//! doubled. They are policy, not science.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::method::Method;
use super::order::kendall;
use crate::model::{Params, SegmentStandings};

/// Places of the ranking that are looked at.
pub const TOP: usize = 20;

/// A weight that is turned by a factor.
#[derive(Clone, Debug)]
pub struct Knock {
    /// Key below `model`.
    pub key: &'static str,
    pub factor: f64,
    /// The ranking that can move.
    pub ranking: Method,
    /// The model with it; nothing where the engine is not exact with such a weight.
    pub params: Option<Params>,
}

/// A weight: its key, the ranking that it can move, and where it is.
type Weight = (&'static str, Method, fn(&mut Params) -> &mut f64);

const WEIGHTS: [Weight; 16] = [
    ("weights.retweet", Method::Influence, |p| &mut p.weights.retweet),
    ("weights.quote", Method::Influence, |p| &mut p.weights.quote),
    ("weights.share", Method::Influence, |p| &mut p.weights.share),
    ("weights.click", Method::Influence, |p| &mut p.weights.click),
    ("weights.reply", Method::Influence, |p| &mut p.weights.reply),
    ("weights.mention", Method::Influence, |p| &mut p.weights.mention),
    ("weights.like", Method::Popularity, |p| &mut p.weights.like),
    ("weights.view", Method::Popularity, |p| &mut p.weights.view),
    ("points.amplify", Method::Influence, |p| &mut p.points.amplify),
    ("points.relate", Method::Influence, |p| &mut p.points.relate),
    ("points.convert", Method::Influence, |p| &mut p.points.convert),
    ("half_saturation.amplify", Method::Influence, |p| &mut p.half_saturation.amplify),
    ("half_saturation.relate_in", Method::Influence, |p| &mut p.half_saturation.relate_in),
    ("half_saturation.relate_out", Method::Influence, |p| &mut p.half_saturation.relate_out),
    ("half_saturation.convert", Method::Influence, |p| &mut p.half_saturation.convert),
    ("pseudo_audience", Method::Influence, |p| &mut p.pseudo_audience),
];

/// Each weight halved and doubled. Points that would be more than 100 together are all made
/// smaller alike, which changes no order.
#[must_use]
pub fn knocks(params: &Params) -> Vec<Knock> {
    let turned = WEIGHTS.iter().flat_map(|weight| [0.5, 2.0].map(|factor| (*weight, factor)));
    turned
        .map(|((key, ranking, of), factor)| {
            let mut params = params.clone();
            *of(&mut params) *= factor;
            within_a_hundred(&mut params);
            let params = params.validate().is_ok().then_some(params);
            Knock { key, factor, ranking, params }
        })
        .collect()
}

fn within_a_hundred(params: &mut Params) {
    let points = &mut params.points;
    let sum = points.amplify + points.relate + points.convert;
    if sum > 100.0 {
        // A hair less, so that rounding does not make it more.
        let factor = 100.0 / sum * (1.0 - 1e-12);
        points.amplify *= factor;
        points.relate *= factor;
        points.convert *= factor;
    }
}

/// Kendall's τ between two rankings, over the accounts that are among the first 20 of either:
/// the mean over the segments in which they can be ordered.
#[must_use]
pub fn stability(
    before: &[SegmentStandings],
    after: &[SegmentStandings],
    ranking: Method,
) -> Option<f64> {
    let scored = |segment: &SegmentStandings| -> BTreeMap<Arc<str>, f64> {
        let of = segment.influencers.iter().map(|standing| {
            let score =
                if ranking == Method::Popularity { standing.popularity } else { standing.score };
            // As rounded as ranks are.
            (Arc::clone(&standing.influencer), (score * 1e9).round())
        });
        of.collect()
    };
    let (mut sum, mut segments) = (0.0, 0.0);
    for first in before {
        let Some(second) = after.iter().find(|s| s.segment == first.segment) else { continue };
        let (first, second) = (scored(first), scored(second));
        let mut names = top(&first);
        names.extend(top(&second));
        names.sort_unstable();
        names.dedup();
        let of = |scores: &BTreeMap<Arc<str>, f64>, name| scores.get(name).copied().unwrap_or(0.0);
        let pairs: Vec<_> = names.iter().map(|n| (of(&first, n), of(&second, n))).collect();
        if let Some(tau) = kendall(&pairs) {
            sum += tau;
            segments += 1.0;
        }
    }
    (segments > 0.0).then(|| sum / segments)
}

fn top(scores: &BTreeMap<Arc<str>, f64>) -> Vec<Arc<str>> {
    let mut order: Vec<_> = scores.iter().collect();
    order.sort_by(|a, b| b.1.total_cmp(a.1));
    order.into_iter().take(TOP).map(|(name, _)| Arc::clone(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_weight_is_halved_and_doubled_within_the_bounds() {
        let knocks = knocks(&Params::default());
        assert_eq!(knocks.len(), 32);
        let impossible: Vec<_> =
            knocks.iter().filter(|k| k.params.is_none()).map(|k| (k.key, k.factor)).collect();
        assert_eq!(impossible, [("weights.view", 0.5)]);
        let doubled = knocks.iter().find(|k| k.key == "points.convert" && k.factor > 1.0).unwrap();
        let points = &doubled.params.as_ref().unwrap().points;
        assert!((points.convert / points.amplify - 3.0).abs() < 1e-9);
    }
}
