//! Commits offsets, so that tools that watch the group's lag see how far it is.
//!
//! Invariant: only what a durable snapshot covers is committed; nothing reads it back.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::{Offset, TopicPartitionList};

use super::context::Context;

/// The member's, once there is one; cheap to clone.
#[derive(Clone, Default)]
pub struct Committer(Arc<Mutex<Weak<BaseConsumer<Context>>>>);

impl Committer {
    pub(super) fn bind(&self, consumer: &Arc<BaseConsumer<Context>>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(consumer);
    }

    /// Commits the offset that is read next of each topic's `partition`, without waiting; what
    /// came of it is counted when the broker answers. Without a member nothing is to be committed.
    pub fn commit(&self, partition: i32, offsets: &[(&str, i64)]) -> Result<(), KafkaError> {
        let consumer = self.0.lock().unwrap_or_else(PoisonError::into_inner).upgrade();
        let Some(consumer) = consumer else { return Ok(()) };
        let mut list = TopicPartitionList::with_capacity(offsets.len());
        for (topic, offset) in offsets {
            list.add_partition_offset(topic, partition, Offset::Offset(*offset))?;
        }
        consumer.commit(&list, CommitMode::Async)
    }
}
