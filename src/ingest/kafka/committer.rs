//! Commits offsets, so that tools that watch the group's lag see how far it is.
//!
//! Invariant: only what a durable snapshot covers is committed; nothing reads it back.
#![allow(unsafe_code, reason = "rd_kafka_commit_queue has no safe wrapper in rdkafka")]

use std::sync::{Arc, Mutex, PoisonError, Weak};

use rdkafka::bindings as sys;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
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
        commit(&consumer, &list)
    }
}

/// Sends a commit whose answer comes as an event when the consumer is polled; that of the plain
/// asynchronous commit comes to nobody.
fn commit(
    consumer: &BaseConsumer<Context>,
    offsets: &TopicPartitionList,
) -> Result<(), KafkaError> {
    let client = consumer.client().native_ptr();
    // SAFETY: the client is alive, and has a group, so that it has this queue.
    let queue = unsafe { sys::rd_kafka_queue_get_consumer(client) };
    // SAFETY: all three are alive, and the request keeps what it needs of them.
    let code = unsafe {
        sys::rd_kafka_commit_queue(client, offsets.ptr(), queue, None, std::ptr::null_mut())
    };
    // SAFETY: what was handed out above is given back once.
    unsafe { sys::rd_kafka_queue_destroy(queue) };
    match RDKafkaErrorCode::from(code) {
        RDKafkaErrorCode::NoError => Ok(()),
        code => Err(KafkaError::ConsumerCommit(code)),
    }
}
