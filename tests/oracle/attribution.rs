//! Who is given a share of the conversions, as is reported and not scored (SCORING §5).

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::credit::{Reading, is_influence};
use super::history::Accepted;

/// Sums over the settled conversions of the open buckets and the evidence window.
#[derive(Default)]
pub(crate) struct Attribution<'a> {
    /// By segment and influencer.
    pub(crate) influencers: BTreeMap<(&'a str, &'a str), Given>,
    /// By segment: what went to nobody, and its value.
    pub(crate) organic: BTreeMap<&'a str, (f64, f64)>,
}

#[derive(Clone, Copy, Default)]
pub(crate) struct Given {
    pub(crate) conversions: f64,
    /// Those of them that a target or a code declared.
    pub(crate) declared: f64,
    pub(crate) value: f64,
}

/// How one conversion is split.
#[derive(Clone)]
struct Split<'a> {
    shares: BTreeMap<&'a str, f64>,
    organic: f64,
    is_declared: bool,
}

/// What an outcome adds or, below 0, takes back: where, when, and how much of it.
struct Entry<'a> {
    of: &'a Accepted,
    split: Split<'a>,
    units: f64,
    value: f64,
}

pub(crate) fn attribute<'a>(reading: &Reading<'a>) -> Attribution<'a> {
    let outcomes = settled(reading);
    let mut attribution = Attribution::default();
    for (at, (place, outcome)) in outcomes.iter().enumerate() {
        let entry = if outcome.event.kind == "conversion" {
            let (split, value) = (split(reading, *place, outcome), value(reading, outcome));
            Entry { of: outcome, split, units: 1.0, value }
        } else {
            refund(reading, outcome, &outcomes[..at])
        };
        if entry.of.bucket > reading.last_closed() - reading.params.evidence_buckets {
            attribution.add(&entry);
        }
    }
    attribution
}

impl<'a> Attribution<'a> {
    fn add(&mut self, entry: &Entry<'a>) {
        for segment in &entry.of.segments {
            for (influencer, share) in &entry.split.shares {
                let given = self.influencers.entry((segment, influencer)).or_default();
                given.conversions += entry.units * share;
                given.value += entry.value * share;
                if entry.split.is_declared {
                    given.declared += entry.units * share;
                }
            }
            let (conversions, value) = self.organic.entry(segment).or_default();
            *conversions += entry.units * entry.split.organic;
            *value += entry.value * entry.split.organic;
        }
    }
}

/// Conversions and refunds that the watermark has passed, with their places in the history, in
/// the order of their times, at one time refunds last.
fn settled<'a>(reading: &Reading<'a>) -> Vec<(usize, &'a Accepted)> {
    let is_settled = |a: &Accepted| {
        let end = reading.history.erased_at(a.person()).unwrap_or(reading.as_of);
        a.event.time + reading.params.grace_ms <= end.min(reading.as_of)
    };
    let outcome = |a: &Accepted| matches!(a.event.kind.as_str(), "conversion" | "refund");
    let all = reading.history.accepted.iter().enumerate();
    let mut settled: Vec<_> = all.filter(|(_, a)| outcome(a) && is_settled(a)).collect();
    settled.sort_by_key(|(_, a)| (a.event.time, a.event.kind == "refund"));
    settled
}

fn split<'a>(reading: &Reading<'a>, place: usize, outcome: &'a Accepted) -> Split<'a> {
    if let Some(influencer) = declared(reading, outcome) {
        let shares = BTreeMap::from([(influencer, 1.0)]);
        return Split { shares, organic: 0.0, is_declared: true };
    }
    let p = reading.params;
    let weight = |(influencer, touch): &(&'a str, &Accepted)| {
        let age = (outcome.event.time - touch.event.time) as f64;
        let fading = (-age / p.attribution_half_life_ms as f64).exp2();
        (*influencer, p.weight(&touch.event.kind) * fading)
    };
    let weights: Vec<_> = touches(reading, place, outcome).iter().map(weight).collect();
    let all = p.organic + weights.iter().map(|(_, q)| q).sum::<f64>();
    let shares = weights.into_iter().map(|(influencer, q)| (influencer, q / all)).collect();
    Split { shares, organic: p.organic / all, is_declared: false }
}

/// The influencer that the outcome names, or whose promo code it names.
fn declared<'a>(reading: &Reading<'a>, outcome: &'a Accepted) -> Option<&'a str> {
    let code = || reading.params.code(outcome.event.code.as_deref()?);
    outcome.target().or_else(code)
}

/// The last touch of each influencer before the outcome, the most recent ones.
fn touches<'a>(
    reading: &Reading<'a>,
    place: usize,
    outcome: &Accepted,
) -> Vec<(&'a str, &'a Accepted)> {
    let p = reading.params;
    let until = outcome.event.time;
    let arrived = &reading.history.accepted[..settling(reading, place, outcome)];
    let when = |a: &Accepted| (a.event.time, p.weight(&a.event.kind));
    let mut last: BTreeMap<&str, &Accepted> = BTreeMap::new();
    for a in arrived {
        let is_touch = a.person() == outcome.person() && is_influence(&a.event.kind);
        if !is_touch || a.event.time >= until || a.event.time < until - p.lookback_ms {
            continue;
        }
        let held = last.entry(a.target().expect("an act has a target")).or_insert(a);
        if when(a) >= when(held) {
            *held = a;
        }
    }
    let mut touches: Vec<_> = last.into_iter().collect();
    touches.sort_by_key(|(influencer, touch)| (Reverse(touch.event.time), *influencer));
    touches.truncate(p.max_touches);
    touches
}

/// How many events had arrived when the outcome was settled: what arrives later is no touch.
fn settling(reading: &Reading<'_>, place: usize, outcome: &Accepted) -> usize {
    let accepted = &reading.history.accepted;
    let due = |a: &Accepted| {
        a.partition == outcome.partition
            && a.event.time >= outcome.event.time + reading.params.grace_ms
    };
    match accepted.iter().position(due) {
        Some(passed) => passed.max(place) + 1,
        None => accepted.len(),
    }
}

/// What a refund takes back, given the outcomes before it.
fn refund<'a>(
    reading: &Reading<'a>,
    refund: &'a Accepted,
    before: &[(usize, &'a Accepted)],
) -> Entry<'a> {
    let amount = value(reading, refund);
    if let Some((place, sale)) = sale(reading, refund, before) {
        let sold = value(reading, sale);
        let fraction = if amount > 0.0 && sold > 0.0 { (amount / sold).min(1.0) } else { 1.0 };
        let split = split(reading, place, sale);
        return Entry { of: sale, split, units: -fraction, value: -amount };
    }
    let declared = declared(reading, refund);
    let split = Split {
        shares: declared.iter().map(|influencer| (*influencer, 1.0)).collect(),
        organic: if declared.is_some() { 0.0 } else { 1.0 },
        is_declared: declared.is_some(),
    };
    Entry { of: refund, split, units: -1.0, value: -amount }
}

/// The sale of the same person that the refund refers to, unless it is too long ago.
fn sale<'a>(
    reading: &Reading<'a>,
    refund: &Accepted,
    before: &[(usize, &'a Accepted)],
) -> Option<(usize, &'a Accepted)> {
    let refers = refund.event.refers.as_ref()?;
    let (place, sale) = before.iter().rev().find(|(_, a)| {
        a.event.kind == "conversion"
            && a.person() == refund.person()
            && a.event.id.as_ref() == Some(refers)
    })?;
    let is_recent = refund.event.time - sale.event.time <= reading.params.refund_window_ms;
    is_recent.then_some((*place, sale))
}

/// The value in the base currency.
fn value(reading: &Reading<'_>, outcome: &Accepted) -> f64 {
    let rate = reading.params.rate(outcome.event.currency.as_deref());
    rate * outcome.event.value.unwrap_or(0.0)
}
