//! One topic's part of a shard: its queue and how far it has been read.
//!
//! Invariant: a record below the next offset is a redelivery and is skipped; a gap is legal,
//! because compaction and transactions leave some.

use std::sync::Arc;
use std::thread::Thread;
use std::time::Duration;

use rdkafka::error::RDKafkaErrorCode;

use super::Error;
use super::metrics::{Metrics, WatermarkSeries};
use crate::clock;
use crate::ingest::kafka::{self, Assigned, Messages, PartitionQueue, PartitionSeries};
use crate::ingest::kafka::{Progress, Record, Start};

pub(super) struct Source {
    pub(super) topic: Arc<str>,
    pub(super) partition: i32,
    /// Its place among the configured topics.
    pub(super) index: usize,
    /// Events not keyed by their actor, since the last flush.
    pub(super) unkeyed: u64,
    queue: PartitionQueue,
    series: PartitionSeries,
    watermark: WatermarkSeries,
    next_offset: i64,
    log_time_ms: Option<i64>,
    newest_ms: Option<i64>,
    records: u64,
    bytes: u64,
}

impl Source {
    pub(super) fn new(assigned: Assigned, index: usize, metrics: &Metrics, owner: Thread) -> Self {
        let Assigned { topic, partition, start, mut queue, series } = assigned;
        queue.wake(owner);
        Self {
            watermark: metrics.watermark(&topic, partition),
            topic,
            partition,
            index,
            unkeyed: 0,
            queue,
            series,
            next_offset: match start {
                Start::Beginning => 0,
                Start::At(offset) => offset,
            },
            log_time_ms: None,
            newest_ms: None,
            records: 0,
            bytes: 0,
        }
    }

    pub(super) fn fetch(&mut self, max: usize) -> Messages {
        self.queue.fetch(max, Duration::ZERO)
    }

    /// Whether the record was not read before.
    pub(super) fn is_new(&self, record: &Record<'_>) -> bool {
        record.offset >= self.next_offset
    }

    /// Counts a record; false if it was read before.
    pub(super) fn accept(&mut self, record: &Record<'_>) -> bool {
        if !self.is_new(record) {
            return false;
        }
        self.next_offset = record.offset.saturating_add(1);
        self.log_time_ms = record.log_time_ms;
        self.records += 1;
        let bytes = record.payload.map_or(0, <[u8]>::len) + record.key.map_or(0, <[u8]>::len);
        self.bytes += bytes as u64;
        true
    }

    /// An event was scored.
    pub(super) fn saw(&mut self, time_ms: i64) {
        self.newest_ms = self.newest_ms.max(Some(time_ms));
    }

    /// Whether nothing is known to come after what was read.
    pub(super) fn is_at_end(&self) -> bool {
        self.queue.is_at_end(self.next_offset)
    }

    /// What can be retried is librdkafka's to retry, and only said.
    pub(super) fn faulted(
        &self,
        fault: &kafka::Fault,
        metrics: &kafka::Metrics,
    ) -> Result<(), Error> {
        metrics.error(fault.code);
        let position = format!("{}-{}-{}", self.topic, self.partition, self.next_offset);
        if fault.code == RDKafkaErrorCode::AutoOffsetReset {
            return Err(Error::OffsetGone { position, reason: fault.reason.clone() });
        }
        tracing::warn!(position, code = ?fault.code, reason = fault.reason, "cannot be read");
        Ok(())
    }

    pub(super) fn flush(&mut self, metrics: &Metrics) {
        if let Some(series) = metrics.topics.get(self.index) {
            series.records.inc_by(std::mem::take(&mut self.records));
            series.bytes.inc_by(std::mem::take(&mut self.bytes));
            series.unkeyed(std::mem::take(&mut self.unkeyed), &self.topic);
            if let Some(newest_ms) = self.newest_ms {
                series.saw(newest_ms);
            }
        }
    }

    /// Shows how far it has been read.
    pub(super) fn show(&self) {
        if let Some(newest_ms) = self.newest_ms {
            self.watermark.set(newest_ms);
        }
        self.series.set(&Progress {
            position: self.next_offset,
            high_watermark: self.queue.high_watermark(),
            at_end: self.is_at_end(),
            log_time_ms: self.log_time_ms,
            now_ms: clock::wall_ms(),
        });
    }
}
