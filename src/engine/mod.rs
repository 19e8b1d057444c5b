//! The pure core: a shard holds the state of one partition and applies its interactions in order.
//!
//! Invariant: no clock, I/O, thread, randomness, Kafka or serde; what can be read is a function
//! of the interactions applied and the configuration, whatever the batches they came in.

#![allow(
    clippy::indexing_slicing,
    reason = "indexes come from the engine's own tables; one out of bounds is a broken invariant"
)]

mod actors;
mod arena;
mod blocks;
mod decay;
mod entry;
mod ids;
mod index;
mod locate;
mod prefetch;
mod rules;
mod segments;
mod shard;
mod slots;
mod sweep;
mod units;
mod watch;

pub use decay::pow2;
pub use shard::{Limits, Outcome, Shard, SlotName, Store, Usage};
