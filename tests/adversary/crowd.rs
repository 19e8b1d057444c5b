//! A dozen people who act and buy all the time, more often after acting on some accounts and less
//! after others: only then do the pace, the levels and the joint passes of lift show errors.

use std::collections::BTreeMap;

use rand::Rng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;

use super::story::Story;
use super::{Made, START};
use crate::oracle::{Event, Params};

const EFFECTS: [f64; 7] = [8.0, 5.0, 4.0, 0.05, 0.15, 1.0, 1.0];
const TOUCHES: [&str; 7] = ["retweet", "retweet", "quote", "share", "click", "reply", "mention"];

pub(super) fn gather(random: ChaCha8Rng, params: &Params) -> Vec<Event> {
    let mut crowd = Crowd::new(random, params);
    for day in 0..crowd.days {
        for person in 0..crowd.people {
            crowd.live(day, person);
        }
    }
    crowd.story.events.sort_by_key(|e| e.time);
    crowd.story.arriving()
}

struct Crowd<'a> {
    story: Story<'a>,
    days: i64,
    people: i64,
    /// What an act on each of the accounts multiplies the chance of a sale by.
    effects: Vec<f64>,
    /// The account that is acted on beside the first, and how often, in tenths.
    beside: u32,
    /// When a person last acted on an account.
    last: BTreeMap<(i64, usize), i64>,
}

impl<'a> Crowd<'a> {
    fn new(mut random: ChaCha8Rng, params: &'a Params) -> Self {
        let days = params.evidence_buckets + random.random_range(-4..12);
        let people = random.random_range(10..20);
        let count = random.random_range(4..=EFFECTS.len());
        let mut effects: Vec<f64> = EFFECTS.choose_multiple(&mut random, count).copied().collect();
        effects.dedup();
        let beside = random.random_range(0..10);
        let story = Story::new(random, params, Made::Dense);
        Self { story, days, people, effects, beside, last: BTreeMap::new() }
    }

    /// One person's day: perhaps a sale, then acts, and now and then something else.
    fn live(&mut self, day: i64, person: i64) {
        let actor = format!("a{person}");
        let exposure = self.story.params.exposure_buckets;
        let live = |at: usize| {
            self.last
                .get(&(person, at))
                .is_some_and(|acted| (1..=exposure).contains(&(day - acted)))
        };
        let boost: f64 =
            (0..self.effects.len()).filter(|at| live(*at)).map(|at| self.effects[at]).product();
        let calendar = if day % 11 == 5 { 2.0 } else { 1.0 };
        if self.story.random.random_bool((0.07 * boost * calendar).min(0.9)) {
            self.at(day);
            self.story.sale(&actor);
        }
        for account in 0..self.effects.len() {
            let first = self.last.get(&(person, 0)) == Some(&day);
            let entangled =
                account == 1 && first && self.story.random.random_ratio(self.beside, 10);
            if entangled || self.story.random.random_ratio(1, 6) {
                self.act(day, person, account);
            }
        }
        self.at(day);
        match self.story.random.random_range(0..300) {
            0..8 => self.story.give_back(&actor),
            8..9 => self.introduce(&actor),
            9 => self.story.erase(&actor),
            _ => {}
        }
    }

    fn at(&mut self, day: i64) {
        let bucket = self.story.params.bucket_ms;
        let within = self.story.random.random_range(0..bucket);
        let within = *[0, bucket - 1, within, within].choose(&mut self.story.random).expect("four");
        self.story.now = START + day * bucket + within;
    }

    fn act(&mut self, day: i64, person: i64, account: usize) {
        self.at(day);
        self.last.insert((person, account), day);
        let kind = TOUCHES.choose(&mut self.story.random).expect("seven");
        self.story.add(kind, &format!("a{person}"));
        self.story.events.last_mut().expect("just added").target = Some(format!("i{account}"));
    }

    /// Somebody turns out to be in a segment, or in two.
    fn introduce(&mut self, actor: &str) {
        self.story.add("profile", actor);
        let names = if self.story.random.random() { &["north"][..] } else { &["north", "south"] };
        self.story.events.last_mut().expect("just added").segments =
            names.iter().map(|name| (*name).to_owned()).collect();
    }
}
