//! The snapshots of the partitions that this member owns: what each goes on from, and what is
//! written of it.
//!
//! Invariant: an offset is committed only once the snapshot that covers it is durable, and only by
//! the partition's present owner.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::lock;
use super::metrics::Metrics;
use super::pace::Pace;
use crate::app::cores;
use crate::clock;
use crate::engine::{Frozen, Limits, Shard};
use crate::ingest::kafka::{NotPrepared, OnGap, OnOtherLog};
use crate::model::{Histories, Params};
use crate::snapshot::{
    Covered, Disk, Found, Gap, Header, InMemory, Log, LogId, Origin, Store, Tenure, Unverified,
    decode, encode_while,
};

/// What is known of the log of a partition that is about to be read, and where to go on from.
pub struct Recovered {
    /// Which taking over of this process it is: a partition can go and come back.
    pub taken: u64,
    /// Of each topic, in the configured order.
    pub logs: Vec<LogId>,
    pub found: Found<(Shard, Option<Histories>)>,
}

/// A state to be written.
pub struct Picture {
    /// The taking over that it is of.
    pub taken: u64,
    pub header: Header,
    pub frozen: Frozen,
    pub histories: Option<Arc<Histories>>,
    /// Whether the partition is given up with it.
    pub last: bool,
    /// Set when it is written.
    pub durable: Arc<AtomicBool>,
}

#[derive(Clone)]
pub struct Settings {
    pub dir: PathBuf,
    pub keep: usize,
    /// Time from one snapshot of a partition to the next.
    pub interval: Duration,
    /// Part of the time of a core in which those are written that are due.
    pub share: f64,
    pub topics: Vec<String>,
    /// Fingerprints of all that a state depends on beside the log.
    pub model: u64,
    pub key: u64,
    pub on_gap: OnGap,
    pub on_other_log: OnOtherLog,
}

/// A partition that is owned.
struct Held<D> {
    taken: u64,
    pace: Arc<Pace>,
    /// Ended once the last state is written, however late an earlier one comes.
    tenure: Arc<Mutex<Option<Tenure<D>>>>,
}

/// Snapshots on `D` of what is read from `L`.
pub struct Archive<D, L> {
    pub(super) settings: Settings,
    store: Store<D>,
    pub(super) log: L,
    tenures: Mutex<BTreeMap<i32, Held<D>>>,
    /// Takings over so far.
    taken: AtomicU64,
    recovered: Mutex<BTreeMap<i32, Recovered>>,
    metrics: Metrics,
}

impl<D> Clone for Held<D> {
    fn clone(&self) -> Self {
        let (pace, tenure) = (Arc::clone(&self.pace), Arc::clone(&self.tenure));
        Self { taken: self.taken, pace, tenure }
    }
}

impl<D: Disk, L: Log + Sync> Archive<D, L> {
    #[must_use]
    pub fn new(settings: Settings, disk: D, log: L, metrics: Metrics) -> Self {
        Self {
            store: Store::new(disk, settings.dir.clone(), settings.keep),
            log,
            tenures: Mutex::default(),
            taken: AtomicU64::new(0),
            recovered: Mutex::default(),
            metrics,
            settings,
        }
    }

    /// Takes partitions over: finds what each goes on from, and fences its earlier owners off;
    /// `lost` are those that were lost and whose states are still in memory. Fails when the log
    /// cannot be asked, or is not what a policy wants.
    pub fn recover(
        &self,
        partitions: &[i32],
        lost: &BTreeMap<i32, Vec<Covered>>,
        params: &Params,
        limits: &Limits,
    ) -> Result<(), NotPrepared> {
        let known = lock(&self.recovered).keys().copied().collect::<Vec<i32>>();
        let new: Vec<i32> = partitions.iter().filter(|p| !known.contains(p)).copied().collect();
        let began = clock::instant();
        let next = AtomicUsize::new(0);
        let work = || -> Result<(), NotPrepared> {
            while let Some(partition) = new.get(next.fetch_add(1, Ordering::Relaxed)) {
                self.recover_one(*partition, lost.get(partition), params, limits)?;
            }
            Ok(())
        };
        let threads = cores().min(new.len());
        if threads <= 1 {
            work()?;
        } else {
            thread::scope(|scope| {
                let running: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
                let ends = running.into_iter().map(thread::ScopedJoinHandle::join);
                let panicked =
                    |_| Err(NotPrepared::Refused("restoring a snapshot panicked".into()));
                ends.map(|end| end.unwrap_or_else(panicked)).collect::<Result<Vec<()>, _>>()
            })?;
        }
        self.metrics.restored(began.elapsed());
        Ok(())
    }

    fn recover_one(
        &self,
        partition: i32,
        lost: Option<&Vec<Covered>>,
        params: &Params,
        limits: &Limits,
    ) -> Result<(), NotPrepared> {
        let settings = &self.settings;
        let origin = self.origin(partition);
        let restore = |bytes: &[u8]| decode(bytes, params, limits).map_err(|e| e.to_string());
        let unanswered =
            |error| NotPrepared::Unanswered(format!("{:#}", anyhow::Error::from(error)));
        let in_memory = lost.and_then(|covered| self.in_memory(partition, covered));
        let opened = self.store.open(&origin, &self.log, in_memory, restore).map_err(unanswered)?;
        for (what, unfit) in &opened.refused {
            self.metrics.refused(unfit);
            if unfit.is_about_the_log() && settings.on_other_log == OnOtherLog::Stop {
                return Err(NotPrepared::Refused(format!("{what} is not used, {unfit}")));
            }
        }
        let logs = settings.topics.iter().map(|topic| self.log.id(topic));
        let logs = logs.collect::<Result<_, _>>().map_err(|error| unanswered(Unverified(error)))?;
        let offsets: Vec<i64> = opened.found.covered().iter().map(|c| c.next_offset).collect();
        match &opened.found {
            Found::Nothing => tracing::info!(partition, "no snapshot: reading from the beginning"),
            Found::InMemory(_) => {
                tracing::info!(partition, ?offsets, "going on from what is still in memory");
            }
            Found::Snapshot(restored) => {
                tracing::info!(partition, ?offsets, "going on from a snapshot");
                for gap in &restored.gaps {
                    check_gap(gap, partition, settings.on_gap).map_err(NotPrepared::Refused)?;
                }
            }
        }
        let taken = self.taken.fetch_add(1, Ordering::Relaxed);
        let tenure = Arc::new(Mutex::new(Some(opened.tenure)));
        let pace = Arc::new(Pace::new(settings.share));
        lock(&self.tenures).insert(partition, Held { taken, pace, tenure });
        let recovered = Recovered { taken, logs, found: opened.found };
        lock(&self.recovered).insert(partition, recovered);
        Ok(())
    }

    /// What a partition that was lost is held against, if its owner could still write. A state of
    /// it that is under way is not waited for.
    fn in_memory(&self, partition: i32, covered: &[Covered]) -> Option<InMemory> {
        let held = lock(&self.tenures).get(&partition).cloned()?;
        held.pace.end();
        let tenure = lock(&held.tenure).as_ref().map(Tenure::known)?;
        Some(InMemory { covered: covered.to_vec(), tenure })
    }

    /// Where a topic's part of a recovered partition is read on; nothing is its beginning.
    #[must_use]
    pub fn next_offset(&self, topic: &str, partition: i32) -> Option<i64> {
        let recovered = lock(&self.recovered);
        let at = self.settings.topics.iter().position(|t| t == topic)?;
        let found = &recovered.get(&partition)?.found;
        let covered = found.covered().get(at)?.next_offset;
        let Found::Snapshot(restored) = found else { return Some(covered) };
        let gap = restored.gaps.iter().find(|gap| gap.topic == topic);
        Some(gap.map_or(covered, |gap| gap.to))
    }

    /// Hands over what was recovered of a partition, once.
    #[must_use]
    pub fn take(&self, partition: i32) -> Option<Recovered> {
        lock(&self.recovered).remove(&partition)
    }

    /// What the snapshots of a partition must say of where they come from.
    #[must_use]
    pub fn origin(&self, partition: i32) -> Origin {
        let settings = &self.settings;
        let topics = settings.topics.clone();
        Origin { partition, topics, model: settings.model, key: settings.key }
    }

    /// Writes a state, and then has `commit` commit the offsets that it covers, by topic. The last
    /// one of a partition does not wait for one that is under way, which nobody wants any more.
    pub fn write(&self, picture: &Picture, commit: impl FnOnce(i32, &[(&str, i64)])) {
        let partition = picture.header.origin.partition;
        // Given up meanwhile: what it covers is for the new owner to say.
        let is_held = |held: &&Held<D>| held.taken == picture.taken;
        let held = lock(&self.tenures).get(&partition).filter(is_held).cloned();
        let Some(Held { pace, tenure, .. }) = held else { return };
        if picture.last {
            pace.end();
        }
        let mut tenure = lock(&tenure);
        let Some(writing) = tenure.as_mut() else { return };
        if self.save(picture, writing, &pace) {
            let Header { origin, covered, .. } = &picture.header;
            let topics = origin.topics.iter().map(String::as_str);
            let offsets = covered.iter().map(|covered| covered.next_offset);
            commit(partition, &topics.zip(offsets).collect::<Vec<_>>());
        }
        if picture.last {
            *tenure = None;
            self.give_up(partition, picture.taken);
        }
    }

    fn save(&self, picture: &Picture, tenure: &mut Tenure<D>, pace: &Pace) -> bool {
        let header = &picture.header;
        let (began, before) = (clock::instant(), clock::thread_time());
        let histories = picture.histories.as_deref();
        // So that each partition has its turn before it is due again.
        let held = u32::try_from(lock(&self.tenures).len()).unwrap_or(u32::MAX);
        let most = self.settings.interval / held.max(1);
        let spent = || clock::thread_time().saturating_sub(before);
        let mut goes_on = || picture.last || pace.goes_on(spent(), began, most);
        let state = |out: &mut Vec<u8>| encode_while(&picture.frozen, histories, out, &mut goes_on);
        match tenure.save(header, state) {
            Ok(Some(bytes)) => {
                picture.durable.store(true, Ordering::Relaxed);
                self.metrics.saved(header, bytes, began.elapsed());
                true
            }
            Ok(None) => false,
            Err(error) => {
                self.metrics.failed(&error);
                let (partition, again) = (header.origin.partition, self.settings.interval);
                let error = anyhow::Error::from(error);
                tracing::warn!(partition, ?again, "no snapshot was written: {error:#}");
                false
            }
        }
    }

    /// Gives a partition up without a word, unless it was taken over again since.
    pub fn give_up(&self, partition: i32, taken: u64) {
        let mut tenures = lock(&self.tenures);
        if tenures.get(&partition).is_some_and(|held| held.taken == taken) {
            if let Some(held) = tenures.remove(&partition) {
                held.pace.end();
            }
            self.metrics.forget(&self.settings.topics, partition);
        }
    }
}

/// Says what the log no longer has.
fn check_gap(gap: &Gap, partition: i32, policy: OnGap) -> Result<(), String> {
    let Gap { topic, from, to } = gap;
    let what =
        format!("records {from} to {to} of {topic}-{partition} were deleted before they were read");
    if policy == OnGap::Stop {
        return Err(what);
    }
    tracing::error!("{what}; results are incomplete until they would not count any more");
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::TryLockError;

    use prometheus::Registry;

    use super::*;
    use crate::snapshot::{Files, LastRecord, LogError};

    struct Empty;

    impl Log for Empty {
        fn id(&self, _: &str) -> Result<LogId, LogError> {
            Ok(LogId::default())
        }

        fn bounds(&self, _: &str, _: i32) -> Result<(i64, i64), LogError> {
            Ok((0, 0))
        }

        fn record(&self, _: &str, _: i32, _: i64) -> Result<Option<LastRecord>, LogError> {
            Ok(None)
        }
    }

    const LIMITS: Limits = Limits { memory_bytes: 1 << 20, dedup_window_ms: 1000, dedup_ids: 10 };

    #[test]
    fn the_last_state_does_not_wait_for_one_that_is_due() {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings {
            dir: folder.path().to_owned(),
            keep: 2,
            interval: Duration::from_mins(1),
            // Next to no work, and a minute of rest.
            share: 1e-9,
            topics: vec!["t".into()],
            model: 1,
            key: 1,
            on_gap: OnGap::Resume,
            on_other_log: OnOtherLog::Rebuild,
        };
        let metrics = Metrics::register(&Registry::new()).unwrap();
        let archive = Archive::new(settings, Files, Empty, metrics);
        archive.recover(&[0], &BTreeMap::new(), &Params::default(), &LIMITS).unwrap();
        let taken = archive.take(0).unwrap().taken;
        let mut shard = Shard::new(&Params::default(), &LIMITS);
        let mut picture = |last| Picture {
            taken,
            header: Header {
                origin: archive.origin(0),
                covered: vec![],
                incomplete_until_ms: None,
            },
            frozen: shard.freeze(),
            histories: None,
            last,
            durable: Arc::default(),
        };
        let (due, last) = (picture(false), picture(true));
        let tenure = Arc::clone(&lock(&archive.tenures)[&0].tenure);
        thread::scope(|scope| {
            scope.spawn(|| archive.write(&due, |_, _| unreachable!("it must not be written")));
            while !matches!(tenure.try_lock(), Err(TryLockError::WouldBlock)) {
                thread::yield_now();
            }
            archive.write(&last, |_, _| {});
        });
        let durable = [&due, &last].map(|picture| picture.durable.load(Ordering::Relaxed));
        assert_eq!(durable, [false, true]);
    }
}
