//! The way in, against a real Kafka broker.

#[path = "../support/mod.rs"]
mod support;

mod daemon;
mod faults;
mod group;
mod records;
