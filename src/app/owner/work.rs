//! What a thread works with: the decoder, the dead letter, and the counts of the batch in hand.
//!
//! Invariant: what is counted here reaches the metrics with [`Work::flush`], once a batch.

use std::sync::Arc;

use prometheus::local::LocalHistogram;

use super::Error;
use super::campaigns::Tally;
use super::metrics::Metrics;
use super::source::{Faulted, Source};
use crate::clock;
use crate::engine::Outcome;
use crate::ingest::dead_letter::DeadLetters;
use crate::ingest::format::{Decoder, Keyed, Record as WireRecord};
use crate::ingest::kafka::{self, Fault, OnGap, Record};
use crate::model::{Interaction, Kind, Position, Reason, Rejection};

pub(super) struct Work {
    pub(super) decoder: Arc<Decoder>,
    pub(super) dead_letter: DeadLetters,
    pub(super) kafka: kafka::Metrics,
    pub(super) metrics: Metrics,
    pub(super) on_gap: OnGap,
    /// Whether records were found deleted since this was last taken.
    pub(super) skipped: bool,
    /// Reused from batch to batch.
    pub(super) outcomes: Vec<Outcome>,
    kinds: [u64; Kind::ALL.len()],
    rejected: [u64; Reason::ALL.len()],
    late: u64,
    unpriced: u64,
    campaigns: Tally,
    delay: LocalHistogram,
    /// When the batch in hand was taken up, ms since the Unix epoch.
    now_ms: i64,
}

impl Work {
    pub(super) fn new(
        decoder: Arc<Decoder>,
        dead_letter: DeadLetters,
        kafka: kafka::Metrics,
        metrics: Metrics,
        on_gap: OnGap,
    ) -> Self {
        Self {
            decoder,
            dead_letter,
            kafka,
            on_gap,
            skipped: false,
            outcomes: Vec::new(),
            kinds: [0; Kind::ALL.len()],
            rejected: [0; Reason::ALL.len()],
            late: 0,
            unpriced: 0,
            campaigns: Tally::default(),
            delay: metrics.delay.local(),
            metrics,
            now_ms: 0,
        }
    }

    pub(super) fn begin(&mut self) {
        self.now_ms = clock::wall_ms();
        self.outcomes.clear();
    }

    /// Minds that a topic could not be read.
    pub(super) fn faulted(&mut self, source: &mut Source, fault: &Fault) -> Result<(), Error> {
        let faulted = source.faulted(fault, self.on_gap, &self.kafka)?;
        self.skipped |= matches!(faulted, Faulted::Skipped);
        Ok(())
    }

    /// The record as the decoder takes it.
    pub(super) fn wire<'a>(&self, record: &Record<'a>) -> WireRecord<'a> {
        WireRecord {
            payload: record.payload,
            key: record.key,
            // A log without times has only the moment of reading.
            log_time_ms: record.log_time_ms.unwrap_or(self.now_ms),
        }
    }

    /// Counts what became of an event; the reason, if it was rejected.
    pub(super) fn settle(
        &mut self,
        source: &mut Source,
        interaction: &Interaction<'_>,
        outcome: Outcome,
    ) -> Option<Reason> {
        match outcome {
            Outcome::Rejected(reason) => return Some(reason),
            Outcome::Scored => {}
            Outcome::ScoredLate => self.late += 1,
        }
        if let Some(count) = self.kinds.get_mut(interaction.kind as usize) {
            *count += 1;
        }
        self.unpriced += u64::from(interaction.unpriced);
        self.campaigns.add(interaction);
        let delay_ms = self.now_ms.saturating_sub(interaction.time_ms).max(0);
        self.delay.observe(delay_ms as f64 / 1e3);
        source.saw(interaction.time_ms);
        None
    }

    /// Counts a record that was not scored and passes it on to the dead letter.
    pub(super) fn reject(&mut self, source: &Source, record: &Record<'_>, reason: Reason) {
        if let Some(count) = self.rejected.get_mut(reason as usize) {
            *count += 1;
        }
        let position = Position {
            topic: Arc::clone(&source.topic),
            partition: source.partition,
            offset: record.offset,
        };
        self.dead_letter.send(Rejection { position, reason }, record.key, record.payload);
    }

    /// Counts an event of a record with such a key.
    pub(super) fn keyed(source: &mut Source, keyed: Keyed) {
        if keyed != Keyed::ByActor {
            source.unkeyed += 1;
        }
    }

    /// Brings the counts into the metrics.
    pub(super) fn flush<'a>(&mut self, sources: impl Iterator<Item = &'a mut Source>) {
        for (count, counter) in self.kinds.iter_mut().zip(self.metrics.events.iter()) {
            counter.inc_by(std::mem::take(count));
        }
        for (count, counter) in self.rejected.iter_mut().zip(self.metrics.rejected.iter()) {
            counter.inc_by(std::mem::take(count));
        }
        self.metrics.late.inc_by(std::mem::take(&mut self.late));
        self.metrics.unpriced.inc_by(std::mem::take(&mut self.unpriced));
        self.campaigns.flush(&self.metrics.campaigns);
        self.delay.flush();
        for source in sources {
            source.flush(&self.metrics);
        }
    }
}
