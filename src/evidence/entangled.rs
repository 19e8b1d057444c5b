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
