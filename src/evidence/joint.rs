//! The ratios of all accounts of a segment, jointly: who only appears beside an influencer gets
//! nothing of the other's.
//!
//! Each step sees what those before it established, so that people come in the order of their keys
//! and accounts in the order of their names.

use super::ahead::AHEAD;
use super::people::Account;
use super::ratio::{Ratio, Sums};
use super::strata::{Strata, Table};
use super::times::{Effect, Times};
use crate::model::Params;

/// Of each account.
pub(super) struct Joint {
    pub ratios: Vec<Option<Ratio>>,
    pub established: Vec<bool>,
}

/// Nothing if an effect is too extreme for the sparse strata of the table.
pub(super) fn joint(params: &Params, mut table: Table, accounts: &[Account]) -> Option<Joint> {
    let mut effects = vec![Effect::NONE; accounts.len()];
    let order = order(params, &mut table, accounts);
    for _ in 0..params.joint_passes {
        for account in order.iter().copied() {
            let from = effects[account];
            let ratio = table.ratio(account, from).filter(|ratio| ratio.stands_out());
            let to = ratio.map_or(Effect::NONE, |ratio| Effect::of(ratio.estimate));
            if !to.is_moderate() && !table.sparse.is_empty() {
                return None;
            }
            if from != to {
                table.sparse.change(account, from, to);
                table.crowded.change(account, from, to);
                effects[account] = to;
            }
        }
    }
    Some(Joint {
        ratios: effects
            .iter()
            .enumerate()
            .map(|(account, own)| table.ratio(account, *own))
            .collect(),
        established: effects.iter().map(|effect| *effect != Effect::NONE).collect(),
    })
}

/// The accounts with enough conversions, the strongest first.
fn order(params: &Params, table: &mut Table, accounts: &[Account]) -> Vec<usize> {
    let enough = |account: &Account| account.conversions as f64 >= params.min_conversions;
    let mut order: Vec<_> = accounts
        .iter()
        .enumerate()
        .filter(|(_, account)| enough(account))
        .filter_map(|(account, _)| Some((table.ratio(account, Effect::NONE)?.strength(), account)))
        .collect();
    order.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    order.into_iter().map(|(_, account)| account).collect()
}

impl Table {
    fn ratio(&mut self, account: usize, own: Effect) -> Option<Ratio> {
        let mut sums = Sums::default();
        self.sparse.sum(account, own, &mut sums);
        self.crowded.sum(account, own, &mut sums);
        sums.ratio()
    }
}

impl<T: Times> Strata<T> {
    fn sum(&mut self, account: usize, own: Effect, sums: &mut Sums) {
        let (items, times) = self.of(account);
        for items in items.chunks(AHEAD) {
            times.fetch(items);
            for item in items {
                // An account that a whole stratum is exposed to has no other side and adds nothing.
                sums.add(item.converted, times.split(item, own));
            }
        }
    }

    fn change(&mut self, account: usize, from: Effect, to: Effect) {
        let (items, times) = self.of(account);
        for item in items {
            times.change(item, from, to);
        }
    }
}
