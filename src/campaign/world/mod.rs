//! The campaign: an audience that differs in activity and in how likely it buys anyway, and
//! accounts of which some change what people do. Invariant: one day of events in memory; what a
//! knob adds is drawn from streams of its own, so that turning one leaves the rest as it was.

mod calendar;
mod cast;
mod crowds;
mod day;
mod pen;
mod person;
mod turns;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{AccountTruth, Event, Knobs, Plan, Planted, Truth};
use crate::config::Invalid;
use calendar::Calendar;
use cast::Account;
use crowds::Crowds;
use pen::Pen;
use person::{Draws, People, SEGMENTS};
use turns::Turns;

const DAY_MS: i64 = 86_400_000;
/// Accounts that people mention without being fans.
const FRIENDS: u32 = 400;

/// The events of a campaign in the order of their times.
pub struct Campaign {
    plan: Plan,
    accounts: Vec<Account>,
    people: People,
    crowds: Crowds,
    calendar: Calendar,
    pen: Pen,
    dice: Dice,
    today: std::vec::IntoIter<Event>,
    truth: Truth,
}

/// Independent streams of chance.
struct Dice {
    /// Of the plain campaign.
    plain: ChaCha8Rng,
    /// Of further accounts and of what people do for them.
    company: ChaCha8Rng,
    moods: ChaCha8Rng,
    /// Of what is bought or automatic.
    noise: ChaCha8Rng,
    thanks: ChaCha8Rng,
    turns: ChaCha8Rng,
}

impl Campaign {
    pub fn new(plan: Plan) -> Result<Self, Invalid> {
        plan.validate()?;
        let mut dice = Dice::new(plan.seed);
        let turns = Turns::draw(plan.days, &mut dice.turns);
        let accounts = cast::cast(&plan.knobs, &turns);
        let draws = Draws { plain: &mut dice.plain, company: &mut dice.company };
        let people = People::draw(&plan, &accounts, draws);
        let crowds = Crowds::draw(&plan, &mut dice);
        let mut truth = planted(&plan, &accounts, &people);
        truth.shifts = turns.truth(&plan, &used_segments(&plan.knobs));
        let Plan { seed, start_ms, days, knobs, .. } = plan;
        Ok(Self {
            calendar: Calendar { days, factor: knobs.sales },
            pen: Pen { seed, start_ms, day: 0, events: 0 },
            today: Vec::new().into_iter(),
            plan,
            accounts,
            people,
            crowds,
            dice,
            truth,
        })
    }

    /// Complete once the last event is taken.
    #[must_use]
    pub fn truth(&self) -> &Truth {
        &self.truth
    }

    /// The events of the next day, in the order of their times; nothing after the last day. The
    /// truth is then what came of all days up to it.
    pub fn next_day(&mut self) -> Option<Vec<Event>> {
        if self.pen.day == self.plan.days {
            return None;
        }
        let mut events = Vec::new();
        self.automatic(&mut events);
        self.people(&mut events);
        self.pen.day += 1;
        self.truth.events = self.pen.events;
        // Stable, so that events of one millisecond stay in the order of their ids.
        events.sort_by_key(|e| e.time_ms);
        Some(events)
    }
}

impl Iterator for Campaign {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.today.next() {
                return Some(event);
            }
            self.today = self.next_day()?.into_iter();
        }
    }
}

impl Dice {
    fn new(seed: u64) -> Self {
        let stream = |number| {
            let mut random = ChaCha8Rng::seed_from_u64(seed);
            random.set_stream(number);
            random
        };
        Self {
            plain: stream(0),
            company: stream(1),
            moods: stream(2),
            noise: stream(3),
            thanks: stream(4),
            turns: stream(5),
        }
    }
}

fn planted(plan: &Plan, accounts: &[Account], people: &People) -> Truth {
    let segments = used_segments(&plan.knobs);
    let nothing = || segments.iter().map(|name| ((*name).to_owned(), Planted::default())).collect();
    let of = |account: &Account, fans| AccountTruth {
        name: account.name.to_string(),
        story: account.story.to_owned(),
        rate_ratio: account.rate_ratio,
        effect_days: account.effect_days(),
        works_within: account.turn.and_then(|turn| turn.works_within(plan.days)),
        fans,
        exposed_conversions: 0,
        caused_conversions: 0.0,
        segments: nothing(),
    };
    let mut truth = Truth { bystanders: FRIENDS, ..Truth::default() };
    truth.accounts = accounts.iter().zip(0..).map(|(a, at)| of(a, people.fans_of(at))).collect();
    truth.accounts.push(AccountTruth {
        name: cast::RING.to_owned(),
        story: "bots pass it on every day, no effect".to_owned(),
        rate_ratio: 1.0,
        effect_days: (1, cast::EFFECT_DAYS),
        works_within: None,
        fans: crowds::bots(plan),
        exposed_conversions: 0,
        caused_conversions: 0.0,
        segments: nothing(),
    });
    truth
}

/// The segments that people are in.
fn used_segments(knobs: &Knobs) -> Vec<&'static str> {
    let used = if knobs.both > 0.0 { &SEGMENTS[..2] } else { &SEGMENTS[..1] };
    used.iter().flat_map(|names| names.iter().copied()).collect()
}

fn person_name(number: u32) -> String {
    format!("p{number}")
}

fn chance(random: &mut ChaCha8Rng, probability: f64) -> bool {
    random.random::<f64>() < probability
}
