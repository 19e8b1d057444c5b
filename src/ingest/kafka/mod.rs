//! Kafka: a member of a consumer group that hands each partition's queue to its owner.
//!
//! Invariant: nothing outside this module knows librdkafka.

mod batch;
mod committer;
mod config;
mod consumer;
mod context;
mod embedded;
mod eraser;
mod membership;
mod metrics;
mod probe;
mod producer;
mod status;
mod topic_id;
mod topic_sink;
mod topics;
#[cfg(target_os = "linux")]
mod unpack;

pub use rdkafka::error::KafkaError as ClientError;

pub use batch::{Fault, Message, Messages, PartitionQueue, Record};
pub use committer::Committer;
pub use config::{Config, OnGap, OnOtherLog};
pub use consumer::{Consumer, Error};
pub use context::{Assigned, Assignments, NotPrepared, Start};
pub use embedded::Embedded;
pub use eraser::{EraseError, Eraser};
pub use metrics::{Metrics, PartitionSeries, Progress};
pub use probe::{Found, Probe};
pub use producer::{Full, Outgoing, Producer, Receipts};
/// The version of librdkafka.
#[must_use]
pub fn library_version() -> String {
    rdkafka::util::get_rdkafka_version().1
}

pub use status::{Problem, ProblemKind, Status};
pub use topic_sink::TopicSink;
