//! Keeps the shards' states on disk: finds what a partition goes on from, and writes what its
//! owner hands over, in the background.
//!
//! Invariant: an owner waits for a snapshot only when it gives its partition away.

mod archive;
mod key;
mod log;
mod metrics;

use std::io;
use std::ops::Deref;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Builder, JoinHandle};
use std::time::{Duration, Instant};

use fail::fail_point;

pub use archive::{Archive, Picture, Recovered, Settings};
pub(super) use key::secret_beside;
use log::KafkaLog;
pub use metrics::Metrics;

use crate::clock;
use crate::ingest::kafka::{self, Committer, Probe};
use crate::snapshot::Files;

/// Snapshots that wait or are being written, at most; those of partitions given away apart. A
/// state that waits shares its memory with the shard for as long.
const UNDER_WAY: usize = 2;

/// Jobs that wait at most: each partition has one or two.
const JOBS: usize = 1024;

/// Shared by the owners, which hand over, and the daemon, which ends it.
#[derive(Clone)]
pub struct Keeper(Arc<Inner>);

struct Inner {
    archive: Archive<Files, KafkaLog>,
    jobs: SyncSender<Job>,
    under_way: AtomicUsize,
    thread: Mutex<Option<JoinHandle<()>>>,
}

enum Job {
    Save {
        picture: Box<Picture>,
        /// Whether the partition is given away.
        last: bool,
        /// Dropped when the snapshot is durable, or cannot be.
        done: Option<SyncSender<()>>,
    },
    End,
}

impl Keeper {
    /// Starts the thread that writes.
    pub fn start(
        settings: Settings,
        kafka: &kafka::Config,
        committer: Committer,
        metrics: Metrics,
    ) -> anyhow::Result<Self> {
        let (jobs, received) = mpsc::sync_channel(JOBS);
        let log = KafkaLog::new(Probe::new(kafka)?, settings.topics.clone());
        let keeper = Self(Arc::new(Inner {
            archive: Archive::new(settings, Files, log, metrics),
            jobs,
            under_way: AtomicUsize::new(0),
            thread: Mutex::default(),
        }));
        let writing = keeper.clone();
        let thread = spawn(move || writing.write_all(&received, &committer))?;
        *lock(&keeper.0.thread) = Some(thread);
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

    /// Whether another snapshot may be taken now.
    #[must_use]
    pub fn is_free(&self) -> bool {
        self.0.under_way.load(Ordering::Relaxed) < UNDER_WAY
    }

    /// Has a state written.
    pub fn save(&self, picture: Picture) {
        self.send(Job::Save { picture: Box::new(picture), last: false, done: None });
    }

    /// Has the state of a partition written that is given away; `done` is dropped when it is
    /// durable, or cannot be.
    pub fn save_last(&self, picture: Picture, done: Option<SyncSender<()>>) {
        self.send(Job::Save { picture: Box::new(picture), last: true, done });
    }

    /// Whether it still writes; it ends before it is told to only by a panic.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        lock(&self.0.thread).as_ref().is_some_and(|thread| !thread.is_finished())
    }

    /// Ends when all that was handed over is written; false if it did not by `deadline`.
    #[must_use]
    pub fn finish(&self, deadline: Instant) -> bool {
        self.send(Job::End);
        let Some(thread) = lock(&self.0.thread).take() else { return true };
        while clock::instant() < deadline && !thread.is_finished() {
            thread::park_timeout(Duration::from_millis(5));
        }
        thread.is_finished()
    }

    fn send(&self, job: Job) {
        self.0.under_way.fetch_add(1, Ordering::Relaxed);
        if self.0.jobs.send(job).is_err() {
            tracing::error!("the thread that writes snapshots is gone");
        }
    }

    fn write_all(&self, jobs: &Receiver<Job>, committer: &Committer) {
        while let Ok(Job::Save { picture, last, done }) = jobs.recv() {
            fail_point!("snapshot");
            self.write(&picture, |partition, offsets| {
                if let Err(error) = committer.commit(partition, offsets) {
                    tracing::debug!(%error, "offsets cannot be committed");
                }
            });
            if last {
                self.give_up(picture.header.origin.partition, picture.taken);
            }
            drop(done);
            self.0.under_way.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Deref for Keeper {
    type Target = Archive<Files, KafkaLog>;

    fn deref(&self) -> &Self::Target {
        &self.0.archive
    }
}

fn spawn(work: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    Builder::new().name("keeper".into()).spawn(work)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
