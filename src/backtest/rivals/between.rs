//! Between-person lift: those who acted on an account beside others who did not, as active, with
//! as many purchases before; Mantel & Haenszel 1959 over those strata, the variance of Greenland
//! & Robins 1985. What most tools call uplift.

use super::{BetweenPeople, DAY_MS, Map};
use crate::model::{AccountKey, RateRatio};

/// Days before a day on which an act makes it exposed, as bits.
const EXPOSED: u64 = 0b1110;
/// Days before a day on which acts make somebody as active as others.
const ACTIVE: u64 = 0b1_1111_1111_1110;
const ACTIVE_DAYS: usize = 12;
/// Purchases before: none, one, more.
const BOUGHT: usize = 3;
const STRATA: usize = (ACTIVE_DAYS + 1) * BOUGHT;
const QUANTILE: f64 = 1.96;

/// People and days of a stratum, and those of them with a conversion.
#[derive(Clone, Copy, Debug, Default)]
struct Cell {
    days: u32,
    converted: u32,
}

/// A person; bit `k` of a mask is `k` days before the open day.
#[derive(Default)]
struct Person {
    acted: u64,
    /// By account, the days of acts on it.
    on: Vec<(u32, u64)>,
    converted: u64,
    bought_before: usize,
}

/// All people of a segment.
pub(super) struct Between {
    /// The open day, since the Unix epoch.
    day: i64,
    people: Map<AccountKey, Person>,
    all: [Cell; STRATA],
    exposed: Map<u32, Box<[Cell; STRATA]>>,
}

impl Between {
    pub(super) fn new(day: i64) -> Self {
        Self {
            day,
            people: Map::default(),
            all: [Cell::default(); STRATA],
            exposed: Map::default(),
        }
    }

    pub(super) fn act(&mut self, actor: AccountKey, time_ms: i64, account: u32) {
        let Some(bit) = self.bit(time_ms) else { return };
        let person = self.people.entry(actor).or_default();
        person.acted |= bit;
        match person.on.iter_mut().find(|(on, _)| *on == account) {
            Some((_, days)) => *days |= bit,
            None => person.on.push((account, bit)),
        }
    }

    pub(super) fn convert(&mut self, actor: AccountKey, time_ms: i64) {
        if let Some(bit) = self.bit(time_ms) {
            self.people.entry(actor).or_default().converted |= bit;
        }
    }

    /// Closes all days before `day`.
    pub(super) fn advance(&mut self, day: i64) {
        while self.day < day && !self.people.is_empty() {
            self.close();
            self.people.retain(|_, person| person.pass_a_day());
            self.day += 1;
        }
        self.day = self.day.max(day);
    }

    /// How much more often those convert who acted on an account, for each account.
    pub(super) fn compare(&self) -> impl Iterator<Item = (u32, BetweenPeople)> {
        self.exposed.iter().map(|(account, exposed)| (*account, compared(exposed, &self.all)))
    }

    fn close(&mut self) {
        for person in self.people.values().filter(|person| person.acted & EXPOSED != 0) {
            let converted = u32::from(person.converted & 1 != 0);
            let stratum = person.stratum();
            let add = |cells: &mut [Cell; STRATA]| {
                if let Some(cell) = cells.get_mut(stratum) {
                    cell.days += 1;
                    cell.converted += converted;
                }
            };
            add(&mut self.all);
            for (account, _) in person.on.iter().filter(|(_, days)| days & EXPOSED != 0) {
                add(self
                    .exposed
                    .entry(*account)
                    .or_insert_with(|| [Cell::default(); STRATA].into()));
            }
        }
    }

    /// The bit of a moment; nothing for what lies before all that is kept.
    fn bit(&self, time_ms: i64) -> Option<u64> {
        let age = self.day - time_ms.div_euclid(DAY_MS);
        1_u64.checked_shl(u32::try_from(age.max(0)).ok()?)
    }
}

impl Person {
    fn stratum(&self) -> usize {
        let active = (self.acted & ACTIVE).count_ones() as usize;
        active * BOUGHT + self.bought_before.min(BOUGHT - 1)
    }

    /// Goes on to the next day; whether there is still something to remember. Who bought is
    /// remembered for ever.
    fn pass_a_day(&mut self) -> bool {
        self.bought_before += usize::from(self.converted & 1 != 0);
        self.converted <<= 1;
        self.acted <<= 1;
        self.on.retain_mut(|(_, days)| {
            *days <<= 1;
            *days & (ACTIVE | 1) != 0
        });
        self.acted & (ACTIVE | 1) != 0 || self.bought_before > 0
    }
}

fn compared(exposed: &[Cell; STRATA], all: &[Cell; STRATA]) -> BetweenPeople {
    let (mut above, mut below, mut variance) = (0.0, 0.0, 0.0);
    let mut expected_conversions = 0.0;
    for (with, everyone) in exposed.iter().zip(all) {
        let (t1, y1) = (f64::from(with.days), f64::from(with.converted));
        let t = f64::from(everyone.days);
        let (t0, y0) = (t - t1, f64::from(everyone.converted) - y1);
        if t1 > 0.0 {
            expected_conversions += t1 * f64::from(everyone.converted) / t;
        }
        if t1 > 0.0 && t0 > 0.0 {
            above += y1 * t0 / t;
            below += y0 * t1 / t;
            variance += (y1 + y0) * t1 * t0 / (t * t);
        }
    }
    let ratio = (above > 0.0 && below > 0.0).then(|| {
        let (estimate, error) = (above / below, (variance / (above * below)).sqrt());
        let wide = (QUANTILE * error).exp();
        RateRatio { estimate, low: estimate / wide, high: estimate * wide }
    });
    let exposed_conversions = exposed.iter().map(|cell| u64::from(cell.converted)).sum();
    BetweenPeople { ratio, exposed_conversions, expected_conversions }
}
