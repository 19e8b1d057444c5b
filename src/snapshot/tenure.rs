//! One owner's time with the snapshots of a partition, in a folder that other owners share.
//!
//! Invariant: an owner writes only files that carry the number of its own tenure, and tenures are
//! numbered by exclusive creation; so an owner that was paused can never write over, or remove,
//! what a later one wrote.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Header;
use super::disk::Disk;
use super::file::seal;
use super::unfit::SaveError;

/// Ended by another word, a file is no snapshot, or no longer.
const SNAPSHOT: &str = "snapshot";
const CLAIM: &str = "claim";
const UNFINISHED: &str = "tmp";

/// The place of a snapshot in the order of a partition's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Number {
    tenure: u32,
    sequence: u32,
}

/// The right to write snapshots of a partition, until a later owner takes over.
pub struct Tenure<D> {
    disk: Arc<D>,
    dir: PathBuf,
    keep: usize,
    /// Its number; none while the folder could not be written to.
    number: Option<u32>,
    /// The number of the tenure before, 0 if it is not known of any.
    before: u32,
    sequence: u32,
}

impl Number {
    fn file(self) -> String {
        format!("{:08}-{:08}.{SNAPSHOT}", self.tenure, self.sequence)
    }

    /// Of a file named as a snapshot is.
    pub(super) fn parse(name: &str) -> Option<Self> {
        let (tenure, sequence) = name.strip_suffix(SNAPSHOT)?.strip_suffix('.')?.split_once('-')?;
        let number = Self { tenure: tenure.parse().ok()?, sequence: sequence.parse().ok()? };
        (number.file() == name).then_some(number)
    }
}

impl<D: Disk> Tenure<D> {
    /// Takes over in the partition's folder `dir`, of which the last `keep` snapshots are kept. A
    /// folder that cannot be written to is tried again with each snapshot.
    pub(super) fn begin(disk: &Arc<D>, dir: PathBuf, keep: usize) -> Self {
        let disk = Arc::clone(disk);
        let mut tenure = Self { disk, dir, keep, number: None, before: 0, sequence: 0 };
        tenure.before = tenure.last().unwrap_or(0);
        if let Err(error) = tenure.claim() {
            tracing::warn!(dir = %tenure.dir.display(), %error, "no snapshot can be written yet");
        }
        tenure
    }

    /// The last tenure of the partition that it knows of.
    #[must_use]
    pub fn known(&self) -> u32 {
        self.number.unwrap_or(self.before)
    }

    /// Whether nobody had the partition between it and the tenure `known`.
    pub(super) const fn follows(&self, known: u32) -> bool {
        self.before == known
    }

    /// Writes a snapshot, durable when this returns; `state` appends the state, and says whether it
    /// is whole: nothing is written otherwise. Gives its size in bytes.
    pub fn save(
        &mut self,
        header: &Header,
        state: impl FnOnce(&mut Vec<u8>) -> bool,
    ) -> Result<Option<usize>, SaveError> {
        let tenure = self.claim()?;
        self.check_fence(tenure)?;
        let Some(bytes) = seal(header, state) else { return Ok(None) };
        self.sequence += 1;
        let number = Number { tenure, sequence: self.sequence };
        let named = self.dir.join(number.file());
        let unfinished = named.with_extension(UNFINISHED);
        let written = self.write(&unfinished, &named, &bytes);
        match written {
            Ok(()) => self.tidy(number),
            // Half a file helps nobody, and may be what the disk is full of.
            Err(_) => self.remove(&unfinished),
        }
        written.map(|()| Some(bytes.len()))
    }

    fn write(&self, unfinished: &Path, named: &Path, bytes: &[u8]) -> Result<(), SaveError> {
        let failed = |what| move |error| SaveError::Disk(what, error);
        let file = self.disk.write_new(unfinished, bytes).map_err(failed("write it"))?;
        self.disk.sync(file).map_err(failed("make it durable"))?;
        self.disk.rename(unfinished, named).map_err(failed("name it"))?;
        self.disk.sync_dir(&self.dir).map_err(failed("make its name durable"))
    }

    /// The number of this tenure, taken now if it was not before.
    fn claim(&mut self) -> Result<u32, SaveError> {
        let failed = |what| move |error| SaveError::Disk(what, error);
        // The folder may have been deleted since.
        self.disk.create_dir(&self.dir).map_err(failed("make the folder"))?;
        if let Some(number) = self.number {
            return Ok(number);
        }
        // A claim that comes late must not come after that of a later owner.
        self.check_fence(self.before)?;
        let number = self.before + 1;
        let path = self.dir.join(format!("{number:08}.{CLAIM}"));
        match self.disk.write_new(&path, &[]) {
            Ok(_empty) => {}
            // Somebody else was faster, and is later.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(SaveError::Fenced);
            }
            Err(error) => return Err(SaveError::Disk("claim the partition", error)),
        }
        self.number = Some(number);
        self.disk.sync_dir(&self.dir).map_err(failed("make a claim durable"))?;
        Ok(number)
    }

    /// The last tenure of the partition that there are traces of, 0 if there are none.
    fn last(&self) -> Result<u32, SaveError> {
        let names = self.disk.list(&self.dir);
        let names = names.map_err(|error| SaveError::Disk("list the folder", error))?;
        Ok(names.iter().filter_map(|name| tenure_of(name)).max().unwrap_or(0))
    }

    fn check_fence(&self, own: u32) -> Result<(), SaveError> {
        if self.last()? > own { Err(SaveError::Fenced) } else { Ok(()) }
    }

    /// Removes what `newest` makes superfluous: only what is older, so that another owner's is
    /// safe. What cannot be removed now is when the next one is written.
    fn tidy(&self, newest: Number) {
        let Ok(names) = self.disk.list(&self.dir) else { return };
        let mut older: Vec<Number> = names.iter().filter_map(|name| Number::parse(name)).collect();
        older.retain(|number| *number <= newest);
        older.sort_unstable_by(|a, b| b.cmp(a));
        for number in older.iter().skip(self.keep) {
            self.remove(&self.dir.join(number.file()));
        }
        // What others left: claims, halves of files, and unfit ones beyond as many as are kept.
        let mut left: Vec<&String> = names
            .iter()
            .filter(|name| tenure_of(name).is_some_and(|t| t < newest.tenure))
            .collect();
        left.retain(|name| Number::parse(name).is_none());
        left.sort_unstable_by(|a, b| b.cmp(a));
        let is_used_up = |name: &&&String| {
            [CLAIM, UNFINISHED].iter().any(|end| name.rsplit_once('.').is_some_and(|n| n.1 == *end))
        };
        let unfit = left.iter().filter(|name| !is_used_up(name)).skip(self.keep);
        for name in left.iter().filter(is_used_up).chain(unfit) {
            self.remove(&self.dir.join(name));
        }
    }

    fn remove(&self, path: &Path) {
        if let Err(error) = self.disk.remove(path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::debug!(path = %path.display(), %error, "cannot be removed");
        }
    }
}

/// The tenure that wrote a file, of whatever kind.
fn tenure_of(name: &str) -> Option<u32> {
    name.get(..8).filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))?.parse().ok()
}
