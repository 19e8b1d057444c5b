//! What is bought or automatic: followers, rings, and the accounts' own replies and posts.

use rand::Rng;

use super::cast::{self, CELEBRITY, PLAIN, POSTER, PUPPET, RING};
use super::pen::By;
use super::person::SEGMENTS;
use super::{Campaign, Dice, person_name};
use crate::campaign::{Event, Plan};
use crate::model::Kind;

const BUYERS: &[&str] = SEGMENTS[0];

/// Followers that are bought.
pub(super) struct Crowds {
    /// Day on which each follower of the plain campaign begins to follow.
    bought: Vec<u16>,
    /// The same of those who come in a wave.
    wave: Vec<u16>,
}

impl Crowds {
    pub(super) fn draw(plan: &Plan, dice: &mut Dice) -> Self {
        let people = plan.audience();
        let mut day = || dice.plain.random_range(0..plan.days);
        let bought = (0..people / 4).map(|_| day()).collect();
        let first = plan.days / 3 * 2;
        let days = first..(first + 2).min(plan.days).max(first + 1);
        let wave = cast::whole(f64::from(people) * plan.knobs.wave);
        let wave = (0..wave).map(|_| dice.noise.random_range(days.clone())).collect();
        Self { bought, wave }
    }
}

/// Size of the ring that passes one account on, one in a hundred of the audience.
pub(super) fn bots(plan: &Plan) -> u32 {
    (plan.audience() / 100).max(1)
}

impl Campaign {
    /// Bought followers, bots, and the accounts' own replies.
    pub(super) fn automatic(&mut self, events: &mut Vec<Event>) {
        let (random, today) = (&mut self.dice.plain, self.pen.day);
        let mut write = |kind, actor: String, target: &'static str| {
            let by = By(actor.into(), BUYERS);
            events.push(self.pen.event(kind, by, Some(target.into()), random));
        };
        let starts = self.crowds.bought.iter().enumerate().filter(|(_, day)| **day == today);
        for (number, _) in starts {
            write(Kind::Follow, format!("bought{number}"), CELEBRITY);
        }
        for number in 0..bots(&self.plan) {
            write(Kind::Retweet, format!("bot{number}"), RING);
        }
        self.replies(events);
        self.noise(events);
    }

    fn replies(&mut self, events: &mut Vec<Event>) {
        let people = self.plan.audience();
        for (account, at) in self.accounts.iter().zip(0..) {
            let is_plain = at < PLAIN;
            let random = if is_plain { &mut self.dice.plain } else { &mut self.dice.noise };
            for _ in 0..account.replies_a_day {
                let answered = person_name(random.random_range(0..people));
                let by = By(account.name.clone(), BUYERS);
                events.push(self.pen.event(Kind::Reply, by, Some(answered.into()), random));
            }
        }
    }

    /// What the knobs add: a wave of followers, a second ring, posts at sales.
    fn noise(&mut self, events: &mut Vec<Event>) {
        let (random, knobs, today) = (&mut self.dice.noise, &self.plan.knobs, self.pen.day);
        let mut write = |kind, actor: String, target: Option<&'static str>| {
            let by = By(actor.into(), BUYERS);
            events.push(self.pen.event(kind, by, target.map(Into::into), random));
        };
        let starts = self.crowds.wave.iter().enumerate().filter(|(_, day)| **day == today);
        for (number, _) in starts {
            write(Kind::Follow, format!("wave{number}"), Some(CELEBRITY));
        }
        for number in 0..cast::whole(knobs.bots) {
            for _ in 0..cast::whole(knobs.shouts) {
                write(Kind::Retweet, format!("puppeteer{number}"), Some(PUPPET));
            }
        }
        if knobs.poster > 0.0 && self.calendar.calls(today) {
            write(Kind::Post, POSTER.to_owned(), None);
        }
    }
}
