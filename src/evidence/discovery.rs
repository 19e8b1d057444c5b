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
    let tested: Vec<_> = accounts
        .iter()
        .zip(ratios)
        .enumerate()
        .filter(|(_, (account, _))| account.conversions as f64 >= params.min_conversions)
        .filter_map(|(place, (account, ratio))| Some((place, account.buckets as f64, (*ratio)?)))
        .collect();
    let count = tested.len() as f64;
    let mean = tested.iter().map(|(_, buckets, _)| buckets).sum::<f64>() / count;
    let mut ranked: Vec<_> = tested
        .iter()
        .map(|(account, buckets, ratio)| (by_chance(*ratio) / (buckets / mean), *account))
        .collect();
    ranked.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let allowed = |place: usize| place as f64 * params.false_discovery_rate / count;
    let discovered = (1..=ranked.len()).rfind(|place| ranked[place - 1].0 <= allowed(*place));
    let mut tests = vec![None; accounts.len()];
    for (place, (chance, account)) in (1..).zip(ranked) {
        let test = Test { chance, place: place as u64, tested: tested.len() as u64 };
        tests[account] = Some((test, discovered.is_some_and(|last| place <= last)));
    }
    tests
}

/// The chance of a ratio as large, were there no effect.
fn by_chance(ratio: Ratio) -> f64 {
    0.5 * erfc(ratio.estimate.ln() / (ratio.spread / REACH) / SQRT_2)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::float_cmp, reason = "the same sums give the same bits")]

    use super::*;

    /// The estimate whose chance is that of a normal deviate, with a standard error of 1.
    fn ratio(deviate: f64) -> Ratio {
        Ratio { estimate: deviate.exp(), spread: REACH }
    }

    fn account(rank: u32, conversions: u64, buckets: u64) -> Account {
        Account { rank, conversions, buckets }
    }

    #[test]
    fn chances_are_those_of_the_reference() {
        // 0.5 * math.erfc(z / math.sqrt(2)) of Python 3.11.
        let cases = [
            (-3.0, 0.998_650_101_968_369_9),
            (0.0, 0.5),
            (1e-9, 0.499_999_999_601_057_73),
            (1.0, 0.158_655_253_931_457_07),
            (1.959_963_984_540_054, 0.025_000_000_000_000_02),
            (3.0, 0.001_349_898_031_630_095_7),
            (6.0, 9.865_876_450_377_012e-10),
            (12.0, 1.776_482_112_077_702e-33),
            (37.0, 5.725_571_222_525_139e-300),
        ];
        for (deviate, expected) in cases {
            let found = by_chance(ratio(deviate));
            assert!((found / expected - 1.0).abs() < 1e-12, "{deviate}: {found:e} {expected:e}");
        }
        assert_eq!(by_chance(ratio(40.0)), 0.0);
    }

    /// Of tests with these chances and equal weights, how many are discovered.
    fn check(deviates: &[f64], discovered: &[bool]) {
        let accounts: Vec<_> = (0..).zip(deviates).map(|(n, _)| account(n, 5, 10)).collect();
        let ratios: Vec<_> = deviates.iter().map(|deviate| Some(ratio(*deviate))).collect();
        let tests = discover(&Params::default(), &accounts, &ratios);
        let found: Vec<bool> = tests.iter().map(|test| test.unwrap().1).collect();
        assert_eq!(found, discovered, "{tests:?}");
    }

    #[test]
    fn the_last_that_passes_takes_those_before_it_along() {
        // Chances .0013, .023, .024, .31 against .0125, .025, .0375, .05.
        check(&[3.0, 2.0, 1.98, 0.5], &[true, true, true, false]);
        // .0013, .036, .037, .31: the second fails, the third passes.
        check(&[3.0, 1.8, 1.79, 0.5], &[true, true, true, false]);
        // .0013, .045, .046, .31.
        check(&[0.5, 1.7, 3.0, 1.69], &[false, false, true, false]);
        check(&[0.5, 0.6], &[false, false]);
        check(&[], &[]);
    }

    #[test]
    fn a_larger_account_needs_less() {
        let accounts = [account(0, 5, 30), account(1, 5, 10), account(2, 5, 20)];
        let ratios = [ratio(1.9), ratio(1.9), ratio(0.0)].map(Some);
        let tests = discover(&Params::default(), &accounts, &ratios).into_iter();
        let tests: Vec<_> = tests.map(Option::unwrap).collect();
        let chance = by_chance(ratio(1.9));
        assert_eq!(tests[0].0, Test { chance: chance / 1.5, place: 1, tested: 3 });
        assert_eq!(tests[1].0, Test { chance: chance / 0.5, place: 2, tested: 3 });
        assert_eq!((tests[2].0.place, tests[0].1, tests[1].1), (3, false, false));
    }

    #[test]
    fn ties_go_by_name_and_too_little_is_not_tested() {
        let accounts = [account(0, 5, 9), account(1, 4, 9), account(2, 5, 9), account(3, 5, 9)];
        let ratios = [Some(ratio(1.0)), Some(ratio(9.0)), Some(ratio(1.0)), None];
        let tests = discover(&Params::default(), &accounts, &ratios);
        let places: Vec<_> = tests.iter().map(|test| test.map(|(test, _)| test.place)).collect();
        assert_eq!(places, [Some(1), None, Some(2), None]);
    }
}
