//! From the histories of one segment to the lifts of its accounts.

use std::sync::Arc;

use super::Part;
use super::discovery::{Tested, discover};
use super::entangled::entangled;
use super::joint::joint;
use super::names::Names;
use super::pace::{conversions, paces};
use super::people::{Account, Gatherer};
use super::ratio::Ratio;
use super::strata::{SPARSE, Table};
use crate::model::{Basis, Lift, Params, SegmentEvidence};

/// Computes one segment after the other.
pub(super) struct Segments<'a> {
    params: &'a Params,
    names: &'a Names<'a>,
    gatherer: Gatherer<'a>,
}

impl<'a> Segments<'a> {
    pub(super) fn new(params: &'a Params, names: &'a Names<'a>) -> Self {
        Self { params, names, gatherer: Gatherer::new(params, names) }
    }

    /// The evidence of a segment of which each shard has a part.
    pub(super) fn evidence(&mut self, parts: &[Part<'_>]) -> SegmentEvidence {
        let (people, accounts) = self.gatherer.gather(parts);
        let window = self.gatherer.window();
        let paces = paces(self.params, window, parts);
        // Where an effect is so extreme that few of them reach the limits, all strata are crowded.
        let joint = [SPARSE, 0].into_iter().find_map(|sparse| {
            let table = Table::new(&people, accounts.len(), &paces, sparse);
            joint(self.params, table, &accounts)
        });
        let joint = joint.expect("crowded strata must hold any effect");
        let mut tests = discover(self.params, &accounts, &joint.ratios).into_iter();
        let mut entangled = entangled(&people, &joint.established).into_iter();
        let mut influencers = Vec::with_capacity(accounts.len());
        for (account, ratio) in accounts.iter().zip(joint.ratios) {
            let mut lift = lift(account, ratio, tests.next().flatten());
            let others = entangled.next().flatten();
            lift.entangled_with = others.map(|others| self.named(&others, &accounts));
            influencers.push((Arc::clone(self.names.name(account.rank)), lift));
        }
        SegmentEvidence {
            conversions: conversions(window, parts),
            influencers: influencers.into_iter().collect(),
        }
    }

    fn named(&self, numbers: &[u32], accounts: &[Account]) -> Arc<[Arc<str>]> {
        let name = |number: &u32| Arc::clone(self.names.name(accounts[*number as usize].rank));
        numbers.iter().map(name).collect()
    }
}

fn lift(account: &Account, ratio: Option<Ratio>, test: Tested) -> Lift {
    Lift {
        basis: if ratio.is_some() { Basis::SelfControlled } else { Basis::Insufficient },
        ratio: ratio.map(Ratio::interval),
        exposed_conversions: account.conversions,
        exposed_buckets: account.buckets,
        discovered: test.is_some_and(|(_, discovered)| discovered),
        test: test.map(|(test, _)| test),
        entangled_with: None,
    }
}
