//! Finds shifts of influence: compares each view with what was last announced, and with what was
//! within the window before it.
//!
//! Invariant: time is the view's; nothing is announced twice, over restarts from a state kept with
//! what was announced, and nothing of a view that is not caught up.
//!
//! Leader, top, label and proof are compared with what was last *announced*: what changed while
//! nobody looked is announced once, by the first view that is caught up, and what changed and
//! changed back is not. Moves of score, share and popularity are measured within the window, and
//! one that goes on is announced once. Without a state, the first view that is caught up says how things
//! stand and announces nothing.

mod known;
mod moves;
mod pick;
mod segment;
mod sentence;
mod state;

#[cfg(test)]
mod tests;

pub use state::{DetectorState, Known, Sample, SegmentState};

use std::sync::Arc;

use crate::model::{Detection, Params, Shift};
use crate::view::View;

use self::segment::Moment;

/// With so many segments watched, no more are.
pub const SEGMENTS_MAX: usize = 1_000;

/// Compares views.
#[derive(Clone, Debug)]
pub struct Detector {
    detection: Detection,
    /// To know when the table of lifts is up to date.
    bucket_ms: i64,
    grace_ms: i64,
    state: DetectorState,
}

impl Detector {
    #[must_use]
    pub fn new(detection: &Detection, params: &Params) -> Self {
        Self::resume(detection, params, DetectorState::default())
    }

    /// Goes on from a state that was kept.
    #[must_use]
    pub fn resume(detection: &Detection, params: &Params, state: DetectorState) -> Self {
        Self {
            detection: detection.clone(),
            bucket_ms: params.bucket_ms.max(1),
            grace_ms: params.grace_ms,
            state,
        }
    }

    #[must_use]
    pub const fn state(&self) -> &DetectorState {
        &self.state
    }

    /// What has shifted, in order of segment. `is_live` says that the log was read to its end, all
    /// of its partitions; a view that is not only moves the window.
    pub fn observe(&mut self, view: &View, is_live: bool) -> Vec<Shift> {
        let is_known_past = self.state.as_of_ms == 0 || view.as_of_ms < self.state.as_of_ms;
        if view.as_of_ms <= 0 || !is_live && is_known_past {
            return Vec::new();
        }
        self.state.as_of_ms = view.as_of_ms;
        let moment = Moment {
            at_ms: view.as_of_ms,
            is_live,
            // An older table lacks what was proven since.
            table_ms: view
                .lift_as_of_ms
                .filter(|table_ms| is_live && *table_ms >= self.closed_ms(view.as_of_ms)),
        };
        let mut shifts = Vec::new();
        let mut room = SEGMENTS_MAX.saturating_sub(self.state.segments.len());
        for standings in &view.segments {
            let rules = self.detection.in_segment(&standings.segment);
            match self.state.segments.get_mut(&standings.segment) {
                Some(state) => state.observe(&rules, standings, moment, &mut shifts),
                None if is_live && room > 0 => {
                    room -= 1;
                    let state = SegmentState::first(&rules, standings, moment);
                    self.state.segments.insert(Arc::clone(&standings.segment), state);
                }
                None => {}
            }
        }
        if is_live {
            self.state.segments.retain(|name, _| view.segment(name).is_some());
        }
        shifts
    }

    /// The end of the last bucket that is closed at a time.
    const fn closed_ms(&self, at_ms: i64) -> i64 {
        (at_ms - self.grace_ms).div_euclid(self.bucket_ms) * self.bucket_ms
    }
}
