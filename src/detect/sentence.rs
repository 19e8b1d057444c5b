//! Shifts in words, with their numbers; the segment is named at the end by who puts them together.

use std::sync::Arc;

use super::state::Sample;
use crate::model::{Label, Rule, Standing};

pub(super) fn leader(name: &str, score: f64, former: Option<(&Arc<str>, f64)>) -> String {
    match former {
        Some((former, before)) => {
            format!(
                "{name} leads with {score:.1} points of influence, before {former} with {before:.1},"
            )
        }
        None => format!("{name} is the first to lead, with {score:.1} points of influence,"),
    }
}

pub(super) fn top(name: &str, rule: Rule, top: usize, place: Option<(usize, f64)>) -> String {
    let verb = if rule == Rule::TopEntered { "entered" } else { "left" };
    match place {
        Some((rank, score)) => {
            format!(
                "{name} {verb} the top {top}, now at rank {rank} with {score:.1} points of influence,"
            )
        }
        None => format!("{name} {verb} the top {top}, now without any influence,"),
    }
}

pub(super) fn score(name: &str, rule: Rule, (before, after): (f64, f64), window_ms: i64) -> String {
    let verb = if rule == Rule::ScoreRose { "rose" } else { "fell" };
    let by = (after - before).abs();
    let within = span(window_ms);
    format!(
        "The influence of {name} {verb} by {by:.1} points, from {before:.1} to {after:.1}, within {within}"
    )
}

pub(super) fn share(name: &str, rule: Rule, (before, after): (f64, f64), window_ms: i64) -> String {
    let verb = if rule == Rule::ShareSurge { "rose" } else { "fell" };
    let (before, after, within) = (100.0 * before, 100.0 * after, span(window_ms));
    format!(
        "The share of the active audience that passes {name} on {verb} from {before:.1} % to {after:.1} % within {within}"
    )
}

pub(super) fn popularity(name: &str, (before, now): (&Sample, &Sample), window_ms: i64) -> String {
    format!(
        "The popularity of {name} rose from {:.1} to {:.1} within {}, while being passed on went from \
         {:.1} to {:.1} points,",
        before.popularity,
        now.popularity,
        span(window_ms),
        before.amplify_points,
        now.amplify_points,
    )
}

pub(super) fn proof(standing: &Standing, rule: Rule) -> String {
    let name = &standing.influencer;
    let ratio = standing.lift.ratio.map_or_else(
        || "there is too little to compare".to_owned(),
        |ratio| {
            let (estimate, low, high) = (ratio.estimate, ratio.low, ratio.high);
            format!("rate ratio {estimate:.2}, 95 % interval {low:.2} to {high:.2}")
        },
    );
    let conversions = standing.lift.exposed_conversions;
    if rule == Rule::LiftProven {
        let proven = standing.proven_conversions;
        format!(
            "People convert more after acting on {name}: {ratio}, {proven:.1} of {conversions} conversions proven,"
        )
    } else {
        format!(
            "It is no longer proven that people convert more after acting on {name}: {ratio}, of {conversions} conversions,"
        )
    }
}

pub(super) fn label(standing: &Standing, before: Label, after: Label) -> String {
    let (name, score, popularity) = (&standing.influencer, standing.score, standing.popularity);
    let (before, after) = (before.as_str(), after.as_str());
    format!(
        "{name} is now {after}, before {before}, with influence {score:.1} and popularity {popularity:.1},"
    )
}

/// A window as people say it, in its largest whole unit.
fn span(ms: i64) -> String {
    let units = [("days", 86_400_000), ("hours", 3_600_000), ("minutes", 60_000)];
    let whole = units.into_iter().find(|(_, unit)| ms >= 2 * unit && ms % unit == 0);
    match whole {
        Some((name, unit)) => format!("{} {name}", ms / unit),
        None => format!("{} seconds", ms / 1_000),
    }
}
