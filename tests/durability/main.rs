//! Nothing lost and nothing doubled, on a real Kafka: what happens to processes, brokers and
//! connections in a bad week, one misfortune after the other, and the ranking after each.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]
#![allow(clippy::float_cmp, reason = "metrics count in whole numbers")]
#![allow(dead_code, reason = "parts of the other tests are used in part")]

#[path = "../oracle/mod.rs"]
mod oracle;
#[path = "../daemon/process.rs"]
mod process;
#[path = "../daemon/receivers.rs"]
mod receivers;
#[path = "../daemon/stream.rs"]
mod stream;
#[path = "../support/mod.rs"]
mod support;

mod broker;
mod campaign;
mod disk;
mod group;
mod holes;
mod log;
mod partitions;
mod proxy;
mod rounds;
mod sinks;
