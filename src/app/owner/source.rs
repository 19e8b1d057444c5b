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
use super::reading::Reading;
use crate::clock;
use crate::ingest::kafka::{self, Assigned, Message, Messages, OnGap, PartitionQueue};
use crate::ingest::kafka::{PartitionSeries, Progress, Record, Start};
use crate::snapshot::{Covered, LastRecord};

/// For the broker to say how far a log goes that has deleted what is to be read.
const BOUNDS_WITHIN: Duration = Duration::from_secs(10);

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
    reading: Reading,
    log_time_ms: Option<i64>,
    /// Records ever read, and since the last flush.
    read: u64,
    records: u64,
    bytes: u64,
}

/// What became of a fault.
pub(super) enum Faulted {
    /// Reading goes on.
    Minded,
    /// Records were deleted before they were read; the next is the first that is left.
    Skipped,
}

impl Source {
    /// Takes over a topic's part; `covered` is how far it was read by whom the state is from.
    pub(super) fn new(
        assigned: Assigned,
        index: usize,
        covered: Option<&Covered>,
        metrics: &Metrics,
        owner: Thread,
    ) -> Self {
        let Assigned { topic, partition, start, mut queue, series } = assigned;
        let start = match start {
            Start::Beginning => 0,
            Start::At(offset) => offset,
        };
        queue.wake(owner);
        Self {
            watermark: metrics.watermark(&topic, partition),
            topic,
            partition,
            index,
            unkeyed: 0,
            queue,
            series,
            reading: Reading::new(start, covered),
            log_time_ms: None,
            read: 0,
            records: 0,
            bytes: 0,
        }
    }

    pub(super) fn fetch(&mut self, max: usize) -> Messages {
        self.queue.fetch(max, Duration::ZERO)
    }

    /// Whether the record was not read before.
    pub(super) fn is_new(&self, record: &Record<'_>) -> bool {
        self.reading.is_new(record.offset)
    }

    /// Counts a record; false if it was read before.
    pub(super) fn accept(&mut self, record: &Record<'_>) -> bool {
        if !self.is_new(record) {
            return false;
        }
        self.reading.read(record.offset);
        self.log_time_ms = record.log_time_ms;
        self.read += 1;
        self.records += 1;
        let bytes = record.payload.map_or(0, <[u8]>::len) + record.key.map_or(0, <[u8]>::len);
        self.bytes += bytes as u64;
        true
    }

    /// Remembers what the last record of a batch looks like, if it was the last one read.
    pub(super) fn remember(&mut self, messages: &Messages, settled: usize) {
        let settled = (0..settled).rev().filter_map(|at| messages.get(at));
        let records = settled.filter_map(|message| match message {
            Message::Record(record) => Some(record),
            Message::Fault(_) => None,
        });
        let Some(record) = records.into_iter().next() else { return };
        if record.offset + 1 == self.reading.next_offset() {
            let Record { offset, log_time_ms, key, payload } = record;
            self.reading.remember(LastRecord::new(offset, log_time_ms, key, payload));
        }
    }

    /// How far it was read.
    pub(super) const fn reading(&self) -> &Reading {
        &self.reading
    }

    /// Records read, and those known to be still to be read.
    pub(super) fn progress(&self) -> (u64, u64) {
        let high = self.queue.high_watermark().filter(|_| !self.is_at_end());
        let behind = high.map_or(0, |high| high.saturating_sub(self.reading.next_offset()));
        (self.read, u64::try_from(behind).unwrap_or(0))
    }

    /// An event was scored.
    pub(super) fn saw(&mut self, time_ms: i64) {
        self.reading.saw(time_ms);
    }

    /// Whether nothing is known to come after what was read.
    pub(super) fn is_at_end(&self) -> bool {
        self.queue.is_at_end(self.reading.next_offset())
    }

    /// What can be retried is librdkafka's to retry, and only said.
    pub(super) fn faulted(
        &mut self,
        fault: &kafka::Fault,
        on_gap: OnGap,
        metrics: &kafka::Metrics,
    ) -> Result<Faulted, Error> {
        metrics.error(fault.code);
        let position = format!("{}-{}-{}", self.topic, self.partition, self.reading.next_offset());
        if fault.code == RDKafkaErrorCode::AutoOffsetReset {
            return self.skip_deleted(position, fault, on_gap, metrics);
        }
        tracing::warn!(position, code = ?fault.code, reason = fault.reason, "cannot be read");
        Ok(Faulted::Minded)
    }

    /// The broker has no record at the next offset: it deleted some, or the log is another.
    fn skip_deleted(
        &mut self,
        position: String,
        fault: &kafka::Fault,
        on_gap: OnGap,
        metrics: &kafka::Metrics,
    ) -> Result<Faulted, Error> {
        match self.queue.ask_bounds(BOUNDS_WITHIN) {
            Some((first, _))
                if first > self.reading.next_offset()
                    && on_gap == OnGap::Resume
                    && self.queue.restart_at(first) =>
            {
                let records = u64::try_from(first - self.reading.next_offset()).unwrap_or(0);
                tracing::error!(position, records, "records were deleted before they were read");
                metrics.gap(&self.topic, records);
                self.reading.skip_to(first);
                Ok(Faulted::Skipped)
            }
            Some((first, _)) if first > self.reading.next_offset() => {
                Err(Error::OffsetGone { position })
            }
            Some((first, end)) if (first..=end).contains(&self.reading.next_offset()) => {
                // It was said late: the offset is there.
                let again = self.queue.restart_at(self.reading.next_offset());
                if again { Ok(Faulted::Minded) } else { Err(Error::OffsetGone { position }) }
            }
            Some(_) => Err(Error::LogChanged { position, reason: fault.reason.clone() }),
            None => Err(Error::OffsetGone { position }),
        }
    }

    pub(super) fn flush(&mut self, metrics: &Metrics) {
        if let Some(series) = metrics.topics.get(self.index) {
            series.records.inc_by(std::mem::take(&mut self.records));
            series.bytes.inc_by(std::mem::take(&mut self.bytes));
            series.unkeyed(std::mem::take(&mut self.unkeyed), &self.topic);
            if let Some(newest_ms) = self.reading.newest_ms() {
                series.saw(newest_ms);
            }
        }
    }

    /// Shows how far it has been read.
    pub(super) fn show(&self) {
        if let Some(newest_ms) = self.reading.newest_ms() {
            self.watermark.set(newest_ms);
        }
        self.series.set(&Progress {
            position: self.reading.next_offset(),
            high_watermark: self.queue.high_watermark(),
            at_end: self.is_at_end(),
            log_time_ms: self.log_time_ms,
            now_ms: clock::wall_ms(),
        });
    }
}
