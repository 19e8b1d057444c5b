//! Strata as cells and items: what the ratio of an account is a sum over.
//!
//! A cell is the buckets of a stratum with the same exposures, so that one number is their
//! person-time. An item is an account in a stratum: the cells it is exposed in, and the conversions
//! on both sides. Only strata with a cell on either side are kept, others say nothing.

use std::ops::Range;

use super::names::number;
use super::pace::Paces;
use super::people::{Exposures, Pair, People};
use super::times::{Crowded, Sparse, Times};
use super::window::ages;

/// Accounts in a stratum up to which the product of their effects cannot leave its limits, if each
/// is within those of [`Sparse`].
pub(super) const SPARSE: usize = 24;

/// An account in a stratum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Item {
    /// The cells that are exposed to the account: bit 0 the first one of the stratum.
    pub exposed: u64,
    pub first: u32,
    pub cells: u8,
    /// Conversions inside and outside of the exposed cells.
    pub converted: (u8, u8),
}

/// Strata of one kind, and their items by account.
pub(super) struct Strata<T> {
    pub times: T,
    starts: Vec<u32>,
    items: Vec<Item>,
}

/// All strata of a segment.
pub(super) struct Table {
    pub sparse: Strata<Sparse>,
    pub crowded: Strata<Crowded>,
}

impl Table {
    /// Strata of up to `sparse` accounts are sparse.
    pub(super) fn new(people: &People, accounts: usize, paces: &Paces, sparse: usize) -> Self {
        let (mut few, mut many) = (Builder::default(), Builder::default());
        let mut present = Vec::new();
        for person in people.iter() {
            for stratum in person.strata {
                present.clear();
                present.extend(within(&person, *stratum));
                if present.len() <= sparse {
                    few.add::<Sparse>(*stratum, person.converted, &present, paces);
                } else {
                    many.add::<Crowded>(*stratum, person.converted, &present, paces);
                }
            }
        }
        Self { sparse: few.strata(accounts), crowded: many.strata(accounts) }
    }
}

/// The exposures of a person within a stratum.
fn within(person: &Exposures<'_>, stratum: u64) -> impl Iterator<Item = Pair> {
    person
        .pairs
        .iter()
        .map(move |pair| Pair { buckets: pair.buckets & stratum, ..*pair })
        .filter(|pair| pair.buckets != 0)
}

impl Item {
    pub(super) fn range(&self) -> Range<usize> {
        let first = self.first as usize;
        first..first + usize::from(self.cells)
    }
}

impl<T: Times> Strata<T> {
    pub(super) fn items(&self, account: usize) -> &[Item] {
        &self.items[self.starts[account] as usize..self.starts[account + 1] as usize]
    }

    /// The items of an account, and the times to change.
    pub(super) fn parts(&mut self, account: usize) -> (&[Item], &mut T) {
        let (from, to) = (self.starts[account] as usize, self.starts[account + 1] as usize);
        (&self.items[from..to], &mut self.times)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }
}

/// Strata of one kind while they are made.
#[derive(Default)]
struct Builder {
    paces: Vec<f64>,
    items: Vec<Item>,
    /// Of each item.
    accounts: Vec<u32>,
    /// The cells of the stratum at hand, as buckets.
    cells: Vec<u64>,
}

impl Builder {
    /// Adds a stratum of a person who converted in `converted`, with the accounts present in it.
    fn add<T: Times>(&mut self, stratum: u64, converted: u64, present: &[Pair], paces: &Paces) {
        self.divide(stratum, present);
        if self.cells.len() < 2 {
            return;
        }
        let (first, all) = (number(self.paces.len()), (converted & stratum).count_ones());
        for cell in &self.cells {
            self.paces.push(ages(*cell).map(|age| paces[age]).sum());
        }
        for pair in present.iter().filter(|pair| T::THROUGHOUT || pair.buckets != stratum) {
            let cells = (0..).zip(&self.cells).filter(|(_, cell)| **cell & pair.buckets != 0);
            let inside = (converted & pair.buckets).count_ones();
            self.accounts.push(pair.account);
            self.items.push(Item {
                exposed: cells.fold(0, |exposed, (place, _)| exposed | 1_u64 << place),
                first,
                cells: small(self.cells.len()),
                converted: (small(inside), small(all - inside)),
            });
        }
    }

    /// Divides a stratum into buckets with the same exposures.
    fn divide(&mut self, stratum: u64, present: &[Pair]) {
        self.cells.clear();
        self.cells.push(stratum);
        for pair in present {
            for place in 0..self.cells.len() {
                let cell = self.cells[place];
                let inside = cell & pair.buckets;
                if inside != 0 && inside != cell {
                    self.cells[place] = inside;
                    self.cells.push(cell & !inside);
                }
            }
        }
    }

    /// Sorts the items by account; those of one keep the order of people.
    fn strata<T: Times>(self, accounts: usize) -> Strata<T> {
        let mut starts = vec![0_u32; accounts + 1];
        for account in &self.accounts {
            starts[*account as usize + 1] += 1;
        }
        for account in 0..accounts {
            starts[account + 1] += starts[account];
        }
        let mut next = starts.clone();
        let mut items = vec![Item::default(); self.items.len()];
        for (account, item) in self.accounts.iter().zip(self.items) {
            let place = &mut next[*account as usize];
            items[*place as usize] = item;
            *place += 1;
        }
        Strata { times: T::new(self.paces), starts, items }
    }
}

/// A count of buckets.
fn small(buckets: impl TryInto<u8>) -> u8 {
    buckets.try_into().unwrap_or(u8::MAX)
}
