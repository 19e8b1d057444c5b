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

use super::holding::Holding;
use super::source::Source;
use super::work::Work;
use super::{Cut, Error, Shared};
use crate::clock;
use crate::engine::Shard;
use crate::ingest::kafka::Assigned;

/// After so much work commands are looked at again.
const WORK_MAX: Duration = Duration::from_millis(5);
/// Bounds what a lost wake-up could cost.
const SLEEP_MAX: Duration = Duration::from_millis(100);

pub(super) enum Command {
    Assign(Vec<Assigned>),
    /// Acknowledged when the queues are dropped.
    Revoke(Vec<(String, i32)>, SyncSender<()>),
    /// Publish, and say how far. Shards that are idle follow the largest event time of all.
    Tick(SyncSender<Vec<Cut>>, Option<i64>),
    /// Take nothing more in, publish, and say how far.
    Drain(SyncSender<Vec<Cut>>),
}

pub(super) struct Owner {
    shared: Arc<Shared>,
    commands: Receiver<Command>,
    work: Work,
    busy: Counter,
    holdings: Vec<Holding>,
    /// Topics of partitions of which others are still to be assigned.
    incomplete: BTreeMap<i32, Vec<Source>>,
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
                Ok(Command::Assign(assigned)) => self.assign(assigned),
                Ok(Command::Revoke(partitions, done)) => {
                    self.revoke(&partitions)?;
                    answer(&done, ());
                }
                Ok(Command::Tick(reply, newest_ms)) => answer(&reply, self.publish(newest_ms)),
                Ok(Command::Drain(reply)) => {
                    self.draining = true;
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

    fn assign(&mut self, assigned: Vec<Assigned>) {
        for assigned in assigned {
            let Some(index) = self.shared.topics.iter().position(|t| **t == *assigned.topic) else {
                tracing::error!(
                    topic = &*assigned.topic,
                    "assigned a topic that is not configured"
                );
                continue;
            };
            let partition = assigned.partition;
            let source = Source::new(assigned, index, &self.work.metrics, thread::current());
            let sources = self.incomplete.entry(partition).or_default();
            sources.push(source);
            if sources.len() == self.shared.topics.len() {
                let sources = self.incomplete.remove(&partition).unwrap_or_default();
                self.hold(partition, sources);
            }
        }
    }

    fn hold(&mut self, partition: i32, mut sources: Vec<Source>) {
        let shard = Shard::new(&self.shared.params, &self.shared.limits());
        sources.sort_by_key(|source| source.index);
        let holding = Holding::new(partition, shard, sources, self.shared.patience);
        self.holdings.push(holding);
    }

    fn revoke(&mut self, partitions: &[(String, i32)]) -> Result<(), Error> {
        let topics_of = |partition| partitions.iter().filter(|(_, p)| *p == partition).count();
        for (_, partition) in partitions {
            self.incomplete.remove(partition);
        }
        let topics = self.shared.topics.len();
        for gone in self.holdings.extract_if(.., |held| topics_of(held.partition) > 0) {
            self.shared.book.forget(gone.partition);
            self.shared.desk.remove(gone.partition);
            if topics_of(gone.partition) < topics {
                // The topics that stay were read up to somewhere, and the state is gone.
                return Err(Error::PartlyRevoked { partition: gone.partition });
            }
        }
        Ok(())
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
