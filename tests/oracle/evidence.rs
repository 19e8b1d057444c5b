//! What conversions can prove anything by: the days on which people were exposed to someone, how
//! active they had been, and how the whole segment bought on them (SCORING §6).

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use super::credit::{Reading, is_influence};
use super::history::{Accepted, Person};

/// A capped measure of recent activity, and how many of the buckets of exposure saw any.
pub(crate) type Level = (i64, usize);

/// The evidence of a segment.
pub(crate) struct Evidence<'a> {
    /// `Y`: people and buckets with a conversion, exposed or not.
    pub(crate) conversions: usize,
    /// Days of each person who converted and acted.
    pub(crate) people: Vec<Vec<Day<'a>>>,
    /// How often a bucket's people convert, beside the mean of all buckets.
    pub(crate) pace: BTreeMap<i64, f64>,
}

/// A bucket in which a person was exposed to someone.
pub(crate) struct Day<'a> {
    pub(crate) bucket: i64,
    pub(crate) level: Level,
    pub(crate) exposed_to: BTreeSet<&'a str>,
    pub(crate) has_converted: bool,
}

/// What a person did in the segment, by bucket.
#[derive(Default)]
struct Deeds<'a> {
    acts: BTreeMap<i64, Vec<&'a Accepted>>,
    conversions: BTreeSet<i64>,
}

pub(crate) fn evidence<'a>(reading: &Reading<'a>, segment: &str) -> Evidence<'a> {
    let window = window(reading);
    let mut deeds: BTreeMap<Person<'_>, Deeds<'_>> = BTreeMap::new();
    for a in reading.history.present().filter(|a| a.segments.contains(segment)) {
        if is_influence(&a.event.kind) {
            let by = deeds.entry(a.person()).or_default();
            by.acts.entry(a.bucket).or_default().push(a);
        } else if a.event.kind == "conversion" {
            deeds.entry(a.person()).or_default().conversions.insert(a.bucket);
        }
    }
    let days: Vec<_> = deeds.values().map(|deeds| deeds.days(reading)).collect();
    let converted = |deeds: &Deeds<'_>| {
        deeds.conversions.iter().filter(|bucket| window.contains(bucket)).count()
    };
    Evidence {
        conversions: deeds.values().map(converted).sum(),
        pace: pace(reading, &days),
        people: days
            .into_iter()
            .zip(deeds.values())
            .filter(|(_, deeds)| converted(deeds) > 0)
            .map(|(days, _)| days)
            .collect(),
    }
}

/// The last closed buckets.
fn window(reading: &Reading<'_>) -> RangeInclusive<i64> {
    let closed = reading.last_closed();
    closed - reading.params.evidence_buckets + 1..=closed
}

fn pace(reading: &Reading<'_>, people: &[Vec<Day<'_>>]) -> BTreeMap<i64, f64> {
    let count = |bucket: Option<i64>, only_converted: bool| {
        let days = people.iter().flatten().filter(|day| bucket.is_none_or(|b| day.bucket == b));
        days.filter(|day| day.has_converted || !only_converted).count() as f64
    };
    let (all, all_converted) = (count(None, false), count(None, true));
    let mean = if all > 0.0 { all_converted / all } else { 0.0 };
    let kappa = reading.params.pace_conversions;
    let of = |bucket| {
        let (exposed, converted) = (count(Some(bucket), false), count(Some(bucket), true));
        (converted + kappa) / (exposed * mean + kappa)
    };
    window(reading).map(|bucket| (bucket, of(bucket))).collect()
}

impl<'a> Deeds<'a> {
    /// The buckets of the window in which the person is exposed to anyone.
    fn days(&self, reading: &Reading<'_>) -> Vec<Day<'a>> {
        let day = |bucket| Day {
            bucket,
            level: self.level(reading, bucket),
            exposed_to: self.exposed_to(reading, bucket),
            has_converted: self.conversions.contains(&bucket),
        };
        window(reading).map(day).filter(|day| !day.exposed_to.is_empty()).collect()
    }

    /// Those acted on in the buckets just before.
    fn exposed_to(&self, reading: &Reading<'_>, bucket: i64) -> BTreeSet<&'a str> {
        let before = self.acts.range(bucket - reading.params.exposure_buckets..bucket);
        before.flat_map(|(_, acts)| acts).filter_map(|a| a.target()).collect()
    }

    fn level(&self, reading: &Reading<'_>, bucket: i64) -> Level {
        let p = reading.params;
        let units = |back: i64| {
            let acts = self.acts.get(&(bucket - back)).into_iter().flatten();
            let weights: f64 = acts.map(|a| p.weight(&a.event.kind)).sum();
            weights.min(p.cap) * p.fading(back)
        };
        let activity: f64 = (1..=p.level_buckets).map(units).sum();
        let step = (2.0 * (1.0 + activity).log2() + 1e-9).floor().min(8.0);
        let active = self.acts.range(bucket - p.exposure_buckets..bucket).count();
        #[allow(clippy::cast_possible_truncation, reason = "it lies between 0 and 8")]
        (step as i64, active)
    }
}
