//! A shard that is restored from a picture behaves, to the last bit, as one that went on.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

#[path = "../adversary/mod.rs"]
mod adversary;
#[path = "../oracle/mod.rs"]
mod oracle;
#[path = "../support/soak.rs"]
mod soak;

mod run;

mod fixture;
mod garbage;
mod interruption;
