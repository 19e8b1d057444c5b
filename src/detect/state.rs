//! What a detector remembers: how things stood when they were last announced, and how they were
//! within the window.
//!
//! Invariant: bounded by the limits on segments and on influencers of a segment; plain data, which
//! is all that a restart needs.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::{Label, Rule, Standing};

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
    /// Event time of the last shift by rule.
    pub announced: BTreeMap<Rule, i64>,
    /// Oldest first, a fraction of the window apart, and as of each announced move.
    pub samples: VecDeque<Sample>,
    /// What was announced is where the next move of score, share and popularity is measured from.
    pub score_from_ms: i64,
    pub share_from_ms: i64,
    pub popularity_from_ms: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    pub at_ms: i64,
    pub score: f64,
    /// Share of the audience that amplifies, 0–1.
    pub share: f64,
    pub popularity: f64,
    pub amplify_points: f64,
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
            announced: BTreeMap::new(),
            samples: VecDeque::from([Sample::of(at_ms, standing)]),
            score_from_ms: at_ms,
            share_from_ms: at_ms,
            popularity_from_ms: at_ms,
        }
    }

    /// Lets go of what was over when the window began, or is newer than now, and adds a sample when
    /// it is time for one.
    pub(super) fn sample(&mut self, sample: Sample, window_ms: i64) {
        let now = sample.at_ms;
        while self.samples.back().is_some_and(|last| last.at_ms > now) {
            self.samples.pop_back();
        }
        while self.samples.get(1).is_some_and(|second| second.at_ms <= now - window_ms) {
            self.samples.pop_front();
        }
        let step = window_ms / SAMPLES_PER_WINDOW;
        if self.samples.back().is_none_or(|last| now - last.at_ms >= step) {
            self.samples.push_back(sample);
        }
    }

    /// The samples not older than `from_ms`, which is when the last move was announced.
    pub(super) fn since(&self, from_ms: i64) -> impl Iterator<Item = &Sample> {
        self.samples.iter().filter(move |sample| sample.at_ms >= from_ms)
    }
}

impl Sample {
    pub(super) fn of(at_ms: i64, standing: &Standing) -> Self {
        Self {
            at_ms,
            score: standing.score,
            share: standing.amplify_share,
            popularity: standing.popularity,
            amplify_points: standing.amplify_points,
        }
    }

    /// Of someone who left the ranking.
    pub(super) fn nothing(at_ms: i64) -> Self {
        Self { at_ms, score: 0.0, share: 0.0, popularity: 0.0, amplify_points: 0.0 }
    }
}

/// Too little to say anything is quiet, as far as it is told.
pub(super) fn said(label: Label) -> Label {
    if label == Label::Insufficient { Label::Quiet } else { label }
}
