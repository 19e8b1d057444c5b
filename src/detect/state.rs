//! What a detector remembers: how things stood when they were last announced, and how they were
//! within the window.
//!
//! Invariant: bounded by the limits on segments and on influencers of a segment; plain data, which
//! is all that a restart needs.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::pick::Place;
use crate::model::{Detection, Label, Rule, Standing};

/// All of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DetectorState {
    /// Event time of the newest view looked at, ms since the Unix epoch; 0 before the first.
    pub as_of_ms: i64,
    pub segments: BTreeMap<Arc<str>, SegmentState>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SegmentState {
    /// Event time that stands for the last shift of those who had none.
    pub since_ms: i64,
    /// As announced.
    pub leader: Option<Arc<str>>,
    /// Who leads by less than counts, and since when.
    pub challenger: Option<(Arc<str>, i64)>,
    pub influencers: BTreeMap<Arc<str>, Known>,
}

/// An influencer that is watched.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Known {
    /// When it last was among those to be watched.
    pub seen_ms: i64,
    /// As announced, like the next two.
    pub in_top: bool,
    /// Nothing before a finished table of lifts was looked at.
    pub is_proven: Option<bool>,
    pub label: Label,
    /// The indices when that label was announced.
    pub label_score: f64,
    pub label_popularity: f64,
    /// Another label, and since when.
    pub next_label: Option<(Label, i64)>,
    /// The last table of lifts that said otherwise of the proof, ms since the Unix epoch, and how
    /// many in a row did.
    #[serde(default)]
    pub next_proof: Option<(i64, u32)>,
    /// Points for conversions as of the last table that said what is announced of their proof.
    #[serde(default)]
    pub convert_points: f64,
    /// Event time of the last shift by rule.
    pub announced: BTreeMap<Rule, i64>,
    /// Moves that were announced and have not come to rest.
    #[serde(default)]
    pub moving: BTreeSet<Rule>,
    /// Oldest first, a fraction of the window apart.
    pub samples: VecDeque<Sample>,
    /// Event time and share, the same within the window of shares.
    #[serde(default)]
    pub shares: VecDeque<(i64, f64)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    pub at_ms: i64,
    pub score: f64,
    /// The score with those points for conversions whose proof is announced: what comes and goes
    /// with a proof from table to table moves nothing.
    #[serde(default)]
    pub settled_score: f64,
    /// Share of the audience that amplifies, 0–1.
    pub share: f64,
    pub popularity: f64,
    pub amplify_points: f64,
}

impl DetectorState {
    /// Of the first version, which measured shares within the window of scores, and each move from
    /// the last announced one on: whether that goes on shows in the next view.
    #[must_use]
    pub fn from_first_version(mut self) -> Self {
        let segments = self.segments.values_mut();
        for known in segments.flat_map(|segment| segment.influencers.values_mut()) {
            known.moving = known.announced.keys().copied().filter(|rule| rule.is_move()).collect();
            known.shares = known.samples.iter().map(|s| (s.at_ms, s.share)).collect();
            for sample in &mut known.samples {
                sample.settled_score = sample.score;
            }
        }
        self
    }
}

/// Samples of a window, its ends apart.
const SAMPLES_PER_WINDOW: i64 = 8;

impl Known {
    pub(super) fn new(at_ms: i64, standing: &Standing) -> Self {
        Self {
            seen_ms: at_ms,
            in_top: false,
            is_proven: None,
            label: said(standing.label),
            label_score: standing.score,
            label_popularity: standing.popularity,
            next_label: None,
            next_proof: None,
            announced: BTreeMap::new(),
            moving: BTreeSet::new(),
            convert_points: 0.0,
            samples: VecDeque::from([Sample::of(at_ms, standing, 0.0)]),
            shares: VecDeque::from([(at_ms, standing.amplify_share)]),
        }
    }

    /// How someone stands now, all 0 of who left the ranking, with samples of it when it is time
    /// for them, within each window.
    pub(super) fn sample(
        &mut self,
        rules: &Detection,
        at_ms: i64,
        place: Option<Place<'_>>,
    ) -> Sample {
        self.settle(place.map(|(_, standing)| standing));
        let sample = self.now(at_ms, place);
        add(&mut self.samples, sample, |sample| sample.at_ms, rules.window_ms);
        let share = (sample.at_ms, sample.share);
        add(&mut self.shares, share, |(at_ms, _)| *at_ms, rules.share_window_ms);
        sample
    }

    pub(super) fn now(&self, at_ms: i64, place: Option<Place<'_>>) -> Sample {
        place.map_or(Sample { at_ms, ..Sample::NOTHING }, |(_, standing)| {
            Sample::of(at_ms, standing, self.convert_points)
        })
    }

    /// Takes note of points for conversions, if their proof is as announced.
    fn settle(&mut self, standing: Option<&Standing>) {
        let proven = standing.filter(|standing| standing.proven_conversions > 0.0);
        match (self.is_proven, proven) {
            (Some(true), Some(standing)) => self.convert_points = standing.convert_points,
            (Some(true), None) => {}
            (Some(false) | None, _) => self.convert_points = 0.0,
        }
    }
}

/// Lets go of what was over when the window began, or is newer than now, and adds a sample when it
/// is time for one.
fn add<T>(samples: &mut VecDeque<T>, sample: T, at_ms: impl Fn(&T) -> i64, window_ms: i64) {
    let now = at_ms(&sample);
    while samples.back().is_some_and(|last| at_ms(last) > now) {
        samples.pop_back();
    }
    while samples.get(1).is_some_and(|second| at_ms(second) <= now - window_ms) {
        samples.pop_front();
    }
    let step = window_ms / SAMPLES_PER_WINDOW;
    if samples.back().is_none_or(|last| now - at_ms(last) >= step) {
        samples.push_back(sample);
    }
}

impl Sample {
    const NOTHING: Self = Self {
        at_ms: 0,
        score: 0.0,
        settled_score: 0.0,
        share: 0.0,
        popularity: 0.0,
        amplify_points: 0.0,
    };

    fn of(at_ms: i64, standing: &Standing, convert_points: f64) -> Self {
        Self {
            at_ms,
            score: standing.score,
            settled_score: standing.score - standing.convert_points + convert_points,
            share: standing.amplify_share,
            popularity: standing.popularity,
            amplify_points: standing.amplify_points,
        }
    }
}

/// Too little to say anything is quiet, as far as it is told.
pub(super) fn said(label: Label) -> Label {
    if label == Label::Insufficient { Label::Quiet } else { label }
}
