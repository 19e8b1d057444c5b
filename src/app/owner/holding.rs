//! A shard that a thread owns, and the topics that feed it.
//!
//! Invariant: what was fetched is applied in the order of its partition, or, with several
//! topics, of event time; nothing is applied before all configured topics are there.

use std::time::{Duration, Instant};

use fail::fail_point;

use super::merging::Merging;
use super::source::Source;
use super::work::Work;
use super::{Cut, Error};
use crate::app::witness::Desk;
use crate::clock;
use crate::engine::Shard;
use crate::ingest::kafka::{Message, Messages};
use crate::ingest::order::{Now, Patience, Watermark};
use crate::model::Batch;
use crate::rank::ScoreBook;

/// Records taken up at once: enough that costs of a batch vanish, and about a millisecond of
/// work, so that commands are answered at once.
const BATCH: usize = 1000;

/// Entries of actors whose histories are extracted after a batch: a part of a batch's time.
const EXTRACTED: usize = 2000;

pub(super) struct Holding {
    pub(super) partition: i32,
    shard: Shard,
    feed: Feed,
    /// When the oldest record was fetched that no view shows yet.
    fetched_since: Option<Instant>,
    /// A shard read to its end and silent for this long follows the others.
    idle: Duration,
    moved_at: Instant,
}

/// Where the events of a shard come from.
enum Feed {
    /// One topic, which needs no ordering.
    One(Box<Source>),
    Several(Merging),
}

impl Holding {
    /// `sources` are those of all topics, one at least.
    pub(super) fn new(
        partition: i32,
        shard: Shard,
        mut sources: Vec<Source>,
        patience: Patience,
    ) -> Self {
        let feed = match sources.pop() {
            Some(only) if sources.is_empty() => Feed::One(Box::new(only)),
            last => {
                sources.extend(last);
                Feed::Several(Merging::new(sources, patience))
            }
        };
        let moved_at = clock::instant();
        Self { partition, shard, feed, fetched_since: None, idle: patience.idle, moved_at }
    }

    /// Takes up to a batch further; false if there was nothing to do.
    pub(super) fn step(&mut self, work: &mut Work) -> Result<bool, Error> {
        work.begin();
        let moved = match &mut self.feed {
            Feed::One(source) => {
                let messages = source.fetch(BATCH);
                if messages.is_empty() {
                    return Ok(false);
                }
                apply(&mut self.shard, source, &messages, work)?;
                work.flush(std::iter::once(&mut **source));
                true
            }
            Feed::Several(merging) => merging.step(&mut self.shard, work)?,
        };
        if moved {
            self.moved_at = clock::instant();
            self.fetched_since.get_or_insert(self.moved_at);
        }
        Ok(moved)
    }

    /// Takes the extraction of histories a step further; false if there was nothing to do.
    pub(super) fn extract(&mut self, desk: &Desk) -> bool {
        let unfinished = self.shard.extract(EXTRACTED);
        if let Some(histories) = self.shard.take_histories() {
            desk.put(self.partition, histories);
        }
        unfinished
    }

    /// Publishes what changed, and says how far the shard is. One that is idle follows the others,
    /// which are at `others_ms`.
    pub(super) fn publish(&mut self, book: &ScoreBook, others_ms: Option<i64>) -> Cut {
        let (watermark, caught_up) = self.progress();
        if let (Watermark::Idle, Some(others_ms)) = (watermark, others_ms) {
            self.shard.follow(others_ms);
        }
        book.publish(self.partition, &mut self.shard);
        Cut {
            partition: self.partition,
            newest_ms: self.shard.newest_ms(),
            watermark,
            caught_up,
            fetched_since: self.fetched_since.take(),
            usage: self.shard.usage(),
            unmatched_refunds: self.shard.unmatched_refunds(),
        }
    }

    /// Up to where its topics were seen, and whether they were read to their ends.
    fn progress(&self) -> (Watermark, bool) {
        let now = Now { wall_ms: clock::wall_ms(), instant: clock::instant() };
        match &self.feed {
            Feed::One(source) => {
                source.show();
                let at_end = source.is_at_end();
                let watermark = match self.shard.newest_ms() {
                    _ if at_end && now.instant - self.moved_at >= self.idle => Watermark::Idle,
                    Some(newest_ms) => Watermark::At(newest_ms),
                    None => Watermark::Unknown,
                };
                (watermark, at_end)
            }
            Feed::Several(merging) => {
                merging.sources().for_each(Source::show);
                (merging.watermark(now), merging.is_at_end())
            }
        }
    }
}

/// Decodes and applies a batch of the only topic.
fn apply(
    shard: &mut Shard,
    source: &mut Source,
    messages: &Messages,
    work: &mut Work,
) -> Result<(), Error> {
    let mut batch = Batch::with_capacity(messages.len());
    let mut places = Vec::with_capacity(messages.len());
    for (at, message) in messages.iter().enumerate() {
        match message {
            Message::Record(record) if source.accept(&record) => {
                match work.decoder.decode(&work.wire(&record), &mut batch) {
                    Ok(keyed) => {
                        Work::keyed(source, keyed);
                        places.push(at);
                    }
                    Err(reason) => work.reject(source, &record, reason),
                }
            }
            Message::Record(_) => {}
            Message::Fault(fault) => source.faulted(&fault, &work.kafka)?,
        }
    }
    let mut outcomes = std::mem::take(&mut work.outcomes);
    fail_point!("apply");
    shard.apply(&batch, &mut outcomes);
    for ((interaction, outcome), at) in batch.interactions().iter().zip(&outcomes).zip(places) {
        let rejected = work.settle(source, interaction, *outcome);
        if let (Some(reason), Some(Message::Record(record))) = (rejected, messages.get(at)) {
            work.reject(source, &record, reason);
        }
    }
    work.outcomes = outcomes;
    Ok(())
}
