//! Measures of how well one order agrees with another: NDCG, Spearman's ρ, Kendall's τ.
//!
//! Invariant: what is tied is treated alike, so that no result depends on the order of the input.

/// Normalised discounted cumulative gain of the first `k` places: `pairs` hold what a method says
/// and what there was to gain. Those that a method ties share the gains of their places. Nothing
/// where there is nothing to gain. (Järvelin & Kekäläinen 2002, gains taken as they are.)
#[must_use]
pub fn ndcg(pairs: &[(f64, f64)], k: usize) -> Option<f64> {
    let best = discounted(pairs.iter().map(|(_, gain)| (*gain, *gain)).collect(), k);
    let got = discounted(pairs.to_vec(), k);
    (best > 0.0).then(|| got / best)
}

fn discounted(mut pairs: Vec<(f64, f64)>, k: usize) -> f64 {
    pairs.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(b.1.total_cmp(&a.1)));
    let mut place = 0_usize;
    let mut sum = 0.0;
    for tied in pairs.chunk_by(|a, b| a.0.total_cmp(&b.0).is_eq()) {
        if place >= k {
            break;
        }
        let gain = tied.iter().map(|(_, gain)| gain).sum::<f64>() / tied.len() as f64;
        let places = place..(place + tied.len()).min(k);
        sum += gain * places.map(|place| (place as f64 + 2.0).log2().recip()).sum::<f64>();
        place += tied.len();
    }
    sum
}

/// Spearman's rank correlation, tied values sharing the mean of their ranks; nothing where one
/// side is all tied.
#[must_use]
pub fn spearman(pairs: &[(f64, f64)]) -> Option<f64> {
    let [first, second] = [ranks(pairs.iter().map(|p| p.0)), ranks(pairs.iter().map(|p| p.1))];
    let mean = (pairs.len() as f64).midpoint(1.0);
    let (mut both, mut left, mut right) = (0.0, 0.0, 0.0);
    for (x, y) in first.iter().zip(&second) {
        both += (x - mean) * (y - mean);
        left += (x - mean) * (x - mean);
        right += (y - mean) * (y - mean);
    }
    (left > 0.0 && right > 0.0).then(|| both / (left * right).sqrt())
}

fn ranks(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut order: Vec<(usize, f64)> = values.enumerate().collect();
    order.sort_unstable_by(|a, b| a.1.total_cmp(&b.1));
    let mut ranks = vec![0.0; order.len()];
    let mut before = 0.0;
    for tied in order.chunk_by(|a, b| a.1.total_cmp(&b.1).is_eq()) {
        let rank = before + (tied.len() as f64).midpoint(1.0);
        for (at, _) in tied {
            if let Some(place) = ranks.get_mut(*at) {
                *place = rank;
            }
        }
        before += tied.len() as f64;
    }
    ranks
}

/// Kendall's τ-b; nothing where one side is all tied. Quadratic, for the few of a top list.
#[must_use]
pub fn kendall(pairs: &[(f64, f64)]) -> Option<f64> {
    let (mut agree, mut left, mut right) = (0.0, 0.0, 0.0);
    for (at, (a, b)) in pairs.iter().enumerate() {
        for (c, d) in pairs.iter().skip(at + 1) {
            let (x, y) = (sign(a - c), sign(b - d));
            agree += x * y;
            left += x * x;
            right += y * y;
        }
    }
    (left > 0.0 && right > 0.0).then(|| agree / (left * right).sqrt())
}

/// Pairs that differ in what is true.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pairs {
    /// Those that a method puts in the right order.
    pub right: u64,
    /// Those that it ties.
    pub tied: u64,
    pub all: u64,
}

/// Counts pairs; `said` holds what a method says and what is true.
#[must_use]
pub fn pairs(said: &[(f64, f64)]) -> Pairs {
    let mut pairs = Pairs::default();
    for (at, (a, b)) in said.iter().enumerate() {
        for (c, d) in said.iter().skip(at + 1) {
            let (method, truth) = (sign(a - c), sign(b - d));
            if truth != 0.0 {
                pairs.all += 1;
                pairs.right += u64::from((method - truth).abs() < 0.5);
                pairs.tied += u64::from(method == 0.0);
            }
        }
    }
    pairs
}

/// −1, 0 or 1; differences under 1e-9 are none.
fn sign(difference: f64) -> f64 {
    if difference.abs() < 1e-9 { 0.0 } else { difference.signum() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn close(a: Option<f64>, b: f64) -> bool {
        a.is_some_and(|a| (a - b).abs() < 1e-12)
    }

    #[test]
    fn ndcg_by_hand() {
        // Gains 3, 2, 1 in the order 2, 3, 1: (2 + 3/log2(3) + 1/2) / (3 + 2/log2(3) + 1/2).
        let said = [(9.0, 2.0), (8.0, 3.0), (7.0, 1.0)];
        let log3 = 3.0_f64.log2();
        assert!(close(ndcg(&said, 50), (2.5 + 3.0 / log3) / (3.5 + 2.0 / log3)));
        assert!(close(ndcg(&said, 1), 2.0 / 3.0));
        // All tied: each place gains the mean, 2.
        let tied = [(1.0, 3.0), (1.0, 2.0), (1.0, 1.0)];
        assert!(close(ndcg(&tied, 50), (3.0 + 2.0 / log3) / (3.5 + 2.0 / log3)));
        assert_eq!(ndcg(&[(1.0, 0.0), (2.0, 0.0)], 50), None);
        assert_eq!(ndcg(&[], 50), None);
    }

    #[test]
    fn spearman_by_hand() {
        assert!(close(spearman(&[(1.0, 10.0), (2.0, 20.0), (3.0, 15.0)]), 0.5));
        // Ranks 1, 2.5, 2.5, 4 beside 1, 2, 3, 4: 4.5 / √(4.5 · 5).
        let tied = [(1.0, 1.0), (2.0, 2.0), (2.0, 3.0), (9.0, 4.0)];
        assert!(close(spearman(&tied), 4.5 / 22.5_f64.sqrt()));
        assert_eq!(spearman(&[(1.0, 1.0), (1.0, 2.0)]), None);
        assert_eq!(spearman(&[(1.0, 1.0)]), None);
    }

    #[test]
    fn kendall_by_hand() {
        // One of three pairs is turned round.
        assert!(close(kendall(&[(1.0, 1.0), (2.0, 3.0), (3.0, 2.0)]), 1.0 / 3.0));
        // One tie on the left: 2 of 3 pairs agree, √(2 · 3).
        let tied = [(1.0, 1.0), (1.0, 2.0), (2.0, 3.0)];
        assert!(close(kendall(&tied), 2.0 / 6.0_f64.sqrt()));
        assert_eq!(kendall(&[(1.0, 1.0), (1.0, 1.0)]), None);
    }

    #[test]
    fn pairs_by_hand() {
        // The true order is a > b, and c with b; b and c differ in nothing.
        let right = pairs(&[(5.0, 2.0), (3.0, 1.0), (4.0, 1.0)]);
        assert_eq!(right, Pairs { right: 2, tied: 0, all: 2 });
        let wrong = pairs(&[(5.0, 2.0), (5.0, 1.0), (6.0, 1.0)]);
        assert_eq!(wrong, Pairs { right: 0, tied: 1, all: 2 });
    }

    proptest! {
        #[test]
        fn measures_keep_their_bounds(
            said in prop::collection::vec((0_u8..6, 0_u8..6), 2..40)
        ) {
            let said: Vec<(f64, f64)> =
                said.into_iter().map(|(a, b)| (f64::from(a), f64::from(b))).collect();
            let mut turned = said.clone();
            turned.reverse();
            let against: Vec<_> = said.iter().map(|(a, b)| (-a, *b)).collect();
            let itself: Vec<_> = said.iter().map(|(a, _)| (*a, *a)).collect();
            for measure in [spearman, kendall] {
                if let Some(value) = measure(&said) {
                    prop_assert!((-1.0 - 1e-9..=1.0 + 1e-9).contains(&value));
                    prop_assert!((measure(&turned).unwrap() - value).abs() < 1e-9);
                    prop_assert!((measure(&against).unwrap() + value).abs() < 1e-9);
                    prop_assert!((measure(&itself).unwrap() - 1.0).abs() < 1e-9);
                }
            }
            if let Some(value) = ndcg(&said, 5) {
                prop_assert!((0.0..=1.0 + 1e-9).contains(&value));
                prop_assert!((ndcg(&turned, 5).unwrap() - value).abs() < 1e-9);
            }
        }
    }
}
