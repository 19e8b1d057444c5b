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

use super::cores;
use crate::clock;
use crate::ingest::kafka::{self, Committer, Probe};
use crate::snapshot::Files;

/// Jobs of a thread that wait at most: each partition has one or two.
const JOBS: usize = 1024;

/// Shared by the owners, which hand over, and the daemon, which ends it.
#[derive(Clone)]
pub struct Keeper(Arc<Inner>);

struct Inner {
    archive: Archive<Files, KafkaLog>,
    /// As many as cores. Partitions given away are waited for, so that all of these then write;
    /// the snapshots of one partition are written by one, in order.
    writers: Vec<Writer>,
    under_way: AtomicUsize,
}

struct Writer {
    jobs: SyncSender<Job>,
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
    /// Starts the threads that write.
    pub fn start(
        settings: Settings,
        kafka: &kafka::Config,
        committer: &Committer,
        metrics: Metrics,
    ) -> anyhow::Result<Self> {
        let log = KafkaLog::new(Probe::new(kafka)?, settings.topics.clone());
        let (jobs, received): (Vec<_>, Vec<_>) =
            (0..cores()).map(|_| mpsc::sync_channel(JOBS)).unzip();
        let writer = |jobs| Writer { jobs, thread: Mutex::default() };
        let keeper = Self(Arc::new(Inner {
            archive: Archive::new(settings, Files, log, metrics),
            writers: jobs.into_iter().map(writer).collect(),
            under_way: AtomicUsize::new(0),
        }));
        for (writer, received) in keeper.0.writers.iter().zip(received) {
            let (writing, committer) = (keeper.clone(), committer.clone());
            let thread = spawn(move || writing.write_all(&received, &committer))?;
            *lock(&writer.thread) = Some(thread);
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
        self.hand_over(picture, false, None);
    }

    /// Has the state of a partition written that is given away; `done` is dropped when it is
    /// durable, or cannot be.
    pub fn save_last(&self, picture: Picture, done: Option<SyncSender<()>>) {
        self.hand_over(picture, true, done);
    }

    /// Whether all still write; one ends before it is told to only by a panic.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        let writes =
            |writer: &Writer| lock(&writer.thread).as_ref().is_some_and(|t| !t.is_finished());
        self.0.writers.iter().all(writes)
    }

    /// Ends when all that was handed over is written; false if it did not by `deadline`.
    #[must_use]
    pub fn finish(&self, deadline: Instant) -> bool {
        self.0.writers.iter().for_each(|writer| self.send(writer, Job::End));
        let threads: Vec<_> =
            self.0.writers.iter().filter_map(|writer| lock(&writer.thread).take()).collect();
        while clock::instant() < deadline && !threads.iter().all(JoinHandle::is_finished) {
            thread::park_timeout(Duration::from_millis(5));
        }
        threads.iter().all(JoinHandle::is_finished)
    }

    fn hand_over(&self, picture: Picture, last: bool, done: Option<SyncSender<()>>) {
        let partition = usize::try_from(picture.header.origin.partition).unwrap_or(0);
        let writers = &self.0.writers;
        if let Some(writer) = writers.get(partition % writers.len().max(1)) {
            self.send(writer, Job::Save { picture: Box::new(picture), last, done });
        }
    }

    fn send(&self, writer: &Writer, job: Job) {
        self.0.under_way.fetch_add(1, Ordering::Relaxed);
        if writer.jobs.send(job).is_err() {
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
