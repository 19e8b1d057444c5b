//! Keeps the shards' states on disk: finds what a partition goes on from, and writes what its
//! owner hands over, in the background.
//!
//! Invariant: an owner waits for a snapshot only when it gives its partition away.

mod archive;
mod key;
mod log;
mod metrics;
mod pace;
mod turn;

use std::io;
use std::ops::Deref;
use std::sync::atomic::AtomicUsize;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Builder, JoinHandle};
use std::time::{Duration, Instant};

use fail::fail_point;
use rustix::process::setpriority_process;

pub use archive::{Archive, Picture, Recovered, Settings};
pub(super) use key::secret_beside;
use log::KafkaLog;
pub use metrics::Metrics;
pub use turn::Turn;

use super::allocator::{arena, lay_up};
use super::cores;
use crate::clock;
use crate::ingest::kafka::{self, Committer, Probe};
use crate::snapshot::Files;

/// States that wait to be written at most: each partition has one or two.
const JOBS: usize = 4096;

/// How much the thread steps back that writes what is due: where cores are short it has a tenth of
/// the time of one that scores.
const NICE: i32 = 10;

/// Shared by the owners, which hand over, and the daemon, which ends it.
#[derive(Clone)]
pub struct Keeper(Arc<Inner>);

struct Inner {
    archive: Archive<Files, KafkaLog>,
    /// Writes the states that are due, one at a time, and lets those that score go first.
    due: Writers,
    /// As many as cores write those of partitions that are given away, which somebody waits for.
    last: Writers,
    under_way: Arc<AtomicUsize>,
}

/// Threads that share what there is to do.
struct Writers {
    jobs: SyncSender<Job>,
    /// Held by the one that waits for the next.
    received: Mutex<Receiver<Job>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

enum Job {
    Save {
        picture: Box<Picture>,
        turn: Arc<Turn>,
        /// Dropped when the snapshot is durable, or cannot be.
        done: Option<SyncSender<()>>,
    },
    /// Lay up so many bytes of an arena before the turn begins.
    MakeRoom {
        turn: Arc<Turn>,
        arena: u32,
        bytes: usize,
    },
    End,
}

impl Keeper {
    /// Starts the threads that write.
    pub fn start(
        settings: Settings,
        kafka: &kafka::Config,
        committer: &Committer,
        metrics: Metrics,
    ) -> anyhow::Result<Self> {
        let log = KafkaLog::new(Probe::new(kafka)?, settings.topics.clone());
        let keeper = Self(Arc::new(Inner {
            archive: Archive::new(settings, Files, log, metrics),
            due: Writers::new(),
            last: Writers::new(),
            under_way: Arc::default(),
        }));
        let (writing, committing) = (keeper.clone(), committer.clone());
        keeper.0.due.spawn(move || {
            let_others_go_first();
            writing.write_all(&writing.0.due, &committing);
        })?;
        for _ in 0..cores() {
            let (writing, committing) = (keeper.clone(), committer.clone());
            keeper.0.last.spawn(move || writing.write_all(&writing.0.last, &committing))?;
        }
        Ok(keeper)
    }

    /// Takes note that partitions are assigned: the log may be another than it was.
    pub fn refresh(&self) {
        self.0.archive.log.refresh();
    }

    /// Time from one snapshot of a partition to the next.
    #[must_use]
    pub fn interval(&self) -> Duration {
        self.0.archive.settings.interval
    }

    /// The turn to have a state written that is due, unless another one is under way. It is ready
    /// once the thread that asks has so many bytes to copy to that were touched before.
    #[must_use]
    pub fn take_turn(&self, bytes: usize) -> Option<Arc<Turn>> {
        let turn = Arc::new(Turn::first(&self.0.under_way)?);
        match arena() {
            Ok(arena) if bytes > 0 => {
                let turn = Arc::clone(&turn);
                self.0.due.hand_over(Job::MakeRoom { turn, arena, bytes });
            }
            _ => turn.make_ready(),
        }
        Some(turn)
    }

    /// Has a state written.
    pub fn save(&self, picture: Picture, turn: Arc<Turn>) {
        self.0.due.hand_over(Job::Save { picture: Box::new(picture), turn, done: None });
    }

    /// Has the state of a partition written that is given away; `done` is dropped when it is
    /// durable, or cannot be.
    pub fn save_last(&self, picture: Picture, done: Option<SyncSender<()>>) {
        let (picture, turn) = (Box::new(picture), Arc::new(Turn::another(&self.0.under_way)));
        self.0.last.hand_over(Job::Save { picture, turn, done });
    }

    /// Whether all still write; one ends before it is told to only by a panic.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        let ended = |writers: &Writers| lock(&writers.threads).iter().any(JoinHandle::is_finished);
        !ended(&self.0.due) && !ended(&self.0.last)
    }

    /// Ends when all that was handed over is written; false if it did not by `deadline`.
    #[must_use]
    pub fn finish(&self, deadline: Instant) -> bool {
        let mut threads = Vec::new();
        for writers in [&self.0.due, &self.0.last] {
            let ending = std::mem::take(&mut *lock(&writers.threads));
            for _ in &ending {
                writers.hand_over(Job::End);
            }
            threads.extend(ending);
        }
        while clock::instant() < deadline && !threads.iter().all(JoinHandle::is_finished) {
            thread::park_timeout(Duration::from_millis(5));
        }
        threads.iter().all(JoinHandle::is_finished)
    }

    fn write_all(&self, writers: &Writers, committer: &Committer) {
        loop {
            match writers.next() {
                Job::Save { picture, turn, done } => {
                    fail_point!("snapshot");
                    self.write(&picture, |partition, offsets| {
                        commit(committer, partition, offsets);
                    });
                    drop((picture, done, turn));
                }
                Job::MakeRoom { turn, arena, bytes } => {
                    if let Err(error) = lay_up(arena, bytes) {
                        tracing::debug!(%error, "copies go to memory that was never touched");
                    }
                    turn.make_ready();
                }
                Job::End => return,
            }
        }
    }
}

impl Writers {
    fn new() -> Self {
        let (jobs, received) = mpsc::sync_channel(JOBS);
        Self { jobs, received: Mutex::new(received), threads: Mutex::default() }
    }

    fn spawn(&self, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
        lock(&self.threads).push(Builder::new().name("keeper".into()).spawn(work)?);
        Ok(())
    }

    fn hand_over(&self, job: Job) {
        if self.jobs.send(job).is_err() {
            tracing::error!("the threads that write snapshots are gone");
        }
    }

    fn next(&self) -> Job {
        // Those who could send are never fewer than those who receive.
        lock(&self.received).recv().unwrap_or(Job::End)
    }
}

impl Deref for Keeper {
    type Target = Archive<Files, KafkaLog>;

    fn deref(&self) -> &Self::Target {
        &self.0.archive
    }
}

fn commit(committer: &Committer, partition: i32, offsets: &[(&str, i64)]) {
    if let Err(error) = committer.commit(partition, offsets) {
        tracing::debug!(%error, "offsets cannot be committed");
    }
}

/// Steps back behind the process's other threads, if that is allowed; only on Linux is the
/// priority that of a thread.
fn let_others_go_first() {
    if let Err(error) = setpriority_process(None, NICE) {
        tracing::debug!(%error, "a thread that writes snapshots has the priority of others");
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
