//! Synthetic streams of canonical events: a campaign with planted truth, and a load for
//! measurements. Invariant: pure; the same seed gives the same bytes on every platform.

mod designs;
mod event;
mod knobs;
mod load;
mod plan;
mod truth;
mod world;
mod zipf;

#[cfg(test)]
mod tests;

pub use designs::{DESIGNS, Design, Purpose};
pub use event::Event;
pub use knobs::{KNOBS, Knob, Knobs};
pub use load::{Load, LoadEvent, LoadEvents};
pub use plan::Plan;
pub use truth::{AccountTruth, Planted, PlantedShift, Truth};
pub use world::Campaign;
