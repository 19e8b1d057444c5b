//! The binary itself, told by nothing but its environment, against a real Kafka broker.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]
#![allow(clippy::float_cmp, reason = "metrics count in whole numbers, and rankings repeat exactly")]

#[path = "../oracle/mod.rs"]
mod oracle;
#[path = "../support/mod.rs"]
mod support;

mod process;
mod receivers;
mod stream;

mod erasure;
mod faults;
mod freshness;
mod memory;
mod planted;
mod poison;
mod records;
mod replay;
mod shifts;
mod signals;
mod truth;
mod usage;
