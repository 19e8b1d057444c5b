//! A shard that a thread owns, and the topics that feed it.
//!
//! Invariant: what was fetched is applied in the order of its partition, or, with several
//! topics, of event time; nothing is applied before all configured topics are there.

use std::time::Instant;

use fail::fail_point;

use super::merging::Merging;
use super::source::Source;
use super::work::Work;
use super::{Cut, Error};
use crate::clock;
use crate::engine::Shard;
use crate::ingest::kafka::{Message, Messages};
use crate::ingest::order::{Now, Watermark};
use crate::model::Batch;
use crate::rank::ScoreBook;

/// Records taken up at once: enough that costs of a batch vanish, and about a millisecond of
/// work, so that commands are answered at once.
const BATCH: usize = 1000;

pub(super) struct Holding {
    pub(super) partition: i32,
    shard: Shard,
    feed: Feed,
    /// When the oldest record was fetched that no view shows yet.
    fetched_since: Option<Instant>,
}

/// Where the events of a shard come from.
enum Feed {
    /// One topic, which needs no ordering.
    One(Box<Source>),
    Several(Merging),
}

impl Holding {
    pub(super) fn of_one(partition: i32, shard: Shard, source: Source) -> Self {
        Self { partition, shard, feed: Feed::One(Box::new(source)), fetched_since: None }
    }

    pub(super) fn of_several(partition: i32, shard: Shard, merging: Merging) -> Self {
        Self { partition, shard, feed: Feed::Several(merging), fetched_since: None }
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
            self.fetched_since.get_or_insert_with(clock::instant);
        }
        Ok(moved)
    }

    /// Publishes what changed, and says how far the shard is.
    pub(super) fn publish(&mut self, book: &ScoreBook) -> Cut {
        book.publish(self.partition, &mut self.shard);
        let (watermark, caught_up) = match &self.feed {
            Feed::One(source) => {
                source.show();
                let newest = self.shard.newest_ms();
                (newest.map_or(Watermark::Unknown, Watermark::At), source.is_at_end())
            }
            Feed::Several(merging) => {
                merging.sources().for_each(Source::show);
                let now = Now { wall_ms: clock::wall_ms(), instant: clock::instant() };
                (merging.watermark(now), merging.is_at_end())
            }
        };
        Cut {
            partition: self.partition,
            newest_ms: self.shard.newest_ms(),
            watermark,
            caught_up,
            fetched_since: self.fetched_since.take(),
            usage: self.shard.usage(),
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
