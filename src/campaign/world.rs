//! The campaign: an audience that differs in activity and in how likely it buys anyway, and five
//! accounts of which two change what people do. Invariant: one day of events in memory.

use std::borrow::Cow;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use super::{Event, Plan};
use crate::config::Invalid;
use crate::model::Kind;

const DAY_MS: i64 = 86_400_000;
const SEGMENT: &str = "buyers";
/// Days after a touch on which an account's effect lasts, and on which a sale counts as exposed.
const EFFECT_DAYS: u16 = 3;
/// Chance of a fan who is active on a day to act on the account.
const FAN_ACTS: f64 = 0.35;
const RING: &str = "ring";
const CELEBRITY: &str = "celebrity";
const FRIENDS: u32 = 400;

/// How an account works on the audience.
struct Design {
    name: &'static str,
    story: &'static str,
    /// Share of the people of average activity who are fans; without it, by how much they buy.
    reach: Option<f64>,
    /// What a touch multiplies the chance of a conversion by.
    rate_ratio: f64,
    replies_a_day: u32,
}

const DESIGNS: [Design; 4] = [
    Design {
        name: CELEBRITY,
        story: "many react, followers are bought, answers nobody, no effect",
        reach: Some(0.25),
        rate_ratio: 1.0,
        replies_a_day: 0,
    },
    Design {
        name: "micro",
        story: "few fans, answers them, multiplies conversion by 3",
        reach: Some(0.02),
        rate_ratio: 3.0,
        replies_a_day: 12,
    },
    Design {
        name: "mid",
        story: "more fans, multiplies conversion by 1.5",
        reach: Some(0.06),
        rate_ratio: 1.5,
        replies_a_day: 5,
    },
    Design {
        name: "homophily",
        story: "loved by people who buy anyway, no effect",
        reach: None,
        rate_ratio: 1.0,
        replies_a_day: 3,
    },
];

/// People of one kind; the audience is drawn from three.
struct Band {
    share: f64,
    /// Chance of a conversion on a day, without anyone's influence.
    buys: f64,
    /// Mean number of times active on a day.
    active: f64,
    /// `exp(−active)`, written out because platforms differ in its last bit.
    idle: f64,
    /// Chance of being a fan of the account that is loved by those who buy.
    loves: f64,
}

const BANDS: [Band; 3] = [
    Band { share: 0.7, buys: 0.002, active: 0.15, idle: 0.860_707_976_425_057_8, loves: 0.005 },
    Band { share: 0.25, buys: 0.008, active: 0.4, idle: 0.670_320_046_035_639_3, loves: 0.05 },
    Band { share: 0.05, buys: 0.03, active: 1.0, idle: 0.367_879_441_171_442_33, loves: 0.5 },
];

struct Person {
    band: &'static Band,
    fan: [bool; DESIGNS.len()],
    /// The day after the last touch, 0 before any.
    touched: [u16; DESIGNS.len()],
}

/// What was planted, and what came of it so far.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Truth {
    pub events: u64,
    pub conversions: u64,
    pub accounts: Vec<AccountTruth>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AccountTruth {
    pub name: &'static str,
    pub story: &'static str,
    pub rate_ratio: f64,
    pub fans: u32,
    pub exposed_conversions: u64,
    /// Expected number of conversions that would not have been without the account.
    pub caused_conversions: f64,
}

/// The events of a campaign in the order of their times.
pub struct Campaign {
    plan: Plan,
    random: ChaCha8Rng,
    people: Vec<Person>,
    /// Day on which each bought follower begins to follow.
    bought: Vec<u16>,
    day: u16,
    today: std::vec::IntoIter<Event>,
    truth: Truth,
}

impl Campaign {
    pub fn new(plan: Plan) -> Result<Self, Invalid> {
        plan.validate()?;
        let mut random = ChaCha8Rng::seed_from_u64(plan.seed);
        let people: Vec<_> = (0..plan.people).map(|_| Person::draw(&mut random)).collect();
        let bought = (0..plan.people / 4).map(|_| random.random_range(0..plan.days)).collect();
        let accounts = DESIGNS.iter().enumerate().map(|(at, design)| AccountTruth {
            name: design.name,
            story: design.story,
            rate_ratio: design.rate_ratio,
            fans: count(people.iter().filter(|p| p.fan.get(at) == Some(&true))),
            exposed_conversions: 0,
            caused_conversions: 0.0,
        });
        let mut truth = Truth { accounts: accounts.collect(), ..Truth::default() };
        truth.accounts.push(AccountTruth {
            name: RING,
            story: "bots pass it on every day, no effect",
            rate_ratio: 1.0,
            fans: bots(&plan),
            exposed_conversions: 0,
            caused_conversions: 0.0,
        });
        Ok(Self { plan, random, people, bought, day: 0, today: Vec::new().into_iter(), truth })
    }

    /// Complete once the last event is taken.
    #[must_use]
    pub fn truth(&self) -> &Truth {
        &self.truth
    }

    fn next_day(&mut self) -> Vec<Event> {
        let mut people = std::mem::take(&mut self.people);
        let mut events = Vec::new();
        self.crowds(&mut events);
        for (number, person) in (0..).zip(&mut people) {
            self.conversion(number, person, &mut events);
            self.acts(number, person, &mut events);
        }
        self.people = people;
        self.day += 1;
        // Stable, so that events of one millisecond stay in the order of their ids.
        events.sort_by_key(|e| e.time_ms);
        events
    }

    /// Bought followers, bots, and the accounts' own replies.
    fn crowds(&mut self, events: &mut Vec<Event>) {
        for number in 0..self.bought.len() {
            if self.bought.get(number) == Some(&self.day) {
                let follower = format!("bought{number}");
                events.push(self.event(Kind::Follow, follower, Some(CELEBRITY.into())));
            }
        }
        for number in 0..bots(&self.plan) {
            events.push(self.event(Kind::Retweet, format!("bot{number}"), Some(RING.into())));
        }
        for design in &DESIGNS {
            for _ in 0..design.replies_a_day {
                let answered = person_name(self.random.random_range(0..self.plan.people));
                events.push(self.event(Kind::Reply, design.name, Some(answered.into())));
            }
        }
    }

    /// A conversion of the person, as likely as the accounts that touched them lately make it.
    fn conversion(&mut self, number: u32, person: &Person, events: &mut Vec<Event>) {
        let lately = |touched: &u16| *touched > 0 && self.day + 1 - touched <= EFFECT_DAYS;
        let live = person.touched.iter().map(lately);
        let boost: f64 = DESIGNS
            .iter()
            .zip(live.clone())
            .filter(|(_, l)| *l)
            .map(|(d, _)| d.rate_ratio)
            .product();
        if !chance(&mut self.random, person.band.buys * boost) {
            return;
        }
        self.truth.conversions += 1;
        for (account, _) in self.truth.accounts.iter_mut().zip(live).filter(|(_, live)| *live) {
            account.exposed_conversions += 1;
            account.caused_conversions += 1.0 - account.rate_ratio.recip();
        }
        let cents = self.random.random_range(2_000..8_000_u32);
        let sale = self.event(Kind::Conversion, person_name(number), None);
        events.push(Event { value: Some(f64::from(cents) / 100.0), currency: Some("EUR"), ..sale });
    }

    /// On a day on which the person is active: a mention of a friend, and acts on favourites.
    fn acts(&mut self, number: u32, person: &mut Person, events: &mut Vec<Event>) {
        if self.random.random::<f64>() <= person.band.idle {
            return;
        }
        let friend = format!("friend{}", self.random.random_range(0..FRIENDS));
        events.push(self.event(Kind::Mention, person_name(number), Some(friend.into())));
        let favourites = DESIGNS.iter().zip(person.fan).zip(&mut person.touched);
        for ((design, _), touched) in favourites.filter(|((_, fan), _)| *fan) {
            if chance(&mut self.random, FAN_ACTS) {
                *touched = self.day + 1;
                let kind = match self.random.random_range(0..4_u32) {
                    0 | 1 => Kind::Retweet,
                    2 => Kind::Reply,
                    _ => Kind::Quote,
                };
                events.push(self.event(kind, person_name(number), Some(design.name.into())));
            }
        }
    }

    /// An event at some moment of the day.
    fn event(
        &mut self,
        kind: Kind,
        actor: impl Into<Cow<'static, str>>,
        target: Option<Cow<'static, str>>,
    ) -> Event {
        self.truth.events += 1;
        let midnight = self.plan.start_ms + i64::from(self.day) * DAY_MS;
        Event {
            // The seed tells campaigns in one topic apart.
            id: format!("c{}-{}", self.plan.seed, self.truth.events),
            kind,
            time_ms: midnight + self.random.random_range(0..DAY_MS),
            actor: actor.into(),
            target,
            segments: [SEGMENT],
            value: None,
            currency: None,
        }
    }
}

impl Iterator for Campaign {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.today.next() {
                return Some(event);
            }
            if self.day == self.plan.days {
                return None;
            }
            self.today = self.next_day().into_iter();
        }
    }
}

impl Person {
    fn draw(random: &mut ChaCha8Rng) -> Self {
        let [many, some, few] = &BANDS;
        let place: f64 = random.random();
        let band = if place < many.share {
            many
        } else if place < many.share + some.share {
            some
        } else {
            few
        };
        let likes = |design: &Design| design.reach.map_or(band.loves, |r| r * band.active / 0.3);
        let fan = DESIGNS.each_ref().map(|design| chance(random, likes(design)));
        Self { band, fan, touched: [0; DESIGNS.len()] }
    }
}

fn person_name(number: u32) -> String {
    format!("p{number}")
}

/// Size of the ring that passes one account on, one in a hundred of the audience.
fn bots(plan: &Plan) -> u32 {
    (plan.people / 100).max(1)
}

fn chance(random: &mut ChaCha8Rng, probability: f64) -> bool {
    random.random::<f64>() < probability
}

fn count<T>(items: impl Iterator<Item = T>) -> u32 {
    items.fold(0, |n, _| n + 1)
}
