//! How often people convert after acting on an influencer, beside the same people after acting on
//! others (SCORING §6): Mantel-Haenszel over strata of one person and level each.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Params;
use super::evidence::{Day, Evidence, Level};

/// A rate ratio with its 95 % interval.
#[derive(Clone, Copy)]
pub(crate) struct Ratio {
    pub(crate) estimate: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

#[derive(Clone)]
pub(crate) struct Lift<'a> {
    pub(crate) ratio: Option<Ratio>,
    pub(crate) exposed_conversions: usize,
    pub(crate) exposed_buckets: usize,
    pub(crate) is_discovered: bool,
    test: Option<Test>,
    entangled_with: Vec<&'a str>,
}

#[derive(Clone, Copy)]
struct Test {
    chance: f64,
    tested: usize,
}

/// Rate ratios of the accounts whose effect is established.
type Effects<'a> = BTreeMap<&'a str, f64>;

/// Conversions and person-time of a stratum, exposed and not.
#[derive(Default)]
struct Stratum {
    y1: f64,
    t1: f64,
    y0: f64,
    t0: f64,
}

/// The lifts of all accounts that someone who converts is exposed to.
pub(crate) fn lifts<'a>(evidence: &Evidence<'a>, params: &Params) -> BTreeMap<&'a str, Lift<'a>> {
    let days = || evidence.people.iter().flatten();
    let mut lifts: BTreeMap<&str, Lift<'_>> = BTreeMap::new();
    for day in days() {
        for influencer in &day.exposed_to {
            let lift = lifts.entry(influencer).or_insert_with(Lift::none);
            lift.exposed_buckets += 1;
            lift.exposed_conversions += usize::from(day.has_converted);
        }
    }
    let effects = established(evidence, &lifts, params);
    for (influencer, lift) in &mut lifts {
        lift.ratio = ratio(evidence, influencer, &effects);
    }
    discover(&mut lifts, params);
    for influencer in effects.keys() {
        let entangled = entangled(evidence, influencer);
        lifts.get_mut(influencer).expect("an effect is of someone").entangled_with = entangled;
    }
    lifts
}

/// The effects that are left after all passes, each account's seen beside the others'.
fn established<'a>(
    evidence: &Evidence<'a>,
    lifts: &BTreeMap<&'a str, Lift<'a>>,
    params: &Params,
) -> Effects<'a> {
    let mut effects = Effects::new();
    let enough = |lift: &Lift<'_>| lift.exposed_conversions as f64 >= params.min_conversions;
    let mut order: Vec<(f64, &str)> = lifts
        .iter()
        .filter(|(_, lift)| enough(lift))
        .filter_map(|(name, _)| Some((ratio(evidence, name, &effects)?.clarity(), *name)))
        .collect();
    order.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    for _ in 0..params.joint_passes {
        for (_, influencer) in &order {
            match ratio(evidence, influencer, &effects) {
                Some(ratio) if ratio.low > 1.0 || ratio.high < 1.0 => {
                    effects.insert(influencer, ratio.estimate);
                }
                _ => {
                    effects.remove(influencer);
                }
            }
        }
    }
    effects
}

/// The rate ratio of an account, given the effects of the others.
fn ratio(evidence: &Evidence<'_>, influencer: &str, effects: &Effects<'_>) -> Option<Ratio> {
    let (mut exposed, mut unexposed, mut variance) = (0.0, 0.0, 0.0);
    for person in &evidence.people {
        if !person.iter().any(|day| day.exposed_to.contains(influencer)) {
            continue;
        }
        let time = |day: &Day<'_>| {
            let others = day.exposed_to.iter().filter(|other| **other != influencer);
            let product: f64 = others.filter_map(|other| effects.get(other)).product();
            evidence.pace[&day.bucket] * product.clamp(1e-100, 1e100)
        };
        for Stratum { y1, t1, y0, t0 } in strata(person, influencer, time).into_values() {
            if y1 + y0 > 0.0 && t1 > 0.0 && t0 > 0.0 {
                let t = t1 + t0;
                exposed += y1 * t0 / t;
                unexposed += y0 * t1 / t;
                variance += (y1 + y0) * t1 * t0 / (t * t);
            }
        }
    }
    if exposed <= 0.0 || unexposed <= 0.0 {
        return None;
    }
    let estimate: f64 = exposed / unexposed;
    let wide = (1.96 * (variance / (exposed * unexposed)).sqrt()).min(300.0);
    Some(Ratio { estimate, low: estimate * (-wide).exp(), high: estimate * wide.exp() })
}

/// A person's days by level.
fn strata(
    person: &[Day<'_>],
    influencer: &str,
    time: impl Fn(&Day<'_>) -> f64,
) -> BTreeMap<Level, Stratum> {
    let mut strata: BTreeMap<Level, Stratum> = BTreeMap::new();
    for day in person {
        let stratum = strata.entry(day.level).or_default();
        let converted = f64::from(u8::from(day.has_converted));
        if day.exposed_to.contains(influencer) {
            stratum.y1 += converted;
            stratum.t1 += time(day);
        } else {
            stratum.y0 += converted;
            stratum.t0 += time(day);
        }
    }
    strata
}

/// Benjamini-Hochberg, weighted by how much there is to see of each account.
fn discover(lifts: &mut BTreeMap<&str, Lift<'_>>, params: &Params) {
    let is_tested = |lift: &Lift<'_>| {
        lift.ratio.is_some() && lift.exposed_conversions as f64 >= params.min_conversions
    };
    let seen: Vec<usize> =
        lifts.values().filter(|lift| is_tested(lift)).map(|lift| lift.exposed_buckets).collect();
    let mean = seen.iter().sum::<usize>() as f64 / seen.len() as f64;
    let mut tested: Vec<(f64, &mut Lift<'_>)> = lifts
        .values_mut()
        .filter(|lift| is_tested(lift))
        .map(|lift| (lift.chance() / (lift.exposed_buckets as f64 / mean), lift))
        .collect();
    // By name where equal: they come in that order, and the sort keeps it.
    tested.sort_by(|a, b| a.0.total_cmp(&b.0));
    let rate = |place: usize| place as f64 * params.false_discovery_rate / seen.len() as f64;
    let passes = |(at, (chance, _)): (usize, &(f64, &mut Lift<'_>))| *chance <= rate(at + 1);
    let discovered = tested.iter().enumerate().rfind(|(at, one)| passes((*at, *one)));
    let discovered = discovered.map_or(0, |(at, _)| at + 1);
    for (at, (chance, lift)) in tested.into_iter().enumerate() {
        lift.is_discovered = at < discovered;
        lift.test = Some(Test { chance, tested: seen.len() });
    }
}

/// Who is acted on in over 90 % of the same buckets.
fn entangled<'a>(evidence: &Evidence<'a>, influencer: &str) -> Vec<&'a str> {
    let (mut days, mut shared) = (0, BTreeMap::<&str, usize>::new());
    for day in evidence.people.iter().flatten() {
        if day.exposed_to.contains(influencer) {
            days += 1;
            for other in day.exposed_to.iter().filter(|other| **other != influencer) {
                *shared.entry(other).or_default() += 1;
            }
        }
    }
    shared.into_iter().filter(|(_, both)| both * 10 > days * 9).map(|(name, _)| name).collect()
}

impl Ratio {
    /// How far from 1 the ratio is in widths of its interval, to 1e-9.
    fn clarity(&self) -> f64 {
        let widths = self.estimate.ln().abs() / (self.high / self.estimate).ln();
        (widths * 1e9).round() / 1e9
    }
}

impl Lift<'_> {
    pub(crate) fn none() -> Self {
        Self {
            ratio: None,
            exposed_conversions: 0,
            exposed_buckets: 0,
            is_discovered: false,
            test: None,
            entangled_with: Vec::new(),
        }
    }

    /// Conversions that would not have been, were this the rate ratio.
    pub(crate) fn incremental(&self, ratio: f64) -> f64 {
        self.exposed_conversions as f64 * (1.0 - 1.0 / ratio).max(0.0)
    }

    pub(crate) fn to_json(&self) -> Value {
        let mut json = json!({
            "basis": if self.ratio.is_some() { "self_controlled" } else { "insufficient" },
            "exposed_conversions": self.exposed_conversions,
            "exposed_buckets": self.exposed_buckets,
            "discovered": self.is_discovered,
        });
        if let Some(ratio) = self.ratio {
            json["rate_ratio"] = json!(ratio.estimate);
            json["low"] = json!(ratio.low);
            json["high"] = json!(ratio.high);
        }
        if let Some(Test { chance, tested }) = self.test {
            json["test"] = json!({"chance": chance, "tested": tested});
        }
        if !self.entangled_with.is_empty() {
            json["entangled_with"] = json!(self.entangled_with);
        }
        json
    }

    /// The chance of a ratio this high without an effect.
    fn chance(&self) -> f64 {
        let ratio = self.ratio.expect("who is tested has a ratio");
        let error = (ratio.high / ratio.estimate).ln() / 1.96;
        0.5 * erfc(ratio.estimate.ln() / error / std::f64::consts::SQRT_2)
    }
}

/// `2/√π · ∫ exp(−t²) dt` from `x` on: the series of erf near 0, Laplace's fraction beyond.
fn erfc(x: f64) -> f64 {
    if x < 0.0 {
        return 2.0 - erfc(-x);
    }
    let half = std::f64::consts::FRAC_2_SQRT_PI / 2.0 * (-x * x).exp();
    if x < 3.0 {
        // erf(x) = 2/√π · exp(−x²) · Σ 2ⁿ·x²ⁿ⁺¹ / (1·3·…·(2n+1))
        let (mut term, mut sum) = (x, x);
        for n in 1..120 {
            term *= 2.0 * x * x / f64::from(2 * n + 1);
            sum += term;
        }
        return 1.0 - 2.0 * half * sum;
    }
    let fraction = (1..200).rev().fold(x, |below, n| x + f64::from(n) / 2.0 / below);
    half / fraction
}
