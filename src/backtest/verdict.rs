//! What was planted in one world beside what was found in it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::Serialize;

use super::method::{Scores, scores};
use super::rivals::Rivalry;
use crate::campaign::{AccountTruth, Planted, Truth};
use crate::model::{RateRatio, SegmentStandings, Standing};

/// Conversions to be expected of people who acted on an account, from which on between-person
/// lift is looked at. Not those that came, of which many would be a choice of large ratios.
const ENOUGH: f64 = 5.0;

/// A world: what was planted, and what was found.
#[derive(Clone, Debug, Serialize)]
pub struct Verdict {
    /// The design, or the name of the stream.
    pub world: String,
    pub seed: Option<u64>,
    /// The accounts that the truth lists, one a segment.
    pub cases: Vec<Case>,
    /// All others: none has an effect.
    pub strangers: Strangers,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ring: Option<Ring>,
}

/// An account that the truth lists, in a segment.
#[derive(Clone, Debug, Serialize)]
pub struct Case {
    pub segment: String,
    pub account: String,
    /// Planted.
    pub rate_ratio: f64,
    pub planted: Planted,
    /// Found; nothing where there was too little to compare.
    pub found: Option<RateRatio>,
    pub discovered: bool,
    pub exposed_conversions: u64,
    pub incremental_conversions: f64,
    pub proven_conversions: f64,
    pub score: f64,
    /// What comparing different people finds.
    pub between: Option<RateRatio>,
    /// What the methods say, in their order.
    pub methods: Scores,
}

/// Accounts that the truth does not list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Strangers {
    /// With enough conversions to be tested.
    pub tested: u64,
    pub discovered: u64,
    pub proven: u64,
    /// Of those tested, those whose interval holds 1.
    pub covered: u64,
    /// By between-person lift: with as many conversions expected, and those of them called better than 1.
    pub between_compared: u64,
    pub between_better: u64,
}

/// What a ring moves: the same world with and without it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Ring {
    pub bots: u32,
    /// Fan-units that the account it passes on gains, and how many the model allows.
    pub gained: f64,
    pub allowed: f64,
    /// By how much the score of that account moves, and at most that of any other.
    pub moved: f64,
    pub others_moved: f64,
}

/// Holds the truth of a world beside the standings at its end, and what the rivals say.
#[must_use]
pub fn judge<'a>(
    world: String,
    seed: Option<u64>,
    truth: &Truth,
    standings: impl IntoIterator<Item = (&'a SegmentStandings, HashMap<Arc<str>, Rivalry>)>,
) -> Verdict {
    let planted: HashMap<&str, &AccountTruth> =
        truth.accounts.iter().map(|account| (account.name.as_str(), account)).collect();
    let mut verdict =
        Verdict { world, seed, cases: Vec::new(), strangers: Strangers::default(), ring: None };
    for (segment, rivals) in standings {
        let said = scores(segment, &rivals);
        let by_name: BTreeMap<&str, &Standing> =
            segment.influencers.iter().map(|s| (&*s.influencer, s)).collect();
        for account in &truth.accounts {
            let Some(planted) = account.segments.get(&*segment.segment) else { continue };
            let name = account.name.as_str();
            let standing = by_name.get(name).copied();
            let of = Found { standing, rival: rivals.get(name), said: said.get(name) };
            verdict.cases.push(of.case(&segment.segment, account, *planted));
        }
        let others = segment.influencers.iter();
        for standing in others.filter(|s| !planted.contains_key(&*s.influencer)) {
            verdict.strangers.add(standing, rivals.get(&standing.influencer));
        }
    }
    verdict
}

/// What is known of an account in a segment.
struct Found<'a> {
    standing: Option<&'a Standing>,
    rival: Option<&'a Rivalry>,
    said: Option<&'a Scores>,
}

impl Found<'_> {
    fn case(&self, segment: &str, account: &AccountTruth, planted: Planted) -> Case {
        let number = |of: fn(&Standing) -> f64| self.standing.map_or(0.0, of);
        let lift = self.standing.map(|standing| &standing.lift);
        Case {
            segment: segment.to_owned(),
            account: account.name.clone(),
            rate_ratio: account.rate_ratio,
            planted,
            found: lift.and_then(|lift| lift.ratio),
            discovered: lift.is_some_and(|lift| lift.discovered),
            exposed_conversions: lift.map_or(0, |lift| lift.exposed_conversions),
            incremental_conversions: number(|s| s.incremental_conversions),
            proven_conversions: number(|s| s.proven_conversions),
            score: number(|s| s.score),
            between: self.rival.and_then(|rival| rival.between.ratio),
            methods: self.said.copied().unwrap_or_default(),
        }
    }
}

impl Case {
    #[must_use]
    pub fn has_effect(&self) -> bool {
        self.rate_ratio > 1.0
    }

    #[must_use]
    pub fn is_proven(&self) -> bool {
        self.proven_conversions > 0.0
    }

    /// Whether the interval holds what was planted; nothing without an interval.
    #[must_use]
    pub fn is_covered(&self) -> Option<bool> {
        self.found.map(|found| holds(found, self.rate_ratio))
    }
}

fn holds(interval: RateRatio, value: f64) -> bool {
    (interval.low..=interval.high).contains(&value)
}

impl Strangers {
    #[must_use]
    pub fn plus(self, more: Self) -> Self {
        Self {
            tested: self.tested + more.tested,
            discovered: self.discovered + more.discovered,
            proven: self.proven + more.proven,
            covered: self.covered + more.covered,
            between_compared: self.between_compared + more.between_compared,
            between_better: self.between_better + more.between_better,
        }
    }

    fn add(&mut self, standing: &Standing, rival: Option<&Rivalry>) {
        let lift = &standing.lift;
        if lift.test.is_some() {
            self.tested += 1;
            self.covered += u64::from(lift.ratio.is_some_and(|ratio| holds(ratio, 1.0)));
        }
        self.discovered += u64::from(lift.discovered);
        self.proven += u64::from(standing.proven_conversions > 0.0);
        let between = rival.map(|rival| rival.between).unwrap_or_default();
        if let Some(ratio) = between.ratio.filter(|_| between.expected_conversions >= ENOUGH) {
            self.between_compared += 1;
            self.between_better += u64::from(ratio.low > 1.0);
        }
    }
}
