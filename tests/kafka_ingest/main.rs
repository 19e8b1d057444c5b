//! The way in, against a real Kafka broker.

#![allow(
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "what a test runs into fails it"
)]

#[path = "../support/mod.rs"]
mod support;

mod daemon;
mod erasing;
mod faults;
mod group;
mod records;
mod unpacking;
