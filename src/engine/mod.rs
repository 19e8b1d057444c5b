//! The pure core: a shard holds the state of one partition and applies its interactions in order.
//!
//! Invariant: no clock, I/O, thread, randomness, Kafka or serde; what can be read is a function
//! of the interactions applied and the configuration, whatever the batches they came in.

#![allow(
    clippy::indexing_slicing,
    reason = "indexes come from the engine's own tables; one out of bounds is a broken invariant"
)]
#![allow(
    clippy::inline_always,
    reason = "what each event goes through; six calls were 8 % of its instructions"
)]

mod actors;
mod arena;
mod attribution;
mod blocks;
mod chunks;
mod columns;
mod counts;
mod decay;
mod entry;
mod fans;
mod feed;
mod histories;
mod ids;
mod index;
mod locate;
mod member;
mod picture;
mod pool;
mod prefetch;
mod publish;
mod rules;
mod segments;
mod settle;
mod shard;
mod slots;
mod space;
mod sweep;
mod touches;
mod units;
mod watch;

pub use columns::{
    Broken, Columns, Source, flag, narrow, read_names, read_rows, write_names, write_rows,
};
pub use decay::pow2;
pub use picture::Frozen;
pub(crate) use prefetch::prefetch_whole;
pub use publish::{SlotName, Store, Usage};
pub use shard::{Limits, Outcome, Shard};
