//! Random histories, dense enough that a few hundred people establish effects.

use std::sync::Arc;

use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sillage::model::{AccountKey, Acted, HISTORY, Histories, History, Params, SegmentHistories};

/// Quiet times of an extreme world, others, and its accounts with an extreme effect.
const QUIET: u64 = 0b111 << 20;
const LATER: u64 = 0b111 << 10;
const EXTREME: usize = 24;

/// Who there is, and what moves them.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub params: Params,
    pub seed: u64,
    pub segments: Vec<&'static str>,
    pub people: usize,
    /// By how much each influencer multiplies conversions.
    pub effects: Vec<f64>,
    /// Part of the people who are fans of an influencer, and how often a fan acts.
    pub fans: f64,
    pub acts: f64,
    /// How often people convert anyway.
    pub conversions: f64,
    /// People who act on everybody, and how often.
    pub crowd: (usize, f64),
    /// The second influencer is acted on with the first only, and so often.
    pub twin: Option<f64>,
    /// Buckets counted as if a crowd was exposed and nobody bought anything, so that their pace is
    /// next to nothing, and how many of the influencers are acted on only just before them, each
    /// by fans of its own.
    pub quiet: (u64, usize),
}

impl Default for World {
    fn default() -> Self {
        Self {
            params: Params::default(),
            seed: 1,
            segments: vec!["north"],
            people: 300,
            effects: vec![3.0, 0.3, 1.0, 2.0, 1.0, 1.0],
            fans: 0.3,
            acts: 0.15,
            conversions: 0.04,
            crowd: (0, 0.0),
            twin: None,
            quiet: (0, 0),
        }
    }
}

/// What one person did in one segment, by age of the bucket.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub key: u64,
    pub segment: usize,
    pub quarters: [u8; HISTORY],
    /// By influencer.
    pub acts: Vec<u64>,
    pub converted: u64,
}

impl World {
    /// Accounts with effects of a million and more.
    pub(crate) fn extreme(seed: u64) -> Self {
        Self {
            params: Params { pace_conversions: 0.001, ..Params::default() },
            seed,
            people: 1_500,
            effects: (0..EXTREME + 6).map(|n| if n < EXTREME { 3.0 } else { 1.0 }).collect(),
            fans: 0.5,
            acts: 0.3,
            conversions: 0.1,
            quiet: (QUIET, EXTREME),
            ..Self::default()
        }
    }

    pub(crate) fn people(&self) -> Vec<Person> {
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        let one = |place: usize, segment: usize, random: &mut ChaCha8Rng| {
            self.person(segment, place < self.crowd.0, random)
        };
        (0..self.segments.len())
            .flat_map(|segment| (0..self.people).map(move |place| (segment, place)))
            .map(|(segment, place)| one(place, segment, &mut random))
            .collect()
    }

    /// People of an extreme world, some of whom act on all accounts with an extreme effect before
    /// the quiet time, on all but two of them at another time, and convert in the quiet one: what
    /// that says of the two depends on what the limits leave of the product of the others.
    pub(crate) fn extreme_people(&self) -> Vec<Person> {
        let mut people = self.people();
        for person in people.iter_mut().take(3) {
            person.quarters = [0; HISTORY];
            for age in ages(before(QUIET) | before(LATER)) {
                person.quarters[age] = 12;
            }
            person.converted = QUIET;
            for (influencer, acts) in person.acts.iter_mut().enumerate() {
                *acts = match EXTREME - influencer.min(EXTREME) {
                    0 => 0,
                    1 | 2 => before(QUIET),
                    _ => before(QUIET) | before(LATER),
                };
            }
        }
        people
    }

    fn person(&self, segment: usize, everybody: bool, random: &mut ChaCha8Rng) -> Person {
        let mut person = Person {
            key: random.random(),
            segment,
            quarters: [0; HISTORY],
            acts: vec![0; self.effects.len()],
            converted: 0,
        };
        let fan: Vec<bool> = (0..self.effects.len())
            .map(|influencer| match self.quiet.1 {
                accounts if influencer < accounts => person.key as usize % accounts == influencer,
                _ => random.random_bool(self.fans),
            })
            .map(|is_fan| everybody || is_fan)
            .collect();
        let propensity = self.conversions * 2.0 * random.random::<f64>();
        let exposure = self.params.exposure_buckets as usize;
        for age in (0..HISTORY).rev() {
            let acted =
                |acts: &u64| (1..=exposure).any(|k| age + k < 64 && acts >> (age + k) & 1 == 1);
            let exposed = self.effects.iter().zip(&person.acts).filter(|(_, acts)| acted(acts));
            let rate: f64 = propensity * exposed.map(|(effect, _)| effect).product::<f64>();
            person.converted |= u64::from(random.random_bool(rate.min(0.7))) << age;
            for (influencer, is_fan) in fan.iter().enumerate() {
                let often = if everybody { self.crowd.1 } else { self.acts };
                let acts = match self.twin.filter(|_| influencer == 1) {
                    Some(often) => person.acts[0] >> age & 1 == 1 && random.random_bool(often),
                    None => *is_fan && random.random_bool(often),
                };
                let (quiet, accounts) = self.quiet;
                let acts = acts && (influencer >= accounts || before(quiet) >> age & 1 == 1);
                if acts {
                    person.acts[influencer] |= 1 << age;
                    let weight = random.random_range(1..=6_u8);
                    person.quarters[age] = (person.quarters[age] + weight).min(12);
                }
            }
        }
        person
    }

    /// The histories, with people spread over shards by their keys.
    pub(crate) fn histories(&self, people: &[Person], shards: usize) -> Vec<Histories> {
        let mut random = ChaCha8Rng::seed_from_u64(self.seed + shards as u64);
        (0..shards)
            .map(|shard| {
                let of_shard = |person: &&Person| person.key as usize % shards == shard;
                let mut people: Vec<_> = people.iter().filter(of_shard).collect();
                people.shuffle(&mut random);
                self.shard(&people, &mut random)
            })
            .collect()
    }

    fn shard(&self, people: &[&Person], random: &mut ChaCha8Rng) -> Histories {
        // The shard has numbers of its own, and knows more names than are acted on.
        let mut numbers: Vec<u32> = (0..self.effects.len() as u32 + 2).collect();
        numbers.shuffle(random);
        let mut influencers: Vec<Arc<str>> = vec!["nobody".into(); numbers.len()];
        for influencer in 0..self.effects.len() {
            influencers[numbers[influencer] as usize] = name(influencer);
        }
        let mut segments: Vec<_> = (0..self.segments.len())
            .map(|segment| self.segment(segment, people, &numbers))
            .collect();
        segments.shuffle(random);
        Histories { closed: 20_000, segments, influencers }
    }

    fn segment(&self, place: usize, people: &[&Person], numbers: &[u32]) -> SegmentHistories {
        let mut segment = SegmentHistories {
            segment: self.segments[place].into(),
            exposed: [0; HISTORY],
            exposed_converted: [0; HISTORY],
            converted: [0; HISTORY],
            people: Vec::new(),
            acts: Vec::new(),
        };
        for person in people.iter().filter(|person| person.segment == place) {
            let any = person.acts.iter().fold(0, |any, acts| any | acts);
            let exposure = self.params.exposure_buckets as usize;
            for age in 0..HISTORY {
                let exposed = (1..=exposure).any(|k| age + k < 64 && any >> (age + k) & 1 == 1);
                let converted = person.converted >> age & 1 == 1;
                segment.exposed[age] += u32::from(exposed);
                segment.exposed_converted[age] += u32::from(exposed && converted);
                segment.converted[age] += u32::from(converted);
            }
            if person.converted != 0 {
                segment.push(person, numbers);
            }
        }
        let crowd = 1_000 * people.len() as u32;
        for age in ages(self.quiet.0) {
            (segment.exposed[age], segment.exposed_converted[age]) = (crowd, 0);
        }
        segment
    }
}

/// The buckets just before stretches of buckets.
fn before(stretches: u64) -> u64 {
    stretches << 1 & !stretches
}

fn ages(mask: u64) -> impl Iterator<Item = usize> {
    (0..HISTORY).filter(move |age| mask >> age & 1 == 1)
}

trait Push {
    fn push(&mut self, person: &Person, numbers: &[u32]);
}

impl Push for SegmentHistories {
    fn push(&mut self, person: &Person, numbers: &[u32]) {
        let mut quarters = [0; HISTORY / 2];
        for (age, units) in person.quarters.iter().enumerate() {
            quarters[age / 2] |= units << (4 * (age % 2));
        }
        let from = self.acts.len() as u32;
        let acted = person.acts.iter().zip(numbers).filter(|(buckets, _)| **buckets != 0);
        self.acts.extend(acted.map(|(buckets, n)| Acted { influencer: *n, buckets: *buckets }));
        self.people.push(History {
            key: AccountKey(person.key),
            converted: person.converted,
            quarters,
            acts: (from, self.acts.len() as u32),
        });
    }
}

pub(crate) fn name(influencer: usize) -> Arc<str> {
    format!("i{influencer}").into()
}
