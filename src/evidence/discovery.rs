//! Many accounts are looked at, and some stand out by chance: of those called discovered, a set
//! part is wrong on average (Benjamini and Hochberg 1995, weighted: Genovese et al. 2006).

use std::f64::consts::SQRT_2;

use libm::erfc;

use super::people::Account;
use super::ratio::{REACH, Ratio};
use crate::model::{Params, Test};

/// The test of an account, and whether it is discovered.
pub(super) type Tested = Option<(Test, bool)>;

/// Tests the accounts with a ratio and enough conversions.
pub(super) fn discover(
    params: &Params,
    accounts: &[Account],
    ratios: &[Option<Ratio>],
) -> Vec<Tested> {
    let mut tested: Vec<_> = accounts
        .iter()
        .zip(ratios)
        .enumerate()
        .filter(|(_, (account, _))| account.conversions as f64 >= params.min_conversions)
        .filter_map(|(place, (account, ratio))| Some((place, account.buckets as f64, (*ratio)?)))
        .collect();
    let count = tested.len() as f64;
    let mean = tested.iter().map(|(_, buckets, _)| buckets).sum::<f64>() / count;
    let mut ranked: Vec<_> = tested
        .drain(..)
        .map(|(account, buckets, ratio)| (by_chance(ratio) / (buckets / mean), account))
        .collect();
    ranked.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let allowed = |place: usize| place as f64 * params.false_discovery_rate / count;
    let discovered = (1..=ranked.len()).rfind(|place| ranked[place - 1].0 <= allowed(*place));
    let mut tests = vec![None; accounts.len()];
    for (place, (chance, account)) in (1..).zip(ranked) {
        let test = Test { chance, place: place as u64, tested: count as u64 };
        tests[account] = Some((test, discovered.is_some_and(|last| place <= last)));
    }
    tests
}

/// The chance of a ratio as large, were there no effect.
fn by_chance(ratio: Ratio) -> f64 {
    0.5 * erfc(ratio.estimate.ln() / (ratio.spread / REACH) / SQRT_2)
}
