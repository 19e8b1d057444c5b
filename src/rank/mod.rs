//! Merges the shards' sums, takes ratios last, and orders influencers by a total order.
//!
//! Invariant: sums are added in the order of partitions, so that the last bit is stable; no
//! ratio is ever averaged.

#![allow(
    clippy::indexing_slicing,
    reason = "numbers come from the directory; one out of bounds is a broken invariant"
)]

mod book;
mod directory;
mod label;
mod merge;
mod part;
mod score;

#[cfg(test)]
mod tests;

pub use book::ScoreBook;
pub use score::rank_order;
