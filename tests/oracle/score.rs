//! Shares, points and the rest of what is reported (SCORING §4 and §7), as JSON.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::Params;
use super::credit::{Class, Reading, class};
use super::history::History;

pub(crate) fn result(history: &History, params: &Params) -> Value {
    let reading = Reading { history, params, as_of: history.as_of() };
    let mut segments = Map::new();
    for (segment, influencers) in known(&reading) {
        let audience = reading.active_audience(segment);
        let each = influencers
            .into_iter()
            .map(|name| (name.to_owned(), influencer(&reading, segment, audience, name)));
        let each: Map<String, Value> = each.collect();
        segments
            .insert(segment.to_owned(), json!({"active_audience": audience, "influencers": each}));
    }
    json!({"as_of": reading.as_of, "rejected": history.rejected, "segments": segments})
}

/// Segments with an act or a follower, and in each the accounts acted on or followed.
fn known<'a>(reading: &Reading<'a>) -> BTreeMap<&'a str, BTreeSet<&'a str>> {
    let mut known: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for a in &reading.history.accepted {
        let Some(target) = a.event.target.as_deref() else { continue };
        for segment in &a.segments {
            if class(&a.event.kind).is_some()
                || a.event.kind == "follow" && reading.followers(segment, target) > 0
            {
                known.entry(segment).or_default().insert(target);
            }
        }
    }
    known
}

fn influencer(reading: &Reading<'_>, segment: &str, audience: f64, name: &str) -> Value {
    let p = reading.params;
    let silent_too = audience + p.pseudo_audience;
    let share = |class| (reading.credit(segment, name, class) / silent_too).min(1.0);
    let (amplify_share, relate_share) = (share(Class::Amplify), share(Class::Relate));
    let outbound = reading.outbound(name);
    let part = |x: f64, half: &str| saturate(x, p.half_saturation(half));
    let amplify = p.points("amplify") * part(amplify_share, "amplify");
    let answered = part(relate_share, "relate_in") * part(outbound, "relate_out");
    let relate = p.points("relate") * answered.sqrt();

    let open = p.bucket(reading.as_of);
    let ended: Vec<i64> = (open - p.active_buckets..open).collect();
    let daily: Vec<usize> = ended.iter().map(|b| reading.fans(segment, name, &[*b])).collect();
    let mean = daily.iter().sum::<usize>() as f64 / daily.len() as f64;
    let newest = *daily.last().expect("there is an active bucket") as f64;
    let active: Vec<i64> = (open - p.active_buckets..=open).collect();

    let followers = reading.followers(segment, name);
    let liked = reading.credit(segment, name, Class::Popularity);
    let popular = (followers as f64 + liked) / silent_too;
    json!({
        "amplify_share": amplify_share,
        "relate_share": relate_share,
        "outbound": outbound,
        "active_fans": reading.fans(segment, name, &active),
        "fans_by_bucket": daily,
        "momentum": if mean > 0.0 { newest / mean } else { 0.0 },
        "amplify_points": amplify,
        "relate_points": relate,
        "convert_points": 0.0,
        "score": amplify + relate,
        "followers_gained": followers,
        "popularity": 100.0 * part(popular, "popularity"),
    })
}

fn saturate(x: f64, half: f64) -> f64 {
    x / (x + half)
}
