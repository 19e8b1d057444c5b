//! The threads that own the shards: partition p belongs to thread p modulo their number.
//!
//! Invariant: a shard is touched by one thread only. A thread that ends before it is told to is
//! noticed: [`Owners::poisoned`] says why, and nobody waits for it.

mod campaigns;
mod handle;
mod holding;
mod keeping;
mod merging;
mod metrics;
mod reading;
mod source;
mod thread;
mod work;

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use handle::Handle;
pub use keeping::{Completeness, Keeping};
pub use metrics::Metrics;
pub use reading::Reading;
use thread::Command;

use super::keeper::Keeper;
use super::witness::Desk;
use crate::clock;
use crate::engine::{Limits, Usage};
use crate::ingest::dead_letter::DeadLetters;
use crate::ingest::format::Decoder;
use crate::ingest::kafka::{self, Assigned, Assignments, NotPrepared, OnGap, Start};
use crate::ingest::order::{Patience, Watermark};
use crate::model::Params;
use crate::rank::ScoreBook;
use crate::snapshot::Covered;

/// A thread that is silent for longer is given up, unless it waits as it was told to.
const SILENT_MAX: Duration = Duration::from_mins(1);
/// For a thread to let go of partitions: it looks at commands every few ms.
const REVOKE_WITHIN: Duration = Duration::from_secs(10);

/// The limits of each of so many shards.
pub type LimitsOf = Box<dyn Fn(usize) -> Limits + Send + Sync>;

pub struct Settings {
    /// At least one.
    pub threads: usize,
    pub topics: Vec<String>,
    pub patience: Patience,
    pub params: Params,
    pub limits: LimitsOf,
    pub on_gap: OnGap,
    /// Keeps the shards' states, if they are kept.
    pub keeper: Option<Keeper>,
}

/// What the threads need of other parts.
pub struct Links {
    pub decoder: Arc<Decoder>,
    pub book: Arc<ScoreBook>,
    pub desk: Desk,
    pub dead_letters: DeadLetters,
    pub kafka: kafka::Metrics,
    pub metrics: Metrics,
}

/// How far a shard is, at the moment of its publication.
#[derive(Clone, Copy, Debug)]
pub struct Cut {
    pub partition: i32,
    /// The largest event time scored, ms since the Unix epoch.
    pub newest_ms: Option<i64>,
    pub watermark: Watermark,
    /// Whether all topics were read to their ends.
    pub caught_up: bool,
    /// Whether histories of a bucket that has closed are still to be extracted.
    pub extracting: bool,
    /// When the oldest record was fetched that the publication before this did not have.
    pub fetched_since: Option<Instant>,
    pub usage: Usage,
    /// Refunds of a sale that is not known, ever.
    pub unmatched_refunds: u64,
    /// Records of its topics read, and known to be still to be read.
    pub read: u64,
    pub behind: u64,
    /// Offset that the first topic was read on from, when its shard was restored.
    pub restored_at: Option<i64>,
    /// Whether nothing is missing that the log had deleted.
    pub complete: bool,
}

#[cfg(test)]
impl Cut {
    /// Of a shard that has read nothing yet.
    pub(in crate::app) fn unread(partition: i32) -> Self {
        Self {
            partition,
            newest_ms: None,
            watermark: Watermark::Unknown,
            caught_up: false,
            extracting: false,
            fetched_since: None,
            usage: Usage::default(),
            unmatched_refunds: 0,
            read: 0,
            behind: 0,
            restored_at: None,
            complete: true,
        }
    }
}

/// Why a thread cannot go on.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("records from {position} on were deleted before they were read")]
    OffsetGone { position: String },
    #[error("the log ends before {position}, up to where it was read: {reason}")]
    LogChanged { position: String, reason: String },
    #[error("of partition {partition} some topics were revoked and others not")]
    PartlyRevoked { partition: i32 },
    #[error("the state of partition {partition} is gone that was to be gone on from")]
    StateGone { partition: i32 },
}

/// What all threads share.
struct Shared {
    topics: Vec<String>,
    patience: Patience,
    params: Params,
    limits: LimitsOf,
    on_gap: OnGap,
    keeper: Option<Keeper>,
    book: Arc<ScoreBook>,
    desk: Desk,
    /// How many partitions a topic has; 0 until that is known.
    partitions: AtomicUsize,
    /// Partitions that were lost and whose states are still there, and how far those go.
    lost: Mutex<BTreeMap<i32, Vec<Covered>>>,
    poison: Mutex<Option<String>>,
}

pub struct Owners {
    threads: Vec<Handle>,
    shared: Arc<Shared>,
    dead_letters: DeadLetters,
}

impl Owners {
    pub fn start(settings: Settings, links: &Links) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            topics: settings.topics,
            patience: settings.patience,
            params: settings.params,
            limits: settings.limits,
            on_gap: settings.on_gap,
            keeper: settings.keeper,
            book: Arc::clone(&links.book),
            desk: links.desk.clone(),
            partitions: AtomicUsize::new(0),
            lost: Mutex::default(),
            poison: Mutex::default(),
        });
        let threads = (0..settings.threads.max(1))
            .map(|number| Handle::spawn(number, &shared, links))
            .collect::<io::Result<_>>()?;
        let dead_letters = links.dead_letters.clone();
        Ok(Self { threads, shared, dead_letters })
    }

    /// Has every shard publish, and says how far they are; those that are idle follow
    /// `newest_ms`, the largest event time of all. Of a thread that does not answer by
    /// `deadline` it says what is known; one that does not answer for long is poisoned.
    #[must_use]
    pub fn tick(&self, newest_ms: Option<i64>, deadline: Instant) -> Vec<Cut> {
        self.threads.iter().for_each(|handle| handle.ask(newest_ms, &self.shared));
        let cuts = self.threads.iter().flat_map(|handle| handle.answer(deadline));
        let cuts = in_order(cuts.collect());
        let silent = self.threads.iter().find(|handle| handle.silence() > SILENT_MAX);
        if let Some(handle) = silent.filter(|_| !self.dead_letters.hold_up()) {
            let number = handle.number;
            self.shared.poison_with(format!("shard thread {number} does not answer"));
        }
        cuts
    }

    /// Whether `count` partitions are all that the topics have.
    #[must_use]
    pub fn own_all(&self, count: usize) -> bool {
        count > 0 && count >= self.shared.partitions.load(Ordering::Relaxed)
    }

    /// Which thread does not answer, and why, if one does not.
    #[must_use]
    pub fn stalled(&self) -> Option<String> {
        let silent = self.threads.iter().find(|handle| !handle.silence().is_zero())?;
        let (number, seconds) = (silent.number, silent.silence().as_secs());
        Some(if self.dead_letters.hold_up() {
            format!("shard thread {number} waits for dead letters to be written")
        } else {
            format!("shard thread {number} does not answer, {seconds} s by now")
        })
    }

    /// Has every thread stop taking records in, hand its shards' states over to be kept, and
    /// publish. Those that do not answer by
    /// `deadline` are missing.
    #[must_use]
    pub fn drain(&self, deadline: Instant) -> Vec<Cut> {
        let (reply, replies) = mpsc::sync_channel(self.threads.len());
        for handle in &self.threads {
            handle.command(Command::Drain(reply.clone()), &self.shared);
        }
        drop(reply);
        in_order(until(&replies, deadline).into_iter().flatten().collect())
    }

    /// Why a thread is no longer to be trusted, if one is not.
    #[must_use]
    pub fn poisoned(&self) -> Option<String> {
        self.shared.poison()
    }

    /// Ends the threads; false if one did not end by `deadline`.
    pub fn stop(self, deadline: Instant) -> bool {
        let mut threads = Vec::with_capacity(self.threads.len());
        threads.extend(self.threads.into_iter().map(Handle::dismiss));
        while clock::instant() < deadline && !threads.iter().all(JoinHandle::is_finished) {
            std::thread::park_timeout(Duration::from_millis(5));
        }
        threads.iter().all(JoinHandle::is_finished)
    }

    fn thread_of(&self, partition: i32) -> usize {
        usize::try_from(partition).unwrap_or(0) % self.threads.len()
    }
}

impl Assignments for Owners {
    fn partitions(&self, count: usize) {
        self.shared.partitions.store(count, Ordering::Relaxed);
    }

    fn prepare(&self, partitions: &[(String, i32)]) -> Result<(), NotPrepared> {
        let numbers: BTreeSet<i32> = partitions.iter().map(|(_, partition)| *partition).collect();
        self.shared.welcome(&numbers);
        let Some(keeper) = &self.shared.keeper else { return Ok(()) };
        keeper.refresh();
        let numbers: Vec<i32> = numbers.into_iter().collect();
        let lost = self.shared.lost().clone();
        keeper.recover(&numbers, &lost, &self.shared.params, &self.shared.limits())
    }

    fn start(&self, topic: &str, partition: i32) -> Start {
        let next = match &self.shared.keeper {
            Some(keeper) => keeper.next_offset(topic, partition),
            None => self.shared.lost_at(topic, partition),
        };
        next.map_or(Start::Beginning, Start::At)
    }

    fn assign(&self, assigned: Vec<Assigned>) {
        let mut parts: Vec<Vec<Assigned>> = self.threads.iter().map(|_| Vec::new()).collect();
        for assigned in assigned {
            if let Some(part) = parts.get_mut(self.thread_of(assigned.partition)) {
                part.push(assigned);
            }
        }
        for (handle, part) in self.threads.iter().zip(parts) {
            handle.command(Command::Assign(part), &self.shared);
        }
    }

    fn revoke(&self, partitions: &[(String, i32)], lost: bool) {
        let deadline = clock::instant() + REVOKE_WITHIN;
        let (done, acknowledged) = mpsc::sync_channel(self.threads.len());
        for (number, handle) in self.threads.iter().enumerate() {
            let part: Vec<(String, i32)> =
                partitions.iter().filter(|(_, p)| self.thread_of(*p) == number).cloned().collect();
            if !part.is_empty() {
                let done = done.clone();
                handle.command(Command::Revoke { partitions: part, lost, done }, &self.shared);
            }
        }
        drop(done);
        until(&acknowledged, deadline);
    }
}

fn in_order(mut cuts: Vec<Cut>) -> Vec<Cut> {
    cuts.sort_unstable_by_key(|cut| cut.partition);
    cuts
}

/// What is sent until the deadline or until nobody is left to send.
fn until<T>(replies: &Receiver<T>, deadline: Instant) -> Vec<T> {
    let mut received = Vec::new();
    loop {
        match replies.recv_timeout(deadline.saturating_duration_since(clock::instant())) {
            Ok(reply) => received.push(reply),
            Err(_over) => return received,
        }
    }
}

impl Shared {
    /// Says when the topics have more partitions than they had.
    fn welcome(&self, partitions: &BTreeSet<i32>) {
        let highest = partitions.last().and_then(|p| usize::try_from(*p).ok()).unwrap_or(0);
        let known = self.partitions.load(Ordering::Relaxed);
        if known > 0 && highest >= known {
            tracing::warn!(
                partitions = highest + 1,
                before = known,
                "partitions were added: actors that moved to one count twice for a while"
            );
            self.partitions.store(highest + 1, Ordering::Relaxed);
        }
    }

    fn limits(&self) -> Limits {
        (self.limits)(self.partitions.load(Ordering::Relaxed).max(1))
    }

    fn lost(&self) -> MutexGuard<'_, BTreeMap<i32, Vec<Covered>>> {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Up to where a topic's part of a lost partition was read.
    fn lost_at(&self, topic: &str, partition: i32) -> Option<i64> {
        let at = self.topics.iter().position(|t| t == topic)?;
        Some(self.lost().get(&partition)?.get(at)?.next_offset)
    }

    fn poison(&self) -> Option<String> {
        self.poison.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The first reason counts.
    fn poison_with(&self, reason: String) {
        let mut poison = self.poison.lock().unwrap_or_else(PoisonError::into_inner);
        if poison.is_none() {
            tracing::error!("{reason}");
            *poison = Some(reason);
        }
    }
}

fn words(panic: &(dyn Any + Send)) -> &str {
    let owned = panic.downcast_ref::<String>().map(String::as_str);
    owned.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a word")
}
