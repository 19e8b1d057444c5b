//! How well each method foretells who will be acted on by how many people the next day.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::Serialize;

use super::interval::{Estimate, mean};
use super::method::{Method, Scores};
use super::order::{ndcg, spearman};

/// Places that count.
const PLACES: usize = 50;

/// Days on which a method was held against the next, and how well it did on each.
#[derive(Clone, Debug, Default)]
pub struct Forecast {
    /// By method, one value a day, the mean over the segments with acts.
    days: BTreeMap<Method, Vec<(f64, f64)>>,
}

/// How good a method is.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Quality {
    pub method: Method,
    /// NDCG of the first 50 places, gains being the distinct actors of the next day.
    pub ndcg: Option<Estimate>,
    /// Spearman's ρ over the accounts that were known when it was said.
    pub spearman: Option<Estimate>,
}

/// What the methods said of the accounts of each segment.
pub type Said = BTreeMap<Arc<str>, BTreeMap<Arc<str>, Scores>>;

impl Forecast {
    /// Holds what was said at the end of a day beside the distinct actors of the next, both by
    /// segment and account. A method that cannot order at all gets 0 for Spearman's ρ.
    #[allow(clippy::implicit_hasher, reason = "made by the rivals")]
    pub fn compare(&mut self, said: &Said, fans: &HashMap<Arc<str>, HashMap<Arc<str>, u64>>) {
        let segments: Vec<_> = fans.iter().filter(|(_, fans)| !fans.is_empty()).collect();
        for method in Method::ALL {
            let (mut gained, mut ordered, mut counted) = (0.0, 0.0, 0.0);
            for (segment, fans) in &segments {
                let (pairs, known) = beside(said.get(*segment), fans, method);
                if let Some(gain) = ndcg(&pairs, PLACES) {
                    gained += gain;
                    let known = pairs.get(..known).unwrap_or_default();
                    ordered += spearman(known).unwrap_or_default();
                    counted += 1.0;
                }
            }
            if counted > 0.0 {
                self.days.entry(method).or_default().push((gained / counted, ordered / counted));
            }
        }
    }

    /// Days compared.
    #[must_use]
    pub fn days(&self) -> usize {
        self.days.values().map(Vec::len).max().unwrap_or_default()
    }

    /// The means over the days, with intervals over them.
    #[must_use]
    pub fn quality(&self) -> Vec<Quality> {
        let of = |method: Method| {
            let days = self.days.get(&method).map(Vec::as_slice).unwrap_or_default();
            let means =
                |pick: fn(&(f64, f64)) -> f64| mean(&days.iter().map(pick).collect::<Vec<_>>());
            Quality { method, ndcg: means(|day| day.0), spearman: means(|day| day.1) }
        };
        Method::ALL.into_iter().map(of).collect()
    }
}

/// What the method says and what came: of the accounts known when it was said, and after those of
/// the ones that were not. How many are known.
fn beside(
    said: Option<&BTreeMap<Arc<str>, Scores>>,
    fans: &HashMap<Arc<str>, u64>,
    method: Method,
) -> (Vec<(f64, f64)>, usize) {
    let came = |name: &Arc<str>| fans.get(name).map_or(0.0, |fans| *fans as f64);
    let known = said.into_iter().flatten();
    let mut pairs: Vec<_> = known.map(|(name, scores)| (method.of(scores), came(name))).collect();
    let known = pairs.len();
    let is_new = |name: &&Arc<str>| said.is_none_or(|said| !said.contains_key(*name));
    pairs.extend(fans.keys().filter(is_new).map(|name| (0.0, came(name))));
    (pairs, known)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::float_cmp, reason = "exact by construction")]

    use super::*;

    #[test]
    fn a_method_that_is_right_is_better_than_one_that_is_not() {
        let mut said = Said::new();
        let accounts = said.entry("s".into()).or_default();
        for (name, influence, popularity) in [("a", 3.0, 1.0), ("b", 2.0, 2.0), ("c", 1.0, 3.0)] {
            let mut scores = Scores::default();
            scores[Method::Influence as usize] = influence;
            scores[Method::Popularity as usize] = popularity;
            accounts.insert(name.into(), scores);
        }
        let came = [("a", 9), ("b", 3), ("new", 1)].map(|(name, fans)| (name.into(), fans));
        let fans = HashMap::from([("s".into(), HashMap::from(came)), ("t".into(), HashMap::new())]);
        let mut forecast = Forecast::default();
        forecast.compare(&said, &fans);
        forecast.compare(&said, &fans);
        assert_eq!(forecast.days(), 2);
        let quality = forecast.quality();
        let of = |method: Method| {
            let quality = quality[method as usize];
            (quality.ndcg.unwrap().value, quality.spearman.unwrap().value)
        };
        // By hand: gains 9, 3, 0 and 1 in the places 1 to 4.
        let discount = |place: f64| (place + 1.0).log2().recip();
        let best = 9.0 + 3.0 * discount(2.0) + discount(3.0);
        let (ndcg, rho) = of(Method::Influence);
        assert!((ndcg - (9.0 + 3.0 * discount(2.0) + discount(4.0)) / best).abs() < 1e-12);
        assert!((rho - 1.0).abs() < 1e-12, "who is new cannot be foretold");
        assert!(of(Method::Popularity).0 < ndcg && (of(Method::Popularity).1 + 1.0).abs() < 1e-12);
        assert_eq!(of(Method::LastTouch).1, 0.0, "all tied");
    }
}
