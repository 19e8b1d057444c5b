//! Strata as cells and items: what the ratio of an account is a sum over.
//!
//! A cell is the buckets of a stratum with the same exposures, so that one number is their
//! person-time. An item is an account in a stratum: the cells exposed to it, and the conversions on
//! both sides. A stratum in which no account has both sides says nothing and is left out.

use std::ops::Range;

use super::names::number;
use super::pace::Paces;
use super::people::{Exposures, Pair, People};
use super::times::{Crowded, Sparse, Times};
use super::window::ages;

/// Accounts in a stratum up to which the product of moderate effects stays within its limits.
pub(super) const SPARSE: usize = 24;

/// An account in a stratum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Item {
    /// The cells exposed to the account: bit 0 the first one of the stratum.
    pub exposed: u64,
    pub first: u32,
    pub cells: u8,
    /// Conversions inside and outside of the exposed cells.
    pub converted: (u8, u8),
}

/// Strata of one kind, and their items by account, in the order of people.
pub(super) struct Strata<T> {
    times: T,
    starts: Vec<u32>,
    items: Vec<Item>,
}

/// All strata of a segment.
pub(super) struct Table {
    pub sparse: Strata<Sparse>,
    pub crowded: Strata<Crowded>,
}

impl Item {
    pub(super) fn range(&self) -> Range<usize> {
        let first = self.first as usize;
        first..first + usize::from(self.cells)
    }
}

impl Table {
    /// A stratum with up to `few` accounts is sparse.
    pub(super) fn new(people: &People, accounts: usize, paces: &Paces, few: usize) -> Self {
        let mut sparse = Builder::new(accounts, paces);
        let mut crowded = Builder::new(accounts, paces);
        let is_sparse = |stratum: &Stratum<'_>| stratum.present.len() <= few;
        each_stratum(people, |stratum| {
            if is_sparse(stratum) {
                sparse.count::<Sparse>(stratum);
            } else {
                crowded.count::<Crowded>(stratum);
            }
        });
        sparse.make_room();
        crowded.make_room();
        each_stratum(people, |stratum| {
            if is_sparse(stratum) {
                sparse.add::<Sparse>(stratum);
            } else {
                crowded.add::<Crowded>(stratum);
            }
        });
        Self { sparse: sparse.strata(), crowded: crowded.strata() }
    }
}

impl<T: Times> Strata<T> {
    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The items of an account, and the times of all.
    pub(super) fn of(&mut self, account: usize) -> (&[Item], &mut T) {
        let (from, to) = (self.starts[account] as usize, self.starts[account + 1] as usize);
        (&self.items[from..to], &mut self.times)
    }
}

/// A stratum of a person.
struct Stratum<'a> {
    buckets: u64,
    /// Buckets with a conversion, of this and of other strata.
    converted: u64,
    /// The accounts that some of its buckets are exposed to, and these.
    present: &'a [Pair],
}

fn each_stratum(people: &People, mut visit: impl FnMut(&Stratum<'_>)) {
    let mut present = Vec::new();
    for Exposures { converted, pairs, strata } in people.iter() {
        for buckets in strata.iter().copied() {
            let within = pairs.iter().map(|pair| Pair { buckets: pair.buckets & buckets, ..*pair });
            present.clear();
            present.extend(within.filter(|pair| pair.buckets != 0));
            visit(&Stratum { buckets, converted, present: &present });
        }
    }
}

impl Stratum<'_> {
    /// The accounts that become items.
    fn items<T: Times>(&self) -> impl Iterator<Item = &Pair> {
        let has_both_sides = |pair: &&Pair| pair.buckets != self.buckets;
        let tells = self.present.iter().any(|pair| has_both_sides(&pair));
        self.present.iter().filter(move |pair| tells && (T::THROUGHOUT || has_both_sides(pair)))
    }

    /// Divides the buckets into those with the same exposures.
    fn divide(&self, cells: &mut Vec<u64>) {
        cells.clear();
        cells.push(self.buckets);
        for pair in self.present {
            for place in 0..cells.len() {
                let cell = cells[place];
                let inside = cell & pair.buckets;
                if inside != 0 && inside != cell {
                    cells[place] = inside;
                    cells.push(cell & !inside);
                }
            }
        }
    }
}

/// Strata of one kind while they are made: first all are counted, then all are added.
struct Builder<'a> {
    paces: &'a Paces,
    times: Vec<f64>,
    items: Vec<Item>,
    /// Counts of items by account, and then where the next one goes.
    next: Vec<u32>,
    starts: Vec<u32>,
    /// The cells of the stratum at hand, as buckets.
    cells: Vec<u64>,
}

impl<'a> Builder<'a> {
    fn new(accounts: usize, paces: &'a Paces) -> Self {
        let (times, items, cells) = (Vec::new(), Vec::new(), Vec::new());
        Self { paces, times, items, next: vec![0; accounts], starts: Vec::new(), cells }
    }

    fn count<T: Times>(&mut self, stratum: &Stratum<'_>) {
        for pair in stratum.items::<T>() {
            self.next[pair.account as usize] += 1;
        }
    }

    fn make_room(&mut self) {
        let mut end = 0;
        self.starts.push(end);
        for next in &mut self.next {
            (end, *next) = (end + *next, end);
            self.starts.push(end);
        }
        self.items = vec![Item::default(); end as usize];
    }

    fn add<T: Times>(&mut self, stratum: &Stratum<'_>) {
        stratum.divide(&mut self.cells);
        if self.cells.len() < 2 {
            return;
        }
        let first = self.times.len();
        for cell in &self.cells {
            self.times.push(ages(*cell).map(|age| self.paces[age]).sum());
        }
        self.times.resize(first + self.cells.len().next_multiple_of(T::LANES), 0.0);
        let converted = |buckets: u64| small((stratum.converted & buckets).count_ones() as usize);
        let all = converted(stratum.buckets);
        for pair in stratum.items::<T>() {
            let cells = (0..).zip(&self.cells).filter(|(_, cell)| **cell & pair.buckets != 0);
            let inside = converted(pair.buckets);
            let next = &mut self.next[pair.account as usize];
            self.items[*next as usize] = Item {
                exposed: cells.fold(0, |exposed, (place, _)| exposed | 1_u64 << place),
                first: number(first),
                cells: small(self.times.len() - first),
                converted: (inside, all - inside),
            };
            *next += 1;
        }
    }

    fn strata<T: Times>(self) -> Strata<T> {
        Strata { times: T::new(self.times), starts: self.starts, items: self.items }
    }
}

/// A count of buckets, at most those of a history.
fn small(count: usize) -> u8 {
    u8::try_from(count).expect("a stratum must have at most as many buckets as a history")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stratum(buckets: u64, pairs: &[u64]) -> (u64, Vec<Pair>) {
        let pairs = (0..).zip(pairs).map(|(account, buckets)| Pair { account, buckets: *buckets });
        (buckets, pairs.collect())
    }

    #[test]
    fn cells_are_the_buckets_with_the_same_exposures() {
        let cases: [(u64, &[u64], &[u64]); 4] = [
            (0b1111, &[0b0011], &[0b0011, 0b1100]),
            (0b1111, &[0b0011, 0b0110], &[0b0001, 0b0010, 0b0100, 0b1000]),
            // Not only neighbours have the same.
            (0b11_1111, &[0b01_0001], &[0b01_0001, 0b10_1110]),
            (0b1111, &[0b1111], &[0b1111]),
        ];
        for (buckets, pairs, expected) in cases {
            let (buckets, present) = stratum(buckets, pairs);
            let mut cells = vec![7];
            Stratum { buckets, converted: 0, present: &present }.divide(&mut cells);
            cells.sort_unstable();
            assert_eq!(cells, expected);
        }
    }

    /// A table of one stratum, of buckets 4 to 7 with paces 10, 20, 40, 80 and a conversion in 4.
    fn strata<T: Times>(pairs: &[u64]) -> (Vec<f64>, Vec<u32>, Vec<Item>) {
        let mut paces = [0.0; 64];
        paces[4..8].copy_from_slice(&[10.0, 20.0, 40.0, 80.0]);
        let mut builder = Builder::new(pairs.len(), &paces);
        let (buckets, present) = stratum(0xf0, pairs);
        let stratum = Stratum { buckets, converted: 0b1_0011, present: &present };
        builder.count::<T>(&stratum);
        builder.make_room();
        builder.add::<T>(&stratum);
        let times = builder.times.clone();
        let Strata { starts, items, .. } = builder.strata::<T>();
        (times, starts, items)
    }

    #[test]
    fn an_item_has_the_conversions_of_both_sides() {
        let item = |exposed, cells, converted| Item { exposed, first: 0, cells, converted };
        let pairs = [0x30, 0xf0, 0xc0];
        let (times, starts, items) = strata::<Sparse>(&pairs);
        assert_eq!(times, [30.0, 120.0, 0.0, 0.0]);
        assert_eq!(starts, [0, 1, 1, 2]);
        assert_eq!(items, [item(0b01, 4, (1, 0)), item(0b10, 4, (0, 1))]);

        // With limits, who is there throughout counts.
        let (times, starts, items) = strata::<Crowded>(&pairs);
        assert_eq!(times, [30.0, 120.0]);
        assert_eq!(starts, [0, 1, 2, 3]);
        assert_eq!(items, [item(0b01, 2, (1, 0)), item(0b11, 2, (1, 0)), item(0b10, 2, (0, 1))]);
    }

    #[test]
    fn a_stratum_without_contrast_is_left_out() {
        for pairs in [&[0xf0][..], &[0xf0, 0xf0], &[]] {
            assert_eq!(strata::<Sparse>(pairs).2, []);
            assert_eq!(strata::<Crowded>(pairs), (vec![], vec![0; pairs.len() + 1], vec![]));
        }
    }
}
