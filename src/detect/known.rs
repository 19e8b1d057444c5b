//! What is compared with what was last announced of an influencer: top, label and proof.

use std::sync::Arc;

use super::pick::Place;
use super::segment::{Found, Moment};
use super::sentence;
use super::state::{Known, said};
use crate::model::{Detection, Label, Rule, Standing, Test};

/// Points that an index has to move by from one label to the next, as labels themselves ask for:
/// where someone was last is not known after a restart.
const LABEL_POINTS: f64 = 5.0;

impl Known {
    /// All that has shifted of an influencer, in the order of rules.
    pub(super) fn shifts(
        &mut self,
        rules: &Detection,
        (name, place): (&Arc<str>, Option<Place<'_>>),
        moment: Moment,
    ) -> Vec<Found> {
        let mut found = Vec::new();
        found.extend(self.top(rules, (name, place), moment.at_ms));
        self.moves(rules, (name, place), moment.at_ms, &mut found);
        if let Some((_, standing)) = place {
            found.extend(self.proof(rules, standing, moment));
            found.extend(self.labelled(rules, standing, moment.at_ms));
        }
        found
    }

    /// Whether the rest after the last one is over.
    pub(super) fn may_tell(&self, rule: Rule, at_ms: i64, cool_down_ms: i64) -> bool {
        self.announced.get(&rule).is_none_or(|last_ms| at_ms - last_ms >= cool_down_ms)
    }

    /// Takes note of what is proven, if that is known.
    pub(super) fn prove(&mut self, rules: &Detection, standing: &Standing, moment: Moment) {
        if moment.table_ms.is_some() {
            self.is_proven = Some(stands_out(rules, standing));
        }
    }

    fn top(
        &mut self,
        rules: &Detection,
        (name, place): (&Arc<str>, Option<Place<'_>>),
        at_ms: i64,
    ) -> Option<Found> {
        let (top, rank) = (rules.top_k, place.map(|(rank, _)| rank));
        let score = place.map_or(0.0, |(_, standing)| standing.score);
        let (rule, after) = match rank {
            Some(rank) if !self.in_top => (rank <= top && score >= rules.min_score)
                .then_some((Rule::TopEntered, Some(rank)))?,
            Some(rank) => (rank > top + top.div_ceil(5) || score < rules.min_score / 2.0)
                .then_some((Rule::TopLeft, Some(rank)))?,
            None => self.in_top.then_some((Rule::TopLeft, None))?,
        };
        if !self.may_tell(rule, at_ms, rules.cool_down_ms) {
            return None;
        }
        self.in_top = rule == Rule::TopEntered;
        Some(Found {
            rule,
            before: None,
            after: after.map(|rank| rank as f64),
            previous: None,
            sentence: sentence::top(name, rule, top, after.map(|rank| (rank, score))),
        })
    }

    /// A proof has to stand out, and its loss to be one by the model's own measure, in as many
    /// tables in a row.
    fn proof(&mut self, rules: &Detection, standing: &Standing, moment: Moment) -> Option<Found> {
        let table_ms = moment.table_ms?;
        let Some(was) = self.is_proven else {
            self.prove(rules, standing, moment);
            return None;
        };
        let is = if was { standing.proven_conversions > 0.0 } else { stands_out(rules, standing) };
        if is == was {
            self.next_proof = None;
            return None;
        }
        let tables = match self.next_proof {
            Some((last_ms, tables)) => tables + u32::from(table_ms > last_ms),
            None => 1,
        };
        self.next_proof = Some((table_ms, tables));
        let rule = if is { Rule::LiftProven } else { Rule::LiftLost };
        if tables < rules.proof_tables || !self.may_tell(rule, moment.at_ms, rules.cool_down_ms) {
            return None;
        }
        self.is_proven = Some(is);
        self.next_proof = None;
        Some(Found {
            rule,
            before: None,
            after: standing.lift.ratio.map(|ratio| ratio.low),
            previous: None,
            sentence: sentence::proof(standing, rule),
        })
    }

    fn labelled(&mut self, rules: &Detection, standing: &Standing, at_ms: i64) -> Option<Found> {
        let label = said(standing.label);
        if label == self.label {
            self.next_label = None;
            return None;
        }
        let same = self.next_label.filter(|(next, _)| *next == label);
        let since_ms = same.map_or(at_ms, |(_, since_ms)| since_ms);
        self.next_label = Some((label, since_ms));
        let moved = |now: f64, then: f64| (now - then).abs() >= LABEL_POINTS;
        let counts = if sides(label) == sides(self.label) {
            standing.score >= rules.min_score
        } else {
            moved(standing.score, self.label_score)
                || moved(standing.popularity, self.label_popularity)
        };
        let held = at_ms - since_ms >= rules.hold_ms;
        if !counts || !held || !self.may_tell(Rule::LabelChanged, at_ms, rules.cool_down_ms) {
            return None;
        }
        let found = Found {
            rule: Rule::LabelChanged,
            before: Some(self.label_score),
            after: Some(standing.score),
            previous: Some(self.label.as_str().into()),
            sentence: sentence::label(standing, self.label, label),
        };
        self.label = label;
        (self.label_score, self.label_popularity) = (standing.score, standing.popularity);
        self.next_label = None;
        Some(found)
    }
}

/// Whether what is proven would be so at the false discovery rate of shifts, which is stricter
/// than the model's. By the account's own place: whoever passes is discovered at that rate.
fn stands_out(rules: &Detection, standing: &Standing) -> bool {
    let passes = |test: Test| {
        test.chance * test.tested as f64 <= rules.false_discovery_rate * test.place as f64
    };
    standing.proven_conversions > 0.0 && standing.lift.test.is_some_and(passes)
}

/// Influential and popular, as a label says.
const fn sides(label: Label) -> (bool, bool) {
    match label {
        Label::Influential => (true, false),
        Label::Popular => (false, true),
        Label::Both => (true, true),
        Label::Emerging | Label::Quiet | Label::Insufficient => (false, false),
    }
}
