//! A shard that a thread owns, and the topics that feed it.
//!
//! Invariant: what was fetched is applied in the order of its partition, or, with several
//! topics, of event time; nothing is applied before all configured topics are there.

use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use fail::fail_point;

use super::keeping::{Completeness, Keeping};
use super::merging::Merging;
use super::reading::Reading;
use super::source::Source;
use super::work::Work;
use super::{Cut, Error};
use crate::app::keeper::{Keeper, Picture, Turn};
use crate::app::witness::Desk;
use crate::clock;
use crate::engine::Shard;
use crate::ingest::kafka::{Message, Messages};
use crate::ingest::order::{Now, Patience, Watermark};
use crate::model::Batch;
use crate::rank::ScoreBook;
use crate::snapshot::{Covered, LogId};

/// Records taken up at once: enough that costs of a batch vanish, and about a millisecond of
/// work, so that commands are answered at once.
const BATCH: usize = 1000;

/// The same right after a picture was taken: what changes first is copied then, half a MB a
/// record, and commands are not to wait for it.
const BATCH_MIN: usize = 4;

/// Batches that take less CPU time grow, those that take more shrink: smaller ones cost more a
/// record, which helps nobody where it is others that take the core. They grow little by little,
/// because it is now and then that memory is touched for the first time, which takes long at once.
const BATCH_TIME: Range<Duration> = Duration::from_millis(1)..Duration::from_millis(3);

/// Time from one extraction of histories to the next of a shard that is behind. Buckets close
/// within seconds then, and what proves something as of one of them is out of date at once.
const EXTRACTED_EVERY: Duration = Duration::from_secs(10);

/// Bytes that an event has copied while a picture is alive, at most: some chunks.
const COPIED: usize = 1 << 20;

/// Entries of actors whose histories are extracted after a batch: a part of a batch's time.
const EXTRACTED: usize = 2000;

/// The same while a picture is due, which waits for the end of it: while buckets close faster than
/// they are extracted there would be none. Some 3 ms.
const EXTRACTED_WHEN_DUE: usize = 10_000;

pub(super) struct Holding {
    pub(super) partition: i32,
    shard: Shard,
    feed: Feed,
    /// When the oldest record was fetched that no view shows yet.
    fetched_since: Option<Instant>,
    /// A shard read to its end and silent for this long follows the others.
    idle: Duration,
    moved_at: Instant,
    kept: Option<Kept>,
    completeness: Completeness,
    /// Event time after which an event that is missing would not count any more.
    horizon_ms: i64,
    restored_at: Option<i64>,
    /// Records of the next batch at most.
    batch: usize,
    /// When histories were last extracted, or the shard began.
    extracted_at: Instant,
    /// Events accepted before the last picture, or before the shard began here.
    pictured: u64,
}

/// How a shard's state is kept, and by whom.
pub(super) struct Kept {
    pub(super) keeper: Keeper,
    pub(super) keeping: Keeping,
    /// That of a picture which is due.
    pub(super) turn: Option<Arc<Turn>>,
}

/// What a shard begins with.
pub(super) struct Beginning {
    pub(super) shard: Shard,
    pub(super) kept: Option<Kept>,
    pub(super) completeness: Completeness,
    pub(super) horizon_ms: i64,
    /// Offset that the first topic is read on from, when the state was restored.
    pub(super) restored_at: Option<i64>,
}

/// Where the events of a shard come from.
enum Feed {
    /// One topic, which needs no ordering.
    One(Box<Source>),
    Several(Merging),
    /// Nowhere: the partition was lost, and whose it is now has yet to be heard.
    Lost(Lost),
}

/// How far the topics were when they were lost.
struct Lost {
    readings: Vec<Reading>,
    seen: Seen,
}

/// What is known of the topics of a shard.
#[derive(Clone, Copy)]
struct Seen {
    watermark: Watermark,
    /// Whether all were read to their ends.
    caught_up: bool,
    /// Records read, and known to be still to be read.
    read: u64,
    behind: u64,
}

impl Holding {
    /// `sources` are those of all topics, one at least.
    pub(super) fn new(
        partition: i32,
        beginning: Beginning,
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
        let Beginning { shard, kept, completeness, horizon_ms, restored_at } = beginning;
        let pictured = shard.accepted();
        Self {
            partition,
            shard,
            feed,
            fetched_since: None,
            idle: patience.idle,
            moved_at,
            kept,
            completeness,
            horizon_ms,
            restored_at,
            batch: BATCH,
            extracted_at: moved_at,
            pictured,
        }
    }

    /// Takes up to a batch further; false if there was nothing to do.
    pub(super) fn step(&mut self, work: &mut Work) -> Result<bool, Error> {
        work.begin();
        let began = clock::thread_time();
        let moved = match &mut self.feed {
            Feed::One(source) => {
                let messages = source.fetch(self.batch);
                if messages.is_empty() {
                    return Ok(false);
                }
                apply(&mut self.shard, source, &messages, work)?;
                source.remember(&messages, messages.len());
                work.flush(std::iter::once(&mut **source));
                true
            }
            Feed::Several(merging) => merging.step(&mut self.shard, work, self.batch)?,
            Feed::Lost(_) => return Ok(false),
        };
        if std::mem::take(&mut work.skipped) {
            self.completeness = Completeness::Broken(self.shard.newest_ms());
        }
        if moved {
            self.completeness.follow(self.shard.newest_ms(), self.horizon_ms);
            self.moved_at = clock::instant();
            self.batch = next_batch(self.batch, clock::thread_time().saturating_sub(began));
            self.fetched_since.get_or_insert(self.moved_at);
        }
        Ok(moved)
    }

    /// Takes the extraction of histories a step further; false if there was nothing to do yet.
    pub(super) fn extract(&mut self, desk: &Desk) -> bool {
        if !self.shard.is_extracting() {
            return false;
        }
        let is_picture_due = self.kept.as_ref().is_some_and(|kept| kept.turn.is_some());
        let (is_at_end, since) = (self.feed.is_at_end(), self.extracted_at.elapsed());
        let entries = entries_due(is_at_end, is_picture_due, since);
        entries.is_some_and(|entries| self.extract_some(desk, entries))
    }

    /// Extracts histories of about `entries` entries; false if that was all.
    fn extract_some(&mut self, desk: &Desk, entries: usize) -> bool {
        let unfinished = self.shard.extract(entries);
        if let Some(histories) = self.shard.take_histories() {
            self.extracted_at = clock::instant();
            desk.put(self.partition, histories);
        }
        unfinished
    }

    /// Hands the state over to be kept when it is time, once there is room for copies of what
    /// changes while it is written; not while histories are on their way out.
    pub(super) fn keep(&mut self, desk: &Desk) {
        let Some(kept) = self.kept.as_mut().filter(|kept| kept.keeping.is_due()) else { return };
        if kept.turn.is_none() {
            let room = room(&self.shard, self.pictured);
            kept.turn = kept.keeper.take_turn(room);
        }
        if !self.shard.is_extracting()
            && let Some(turn) = kept.turn.take_if(|turn| turn.is_ready())
            && let Some((keeper, picture)) = self.picture(desk)
        {
            keeper.save(picture, turn);
        }
    }

    /// Hands the state over for the last time; `done` is dropped when it is durable.
    pub(super) fn keep_last(&mut self, desk: &Desk, done: Option<SyncSender<()>>) {
        while self.extract_some(desk, EXTRACTED_WHEN_DUE) {}
        match self.picture(desk) {
            Some((keeper, picture)) => keeper.save_last(Picture { last: true, ..picture }, done),
            None => self.give_up(),
        }
    }

    /// Lets go of the topics, which are lost; the state stays, to be shown and perhaps gone on from.
    /// How far they were read.
    pub(super) fn lose(&mut self) -> Vec<Covered> {
        let seen = self.seen();
        let readings: Vec<Reading> = self.feed.readings().cloned().collect();
        let covered = match &self.kept {
            Some(kept) => kept.keeping.covered(readings.iter()),
            None => readings.iter().map(|reading| reading.covered(LogId::default())).collect(),
        };
        self.feed = Feed::Lost(Lost { readings, seen });
        covered
    }

    pub(super) const fn is_lost(&self) -> bool {
        matches!(self.feed, Feed::Lost(_))
    }

    /// The state, to be gone on from, and what is known to be missing from it.
    pub(super) fn into_state(self) -> (Shard, Completeness) {
        (self.shard, self.completeness)
    }

    /// Leaves the snapshots of the partition to whoever owns it now.
    pub(super) fn give_up(&self) {
        if let Some(kept) = &self.kept {
            kept.keeper.give_up(self.partition, kept.keeping.taken());
        }
    }

    fn picture(&mut self, desk: &Desk) -> Option<(Keeper, Picture)> {
        let Kept { keeper, keeping, .. } = self.kept.as_mut()?;
        let histories = desk.get(self.partition);
        let topics = self.feed.readings();
        let picture = keeping.picture(&mut self.shard, topics, histories, self.completeness)?;
        self.batch = BATCH_MIN;
        self.pictured = self.shard.accepted();
        Some((keeper.clone(), picture))
    }

    /// Publishes what changed, and says how far the shard is. One that is idle follows the others,
    /// which are at `others_ms`.
    pub(super) fn publish(&mut self, book: &ScoreBook, others_ms: Option<i64>) -> Cut {
        let Seen { watermark, caught_up, read, behind } = self.seen();
        if let (Watermark::Idle, Some(others_ms)) = (watermark, others_ms) {
            self.shard.follow(others_ms);
        }
        book.publish(self.partition, &mut self.shard);
        Cut {
            partition: self.partition,
            newest_ms: self.shard.newest_ms(),
            watermark,
            caught_up,
            extracting: self.shard.is_extracting(),
            fetched_since: self.fetched_since.take(),
            usage: self.shard.usage(),
            unmatched_refunds: self.shard.unmatched_refunds(),
            read,
            behind,
            restored_at: self.restored_at,
            complete: self.completeness == Completeness::Complete,
        }
    }

    fn seen(&self) -> Seen {
        let now = Now { wall_ms: clock::wall_ms(), instant: clock::instant() };
        let (watermark, caught_up) = match &self.feed {
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
            Feed::Lost(lost) => return lost.seen,
        };
        let progress = self.feed.sources().map(Source::progress);
        let (read, behind) = progress.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        Seen { watermark, caught_up, read, behind }
    }
}

impl Feed {
    fn sources(&self) -> impl Iterator<Item = &Source> {
        let (one, several) = match self {
            Self::One(source) => (Some(&**source), None),
            Self::Several(merging) => (None, Some(merging.sources())),
            Self::Lost(_) => (None, None),
        };
        one.into_iter().chain(several.into_iter().flatten())
    }

    /// Whether all topics were read to their ends.
    fn is_at_end(&self) -> bool {
        match self {
            Self::One(source) => source.is_at_end(),
            Self::Several(merging) => merging.is_at_end(),
            Self::Lost(lost) => lost.seen.caught_up,
        }
    }

    /// How far the topics were read.
    fn readings(&self) -> impl Iterator<Item = &Reading> {
        let lost = match self {
            Self::Lost(lost) => &*lost.readings,
            Self::One(_) | Self::Several(_) => &[],
        };
        self.sources().map(Source::reading).chain(lost)
    }
}

/// Bytes of a shard that will be copied if as much happens until its next picture as since the
/// last, before which it had accepted `pictured` events.
fn room(shard: &Shard, pictured: u64) -> usize {
    let events = shard.accepted() - pictured;
    let copied = usize::try_from(events).unwrap_or(usize::MAX).saturating_mul(COPIED);
    copied.min(shard.copied_bytes())
}

/// Entries of which histories are extracted now, if any are: `since` the last were.
fn entries_due(is_at_end: bool, is_picture_due: bool, since: Duration) -> Option<usize> {
    if is_picture_due {
        Some(EXTRACTED_WHEN_DUE)
    } else {
        (is_at_end || since >= EXTRACTED_EVERY).then_some(EXTRACTED)
    }
}

/// Records of the batch after one of up to `batch` that took so much CPU time.
fn next_batch(batch: usize, took: Duration) -> usize {
    if took < BATCH_TIME.start {
        (batch + BATCH_MIN).min(BATCH)
    } else if took > BATCH_TIME.end {
        (batch / 4).max(BATCH_MIN)
    } else {
        batch
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
            Message::Fault(fault) => work.faulted(source, &fault)?,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_shrink_while_they_take_long_and_grow_back() {
        let after = |batch, ms| next_batch(batch, Duration::from_millis(ms));
        assert_eq!([after(BATCH, 0), after(BATCH, 2), after(BATCH, 4)], [BATCH, BATCH, BATCH / 4]);
        assert_eq!([after(BATCH_MIN, 0), after(BATCH_MIN, 4)], [BATCH_MIN * 2, BATCH_MIN]);
    }

    #[test]
    fn histories_rest_while_behind_unless_a_picture_waits_for_them() {
        let (soon, late) = (EXTRACTED_EVERY / 2, EXTRACTED_EVERY);
        assert_eq!(entries_due(false, false, soon), None, "behind");
        assert_eq!(entries_due(false, false, late), Some(EXTRACTED), "it is time");
        assert_eq!(entries_due(true, false, Duration::ZERO), Some(EXTRACTED), "at the end");
        for (is_at_end, since) in [(false, soon), (false, late), (true, late)] {
            assert_eq!(entries_due(is_at_end, true, since), Some(EXTRACTED_WHEN_DUE), "due");
        }
    }
}
