//! The people of a world: how active they are, how likely they buy anyway, whose fans they are.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::cast::{Account, PLAIN, Reach};
use super::chance;
use crate::campaign::Plan;

/// People of one kind; the audience is drawn from three.
pub(super) struct Band {
    share: f64,
    /// Chance of a conversion on a day, without anyone's influence.
    pub(super) buys: f64,
    /// Mean number of times active on a day.
    pub(super) active: f64,
    /// `exp(−active)`, written out because platforms differ in its last bit.
    pub(super) idle: f64,
    /// Chance of being a fan of the account that is loved by those who buy.
    loves: f64,
}

pub(super) const BANDS: [Band; 3] = [
    Band { share: 0.7, buys: 0.002, active: 0.15, idle: 0.860_707_976_425_057_8, loves: 0.005 },
    Band { share: 0.25, buys: 0.008, active: 0.4, idle: 0.670_320_046_035_639_3, loves: 0.05 },
    Band { share: 0.05, buys: 0.03, active: 1.0, idle: 0.367_879_441_171_442_33, loves: 0.5 },
];

/// What segments people are in: one; or the first, the second or both of two.
pub(super) const SEGMENTS: [&[&str]; 3] = [&["buyers"], &["runners"], &["buyers", "runners"]];

/// A person; where its favourites lie in [`People::fans`].
#[derive(Clone, Debug)]
pub(super) struct Person {
    band: u8,
    segments: u8,
    pub(super) in_good_week: bool,
    /// The day after the last purchase, 0 before any.
    pub(super) bought: u16,
    fans: (u32, u32),
}

/// That a person is a fan of an account.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fan {
    pub(super) account: u16,
    /// The day after the last touch, 0 before any; a touch of today counts from tomorrow on.
    pub(super) touched: u16,
    /// Whether there was a touch today, before any purchase.
    pub(super) since_morning: bool,
}

/// The audience.
#[derive(Clone, Debug, Default)]
pub(super) struct People {
    pub(super) persons: Vec<Person>,
    /// Side by side, those of a person in the order of the accounts.
    pub(super) fans: Vec<Fan>,
}

/// Where the chances come from: the plain campaign's first, so that knobs leave it as it is.
pub(super) struct Draws<'a> {
    pub(super) plain: &'a mut ChaCha8Rng,
    pub(super) company: &'a mut ChaCha8Rng,
}

impl People {
    pub(super) fn draw(plan: &Plan, accounts: &[Account], mut draws: Draws<'_>) -> Self {
        let mut people = Self::default();
        for _ in 0..plan.audience() {
            people.add_one(plan, accounts, &mut draws);
        }
        people
    }

    /// Fans of the account at a place.
    pub(super) fn fans_of(&self, account: usize) -> u32 {
        let are_its = self.fans.iter().filter(|fan| usize::from(fan.account) == account);
        are_its.fold(0, |count, _| count + 1)
    }

    fn add_one(&mut self, plan: &Plan, accounts: &[Account], draws: &mut Draws<'_>) {
        let place: f64 = draws.plain.random();
        let [many, some, _] = &BANDS;
        let number = u8::from(place >= many.share) + u8::from(place >= many.share + some.share);
        let band = band(number);
        let loves = 1.0 - (1.0 - band.loves) / plan.knobs.homophily;
        let from = self.fans.len();
        for (account, at) in accounts.iter().zip(0_u16..) {
            let likes = match account.reach {
                Reach::Buyers if number == 2 => loves,
                Reach::Buyers => band.loves,
                Reach::Active(reach) => reach * band.active / 0.3,
                Reach::FansOf(other, share) => {
                    let mut favourites = self.fans.iter().skip(from);
                    let is_fan = favourites.any(|fan| usize::from(fan.account) == other);
                    if is_fan { share } else { 0.002 }
                }
            };
            let is_plain = usize::from(at) < PLAIN;
            let random = if is_plain { &mut *draws.plain } else { &mut *draws.company };
            if chance(random, likes) {
                self.fans.push(Fan { account: at, touched: 0, since_morning: false });
            }
        }
        let segments = segments(plan.knobs.both, draws.company);
        let index = |at: usize| u32::try_from(at).expect("fans must be fewer than 2^32");
        let fans = (index(from), index(self.fans.len()));
        let person = Person { band: number, segments, in_good_week: false, bought: 0, fans };
        self.persons.push(person);
    }
}

/// Which of [`SEGMENTS`].
fn segments(both: f64, random: &mut ChaCha8Rng) -> u8 {
    if both <= 0.0 {
        return 0;
    }
    let place: f64 = random.random();
    if place < both { 2 } else { u8::from(place < both.midpoint(1.0)) }
}

fn band(number: u8) -> &'static Band {
    let [many, some, few] = &BANDS;
    match number {
        0 => many,
        1 => some,
        _ => few,
    }
}

impl Person {
    pub(super) fn band(&self) -> &'static Band {
        band(self.band)
    }

    /// The number of its band.
    pub(super) fn number(&self) -> usize {
        usize::from(self.band)
    }

    /// Whether it is one of those who buy most.
    pub(super) fn is_keen(&self) -> bool {
        self.band == 2
    }

    pub(super) fn segments(&self) -> &'static [&'static str] {
        SEGMENTS.get(usize::from(self.segments)).copied().unwrap_or_default()
    }

    /// Where in the list of fans its favourites lie.
    pub(super) fn fans(&self) -> std::ops::Range<usize> {
        self.fans.0 as usize..self.fans.1 as usize
    }
}
