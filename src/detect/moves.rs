//! What is measured within the window: moves of score and share, and popularity that influence
//! does not follow.

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

impl Known {
    /// Adds what has moved by enough. What is announced is where the next move begins.
    pub(super) fn moves(
        &mut self,
        rules: &Detection,
        (name, place): (&Arc<str>, Option<Place<'_>>),
        at_ms: i64,
        found: &mut Vec<Found>,
    ) {
        let now = place
            .map_or_else(|| Sample::nothing(at_ms), |(_, standing)| Sample::of(at_ms, standing));
        let before = found.len();
        if let Some(moved) = self.score_moved(rules, name, &now) {
            self.score_from_ms = at_ms;
            found.push(moved);
        }
        if let Some(moved) = self.share_moved(rules, name, &now) {
            self.share_from_ms = at_ms;
            found.push(moved);
        }
        if let Some(moved) = self.popularity_alone(rules, name, &now) {
            self.popularity_from_ms = at_ms;
            found.push(moved);
        }
        if found.len() > before && self.samples.back().is_none_or(|last| last.at_ms < at_ms) {
            self.samples.push_back(now);
        }
    }

    fn score_moved(&self, rules: &Detection, name: &Arc<str>, now: &Sample) -> Option<Found> {
        let (least, most) = ends(self.since(self.score_from_ms).map(|sample| sample.score))?;
        let (rose, fell) = (now.score - least, most - now.score);
        let (rule, before) =
            if rose >= fell { (Rule::ScoreRose, least) } else { (Rule::ScoreFell, most) };
        let counts = rose.max(fell) >= rules.score_points;
        let tells = counts && self.may_tell(rule, now.at_ms, rules.cool_down_ms);
        let values = (before, now.score);
        tells.then(|| found(rule, values, sentence::score(name, rule, values, rules.window_ms)))
    }

    fn share_moved(&self, rules: &Detection, name: &Arc<str>, now: &Sample) -> Option<Found> {
        let (least, most) = ends(self.since(self.share_from_ms).map(|sample| sample.share))?;
        let (grew, shrank) = (now.share - least, most - now.share);
        let (rule, before, larger, smaller) = if grew >= shrank {
            (Rule::ShareSurge, least, now.share, least)
        } else {
            (Rule::ShareDrop, most, most, now.share)
        };
        let counts = larger - smaller >= rules.share_min && larger >= smaller * rules.share_ratio;
        let counts = counts && larger > 0.0;
        let tells = counts && self.may_tell(rule, now.at_ms, rules.cool_down_ms);
        let values = (before, now.share);
        tells.then(|| found(rule, values, sentence::share(name, rule, values, rules.window_ms)))
    }

    fn popularity_alone(&self, rules: &Detection, name: &Arc<str>, now: &Sample) -> Option<Found> {
        let rule = Rule::PopularityWithoutInfluence;
        let least = self
            .since(self.popularity_from_ms)
            .min_by(|a, b| a.popularity.total_cmp(&b.popularity))?;
        let grew = now.popularity - least.popularity >= rules.popularity_points
            && now.popularity >= least.popularity * rules.popularity_ratio;
        let is_flat = now.amplify_points < least.amplify_points * FLAT_RATIO
            || now.amplify_points - least.amplify_points < FLAT_POINTS;
        let tells = grew && is_flat && self.may_tell(rule, now.at_ms, rules.cool_down_ms);
        let values = (least.popularity, now.popularity);
        let sentence = || sentence::popularity(name, (least, now), rules.window_ms);
        tells.then(|| found(rule, values, sentence()))
    }
}

fn found(rule: Rule, (before, after): (f64, f64), sentence: String) -> Found {
    Found { rule, before: Some(before), after: Some(after), previous: None, sentence }
}

/// The least and the most.
fn ends(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.fold(None, |ends, value| {
        let (least, most) = ends.unwrap_or((value, value));
        Some((value.min(least), value.max(most)))
    })
}
