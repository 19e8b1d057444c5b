//! Of each reason one record that was rejected for it lately, to look at when they are many.
//!
//! Invariant: a flood of rejected records costs a glance each; what is remembered is the first since
//! somebody last asked.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::clock;
use crate::model::{Reason, Rejection};

#[derive(Default)]
pub(super) struct Latest([Place; Reason::ALL.len()]);

#[derive(Default)]
struct Place {
    is_known: AtomicBool,
    rejection: Mutex<Option<(Rejection, i64)>>,
}

impl Latest {
    pub(super) fn note(&self, rejection: &Rejection) {
        let Some(place) = self.0.get(rejection.reason as usize) else { return };
        if place.is_known.load(Ordering::Relaxed) || place.is_known.swap(true, Ordering::Relaxed) {
            return;
        }
        let mut known = place.rejection.lock().unwrap_or_else(PoisonError::into_inner);
        *known = Some((rejection.clone(), clock::wall_ms()));
    }

    /// What is remembered, with when it was rejected, ms since the Unix epoch.
    pub(super) fn all(&self) -> Vec<(Rejection, i64)> {
        let of = |place: &Place| {
            place.is_known.store(false, Ordering::Relaxed);
            place.rejection.lock().unwrap_or_else(PoisonError::into_inner).clone()
        };
        self.0.iter().filter_map(of).collect()
    }
}
