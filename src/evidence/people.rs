//! The people of a segment who convert, in the order of their keys: whom they are exposed to when,
//! and the strata in which they can be compared with themselves.

use super::Part;
use super::ahead::{AHEAD, ahead};
use super::level::{Levels, active};
use super::names::{Names, number};
use super::window::{Window, ages};
use crate::model::{AccountKey, Acted, History, Params};

/// People side by side: each has a stretch of `pairs` and one of `strata`.
pub(super) struct People {
    each: Vec<Person>,
    pairs: Vec<Pair>,
    strata: Vec<u64>,
}

struct Person {
    converted: u64,
    pairs_end: u32,
    strata_end: u32,
}

/// The buckets in which a person is exposed to an account.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Pair {
    pub account: u32,
    pub buckets: u64,
}

/// One person.
pub(super) struct Exposures<'a> {
    /// Buckets of the window with a conversion.
    pub converted: u64,
    /// In the order of accounts, each of them once.
    pub pairs: &'a [Pair],
    /// Buckets of one level in which the person is exposed to anyone: two or more, with a
    /// conversion among them.
    pub strata: &'a [u64],
}

/// An account that people who convert are exposed to. Its number in the segment is its place in
/// the order of names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Account {
    pub rank: u32,
    /// Conversions in exposed buckets.
    pub conversions: u64,
    /// Exposed buckets.
    pub buckets: u64,
}

/// Gathers people, of one segment after the other.
pub(super) struct Gatherer<'a> {
    window: Window,
    levels: Levels,
    names: &'a Names<'a>,
    /// By rank, all zero between segments.
    tallies: Vec<Account>,
    /// By rank, of the accounts of one segment.
    numbers: Vec<u32>,
}

impl People {
    fn with_room(parts: &[Part<'_>], people: usize) -> Self {
        Self {
            each: Vec::with_capacity(people),
            pairs: Vec::with_capacity(parts.iter().map(|part| part.histories.acts.len()).sum()),
            strata: Vec::new(),
        }
    }

    /// People with these exposures, and nothing else.
    #[cfg(test)]
    pub(super) fn exposed(people: impl Iterator<Item = Vec<Pair>>) -> Self {
        let mut made = Self { each: Vec::new(), pairs: Vec::new(), strata: Vec::new() };
        for pairs in people {
            made.pairs.extend(pairs);
            let pairs_end = number(made.pairs.len());
            made.each.push(Person { converted: 0, pairs_end, strata_end: 0 });
        }
        made
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Exposures<'_>> {
        (0..self.each.len()).map(|place| self.get(place))
    }

    pub(super) fn get(&self, place: usize) -> Exposures<'_> {
        let person = &self.each[place];
        let (pairs, strata) = match place {
            0 => (0, 0),
            _ => (self.each[place - 1].pairs_end, self.each[place - 1].strata_end),
        };
        Exposures {
            converted: person.converted,
            pairs: &self.pairs[pairs as usize..person.pairs_end as usize],
            strata: &self.strata[strata as usize..person.strata_end as usize],
        }
    }
}

impl<'a> Gatherer<'a> {
    pub(super) fn new(params: &Params, names: &'a Names<'a>) -> Self {
        let window = Window::new(params);
        let levels = Levels::new(params, &window);
        let (tallies, numbers) = (vec![Account::default(); names.len()], vec![0; names.len()]);
        Self { window, levels, names, tallies, numbers }
    }

    pub(super) fn window(&self) -> &Window {
        &self.window
    }

    /// The people of a segment, and the accounts that they are exposed to.
    pub(super) fn gather(&mut self, parts: &[Part<'_>]) -> (People, Vec<Account>) {
        let order = in_order(parts, &self.window);
        let mut people = People::with_room(parts, order.len());
        let (mut ranks, mut acted) = (Vec::new(), Vec::new());
        for chunk in order.chunks(AHEAD) {
            fetch(parts, chunk);
            for (part, history) in chunk.iter().map(|who| who.found(parts)) {
                merge(part.histories.acts_of(history), self.names.ranks_of(part.shard), &mut acted);
                self.add(history, &acted, &mut people);
                self.tally(&people.get(people.each.len() - 1), &mut ranks);
            }
        }
        let accounts = self.numbered(ranks);
        for pair in &mut people.pairs {
            pair.account = self.numbers[pair.account as usize];
        }
        (people, accounts)
    }

    /// Adds a person who acted on these accounts, by rank, in these buckets.
    fn add(&self, history: &History, acted: &[Pair], people: &mut People) {
        let mut acts = active(history);
        for Pair { account, buckets } in acted {
            acts |= buckets;
            let exposed = self.window.exposed(*buckets);
            if exposed != 0 {
                people.pairs.push(Pair { account: *account, buckets: exposed });
            }
        }
        let converted = self.window.within(history.converted);
        let exposed = self.window.exposed(acts);
        let mut left = converted & exposed;
        if left != 0 {
            let activity = self.levels.activity(history, acts);
            while let Some(age) = ages(left).next() {
                let stratum = self.levels.alike(&activity, age, exposed);
                left &= !stratum;
                if stratum.count_ones() >= 2 {
                    people.strata.push(stratum);
                }
            }
        }
        people.each.push(Person {
            converted,
            pairs_end: number(people.pairs.len()),
            strata_end: number(people.strata.len()),
        });
    }

    /// Counts what a person adds to each account, and collects the ranks of those met first.
    fn tally(&mut self, person: &Exposures<'_>, ranks: &mut Vec<u32>) {
        for pair in person.pairs {
            let tally = &mut self.tallies[pair.account as usize];
            if tally.buckets == 0 {
                ranks.push(pair.account);
            }
            tally.conversions += u64::from((pair.buckets & person.converted).count_ones());
            tally.buckets += u64::from(pair.buckets.count_ones());
        }
    }

    /// Numbers the accounts of these ranks, and clears their tallies.
    fn numbered(&mut self, mut ranks: Vec<u32>) -> Vec<Account> {
        ranks.sort_unstable();
        for (number, rank) in (0..).zip(&ranks) {
            self.numbers[*rank as usize] = number;
        }
        let tally = |rank| {
            let tally = std::mem::take(&mut self.tallies[rank as usize]);
            Account { rank, ..tally }
        };
        ranks.into_iter().map(tally).collect()
    }
}

/// Where a person is found.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Who {
    key: AccountKey,
    part: u32,
    place: u32,
}

impl Who {
    fn found<'a>(&self, parts: &[Part<'a>]) -> (Part<'a>, &'a History) {
        let part = parts[self.part as usize];
        (part, &part.histories.people[self.place as usize])
    }
}

/// Who converted in the window, in the order of their keys.
fn in_order(parts: &[Part<'_>], window: &Window) -> Vec<Who> {
    let mut order = Vec::new();
    for (part, of_part) in (0..).zip(parts) {
        let people = (0..).zip(&of_part.histories.people);
        let converted = people.filter(|(_, person)| window.within(person.converted) != 0);
        order.extend(converted.map(|(place, person)| Who { key: person.key, part, place }));
    }
    order.sort_unstable();
    order
}

/// Loads the histories of people, who lie in another order, and then their acts.
fn fetch(parts: &[Part<'_>], people: &[Who]) {
    let found = || people.iter().map(|who| who.found(parts));
    ahead(found().map(|(_, history)| history.key.0 ^ u64::from(history.acts.0)));
    ahead(found().map(|(part, history)| {
        // One in each line of memory.
        let acts = part.histories.acts_of(history).iter().step_by(64 / size_of::<Acted>());
        acts.fold(0, |all, acted| all ^ acted.buckets)
    }));
}

/// The acts of a person by the rank of whom they are on, each once.
fn merge(acts: &[Acted], ranks: &[u32], acted: &mut Vec<Pair>) {
    acted.clear();
    acted.extend(
        acts.iter().map(|on| Pair { account: ranks[on.influencer as usize], buckets: on.buckets }),
    );
    acted.sort_unstable_by_key(|pair| pair.account);
    acted.dedup_by(|next, kept| {
        let same = next.account == kept.account;
        kept.buckets |= if same { next.buckets } else { 0 };
        same
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{HISTORY, Histories, SegmentHistories};

    /// What a person did: key, buckets with conversions, buckets with acts by influencer.
    type Did<'a> = (u64, &'a [usize], &'a [(u32, &'a [usize])]);

    fn mask(ages: &[usize]) -> u64 {
        ages.iter().fold(0, |mask, age| mask | 1 << age)
    }

    fn shard(names: &[&str], people: &[Did<'_>]) -> Histories {
        let mut segment = SegmentHistories {
            segment: "s".into(),
            exposed: [0; HISTORY],
            exposed_converted: [0; HISTORY],
            converted: [0; HISTORY],
            people: Vec::new(),
            acts: Vec::new(),
        };
        for (key, converted, acts) in people {
            let from = number(segment.acts.len());
            let mut quarters = [0_u8; HISTORY / 2];
            for (influencer, ages) in *acts {
                segment.acts.push(Acted { influencer: *influencer, buckets: mask(ages) });
                for age in *ages {
                    // One act of a unit in each bucket, on whomever.
                    quarters[age / 2] |= 4 << (4 * (age % 2));
                }
            }
            segment.people.push(History {
                key: AccountKey(*key),
                converted: mask(converted),
                quarters,
                acts: (from, number(segment.acts.len())),
            });
        }
        let influencers = names.iter().map(|name| (*name).into()).collect();
        Histories { closed: 100, segments: vec![segment], influencers }
    }

    fn gathered(shards: &[Histories]) -> (People, Vec<Account>) {
        let shards: Vec<&Histories> = shards.iter().collect();
        let names = Names::merged(&shards);
        let parts: Vec<_> = (0..)
            .zip(&shards)
            .map(|(shard, of)| Part { shard, histories: &of.segments[0] })
            .collect();
        let mut gatherer = Gatherer::new(&Params::default(), &names);
        let found = gatherer.gather(&parts);
        // The next segment starts with nothing.
        assert!(gatherer.tallies.iter().all(|tally| *tally == Account::default()));
        found
    }

    #[test]
    fn people_come_by_key_and_accounts_by_name() {
        let one = shard(&["zoe", "eve"], &[(7, &[0], &[(0, &[2]), (1, &[3])])]);
        let two = shard(&["eve", "ada"], &[(9, &[3], &[(1, &[4])]), (5, &[9], &[(0, &[20])])]);
        let (people, accounts) = gathered(&[one, two]);
        let found: Vec<_> = people.iter().map(|person| (person.converted, person.pairs)).collect();
        let pair = |account, ages: &[usize]| Pair { account, buckets: mask(ages) };
        assert_eq!(
            found,
            [
                (1 << 9, &[pair(1, &[17, 18, 19])][..]),
                (1, &[pair(1, &[0, 1, 2]), pair(2, &[0, 1])]),
                (1 << 3, &[pair(0, &[1, 2, 3])]),
            ]
        );
        let account = |rank, conversions, buckets| Account { rank, conversions, buckets };
        assert_eq!(accounts, [account(0, 1, 3), account(1, 1, 6), account(2, 1, 2)]);
    }

    #[test]
    fn strata_hold_a_conversion_and_buckets_to_compare_it_with() {
        let after = |act: usize| 0b111 << (act - 3);
        let alike = after(10) | after(20) | after(30);
        // (conversions, acts, strata)
        let cases: [(&[usize], &[usize], &[u64]); 6] = [
            // The level is the same after each act.
            (&[19], &[10, 20, 30], &[alike]),
            (&[7, 19, 18], &[10, 20, 30], &[alike]),
            // After two acts it is another, but not before the second of them.
            (&[9, 28], &[10, 29, 30], &[after(10) | 1 << 29, 0b11 << 27]),
            // A conversion that is not exposed, or in the bucket of an act only.
            (&[15], &[10, 20, 30], &[]),
            (&[20], &[10, 20, 30], &[]),
            // A single bucket of its level.
            (&[27], &[28, 30], &[]),
        ];
        for (converted, acts, strata) in cases {
            let (people, _) = gathered(&[shard(&["eve"], &[(1, converted, &[(0, acts)])])]);
            assert_eq!(people.get(0).strata, strata, "{converted:?} {acts:?}");
        }
    }

    #[test]
    fn who_converted_before_the_window_is_left_out() {
        let (people, accounts) = gathered(&[shard(&["eve"], &[(1, &[49], &[(0, &[50])])])]);
        assert_eq!((people.iter().count(), accounts.len()), (0, 0));
    }

    #[test]
    fn units_without_an_account_expose_to_anyone() {
        let mut histories = shard(&["eve"], &[(1, &[19], &[(0, &[20])])]);
        // An account that is kept no more was acted on at 30.
        histories.segments[0].people[0].quarters[15] |= 4;
        let (people, _) = gathered(&[histories]);
        assert_eq!(people.get(0).strata, [0b111 << 17 | 0b111 << 27]);
    }
}
