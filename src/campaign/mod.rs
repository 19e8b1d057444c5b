//! Synthetic streams of canonical events: a campaign with planted truth, and a load for
//! measurements. Invariant: pure; the same seed gives the same bytes on every platform.

mod event;
mod load;
mod plan;
mod world;
mod zipf;

#[cfg(test)]
mod tests;

pub use event::Event;
pub use load::{Load, LoadEvent, LoadEvents};
pub use plan::Plan;
pub use world::{AccountTruth, Campaign, Truth};
