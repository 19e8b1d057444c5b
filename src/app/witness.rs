//! The background thread that turns the histories of all shards into evidence, and the desk where
//! the histories come together.
//!
//! Invariant: evidence is of one close of all partitions that have anything to tell; whoever
//! extracts or reads never waits for it.

use std::collections::BTreeMap;
use std::io;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};

use prometheus::{Histogram, HistogramOpts, Registry};

use super::owner::Cut;
use crate::clock;
use crate::evidence::evidence;
use crate::model::{Histories, Params};
use crate::rank::ScoreBook;

/// The latest histories of each partition.
#[derive(Clone, Default)]
pub struct Desk(Arc<Mutex<Papers>>);

#[derive(Default)]
struct Papers {
    by_partition: BTreeMap<i32, Arc<Histories>>,
    /// Counts what came in and went.
    edition: u64,
}

/// Computes evidence when there is something new.
pub(super) struct Witness {
    desk: Desk,
    /// What the thread was last asked about.
    asked: u64,
    requests: SyncSender<Vec<Arc<Histories>>>,
    thread: JoinHandle<()>,
}

impl Desk {
    /// Takes in what a partition tells, in place of what it told before.
    pub(super) fn put(&self, partition: i32, histories: Histories) {
        let mut papers = self.papers();
        papers.edition += 1;
        papers.by_partition.insert(partition, Arc::new(histories));
    }

    /// What a partition told last.
    pub(super) fn get(&self, partition: i32) -> Option<Arc<Histories>> {
        self.papers().by_partition.get(&partition).cloned()
    }

    /// Forgets a partition that is no longer owned.
    pub(super) fn remove(&self, partition: i32) {
        let mut papers = self.papers();
        papers.edition += 1;
        papers.by_partition.remove(&partition);
    }

    /// What all shards tell of the same close, if it is not what was asked about at `asked`. A
    /// shard without any event has nothing to tell.
    fn complete(&self, cuts: &[Cut], asked: u64) -> Option<(u64, Vec<Arc<Histories>>)> {
        let papers = self.papers();
        if papers.edition == asked || cuts.iter().all(|cut| cut.newest_ms.is_none()) {
            return None;
        }
        let telling = cuts.iter().filter(|cut| cut.newest_ms.is_some());
        let told: Option<Vec<_>> =
            telling.map(|cut| papers.by_partition.get(&cut.partition).cloned()).collect();
        let told = told?;
        let closed = told.first()?.closed;
        told.iter().all(|histories| histories.closed == closed).then_some((papers.edition, told))
    }

    fn papers(&self) -> MutexGuard<'_, Papers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Witness {
    pub(super) fn start(
        desk: Desk,
        params: &Params,
        book: Arc<ScoreBook>,
        registry: &Registry,
    ) -> anyhow::Result<Self> {
        let seconds = Histogram::with_opts(
            HistogramOpts::new(
                "sillage_lift_computation_seconds",
                "Time to compute the lifts of all segments when a bucket has closed.",
            )
            .buckets(vec![0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0]),
        )?;
        registry.register(Box::new(seconds.clone()))?;
        let (requests, received) = mpsc::sync_channel(1);
        let params = params.clone();
        let thread = spawn(move || {
            answer(&received, &params, &book, &seconds);
        })?;
        Ok(Self { desk, asked: 0, requests, thread })
    }

    /// Asks for evidence anew when all shards have told of the same close and anything changed.
    pub(super) fn look(&mut self, cuts: &[Cut]) {
        if let Some((edition, histories)) = self.desk.complete(cuts, self.asked)
            && self.requests.try_send(histories).is_ok()
        {
            self.asked = edition;
        }
    }

    /// Whether it still computes; it ends before its owner only by a panic.
    pub(super) fn is_alive(&self) -> bool {
        !self.thread.is_finished()
    }
}

fn spawn(work: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    Builder::new().name("witness".into()).spawn(work)
}

fn answer(
    requests: &Receiver<Vec<Arc<Histories>>>,
    params: &Params,
    book: &ScoreBook,
    seconds: &Histogram,
) {
    while let Ok(histories) = requests.recv() {
        let began = clock::instant();
        let shards: Vec<&Histories> = histories.iter().map(|shard| &**shard).collect();
        let evidence = evidence(params, &shards);
        seconds.observe(began.elapsed().as_secs_f64());
        book.prove(evidence);
    }
}
