//! The loop of an owner thread: commands first, then a batch of each partition in turn.
//!
//! Invariant: between two looks at the commands lie at most a few ms of work; a thread with
//! nothing to do sleeps until a queue or a command wakes it.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError};
use std::thread;
use std::time::Duration;

use prometheus::Counter;

use super::holding::{Beginning, Holding, Kept};
use super::keeping::{Completeness, Keeping};
use super::source::Source;
use super::work::Work;
use super::{Cut, Error, Shared};
use crate::app::allocator::keep_between_pictures;
use crate::clock;
use crate::engine::Shard;
use crate::ingest::kafka::Assigned;
use crate::model::Histories;
use crate::snapshot::{Found, Restored};

/// After so much work commands are looked at again.
const WORK_MAX: Duration = Duration::from_millis(5);
/// Bounds what a lost wake-up could cost.
const SLEEP_MAX: Duration = Duration::from_millis(100);

pub(super) enum Command {
    /// All that is assigned now and belongs to the thread; what was lost and is not among it is
    /// somebody else's.
    Assign(Vec<Assigned>),
    /// `done` is dropped when the queues are, and what is to be kept is durable. What is `lost` may
    /// come back with the next assignment, and is shown on until then.
    Revoke { partitions: Vec<(String, i32)>, lost: bool, done: SyncSender<()> },
    /// Publish, and say how far. Shards that are idle follow the largest event time of all.
    Tick(SyncSender<Vec<Cut>>, Option<i64>),
    /// Take nothing more in, have the states kept, publish, and say how far.
    Drain(SyncSender<Vec<Cut>>),
}

pub(super) struct Owner {
    shared: Arc<Shared>,
    commands: Receiver<Command>,
    work: Work,
    busy: Counter,
    holdings: Vec<Holding>,
    /// Topics of partitions of which others are still to be assigned.
    incomplete: BTreeMap<i32, Vec<Assigned>>,
    /// Whose turn it is.
    turn: usize,
    draining: bool,
}

impl Owner {
    pub(super) fn new(
        shared: Arc<Shared>,
        commands: Receiver<Command>,
        work: Work,
        number: usize,
    ) -> Self {
        Self {
            busy: work.metrics.busy(number),
            shared,
            commands,
            work,
            holdings: Vec::new(),
            incomplete: BTreeMap::new(),
            turn: 0,
            draining: false,
        }
    }

    /// Until nobody is left to command, or reading on would be wrong.
    pub(super) fn run(mut self) -> Result<(), Error> {
        if let Some(keeper) = &self.shared.keeper
            && let Err(error) = keep_between_pictures(keeper.interval())
        {
            tracing::debug!(%error, "freed memory goes back to the system at once");
        }
        while self.obey()?.is_continue() {
            if !self.work_a_while()? {
                thread::park_timeout(SLEEP_MAX);
            }
        }
        Ok(())
    }

    fn obey(&mut self) -> Result<ControlFlow<()>, Error> {
        loop {
            match self.commands.try_recv() {
                Ok(Command::Assign(assigned)) => self.assign(assigned)?,
                Ok(Command::Revoke { partitions, lost, done }) => {
                    self.revoke(&partitions, lost, &done)?;
                }
                Ok(Command::Tick(reply, newest_ms)) => answer(&reply, self.publish(newest_ms)),
                Ok(Command::Drain(reply)) => {
                    self.draining = true;
                    for held in &mut self.holdings {
                        held.keep_last(&self.shared.desk, None);
                    }
                    answer(&reply, self.publish(None));
                }
                Err(TryRecvError::Empty) => return Ok(ControlFlow::Continue(())),
                Err(TryRecvError::Disconnected) => return Ok(ControlFlow::Break(())),
            }
        }
    }

    /// Takes partitions further in turn; false if there was nothing to do.
    fn work_a_while(&mut self) -> Result<bool, Error> {
        if self.draining {
            return Ok(false);
        }
        let began = clock::instant();
        let mut moved = false;
        for _ in 0..self.holdings.len() {
            self.turn = (self.turn + 1) % self.holdings.len();
            if let Some(holding) = self.holdings.get_mut(self.turn) {
                moved |= holding.step(&mut self.work)?;
                moved |= holding.extract(&self.shared.desk);
                holding.keep(&self.shared.desk);
            }
            if began.elapsed() >= WORK_MAX {
                break;
            }
        }
        if moved {
            self.busy.inc_by(began.elapsed().as_secs_f64());
        }
        Ok(moved)
    }

    fn assign(&mut self, assigned: Vec<Assigned>) -> Result<(), Error> {
        let is_ours = |held: &Holding| assigned.iter().any(|a| a.partition == held.partition);
        let others = self.holdings.extract_if(.., |held| held.is_lost() && !is_ours(held));
        for gone in others.collect::<Vec<_>>() {
            gone.give_up();
            self.shared.lost().remove(&gone.partition);
            self.forget(gone.partition);
        }
        for assigned in assigned {
            let partition = assigned.partition;
            let topics = self.incomplete.entry(partition).or_default();
            topics.push(assigned);
            if topics.len() == self.shared.topics.len() {
                let topics = self.incomplete.remove(&partition).unwrap_or_default();
                self.hold(partition, topics)?;
            }
        }
        Ok(())
    }

    /// Begins with what was kept of the partition, or with nothing.
    fn hold(&mut self, partition: i32, mut topics: Vec<Assigned>) -> Result<(), Error> {
        let shared = Arc::clone(&self.shared);
        let place = |topic: &str| shared.topics.iter().position(|t| t == topic);
        topics.sort_by_key(|assigned| place(&assigned.topic));
        let lost = shared.lost().remove(&partition);
        let recovered = shared.keeper.as_ref().map(|keeper| keeper.take(partition));
        let (taken, logs, found) = match recovered {
            Some(Some(found)) => (found.taken, found.logs, found.found),
            Some(None) => (0, Vec::new(), Found::Nothing),
            None => (0, Vec::new(), lost.map_or(Found::Nothing, Found::InMemory)),
        };
        let covered = found.covered();
        let sources: Vec<Source> = topics
            .into_iter()
            .enumerate()
            .map(|(at, assigned)| {
                let metrics = &self.work.metrics;
                Source::new(assigned, at, covered.get(at), metrics, thread::current())
            })
            .collect();
        let saved = match &found {
            // What was read since the last snapshot is nowhere else.
            Found::InMemory(_) => Vec::new(),
            Found::Nothing | Found::Snapshot(_) => {
                sources.iter().map(|source| source.reading().next_offset()).collect()
            }
        };
        let keeper = shared.keeper.as_ref();
        let kept = keeper.map(|keeper| {
            let origin = keeper.origin(partition);
            Kept {
                keeper: keeper.clone(),
                keeping: Keeping::new((origin, taken), logs, saved, keeper.interval()),
                turn: None,
            }
        });
        let beginning = self.begin(partition, found, kept)?;
        self.holdings.push(Holding::new(partition, beginning, sources, shared.patience));
        Ok(())
    }

    fn begin(
        &mut self,
        partition: i32,
        found: Found<(Shard, Option<Histories>)>,
        kept: Option<Kept>,
    ) -> Result<Beginning, Error> {
        let at = self.holdings.iter().position(|held| held.partition == partition);
        let lost = at.map(|at| self.holdings.swap_remove(at));
        if lost.is_some() && !matches!(found, Found::InMemory(_)) {
            self.forget(partition);
        }
        let params = &self.shared.params;
        let horizon_ms = params.retention_buckets.saturating_mul(params.bucket_ms);
        let restored_at = found.covered().first().map(|covered| covered.next_offset);
        let (shard, completeness) = match (found, lost) {
            (Found::Nothing, _) => {
                (Shard::new(params, &self.shared.limits()), Completeness::Complete)
            }
            (Found::InMemory(_), Some(lost)) => lost.into_state(),
            (Found::InMemory(_), None) => return Err(Error::StateGone { partition }),
            (Found::Snapshot(restored), _) => self.restore(partition, restored),
        };
        Ok(Beginning { shard, kept, completeness, horizon_ms, restored_at })
    }

    fn restore(
        &self,
        partition: i32,
        restored: Restored<(Shard, Option<Histories>)>,
    ) -> (Shard, Completeness) {
        let Restored { header, state: (shard, histories), gaps } = restored;
        if let Some(histories) = histories {
            self.shared.desk.put(partition, histories);
        }
        for gap in &gaps {
            let records = u64::try_from(gap.to - gap.from).unwrap_or(0);
            self.work.kafka.gap(&gap.topic, records);
        }
        let newest_ms = shard.newest_ms();
        let completeness = if gaps.is_empty() {
            Completeness::restored(header.incomplete_until_ms, newest_ms)
        } else {
            Completeness::Broken(newest_ms)
        };
        (shard, completeness)
    }

    fn revoke(
        &mut self,
        partitions: &[(String, i32)],
        lost: bool,
        done: &SyncSender<()>,
    ) -> Result<(), Error> {
        let topics_of = |partition| partitions.iter().filter(|(_, p)| *p == partition).count();
        for (_, partition) in partitions {
            self.incomplete.remove(partition);
            if let Some(keeper) = &self.shared.keeper {
                drop(keeper.take(*partition));
            }
        }
        let is_among = |held: &Holding| topics_of(held.partition) > 0;
        for held in self.holdings.iter().filter(|held| is_among(held)) {
            if topics_of(held.partition) < self.shared.topics.len() {
                // The topics that stay were read up to somewhere, and the state goes.
                return Err(Error::PartlyRevoked { partition: held.partition });
            }
        }
        if lost {
            for held in self.holdings.iter_mut().filter(|held| is_among(held)) {
                let covered = held.lose();
                self.shared.lost().insert(held.partition, covered);
            }
            return Ok(());
        }
        let gone: Vec<Holding> = self.holdings.extract_if(.., |held| is_among(held)).collect();
        for mut gone in gone {
            gone.keep_last(&self.shared.desk, Some(done.clone()));
            self.forget(gone.partition);
        }
        Ok(())
    }

    /// Shows no more of a partition.
    fn forget(&self, partition: i32) {
        self.shared.book.forget(partition);
        self.shared.desk.remove(partition);
    }

    fn publish(&mut self, newest_ms: Option<i64>) -> Vec<Cut> {
        let book = &self.shared.book;
        self.holdings.iter_mut().map(|held| held.publish(book, newest_ms)).collect()
    }
}

/// Who asked may have stopped waiting.
fn answer<T>(reply: &SyncSender<T>, answer: T) {
    if reply.try_send(answer).is_err() {
        tracing::debug!("an answer came too late");
    }
}
