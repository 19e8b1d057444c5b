//! Units, runs and fan-units of SCORING §3 and §4, as sums over the accepted events.

use std::collections::{BTreeMap, BTreeSet};

use super::Params;
use super::history::{Accepted, History, Person};

/// The weights of some acts, by bucket.
type Weights = BTreeMap<i64, f64>;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    Amplify,
    Relate,
    Popularity,
}

pub(crate) fn class(kind: &str) -> Option<Class> {
    match kind {
        "retweet" | "quote" | "share" | "click" => Some(Class::Amplify),
        "reply" | "mention" => Some(Class::Relate),
        "like" | "view" => Some(Class::Popularity),
        _ => None,
    }
}

/// Whether an act is one of those that influence is made of.
pub(crate) fn is_influence(kind: &str) -> bool {
    matches!(class(kind), Some(Class::Amplify | Class::Relate))
}

/// Reads the sums of a history at one moment.
pub(crate) struct Reading<'a> {
    pub(crate) history: &'a History,
    pub(crate) params: &'a Params,
    pub(crate) as_of: i64,
}

impl Reading<'_> {
    /// The last bucket that is closed: its end lies the grace behind.
    pub(crate) fn last_closed(&self) -> i64 {
        self.params.bucket(self.as_of - self.params.grace_ms) - 1
    }

    /// `E` of a class of acts of a segment on an influencer.
    pub(crate) fn credit(&self, segment: &str, influencer: &str, wanted: Class) -> f64 {
        let on =
            |a: &Accepted| a.target() == Some(influencer) && class(&a.event.kind) == Some(wanted);
        self.fan_units(segment, on, |_| false)
    }

    /// `U`: the same for acts of influence on anyone; there a conversion keeps a run going.
    pub(crate) fn active_audience(&self, segment: &str) -> f64 {
        self.fan_units(segment, |a| is_influence(&a.event.kind), |a| a.event.kind == "conversion")
    }

    /// An account's own acts on others in its last run, unless that is long over.
    pub(crate) fn outbound(&self, account: &str) -> f64 {
        let mut weights = Weights::new();
        for a in self.history.present().filter(|a| a.event.actor == account) {
            if is_influence(&a.event.kind) && a.event.kind != "click" {
                *weights.entry(a.bucket).or_default() += self.params.weight(&a.event.kind);
            }
        }
        let runs = self.runs(weights.keys().copied().collect());
        let Some(run) = runs.last() else { return 0.0 };
        let silence = self.params.bucket(self.as_of) - run.last().expect("a run is not empty");
        if silence > self.params.retention_buckets {
            return 0.0;
        }
        self.units(&weights, run, self.params.outbound_cap).powf(self.params.exponent)
    }

    /// Actors whose latest word on following the influencer, in a segment of that word, is yes.
    pub(crate) fn followers(&self, segment: &str, influencer: &str) -> usize {
        let mut last: BTreeMap<Person<'_>, &Accepted> = BTreeMap::new();
        for a in self.history.present() {
            let follow = matches!(a.event.kind.as_str(), "follow" | "unfollow");
            if !follow || a.target() != Some(influencer) {
                continue;
            }
            let when = |a: &Accepted| (a.event.time, a.event.kind == "unfollow");
            let held = last.entry(a.person()).or_insert(a);
            if when(a) >= when(held) {
                *held = a;
            }
        }
        let follows = |a: &&&Accepted| a.event.kind == "follow" && a.segments.contains(segment);
        last.values().filter(follows).count()
    }

    /// Distinct actors with an act of influence in any of the buckets.
    pub(crate) fn fans(&self, segment: &str, influencer: &str, buckets: &[i64]) -> usize {
        let acted = self.history.present().filter(|a| {
            is_influence(&a.event.kind)
                && a.target() == Some(influencer)
                && a.segments.contains(segment)
                && buckets.contains(&a.bucket)
        });
        acted.map(Accepted::person).collect::<BTreeSet<_>>().len()
    }

    /// Σ over people and runs of (capped, decayed units)^p of the `counted` events of a segment,
    /// where a `kept` event makes a run last without adding to it.
    fn fan_units(
        &self,
        segment: &str,
        counted: impl Fn(&Accepted) -> bool,
        kept: impl Fn(&Accepted) -> bool,
    ) -> f64 {
        let mut by_person: BTreeMap<Person<'_>, (Weights, BTreeSet<i64>)> = BTreeMap::new();
        for a in self.history.present().filter(|a| a.segments.contains(segment)) {
            let (weights, alive) = by_person.entry(a.person()).or_default();
            if counted(a) {
                *weights.entry(a.bucket).or_default() += self.params.weight(&a.event.kind);
            }
            if counted(a) || kept(a) {
                alive.insert(a.bucket);
            }
        }
        let mut sum = 0.0;
        for (weights, alive) in by_person.into_values() {
            for run in self.runs(alive) {
                let units = self.units(&weights, &run, self.params.cap);
                sum += units.powf(self.params.exponent);
            }
        }
        sum
    }

    /// The buckets cut wherever nothing happened for more than `retention_buckets`.
    fn runs(&self, buckets: BTreeSet<i64>) -> Vec<Vec<i64>> {
        let buckets: Vec<i64> = buckets.into_iter().collect();
        let together = |a: &i64, b: &i64| b - a <= self.params.retention_buckets;
        buckets.chunk_by(together).map(<[i64]>::to_vec).collect()
    }

    /// `C`: Σ over buckets of min(cap, weights) · 2^(−age of the bucket's start / p·H).
    fn units(&self, weights: &Weights, run: &[i64], cap: f64) -> f64 {
        let half_life = self.params.exponent * self.params.half_life_ms as f64;
        let one = |bucket: &i64| {
            let age = (self.as_of - bucket * self.params.bucket_ms) as f64;
            weights.get(bucket).map_or(0.0, |w| w.min(cap) * (-age / half_life).exp2())
        };
        run.iter().map(one).sum()
    }
}
