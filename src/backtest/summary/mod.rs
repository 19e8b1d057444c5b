//! Many worlds together: what the model claims and whether it holds, and what other methods say.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::backtest::interval::{Estimate, mean, ratio, wilson};
use crate::backtest::method::Method;
use crate::backtest::order::{Pairs, ndcg, pairs};
use crate::backtest::verdict::{Case, Ring, Strangers, Verdict};

const CELEBRITY: &str = "celebrity";
/// Places that count, as for forecasts.
const PLACES: usize = 50;

/// All worlds, by design and together.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    pub designs: Vec<Claims>,
    pub all: Claims,
    pub methods: Vec<MethodSummary>,
    pub between_person: Between,
}

/// What the model claims, in some worlds.
#[derive(Clone, Debug, Serialize)]
pub struct Claims {
    pub design: String,
    pub worlds: usize,
    /// Planted accounts without effect: the share that is called proven.
    pub quiet_proven: Option<Estimate>,
    /// Bystanders with enough conversions to be tested: the same.
    pub strangers_proven: Option<Estimate>,
    /// Of all that is discovered in all worlds, the share that has no effect.
    pub false_discoveries: Option<Estimate>,
    /// The same share world by world (0 where nothing is discovered), on average: what Benjamini
    /// & Hochberg bound. Worlds with a false discovery have more of them, so it is below the share of all.
    pub false_discovery_rate: Option<Estimate>,
    /// By planted rate ratio, the share that is called proven.
    pub proven: BTreeMap<String, Estimate>,
    /// Planted accounts: the share of intervals that hold the planted ratio; beside it that of
    /// bystanders, which hold 1.
    pub covered: Option<Estimate>,
    pub strangers_covered: Option<Estimate>,
    /// Planted accounts of which too little was seen to give an interval.
    pub insufficient: Option<Estimate>,
    /// Incremental over caused conversions, of the accounts with an effect, in sum.
    pub incremental: Option<Estimate>,
    /// Pairs of planted accounts that differ in the conversions they caused: the share that
    /// convert points put in the right order.
    pub pairs: Option<Estimate>,
    /// The same share world by world, on average: worlds of many accounts count no more.
    pub pairs_by_world: Option<Estimate>,
    /// The share that they tie: of neither anything is proven.
    pub undecided: Option<Estimate>,
    /// The largest score of the celebrity.
    pub celebrity: f64,
    /// The ring that moved most of what the model allows.
    pub ring: Option<Ring>,
}

/// What a method says of the planted accounts of all worlds.
#[derive(Clone, Debug, Serialize)]
pub struct MethodSummary {
    pub method: Method,
    /// Share of pairs in the right order, worlds drawn anew for the interval.
    pub pairs: Option<Estimate>,
    /// Worlds in which the account that caused most comes first.
    pub first: Option<Estimate>,
    pub ndcg: Option<Estimate>,
    /// Share of what it gives that goes to accounts without effect.
    pub misplaced: Option<Estimate>,
    /// Conversions that it claims for a conversion caused, if it claims any.
    pub claimed: Option<Estimate>,
}

/// What the comparison of different people says.
#[derive(Clone, Debug, Serialize)]
pub struct Between {
    /// Planted accounts without effect, and bystanders: the share called better than 1.
    pub quiet_better: Option<Estimate>,
    pub strangers_better: Option<Estimate>,
    /// Share of intervals that hold the planted ratio.
    pub covered: Option<Estimate>,
    /// By planted rate ratio, the mean of those found.
    pub found: BTreeMap<String, Estimate>,
}

/// Sums up verdicts; the designs in the order in which they come first.
#[must_use]
pub fn summarise(verdicts: &[Verdict]) -> Summary {
    let mut designs: Vec<&str> = Vec::new();
    for verdict in verdicts {
        if !designs.contains(&verdict.world.as_str()) {
            designs.push(&verdict.world);
        }
    }
    let of = |design: &str| {
        let theirs: Vec<_> = verdicts.iter().filter(|v| v.world == design).collect();
        claims(design, &theirs)
    };
    let all: Vec<&Verdict> = verdicts.iter().collect();
    Summary {
        designs: designs.into_iter().map(of).collect(),
        methods: Method::ALL.into_iter().map(|method| summary(method, &all)).collect(),
        between_person: between(&all),
        all: claims("all", &all),
    }
}

fn claims(design: &str, worlds: &[&Verdict]) -> Claims {
    let cases: Vec<&Case> = worlds.iter().flat_map(|world| &world.cases).collect();
    let strangers = together(worlds);
    let quiet = || cases.iter().filter(|case| !case.has_effect());
    let found_false = count(quiet(), |case| case.discovered) + strangers.discovered;
    let discovered = count(cases.iter(), |case| case.discovered) + strangers.discovered;
    let compared = || cases.iter().filter_map(|case| case.is_covered());
    let tested = strangers.tested;
    let rings = worlds.iter().filter_map(|world| world.ring);
    let celebrities = cases.iter().filter(|case| case.account == CELEBRITY);
    Claims {
        design: design.to_owned(),
        worlds: worlds.len(),
        quiet_proven: wilson(count(quiet(), Case::is_proven), quiet().count() as u64),
        strangers_proven: wilson(strangers.proven, tested.max(strangers.proven)),
        false_discoveries: wilson(found_false, discovered),
        false_discovery_rate: mean(
            &worlds.iter().map(|w| falsely_discovered(w)).collect::<Vec<_>>(),
        ),
        proven: by_ratio(&cases, |theirs| {
            wilson(count(theirs.iter(), Case::is_proven), theirs.len() as u64)
        }),
        covered: wilson(
            compared().filter(|holds| *holds).count() as u64,
            compared().count() as u64,
        ),
        strangers_covered: wilson(strangers.covered, tested),
        insufficient: wilson(count(cases.iter(), |case| case.found.is_none()), cases.len() as u64),
        incremental: ratio(&sums(worlds, Case::has_effect, |case| case.incremental_conversions)),
        pairs: ratio(&of_pairs(worlds, Method::Convert, |pairs| pairs.right)),
        pairs_by_world: by_world(&of_pairs(worlds, Method::Convert, |pairs| pairs.right)),
        undecided: ratio(&of_pairs(worlds, Method::Convert, |pairs| pairs.tied)),
        celebrity: celebrities.map(|case| case.score).fold(0.0, f64::max),
        ring: rings.max_by(|a, b| (a.gained / a.allowed).total_cmp(&(b.gained / b.allowed))),
    }
}

fn summary(method: Method, worlds: &[&Verdict]) -> MethodSummary {
    let with_effect: Vec<&Verdict> =
        worlds.iter().copied().filter(|world| world.cases.iter().any(Case::has_effect)).collect();
    let segments = || with_effect.iter().flat_map(|world| by_segment(world));
    let firsts: Vec<bool> = segments().map(|cases| comes_first(method, &cases)).collect();
    let gains: Vec<f64> =
        segments().filter_map(|cases| ndcg(&beside(method, &cases), PLACES)).collect();
    let misplaced: Vec<(f64, f64)> = with_effect
        .iter()
        .map(|world| {
            let of = |only: fn(&&Case) -> bool| {
                world.cases.iter().filter(only).map(|case| method.of(&case.methods)).sum::<f64>()
            };
            (of(|case| !case.has_effect()), of(|_| true))
        })
        .filter(|(_, all)| *all > 0.0)
        .map(|(misplaced, all)| (misplaced / all, 1.0))
        .collect();
    let claim = |case: &Case| match method {
        Method::Convert => case.proven_conversions,
        _ => method.of(&case.methods),
    };
    let claims_conversions = matches!(
        method,
        Method::Convert | Method::LastTouch | Method::TimeDecay | Method::BetweenPerson
    );
    MethodSummary {
        method,
        pairs: ratio(&of_pairs(worlds, method, |pairs| pairs.right)),
        first: wilson(firsts.iter().filter(|is| **is).count() as u64, firsts.len() as u64),
        ndcg: mean(&gains),
        misplaced: ratio(&misplaced),
        claimed: claims_conversions.then(|| ratio(&sums(worlds, |_| true, claim))).flatten(),
    }
}

fn between(worlds: &[&Verdict]) -> Between {
    let cases: Vec<&Case> = worlds.iter().flat_map(|world| &world.cases).collect();
    let compared: Vec<_> = cases
        .iter()
        .filter_map(|case| Some((case.has_effect(), case.rate_ratio, case.between?)))
        .collect();
    let quiet = || compared.iter().filter(|(has_effect, ..)| !has_effect);
    let better = quiet().filter(|(.., found)| found.low > 1.0).count() as u64;
    let holds = |(_, planted, found): &&(bool, f64, crate::model::RateRatio)| {
        (found.low..=found.high).contains(planted)
    };
    let strangers = together(worlds);
    Between {
        quiet_better: wilson(better, quiet().count() as u64),
        strangers_better: wilson(strangers.between_better, strangers.between_compared),
        covered: wilson(compared.iter().filter(holds).count() as u64, compared.len() as u64),
        found: by_ratio(&cases, |theirs| {
            mean(&theirs.iter().filter_map(|c| Some(c.between?.estimate)).collect::<Vec<_>>())
        }),
    }
}

/// The share of a world's discoveries that has no effect.
fn falsely_discovered(world: &Verdict) -> f64 {
    let discovered = || world.cases.iter().filter(|case| case.discovered);
    let strangers = world.strangers.discovered;
    let wrong = discovered().filter(|case| !case.has_effect()).count() as u64 + strangers;
    let all = discovered().count() as u64 + strangers;
    if all == 0 { 0.0 } else { wrong as f64 / all as f64 }
}

fn together(worlds: &[&Verdict]) -> Strangers {
    worlds.iter().fold(Strangers::default(), |sum, world| sum.plus(world.strangers))
}

/// An estimate for each planted ratio above 1, by its name.
fn by_ratio(
    cases: &[&Case],
    estimate: impl Fn(&[&Case]) -> Option<Estimate>,
) -> BTreeMap<String, Estimate> {
    let mut by_ratio: BTreeMap<String, Vec<&Case>> = BTreeMap::new();
    for case in cases.iter().filter(|case| case.has_effect()) {
        by_ratio.entry(format!("×{}", case.rate_ratio)).or_default().push(case);
    }
    let estimates = by_ratio.into_iter().map(|(name, cases)| (name, estimate(&cases)));
    estimates.filter_map(|(name, estimate)| Some((name, estimate?))).collect()
}

/// By world, a sum over some cases, and what those of them with an effect caused.
fn sums(
    worlds: &[&Verdict],
    only: impl Fn(&Case) -> bool,
    of: impl Fn(&Case) -> f64,
) -> Vec<(f64, f64)> {
    let sum = |world: &&Verdict| {
        let cases = || world.cases.iter().filter(|case| only(case));
        let caused = cases().map(|case| case.planted.caused_conversions).sum();
        (cases().map(&of).sum(), caused)
    };
    worlds.iter().map(sum).collect()
}

/// By world, some of the pairs, and all of them.
fn of_pairs(worlds: &[&Verdict], method: Method, some: fn(Pairs) -> u64) -> Vec<(f64, f64)> {
    let of = |world: &&Verdict| {
        let segments = by_segment(world);
        let found = segments.iter().map(|cases| pairs(&beside(method, cases)));
        let (some, all) = found.fold((0, 0), |sum, of| (sum.0 + some(of), sum.1 + of.all));
        (some as f64, all as f64)
    };
    worlds.iter().map(of).collect()
}

/// The mean over worlds of a share, where there is one.
fn by_world(worlds: &[(f64, f64)]) -> Option<Estimate> {
    let shares = worlds.iter().filter(|(_, all)| *all > 0.0).map(|(some, all)| some / all);
    mean(&shares.collect::<Vec<_>>())
}

fn by_segment(world: &Verdict) -> Vec<Vec<&Case>> {
    let mut segments: BTreeMap<&str, Vec<&Case>> = BTreeMap::new();
    for case in &world.cases {
        segments.entry(&case.segment).or_default().push(case);
    }
    segments.into_values().collect()
}

/// What the method says beside what was caused.
fn beside(method: Method, cases: &[&Case]) -> Vec<(f64, f64)> {
    cases.iter().map(|c| (method.of(&c.methods), c.planted.caused_conversions)).collect()
}

/// Whether the method puts the account that caused most before all others.
fn comes_first(method: Method, cases: &[&Case]) -> bool {
    let of = |case: &Case| method.of(&case.methods);
    let caused = |case: &Case| case.planted.caused_conversions;
    let Some(best) = cases.iter().max_by(|a, b| caused(a).total_cmp(&caused(b))) else {
        return false;
    };
    cases.iter().filter(|case| of(case) >= of(best)).count() == 1
}

fn count<'a>(cases: impl Iterator<Item = &'a &'a Case>, is: impl Fn(&Case) -> bool) -> u64 {
    cases.filter(|case| is(case)).count() as u64
}

#[cfg(test)]
mod tests;
