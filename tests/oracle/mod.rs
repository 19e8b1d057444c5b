//! The model computed from whole histories by its definitions; it carries nothing from one event
//! to the next that a definition does not ask for, and shares no code with the daemon.
//!
//! Slow on purpose: every question goes back to the list of accepted events.

#![allow(dead_code, unused_imports, reason = "each test binary uses a part of it")]

mod attribution;
mod compare;
mod credit;
mod event;
mod evidence;
mod history;
mod lift;
mod params;
mod score;

pub(crate) use compare::{changes, differences, numbers};
pub(crate) use event::{Event, partition_of};
pub(crate) use params::Params;

use serde_json::Value;

/// What the model says of `events` in arrival order, spread over `partitions` by actor.
/// The shape is that of the reference: `{as_of, rejected, segments: {…: {…, influencers}}}`.
pub(crate) fn judge(events: &[Event], params: &Params, partitions: usize) -> Value {
    let history = history::accept(events, params, partitions);
    score::result(&history, params)
}
