//! Finds the newest snapshot that a shard can go on from.
//!
//! Invariant: what is restored is the state of the very log that will be read on, up to the offset
//! that is read next; anything else is set aside, with its reason, and never tried again.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::disk::Disk;
use super::file::open;
use super::tenure::{Number, Tenure};
use super::unfit::Unfit;
use super::{Covered, Header, LastRecord, LogId, Origin};

/// What a snapshot is held against: the log as it is now.
pub trait Log {
    fn id(&self, topic: &str) -> Result<LogId, LogError>;

    /// The first offset that the log still has, and the one behind the last.
    fn bounds(&self, topic: &str, partition: i32) -> Result<(i64, i64), LogError>;

    /// The record at `offset`; nothing if it is no longer there.
    fn record(
        &self,
        topic: &str,
        partition: i32,
        offset: i64,
    ) -> Result<Option<LastRecord>, LogError>;
}

/// The log does not answer.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct LogError(pub String);

/// Where snapshots are kept, one folder a partition.
pub struct Store<D> {
    disk: Arc<D>,
    dir: PathBuf,
    keep: usize,
}

/// A state that its owner still has, of a partition that it lost and takes over again.
#[derive(Clone, Debug)]
pub struct InMemory {
    /// How far each topic was read.
    pub covered: Vec<Covered>,
    /// The last tenure of the partition that its owner knew of.
    pub tenure: u32,
}

/// What the start of a tenure found.
pub struct Opened<D, T> {
    pub tenure: Tenure<D>,
    pub found: Found<T>,
    /// What was not used, newest first, by name.
    pub refused: Vec<(String, Unfit)>,
}

/// What there is to go on from.
#[derive(Debug)]
pub enum Found<T> {
    Nothing,
    /// The state in memory, which covers that much.
    InMemory(Vec<Covered>),
    Snapshot(Restored<T>),
}

impl<T> Found<T> {
    /// How far each topic was read; empty if none was.
    #[must_use]
    pub fn covered(&self) -> &[Covered] {
        match self {
            Self::Nothing => &[],
            Self::InMemory(covered) => covered,
            Self::Snapshot(restored) => &restored.header.covered,
        }
    }
}

/// A snapshot to go on from.
#[derive(Debug)]
pub struct Restored<T> {
    pub header: Header,
    pub state: T,
    /// What the log deleted before it was read.
    pub gaps: Vec<Gap>,
}

/// Records `from..to` of a topic that nobody can read any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    pub topic: String,
    pub from: i64,
    pub to: i64,
}

/// Why a partition cannot be taken over now.
#[derive(Debug, thiserror::Error)]
#[error("the log cannot be compared with the snapshot")]
pub struct Unverified(#[source] pub LogError);

impl<D: Disk> Store<D> {
    /// Of each partition the last `keep` snapshots are kept, one at least.
    #[must_use]
    pub fn new(disk: D, dir: PathBuf, keep: usize) -> Self {
        Self { disk: Arc::new(disk), dir, keep: keep.max(1) }
    }

    /// Begins a tenure: later snapshots of earlier owners are fenced off. What is still
    /// `in_memory` is furthest, unless somebody else owned the partition since; `restore` makes a
    /// state of bytes. Without any that fits, the log is to be read from its beginning.
    pub fn open<T>(
        &self,
        origin: &Origin,
        log: &impl Log,
        in_memory: Option<InMemory>,
        restore: impl Fn(&[u8]) -> Result<T, String>,
    ) -> Result<Opened<D, T>, Unverified> {
        let dir = self.dir.join(format!("{:05}", origin.partition));
        let mut refused = Vec::new();
        // Before the claim, which ends the tenure that it is of.
        let in_memory = match in_memory {
            Some(held) => match check_logs(origin, &held.covered, log)? {
                // The log says so itself when records behind it are gone.
                Ok(_gaps) => Some(held),
                Err(unfit) => {
                    tracing::warn!(origin.partition, "the state in memory is not used: {unfit}");
                    refused.push(("the state in memory".to_owned(), unfit));
                    None
                }
            },
            None => None,
        };
        // What an earlier owner still writes after the claim is not looked at.
        let tenure = Tenure::begin(&self.disk, dir.clone(), self.keep);
        if let Some(held) = in_memory.filter(|held| tenure.follows(held.tenure)) {
            return Ok(Opened { tenure, found: Found::InMemory(held.covered), refused });
        }
        for file in self.newest_first(&dir) {
            match self.try_one(&file, origin, log, &restore)? {
                Ok(restored) => {
                    return Ok(Opened { tenure, found: Found::Snapshot(restored), refused });
                }
                Err(unfit) => {
                    self.set_aside(&file, &unfit);
                    refused.push((file.display().to_string(), unfit));
                }
            }
        }
        Ok(Opened { tenure, found: Found::Nothing, refused })
    }

    fn newest_first(&self, dir: &Path) -> Vec<PathBuf> {
        let names = self.disk.list(dir).unwrap_or_else(|error| {
            if error.kind() != io::ErrorKind::NotFound {
                tracing::warn!(dir = %dir.display(), %error, "snapshots cannot be listed");
            }
            Vec::new()
        });
        let numbered = names.iter().filter_map(|name| Some((Number::parse(name)?, name)));
        let mut numbered: Vec<(Number, &String)> = numbered.collect();
        numbered.sort_unstable_by(|a, b| b.cmp(a));
        numbered.into_iter().map(|(_, name)| dir.join(name)).collect()
    }

    fn try_one<T>(
        &self,
        file: &Path,
        origin: &Origin,
        log: &impl Log,
        restore: impl Fn(&[u8]) -> Result<T, String>,
    ) -> Result<Result<Restored<T>, Unfit>, Unverified> {
        let bytes = match self.disk.read(file) {
            Ok(bytes) => bytes,
            Err(error) => return Ok(Err(Unfit::Unreadable(error))),
        };
        let (header, state) = match open(&bytes).and_then(|opened| {
            check_origin(&opened.0.origin, origin)?;
            Ok(opened)
        }) {
            Ok(opened) => opened,
            Err(unfit) => return Ok(Err(unfit)),
        };
        let gaps = match check_logs(origin, &header.covered, log)? {
            Ok(gaps) => gaps,
            Err(unfit) => return Ok(Err(unfit)),
        };
        Ok(match restore(state) {
            Ok(state) => Ok(Restored { header, state, gaps }),
            Err(why) => Err(Unfit::Broken(why)),
        })
    }

    /// Renames what is not fit, so that the next start does not look at it again. What could not
    /// be read may be fine another time.
    fn set_aside(&self, file: &Path, unfit: &Unfit) {
        tracing::warn!(file = %file.display(), "a snapshot is not used: {unfit}");
        if matches!(unfit, Unfit::Unreadable(_)) {
            return;
        }
        if let Err(error) = self.disk.rename(file, &file.with_extension(unfit.label())) {
            tracing::warn!(file = %file.display(), %error, "it cannot be set aside");
        }
    }
}

fn check_origin(of: &Origin, wanted: &Origin) -> Result<(), Unfit> {
    if of.partition != wanted.partition {
        return Err(Unfit::Foreign(format!("partition {}", of.partition)));
    }
    if of.topics != wanted.topics {
        return Err(Unfit::Foreign(format!("topics {}", of.topics.join(","))));
    }
    if of.model != wanted.model {
        return Err(Unfit::Model);
    }
    if of.key != wanted.key {
        return Err(Unfit::Key);
    }
    Ok(())
}

/// Whether `covered` is a prefix of each topic's log, and what the logs no longer have behind it.
fn check_logs(
    origin: &Origin,
    covered: &[Covered],
    log: &impl Log,
) -> Result<Result<Vec<Gap>, Unfit>, Unverified> {
    let mut gaps = Vec::new();
    for (topic, covered) in origin.topics.iter().zip(covered) {
        match check_log(topic, origin.partition, covered, log).map_err(Unverified)? {
            Ok(gap) => gaps.extend(gap),
            Err(unfit) => return Ok(Err(unfit)),
        }
    }
    Ok(Ok(gaps))
}

/// Whether `covered` is a prefix of the log, and what the log no longer has behind it.
fn check_log(
    topic: &str,
    partition: i32,
    covered: &Covered,
    log: &impl Log,
) -> Result<Result<Option<Gap>, Unfit>, LogError> {
    let id = log.id(topic)?;
    if !covered.log.may_be(&id) {
        return Ok(Err(Unfit::Foreign(format!("{topic} is {id:?}, and was {:?}", covered.log))));
    }
    let (first, end) = log.bounds(topic, partition)?;
    let next = covered.next_offset;
    if next > end {
        return Ok(Err(Unfit::BeyondEnd { topic: topic.to_owned(), covered: next, end }));
    }
    if next < first {
        return Ok(Ok(Some(Gap { topic: topic.to_owned(), from: next, to: first })));
    }
    let Some(last) = covered.last.filter(|last| last.offset >= first) else { return Ok(Ok(None)) };
    // A compacted log may have dropped it, which says nothing.
    match log.record(topic, partition, last.offset)? {
        Some(record) if record != last => {
            let offset = last.offset;
            Ok(Err(Unfit::Foreign(format!("{topic} has another record at offset {offset}"))))
        }
        _ => Ok(Ok(None)),
    }
}
