//! Which accounts cannot be told from an established one, because people are exposed to both or to
//! neither.

use super::people::People;

/// People exposed to more accounts are left out: they would take a square of their accounts, and
/// who acts on everybody tells nobody apart.
const PAIRS_MAX: usize = 64;

/// Of each established account: in over 90 % of the buckets in which people are exposed to it they
/// are exposed to these as well. Nothing of others.
pub(super) fn entangled(people: &People, established: &[bool]) -> Vec<Option<Vec<u32>>> {
    let mut exposed: Vec<_> = established.iter().map(|is| is.then(Exposed::default)).collect();
    for (place, person) in (0..).zip(people.iter()) {
        if person.pairs.len() <= PAIRS_MAX {
            for pair in person.pairs {
                if let Some(exposed) = &mut exposed[pair.account as usize] {
                    exposed.people.push(place);
                    exposed.buckets += u64::from(pair.buckets.count_ones());
                }
            }
        }
    }
    let mut shared = Shared { buckets: vec![0; established.len()], accounts: Vec::new() };
    let with = |(account, exposed): (u32, Option<Exposed>)| {
        exposed.map(|exposed| shared.with(account, &exposed, people))
    };
    (0..).zip(exposed).map(with).collect()
}

/// Who is exposed to an account.
#[derive(Default)]
struct Exposed {
    people: Vec<u32>,
    buckets: u64,
}

/// Counts of buckets that an account shares with others, all zero between accounts.
struct Shared {
    buckets: Vec<u64>,
    /// Those with a count.
    accounts: Vec<u32>,
}

impl Shared {
    /// The accounts that share over 90 % of the buckets in which people are exposed to `account`.
    fn with(&mut self, account: u32, exposed: &Exposed, people: &People) -> Vec<u32> {
        let (mut seen, mut most) = (0, 0);
        for place in &exposed.people {
            let pairs = people.get(*place as usize).pairs;
            let own = pairs.iter().find(|pair| pair.account == account);
            let own = own.map_or(0, |pair| pair.buckets);
            seen += u64::from(own.count_ones());
            for pair in pairs.iter().filter(|pair| pair.account != account) {
                most = most.max(self.add(pair.account, own & pair.buckets));
            }
            // Whoever was absent that often cannot get there any more: in most cases, this is soon.
            if 10 * (seen - most) >= exposed.buckets {
                break;
            }
        }
        let mut found = Vec::new();
        for other in self.accounts.drain(..) {
            let shared = std::mem::take(&mut self.buckets[other as usize]);
            if 10 * shared > 9 * exposed.buckets {
                found.push(other);
            }
        }
        found.sort_unstable();
        found
    }

    fn add(&mut self, other: u32, shared: u64) -> u64 {
        let count = &mut self.buckets[other as usize];
        if *count == 0 && shared != 0 {
            self.accounts.push(other);
        }
        *count += u64::from(shared.count_ones());
        *count
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::people::Pair;

    /// By account, in which buckets each person is exposed to it.
    fn found(people: &[&[u64]], established: &[bool]) -> Vec<Option<Vec<u32>>> {
        let pairs = people.iter().map(|exposures| {
            let pairs = (0..).zip(*exposures).filter(|(_, buckets)| **buckets != 0);
            pairs.map(|(account, buckets)| Pair { account, buckets: *buckets }).collect()
        });
        entangled(&People::exposed(pairs), established)
    }

    fn check(people: &[&[u64]], established: &[bool], expected: &[Option<&[u32]>]) {
        let found = found(people, established);
        assert_eq!(found.iter().map(Option::as_deref).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn over_nine_tenths_of_the_buckets() {
        let twenty: u64 = (1 << 20) - 1;
        // 19 of 20 are enough, 18 are not.
        check(&[&[twenty, twenty >> 1]], &[true, false], &[Some(&[1]), None]);
        check(&[&[twenty, twenty >> 2]], &[true, false], &[Some(&[]), None]);
        // Of the smaller one, all are.
        check(&[&[twenty, twenty >> 2]], &[true, true], &[Some(&[]), Some(&[0])]);
        check(&[&[twenty, twenty << 20]], &[true, false], &[Some(&[]), None]);
    }

    #[test]
    fn shares_add_up_over_people() {
        let (nine, one) = (0x1ff, 1);
        // Absent with the one of ten, and with the nine.
        let people: [&[u64]; 2] = [&[nine, nine, 0], &[one, 0, one]];
        check(&people, &[true, false, false], &[Some(&[]), None, None]);
        // Absent with one of nineteen.
        let people: [&[u64]; 3] = [&[one, 0], &[nine, nine], &[nine, nine]];
        check(&people, &[true, false], &[Some(&[1]), None]);
    }

    #[test]
    fn who_is_exposed_to_many_is_left_out() {
        for (accounts, with) in [(64, 1), (65, 2)] {
            let many = vec![0xfff; accounts];
            let mut established = vec![false; accounts];
            established[0] = true;
            // With the first account, the many have all others; who has few has the third.
            let found = found(&[&many, &[1, 0, 1]], &established);
            let first = found[0].as_ref().and_then(|with| with.first());
            assert_eq!(first, Some(&with), "{accounts}");
        }
    }
}
