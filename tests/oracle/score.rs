//! Shares, points and the rest of what is reported (SCORING §4 and §7), as JSON.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::Params;
use super::attribution::{Attribution, Given, attribute};
use super::credit::{Class, Reading, class};
use super::evidence::evidence;
use super::history::History;
use super::lift::{Lift, lifts};

pub(crate) fn result(history: &History, params: &Params) -> Value {
    let reading = Reading { history, params, as_of: history.as_of() };
    let attribution = attribute(&reading);
    let mut segments = Map::new();
    for (name, influencers) in known(&reading, &attribution) {
        let evidence = evidence(&reading, name);
        let segment = Segment {
            reading: &reading,
            name,
            audience: reading.active_audience(name),
            conversions: evidence.conversions,
            lifts: lifts(&evidence, params),
            attribution: &attribution,
        };
        segments.insert(name.to_owned(), segment.to_json(&influencers));
    }
    json!({"as_of": reading.as_of, "rejected": history.rejected, "segments": segments})
}

/// Segments with an act, a follower or a settled conversion, and in each the accounts acted on,
/// followed or given a share.
fn known<'a>(
    reading: &Reading<'a>,
    attribution: &Attribution<'a>,
) -> BTreeMap<&'a str, BTreeSet<&'a str>> {
    let mut known: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for a in &reading.history.accepted {
        let Some(target) = a.target() else { continue };
        for segment in &a.segments {
            if class(&a.event.kind).is_some()
                || a.event.kind == "follow" && reading.followers(segment, target) > 0
            {
                known.entry(segment).or_default().insert(target);
            }
        }
    }
    for segment in attribution.organic.keys() {
        known.entry(segment).or_default();
    }
    for (segment, influencer) in attribution.influencers.keys() {
        known.entry(segment).or_default().insert(influencer);
    }
    known
}

/// What is common to the accounts of a segment.
struct Segment<'a> {
    reading: &'a Reading<'a>,
    name: &'a str,
    audience: f64,
    conversions: usize,
    lifts: BTreeMap<&'a str, Lift<'a>>,
    attribution: &'a Attribution<'a>,
}

impl Segment<'_> {
    fn to_json(&self, influencers: &BTreeSet<&str>) -> Value {
        let each = influencers.iter().map(|name| ((*name).to_owned(), self.influencer(name)));
        let each: Map<String, Value> = each.collect();
        let organic = self.attribution.organic.get(self.name).copied().unwrap_or_default();
        json!({
            "active_audience": self.audience,
            "conversions": self.conversions,
            "organic_conversions": organic.0,
            "organic_value": organic.1,
            "influencers": each,
        })
    }

    fn influencer(&self, name: &str) -> Value {
        let mut fields = Map::new();
        for part in [self.standing(name), self.crowd(name), self.outcomes(name)] {
            fields.extend(part.as_object().expect("a part is an object").clone());
        }
        let points = |part: &str| fields[part].as_f64().expect("points are numbers");
        let score = points("amplify_points") + points("relate_points") + points("convert_points");
        fields.insert("score".to_owned(), json!(score));
        Value::Object(fields)
    }

    /// Shares of the audience, and the points for them.
    fn standing(&self, name: &str) -> Value {
        let (reading, p) = (self.reading, self.reading.params);
        let silent_too = self.audience + p.pseudo_audience;
        let share = |class| (reading.credit(self.name, name, class) / silent_too).min(1.0);
        let (amplify_share, relate_share) = (share(Class::Amplify), share(Class::Relate));
        let outbound = reading.outbound(name);
        let answered = part(p, relate_share, "relate_in") * part(p, outbound, "relate_out");
        let followers = reading.followers(self.name, name);
        let liked = reading.credit(self.name, name, Class::Popularity);
        let popular = (followers as f64 + liked) / silent_too;
        json!({
            "amplify_share": amplify_share,
            "relate_share": relate_share,
            "outbound": outbound,
            "amplify_points": p.points("amplify") * part(p, amplify_share, "amplify"),
            "relate_points": p.points("relate") * answered.sqrt(),
            "followers_gained": followers,
            "popularity": 100.0 * part(p, popular, "popularity"),
        })
    }

    /// Distinct actors, by day and in all.
    fn crowd(&self, name: &str) -> Value {
        let (reading, p) = (self.reading, self.reading.params);
        let open = p.bucket(reading.as_of);
        let ended: Vec<i64> = (open - p.active_buckets..open).collect();
        let active: Vec<i64> = (open - p.active_buckets..=open).collect();
        let fans = |buckets: &[i64]| reading.fans(self.name, name, buckets);
        let daily: Vec<usize> = ended.iter().map(|bucket| fans(&[*bucket])).collect();
        let mean = daily.iter().sum::<usize>() as f64 / daily.len() as f64;
        let newest = *daily.last().expect("there is an active bucket") as f64;
        json!({
            "active_fans": fans(&active),
            "fans_by_bucket": daily,
            "momentum": if mean > 0.0 { newest / mean } else { 0.0 },
        })
    }

    /// What conversions are attributed, and what they prove.
    fn outcomes(&self, name: &str) -> Value {
        let p = self.reading.params;
        let given = self.attribution.influencers.get(&(self.name, name)).copied();
        let Given { conversions, declared, value } = given.unwrap_or_default();
        let none = Lift::none();
        let lift = self.lifts.get(name).unwrap_or(&none);
        let at = |ratio: Option<f64>| ratio.map_or(0.0, |ratio| lift.incremental(ratio));
        let proven = if lift.is_discovered { lift.ratio.map(|r| r.low / p.margin) } else { None };
        let proven = at(proven);
        let proven_share = proven / (self.conversions as f64 + p.pseudo_audience);
        json!({
            "attributed_conversions": conversions,
            "declared_conversions": declared,
            "attributed_value": value,
            "lift": lift.to_json(),
            "incremental_conversions": at(lift.ratio.map(|ratio| ratio.estimate)),
            "incremental_low": at(lift.ratio.map(|ratio| ratio.low)),
            "incremental_high": at(lift.ratio.map(|ratio| ratio.high)),
            "proven_conversions": proven,
            "convert_points": p.points("convert") * part(p, proven_share, "convert"),
        })
    }
}

/// A part of its points, one half where `x` is the half-saturation.
fn part(params: &Params, x: f64, half: &str) -> f64 {
    x / (x + params.half_saturation(half))
}
