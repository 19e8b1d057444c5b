//! Keeps the shards' states on disk: finds what a partition goes on from, and writes what its
//! owner hands over, in the background.
//!
//! Invariant: an owner waits for a snapshot only when it gives its partition away.

mod archive;
mod key;
mod log;
mod metrics;
mod pace;

use std::io;
use std::ops::Deref;
use std::sync::atomic::{AtomicUsize, Ordering};
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
    under_way: AtomicUsize,
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
        /// Dropped when the snapshot is durable, or cannot be.
        done: Option<SyncSender<()>>,
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
            under_way: AtomicUsize::new(0),
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

    /// Whether another snapshot may be taken now: one at a time, since a state that is being
    /// written shares its memory with the shard, and the shards need the cores.
    #[must_use]
    pub fn is_free(&self) -> bool {
        self.0.under_way.load(Ordering::Relaxed) == 0
    }

    /// Has a state written.
    pub fn save(&self, picture: Picture) {
        self.hand_over(&self.0.due, Job::Save { picture: Box::new(picture), done: None });
    }

    /// Has the state of a partition written that is given away; `done` is dropped when it is
    /// durable, or cannot be.
    pub fn save_last(&self, picture: Picture, done: Option<SyncSender<()>>) {
        self.hand_over(&self.0.last, Job::Save { picture: Box::new(picture), done });
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
                self.hand_over(writers, Job::End);
            }
            threads.extend(ending);
        }
        while clock::instant() < deadline && !threads.iter().all(JoinHandle::is_finished) {
            thread::park_timeout(Duration::from_millis(5));
        }
        threads.iter().all(JoinHandle::is_finished)
    }

    fn hand_over(&self, to: &Writers, job: Job) {
        self.0.under_way.fetch_add(1, Ordering::Relaxed);
        if to.jobs.send(job).is_err() {
            tracing::error!("the threads that write snapshots are gone");
        }
    }

    fn write_all(&self, writers: &Writers, committer: &Committer) {
        while let Job::Save { picture, done } = writers.next() {
            fail_point!("snapshot");
            self.write(&picture, |partition, offsets| {
                if let Err(error) = committer.commit(partition, offsets) {
                    tracing::debug!(%error, "offsets cannot be committed");
                }
            });
            drop((picture, done));
            self.0.under_way.fetch_sub(1, Ordering::Relaxed);
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
