//! Between-person lift: those who acted on an account beside others who did not, as active, with
//! as many purchases before; Mantel & Haenszel 1959 over those strata, the variance of Greenland
//! & Robins 1985. What most tools call uplift. How active somebody is is told as finely as the
//! model tells it, so that the difference is whom people are compared with.

use super::{BetweenPeople, DAY_MS, Map};
use crate::model::{AccountKey, Params, RateRatio};

/// Days before a day on which an act makes it exposed, as bits.
const EXPOSED: u64 = 0b1110;
/// The same as days, and the days that the level of activity looks back on.
const EXPOSED_DAYS: usize = 3;
const LEVEL_DAYS: usize = 12;
const LEVELS: usize = 9;
/// Purchases before: none, one, two, more.
const BOUGHT: usize = 4;
const STRATA: usize = LEVELS * (EXPOSED_DAYS + 1) * BOUGHT;
const QUANTILE: f64 = 1.96;

/// People and days of a stratum, and those of them with a conversion.
#[derive(Clone, Copy, Debug, Default)]
struct Cell {
    days: u32,
    converted: u32,
}

/// A person; bit `k` of a mask, and place `k` of a list, is `k` days before the open day.
#[derive(Default)]
struct Person {
    /// Units of all acts of a day.
    units: [f64; LEVEL_DAYS + 1],
    /// By account, the days of acts on it.
    on: Vec<(u32, u64)>,
    converted: u64,
    bought_before: usize,
}

/// All people of a segment.
pub(super) struct Between {
    /// The open day, since the Unix epoch.
    day: i64,
    cap: f64,
    /// What is left of a unit after so many days.
    fade: [f64; LEVEL_DAYS + 1],
    people: Map<AccountKey, Person>,
    all: [Cell; STRATA],
    exposed: Map<u32, Box<[Cell; STRATA]>>,
}

impl Between {
    pub(super) fn new(day: i64, params: &Params) -> Self {
        let half_life = params.exponent * params.half_life_ms as f64 / DAY_MS as f64;
        let mut fade = [0.0; LEVEL_DAYS + 1];
        for (days, left) in fade.iter_mut().enumerate() {
            *left = (-(days as f64) / half_life).exp2();
        }
        let (people, exposed) = (Map::default(), Map::default());
        Self { day, cap: params.cap, fade, people, all: [Cell::default(); STRATA], exposed }
    }

    pub(super) fn act(&mut self, actor: AccountKey, time_ms: i64, account: u32, weight: f64) {
        let Some((age, bit)) = self.age(time_ms) else { return };
        let person = self.people.entry(actor).or_default();
        if let Some(units) = person.units.get_mut(age) {
            *units += weight;
        }
        match person.on.iter_mut().find(|(on, _)| *on == account) {
            Some((_, days)) => *days |= bit,
            None => person.on.push((account, bit)),
        }
    }

    pub(super) fn convert(&mut self, actor: AccountKey, time_ms: i64) {
        if let Some((_, bit)) = self.age(time_ms) {
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
        for person in self.people.values() {
            let Some(stratum) = person.stratum(self.cap, &self.fade) else { continue };
            let converted = u32::from(person.converted & 1 != 0);
            let add = |cells: &mut [Cell; STRATA]| {
                if let Some(cell) = cells.get_mut(stratum) {
                    cell.days += 1;
                    cell.converted += converted;
                }
            };
            add(&mut self.all);
            for (account, _) in person.on.iter().filter(|(_, days)| days & EXPOSED != 0) {
                let nothing = || [Cell::default(); STRATA].into();
                add(self.exposed.entry(*account).or_insert_with(nothing));
            }
        }
    }

    /// How many days ago a moment is, and the bit of that day; nothing for what lies before all
    /// that is kept.
    fn age(&self, time_ms: i64) -> Option<(usize, u64)> {
        let age = u32::try_from((self.day - time_ms.div_euclid(DAY_MS)).max(0)).ok()?;
        Some((age as usize, 1_u64.checked_shl(age)?))
    }
}

impl Person {
    /// Where it belongs on the open day; nothing if it has not acted on anyone in the days before.
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a level of at most a few dozen"
    )]
    fn stratum(&self, cap: f64, fade: &[f64; LEVEL_DAYS + 1]) -> Option<usize> {
        let before = || self.units.iter().zip(fade).skip(1);
        let recent = before().take(EXPOSED_DAYS).filter(|(units, _)| **units > 0.0).count();
        let faded: f64 = before().map(|(units, left)| units.min(cap) * left).sum();
        let level = ((2.0 * (1.0 + faded).log2() + 1e-9) as usize).min(LEVELS - 1);
        let bought = self.bought_before.min(BOUGHT - 1);
        (recent > 0).then_some((level * (EXPOSED_DAYS + 1) + recent) * BOUGHT + bought)
    }

    /// Goes on to the next day; whether there is still something to remember. Who bought is
    /// remembered for ever.
    fn pass_a_day(&mut self) -> bool {
        self.bought_before += usize::from(self.converted & 1 != 0);
        self.converted <<= 1;
        self.units.rotate_right(1);
        if let Some(today) = self.units.first_mut() {
            *today = 0.0;
        }
        self.on.retain_mut(|(_, days)| {
            *days <<= 1;
            *days & (EXPOSED | 1) != 0
        });
        self.units.iter().any(|units| *units > 0.0) || self.bought_before > 0
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
