//! The definition of lift, step by step over all buckets of all people: slow, and as plain as it
//! gets. It shares nothing with the code that it judges but the types of input and output.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sillage::model::{
    Basis, Evidence, Histories, History, Lift, Params, RateRatio, SegmentEvidence,
    SegmentHistories, Test,
};

type Name = Arc<str>;

/// A bucket in which a person is exposed to anyone.
struct Bucket {
    level: (u32, u32),
    age: usize,
    exposed: BTreeSet<Name>,
    converted: bool,
}

pub(crate) fn evidence(params: &Params, shards: &[&Histories]) -> Evidence {
    let names: BTreeSet<&Name> =
        shards.iter().flat_map(|shard| &shard.segments).map(|segment| &segment.segment).collect();
    let closed = shards.first().map_or(0, |shard| shard.closed);
    Evidence {
        as_of_ms: i64::from(closed + 1) * params.bucket_ms,
        segments: names
            .into_iter()
            .map(|name| (Arc::clone(name), Segment::new(params, shards, name).evidence()))
            .collect(),
    }
}

struct Segment<'a> {
    params: &'a Params,
    pace: Vec<f64>,
    conversions: u64,
    people: Vec<Vec<Bucket>>,
    /// Who is exposed to an influencer, in the order of their keys.
    exposed: BTreeMap<Name, Vec<usize>>,
}

impl<'a> Segment<'a> {
    fn new(params: &'a Params, shards: &[&Histories], name: &Name) -> Self {
        let window = params.evidence_buckets as usize;
        let mut people = BTreeMap::new();
        let (mut exposed, mut both) = (vec![0_u64; window], vec![0_u64; window]);
        let mut conversions = 0;
        for shard in shards {
            for segment in shard.segments.iter().filter(|segment| segment.segment == *name) {
                for age in 0..window {
                    exposed[age] += u64::from(segment.exposed[age]);
                    both[age] += u64::from(segment.exposed_converted[age]);
                    conversions += u64::from(segment.converted[age]);
                }
                let counts = |person: &&History| (0..window).any(|age| has(person.converted, age));
                for person in segment.people.iter().filter(counts) {
                    people.insert(person.key, buckets(params, shard, segment, person));
                }
            }
        }
        let (total, base) = (both.iter().sum::<u64>() as f64, exposed.iter().sum::<u64>() as f64);
        let mean = if base > 0.0 { total / base } else { 0.0 };
        let kappa = params.pace_conversions;
        let pace = (0..window)
            .map(|age| (both[age] as f64 + kappa) / (exposed[age] as f64 * mean + kappa))
            .collect();
        let people: Vec<Vec<Bucket>> = people.into_values().collect();
        let mut exposed = BTreeMap::<Name, Vec<usize>>::new();
        for (place, person) in people.iter().enumerate() {
            for name in person.iter().flat_map(|b| &b.exposed).collect::<BTreeSet<_>>() {
                exposed.entry(Name::clone(name)).or_default().push(place);
            }
        }
        Self { params, pace, conversions, people, exposed }
    }

    fn evidence(&self) -> SegmentEvidence {
        let (mut hits, mut cells) = (BTreeMap::new(), BTreeMap::new());
        for bucket in self.people.iter().flatten() {
            for name in &bucket.exposed {
                *hits.entry(name).or_insert(0_u64) += u64::from(bucket.converted);
                *cells.entry(name).or_insert(0_u64) += 1;
            }
        }
        let enough = |name: &Name| hits[name] as f64 >= self.params.min_conversions;
        let effects = self.effects(&hits.keys().copied().filter(|n| enough(n)).collect::<Vec<_>>());
        let mut lifts: BTreeMap<Name, Lift> = BTreeMap::new();
        for (name, hits) in &hits {
            let ratio = self.ratio(name, &effects);
            let lift = Lift {
                basis: if ratio.is_some() { Basis::SelfControlled } else { Basis::Insufficient },
                ratio,
                exposed_conversions: *hits,
                exposed_buckets: cells[name],
                entangled_with: effects.contains_key(*name).then(|| self.entangled(name)),
                ..Lift::NONE
            };
            lifts.insert(Name::clone(name), lift);
        }
        self.discover(&mut lifts);
        SegmentEvidence { conversions: self.conversions, influencers: lifts.into_iter().collect() }
    }

    /// The established effects, after all passes.
    fn effects(&self, names: &[&Name]) -> BTreeMap<Name, f64> {
        let mut effects = BTreeMap::new();
        let mut order: Vec<(f64, &Name)> = names
            .iter()
            .filter_map(|name| {
                let ratio = self.ratio(name, &effects)?;
                let strength = ratio.estimate.ln().abs() / (ratio.high / ratio.estimate).ln();
                Some(((strength * 1e9).round() / 1e9, *name))
            })
            .collect();
        order.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
        for _ in 0..self.params.joint_passes {
            for (_, name) in &order {
                match self.ratio(name, &effects) {
                    Some(ratio) if ratio.low > 1.0 || ratio.high < 1.0 => {
                        effects.insert(Name::clone(name), ratio.estimate)
                    }
                    _ => effects.remove(*name),
                };
            }
        }
        effects
    }

    fn ratio(&self, name: &Name, effects: &BTreeMap<Name, f64>) -> Option<RateRatio> {
        let (mut num, mut den, mut var) = (0.0, 0.0, 0.0);
        for person in self.exposed[name].iter().map(|place| &self.people[*place]) {
            let mut strata = BTreeMap::<_, [f64; 4]>::new();
            for bucket in person {
                let others = bucket.exposed.iter().filter(|other| *other != name);
                let product: f64 = others.filter_map(|other| effects.get(other)).product();
                let cell = strata.entry(bucket.level).or_default();
                let side = if bucket.exposed.contains(name) { 0 } else { 2 };
                cell[side] += f64::from(u8::from(bucket.converted));
                cell[side + 1] += self.pace[bucket.age] * product.clamp(1e-100, 1e100);
            }
            for [y1, t1, y0, t0] in strata.into_values() {
                if y1 + y0 > 0.0 && t1 > 0.0 && t0 > 0.0 {
                    let t = t1 + t0;
                    num += y1 * t0 / t;
                    den += y0 * t1 / t;
                    var += (y1 + y0) * t1 * t0 / (t * t);
                }
            }
        }
        if num <= 0.0 || den <= 0.0 {
            return None;
        }
        let (estimate, error) = (num / den, f64::sqrt(var / (num * den)));
        let wide = f64::min(1.96 * error, 300.0);
        Some(RateRatio { estimate, low: estimate * f64::exp(-wide), high: estimate * wide.exp() })
    }

    fn discover(&self, lifts: &mut BTreeMap<Name, Lift>) {
        let tested: Vec<Name> = lifts
            .iter()
            .filter(|(_, lift)| lift.ratio.is_some())
            .filter(|(_, lift)| lift.exposed_conversions as f64 >= self.params.min_conversions)
            .map(|(name, _)| Name::clone(name))
            .collect();
        let m = tested.len() as f64;
        let mean = tested.iter().map(|name| lifts[name].exposed_buckets as f64).sum::<f64>() / m;
        let chance = |name: &Name| {
            let ratio = lifts[name].ratio.unwrap();
            let error = (ratio.high / ratio.estimate).ln() / 1.96;
            let p = 0.5 * libm::erfc(ratio.estimate.ln() / error / f64::sqrt(2.0));
            p / (lifts[name].exposed_buckets as f64 / mean)
        };
        let mut ranked: Vec<(f64, Name)> =
            tested.into_iter().map(|name| (chance(&name), name)).collect();
        ranked.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let mut passed = 0;
        for (k, (chance, _)) in (1..).zip(&ranked) {
            if *chance <= f64::from(k) * self.params.false_discovery_rate / m {
                passed = k;
            }
        }
        for (place, (chance, name)) in (1..).zip(ranked) {
            let lift = lifts.get_mut(&name).unwrap();
            lift.discovered = place <= passed;
            lift.test = Some(Test { chance, place: place as u64, tested: m as u64 });
        }
    }

    fn entangled(&self, name: &Name) -> Arc<[Name]> {
        let (mut all, mut shared) = (0_u64, BTreeMap::<Name, u64>::new());
        for person in &self.people {
            let pairs: BTreeSet<&Name> = person.iter().flat_map(|b| &b.exposed).collect();
            if pairs.len() > 64 {
                continue;
            }
            for bucket in person.iter().filter(|bucket| bucket.exposed.contains(name)) {
                all += 1;
                for other in bucket.exposed.iter().filter(|other| *other != name) {
                    *shared.entry(Name::clone(other)).or_default() += 1;
                }
            }
        }
        shared.retain(|_, shared| *shared * 10 > all * 9);
        shared.into_keys().collect()
    }
}

fn has(mask: u64, age: usize) -> bool {
    age < 64 && mask >> age & 1 == 1
}

fn buckets(
    params: &Params,
    shard: &Histories,
    segment: &SegmentHistories,
    person: &History,
) -> Vec<Bucket> {
    let exposure = params.exposure_buckets as usize;
    let acts = segment.acts_of(person);
    let mut buckets = Vec::new();
    for age in 0..params.evidence_buckets as usize {
        let before = age + 1..=age + exposure;
        let exposed: BTreeSet<Name> = acts
            .iter()
            .filter(|acted| before.clone().any(|age| has(acted.buckets, age)))
            .map(|acted| Name::clone(&shard.influencers[acted.influencer as usize]))
            .collect();
        if exposed.is_empty() {
            continue;
        }
        let half_life = params.exponent * params.half_life_ms as f64;
        let faded: f64 = (1..=params.level_buckets as usize)
            .map(|k| {
                let left = -(k as f64) * params.bucket_ms as f64 / half_life;
                f64::from(person.quarters_at(age + k)) / 4.0 * left.exp2()
            })
            .sum();
        let level = (2.0 * (1.0 + faded).log2() + 1e-9).floor() as u32;
        let active = before.filter(|age| person.quarters_at(*age) > 0).count() as u32;
        let converted = has(person.converted, age);
        buckets.push(Bucket { level: (level.min(8), active), age, exposed, converted });
    }
    buckets
}
