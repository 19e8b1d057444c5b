//! What is measured within the window: moves of score and share, and popularity that influence
//! does not follow.
//!
//! Invariant: a move is one shift for as long as it goes on, which is until less than half of what
//! it takes to be told has moved within the window.

use std::sync::Arc;

use super::pick::Place;
use super::segment::Found;
use super::sentence;
use super::state::{Known, Sample};
use crate::model::{Detection, Rule};

/// What is passed on counts as flat while it grows by less than this factor, or by less than so
/// many points.
const FLAT_RATIO: f64 = 1.1;
const FLAT_POINTS: f64 = 1.0;
/// Part of what it takes to be told below which a move has come to rest.
const REST: f64 = 0.5;

/// How far something has moved.
struct Move {
    rule: Rule,
    before: f64,
    after: f64,
    /// The move as a part of what it takes to be told.
    size: f64,
}

impl Known {
    /// Notes which moves have come to rest.
    pub(super) fn rest(&mut self, rules: &Detection, now: &Sample) {
        let moves = self.all_moves(rules, now);
        let is_resting = |rule: &Rule| moves.iter().any(|m| m.rule == *rule && m.size < REST);
        self.moving.retain(|rule| !is_resting(rule));
    }

    /// Adds what has moved by enough and was at rest before.
    pub(super) fn moves(
        &mut self,
        rules: &Detection,
        (name, place): (&Arc<str>, Option<Place<'_>>),
        at_ms: i64,
        found: &mut Vec<Found>,
    ) {
        let now = self.now(at_ms, place);
        for moved in self.all_moves(rules, &now) {
            let Move { rule, before, after, size } = moved;
            let tells = size >= 1.0
                && !self.moving.contains(&rule)
                && self.may_tell(rule, at_ms, rules.cool_down_ms);
            let Some(sentence) = tells.then(|| self.told(rules, name, &moved, &now)).flatten()
            else {
                continue;
            };
            self.moving.insert(rule);
            found.push(Found {
                rule,
                before: Some(before),
                after: Some(after),
                previous: None,
                sentence,
            });
        }
    }

    /// In the order of rules.
    fn all_moves(&self, rules: &Detection, now: &Sample) -> [Move; 5] {
        let scores = ends(self.samples.iter().map(|sample| sample.score), now.score);
        let settled = ends(self.samples.iter().map(|s| s.settled_score), now.settled_score);
        let rose = (now.score - scores.0).min(now.settled_score - settled.0);
        let fell = (scores.1 - now.score).min(settled.1 - now.settled_score);
        let shares = ends(self.shares.iter().map(|(_, share)| *share), now.share);
        let popularity = self.least_popular(now).popularity;
        let share = |before: f64, after: f64| {
            factor(before, after, rules.share_ratio).min((after - before).abs() / rules.share_min)
        };
        let grown = (now.popularity - popularity) / rules.popularity_points;
        let grown = grown.min(factor(popularity, now.popularity, rules.popularity_ratio));
        let of = |rule, before, after, size| Move { rule, before, after, size };
        [
            of(Rule::ScoreRose, scores.0, now.score, rose / rules.score_points),
            of(Rule::ScoreFell, scores.1, now.score, fell / rules.score_points),
            of(Rule::ShareSurge, shares.0, now.share, share(shares.0, now.share)),
            of(Rule::ShareDrop, shares.1, now.share, share(shares.1, now.share)),
            of(Rule::PopularityWithoutInfluence, popularity, now.popularity, grown),
        ]
    }

    /// The sentence of a move; nothing of popularity that influence follows.
    fn told(
        &self,
        rules: &Detection,
        name: &Arc<str>,
        moved: &Move,
        now: &Sample,
    ) -> Option<String> {
        let values = (moved.before, moved.after);
        match moved.rule {
            Rule::PopularityWithoutInfluence => {
                let least = self.least_popular(now);
                let is_flat = now.amplify_points < least.amplify_points * FLAT_RATIO
                    || now.amplify_points - least.amplify_points < FLAT_POINTS;
                is_flat.then(|| sentence::popularity(name, (least, now), rules.window_ms))
            }
            Rule::ShareSurge | Rule::ShareDrop => {
                Some(sentence::share(name, moved.rule, values, rules.share_window_ms))
            }
            rule => Some(sentence::score(name, rule, values, rules.window_ms)),
        }
    }

    fn least_popular<'a>(&'a self, now: &'a Sample) -> &'a Sample {
        let of = |a: &&Sample, b: &&Sample| a.popularity.total_cmp(&b.popularity);
        self.samples.iter().min_by(of).unwrap_or(now)
    }
}

/// The factor between two numbers as a power of the one that it takes.
fn factor(before: f64, after: f64, takes: f64) -> f64 {
    if before <= 0.0 && after <= 0.0 {
        return 0.0;
    }
    (after.ln() - before.ln()).abs() / takes.ln()
}

/// The least and the most, with that of now.
fn ends(values: impl Iterator<Item = f64>, now: f64) -> (f64, f64) {
    values.fold((now, now), |(least, most), value| (least.min(value), most.max(value)))
}
