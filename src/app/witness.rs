//! The background thread that turns the histories of all shards into evidence, and the desk where
//! the histories come together.
//!
//! Invariant: evidence is of one close of all partitions that have anything to tell; whoever
//! extracts or reads never waits for it.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};

use prometheus::{Histogram, HistogramOpts, Registry};

use super::owner::Cut;
use super::pulse::Beat;
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

/// What all shards tell of one close.
struct Told {
    edition: u64,
    histories: Vec<Arc<Histories>>,
}

/// Computes evidence when there is something new.
pub(super) struct Witness {
    desk: Desk,
    /// What the thread was last asked about.
    asked: u64,
    /// The edition without which no picture tells all that was read in the past.
    due: u64,
    /// The edition that standings rest on.
    proven: Arc<AtomicU64>,
    requests: SyncSender<Told>,
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
    fn complete(&self, cuts: &[Cut], asked: u64) -> Option<Told> {
        let papers = self.papers();
        if papers.edition == asked || cuts.iter().all(|cut| cut.newest_ms.is_none()) {
            return None;
        }
        let telling = cuts.iter().filter(|cut| cut.newest_ms.is_some());
        let told: Option<Vec<_>> =
            telling.map(|cut| papers.by_partition.get(&cut.partition).cloned()).collect();
        let told = told?;
        let closed = told.first()?.closed;
        let is_one = told.iter().all(|histories| histories.closed == closed);
        is_one.then_some(Told { edition: papers.edition, histories: told })
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
        let proven = Arc::new(AtomicU64::new(0));
        let answered = Arc::clone(&proven);
        let thread = spawn(move || {
            answer(&received, &params, &book, &seconds, &answered);
        })?;
        Ok(Self { desk, asked: 0, due: u64::MAX, proven, requests, thread })
    }

    /// Asks for evidence anew when all shards have told of the same close and anything changed.
    pub(super) fn look(&mut self, cuts: &[Cut]) {
        if let Some(told) = self.desk.complete(cuts, self.asked) {
            let edition = told.edition;
            if self.requests.try_send(told).is_ok() {
                self.asked = edition;
            }
        }
    }

    /// The edition that standings which are read from now on rest on, at least.
    pub(super) fn proven(&self) -> u64 {
        self.proven.load(Ordering::Acquire)
    }

    /// Whether a picture that rests on `proven` lacks what the past proves: what all shards told
    /// when they had read it. What they tell later is not waited for.
    pub(super) fn is_awaited(&mut self, beat: &Beat, proven: u64) -> bool {
        if beat.restoring > 0 || beat.cuts.is_empty() {
            self.due = u64::MAX;
        } else {
            let told = self.desk.complete(&beat.cuts, proven);
            self.due = self.due.min(told.map_or(0, |told| told.edition));
        }
        proven < self.due
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
    requests: &Receiver<Told>,
    params: &Params,
    book: &ScoreBook,
    seconds: &Histogram,
    proven: &AtomicU64,
) {
    while let Ok(Told { edition, histories }) = requests.recv() {
        let began = clock::instant();
        let shards: Vec<&Histories> = histories.iter().map(|shard| &**shard).collect();
        let evidence = evidence(params, &shards);
        seconds.observe(began.elapsed().as_secs_f64());
        book.prove(evidence);
        proven.store(edition, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn witness(desk: &Desk) -> Witness {
        let (params, registry) = (Params::default(), Registry::new());
        let book = Arc::new(ScoreBook::new(&params));
        Witness::start(desk.clone(), &params, book, &registry).expect("it starts")
    }

    fn beat(restoring: usize) -> Beat {
        let read = |partition| Cut { newest_ms: Some(1), ..Cut::unread(partition) };
        Beat { cuts: vec![read(0), read(1)], restoring, whole: true }
    }

    fn closed(closed: u32) -> Histories {
        Histories { closed, ..Histories::default() }
    }

    #[test]
    fn what_the_past_proves_is_awaited_and_what_comes_later_is_not() {
        let desk = Desk::default();
        let mut witness = witness(&desk);
        assert!(witness.is_awaited(&Beat::default(), 0), "nothing is assigned");
        desk.put(0, closed(7));
        assert!(witness.is_awaited(&beat(1), 0), "it is being read");
        desk.put(1, closed(7));
        assert!(witness.is_awaited(&beat(0), 0), "it is not yet proven");
        desk.put(1, closed(7));
        assert!(witness.is_awaited(&beat(0), 1), "what is proven is older");
        assert!(!witness.is_awaited(&beat(0), 2));
        assert!(!witness.is_awaited(&beat(0), 2), "what came later may wait");
        assert!(witness.is_awaited(&beat(1), 2), "another partition is being read");
    }

    #[test]
    fn what_cannot_be_proven_is_not_awaited() {
        let desk = Desk::default();
        let mut witness = witness(&desk);
        assert!(!witness.is_awaited(&beat(0), 0), "nobody told anything");
        assert!(witness.is_awaited(&beat(1), 0));
        desk.put(0, closed(7));
        desk.put(1, closed(8));
        assert!(!witness.is_awaited(&beat(0), 0), "it is not of one close");
    }
}
