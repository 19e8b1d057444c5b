//! A disk that loses what a real one may: bytes that were not synced, names of files in folders
//! that were not synced, and now and then its temper.
//!
//! Invariant: nothing is lost but what the contract of [`Disk`] allows, unless a fault is asked for.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use sillage::snapshot::Disk;

/// What every call may answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Io,
    Full,
    ReadOnly,
}

/// A disk that all members share; cheap to clone.
#[derive(Clone)]
pub(crate) struct SimDisk(Arc<Mutex<Platter>>);

struct Platter {
    random: ChaCha8Rng,
    files: Vec<File>,
    names: BTreeMap<PathBuf, usize>,
    /// Names as they are after a loss of power.
    durable: BTreeMap<PathBuf, usize>,
    /// Changes of names that a folder's sync would make durable, in order.
    pending: Vec<Change>,
    /// With which chance, of a thousand, a call fails, and how.
    fault: Option<(u32, Fault)>,
}

#[derive(Default)]
struct File {
    bytes: Vec<u8>,
    synced: bool,
}

#[derive(Clone)]
enum Change {
    Put(PathBuf, usize),
    Gone(PathBuf),
}

impl Change {
    fn path(&self) -> &Path {
        match self {
            Self::Put(path, _) | Self::Gone(path) => path,
        }
    }

    fn apply(self, names: &mut BTreeMap<PathBuf, usize>) {
        match self {
            Self::Put(path, file) => names.insert(path, file),
            Self::Gone(path) => names.remove(&path),
        };
    }
}

impl SimDisk {
    pub(crate) fn new(random: ChaCha8Rng) -> Self {
        Self(Arc::new(Mutex::new(Platter {
            random,
            files: Vec::new(),
            names: BTreeMap::new(),
            durable: BTreeMap::new(),
            pending: Vec::new(),
            fault: None,
        })))
    }

    pub(crate) fn set_fault(&self, fault: Option<(u32, Fault)>) {
        self.platter().fault = fault;
    }

    /// The power goes: of what was not synced some is there, some is not, and some is torn.
    pub(crate) fn lose_power(&self) {
        let platter = &mut *self.platter();
        let kept = platter.random.random_range(0..=platter.pending.len());
        let pending = std::mem::take(&mut platter.pending);
        for change in pending.into_iter().take(kept) {
            change.apply(&mut platter.durable);
        }
        platter.names = platter.durable.clone();
        for file in &mut platter.files {
            if !file.synced {
                tear(&mut file.bytes, &mut platter.random);
                file.synced = true;
            }
        }
    }

    /// Flips a bit of a snapshot; false if there is none.
    pub(crate) fn flip_a_bit(&self) -> bool {
        let platter = &mut *self.platter();
        let snapshots: Vec<usize> = platter
            .names
            .iter()
            .filter(|(path, file)| is_snapshot(path) && !platter.files[**file].bytes.is_empty())
            .map(|(_, file)| *file)
            .collect();
        if snapshots.is_empty() {
            return false;
        }
        let file = snapshots[platter.random.random_range(0..snapshots.len())];
        let bits = platter.files[file].bytes.len() * 8;
        let bit = platter.random.random_range(0..bits);
        platter.files[file].bytes[bit / 8] ^= 1 << (bit % 8);
        true
    }

    /// Somebody deletes everything.
    pub(crate) fn wipe(&self) {
        let platter = &mut *self.platter();
        platter.names.clear();
        platter.durable.clear();
        platter.pending.clear();
    }

    /// Whether the newest snapshot in `dir` would survive a loss of power.
    pub(crate) fn newest_is_durable(&self, dir: &Path) -> bool {
        let platter = self.platter();
        let newest = |names: &BTreeMap<PathBuf, usize>| {
            let snapshots = names.iter().filter(|(path, _)| is_snapshot(path));
            let there = snapshots.filter(|(path, _)| path.parent() == Some(dir));
            there.map(|(path, file)| (path.clone(), *file)).next_back()
        };
        let (visible, durable) = (newest(&platter.names), newest(&platter.durable));
        visible.is_some() && visible == durable && platter.files[durable.unwrap().1].synced
    }

    fn platter(&self) -> MutexGuard<'_, Platter> {
        self.0.lock().unwrap()
    }

    /// The platter, unless the call fails.
    fn working(&self, writes: bool) -> io::Result<MutexGuard<'_, Platter>> {
        let mut platter = self.platter();
        if let Some((chance, fault)) = platter.fault
            && platter.random.random_ratio(chance, 1_000)
        {
            match fault {
                Fault::Io => return Err(io::Error::other("a sector is gone")),
                Fault::Full if writes => return Err(io::ErrorKind::StorageFull.into()),
                Fault::ReadOnly if writes => return Err(io::ErrorKind::ReadOnlyFilesystem.into()),
                Fault::Full | Fault::ReadOnly => {}
            }
        }
        Ok(platter)
    }
}

fn is_snapshot(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "snapshot")
}

/// A part of the bytes is there, and behind it nothing, zeros, or what lay there before.
fn tear(bytes: &mut Vec<u8>, random: &mut ChaCha8Rng) {
    let kept = random.random_range(0..=bytes.len());
    match random.random_range(0..3) {
        0 => bytes.truncate(kept),
        1 => bytes[kept..].fill(0),
        _ => bytes[kept..].fill_with(|| random.random()),
    }
}

impl Disk for SimDisk {
    type File = usize;

    fn create_dir(&self, _dir: &Path) -> io::Result<()> {
        self.working(true).map(drop)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let platter = self.working(false)?;
        let inside = platter.names.keys().filter(|path| path.parent() == Some(dir));
        Ok(inside.map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect())
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let platter = self.working(false)?;
        let file = platter.names.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(platter.files[*file].bytes.clone())
    }

    fn write_new(&self, path: &Path, bytes: &[u8]) -> io::Result<usize> {
        let half = self.platter().random.random_range(0..=bytes.len());
        let failed = self.working(true).err();
        let mut platter = self.platter();
        if platter.names.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        // What fails leaves a part of it, but for a file of which there is none.
        if let (Some(error), true) = (&failed, bytes.is_empty()) {
            return Err(error.kind().into());
        }
        let written = if failed.is_some() { &bytes[..half] } else { bytes };
        let file = platter.files.len();
        platter.files.push(File { bytes: written.to_vec(), synced: false });
        platter.names.insert(path.to_owned(), file);
        platter.pending.push(Change::Put(path.to_owned(), file));
        failed.map_or(Ok(file), Err)
    }

    fn sync(&self, file: usize) -> io::Result<()> {
        let failed = self.working(true).err();
        let platter = &mut *self.platter();
        platter.files[file].synced = true;
        if let Some(error) = failed {
            // The kernel drops what it could not write, and calls it clean.
            tear(&mut platter.files[file].bytes, &mut platter.random);
            return Err(error);
        }
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut platter = self.working(true)?;
        let file = platter.names.remove(from).ok_or(io::ErrorKind::NotFound)?;
        platter.names.insert(to.to_owned(), file);
        platter.pending.push(Change::Put(to.to_owned(), file));
        platter.pending.push(Change::Gone(from.to_owned()));
        Ok(())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut platter = self.working(true)?;
        let pending = std::mem::take(&mut platter.pending);
        for change in pending {
            if change.path().parent() == Some(dir) {
                change.apply(&mut platter.durable);
            } else {
                platter.pending.push(change);
            }
        }
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut platter = self.working(true)?;
        platter.names.remove(path).ok_or(io::ErrorKind::NotFound)?;
        platter.pending.push(Change::Gone(path.to_owned()));
        Ok(())
    }
}
