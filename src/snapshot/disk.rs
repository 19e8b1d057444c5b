//! What snapshots need of a file system, and the real one.
//!
//! Invariant: each call does one thing whose order matters for what survives a crash, so that a
//! simulated disk can lose exactly what a real one may.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

/// A file system. Nothing of it is durable before it is synced: neither the bytes of a file nor
/// its name in the folder.
pub trait Disk: Send + Sync + 'static {
    /// A file that was written and not yet synced.
    type File;

    /// Makes the folder and those above it, if they are not there.
    fn create_dir(&self, dir: &Path) -> io::Result<()>;

    /// The names in a folder, in no particular order.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;

    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// Makes a file that must not be there yet, with `bytes` in it.
    fn write_new(&self, path: &Path, bytes: &[u8]) -> io::Result<Self::File>;

    /// Makes the bytes of a file durable. After an error they are lost, and a second attempt
    /// on the same file would not bring them back.
    fn sync(&self, file: Self::File) -> io::Result<()>;

    /// Gives a file another name, in place of whatever has that name.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Makes the names in a folder durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;

    fn remove(&self, path: &Path) -> io::Result<()>;
}

/// The file system of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct Files;

impl Disk for Files {
    type File = File;

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        fs::create_dir_all(dir)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(dir)? {
            // A name that is not text is none of ours.
            names.extend(entry?.file_name().into_string());
        }
        Ok(names)
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        fs::read(path)
    }

    fn write_new(&self, path: &Path, bytes: &[u8]) -> io::Result<File> {
        let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
        file.write_all(bytes)?;
        Ok(file)
    }

    fn sync(&self, file: File) -> io::Result<()> {
        file.sync_all()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        File::open(dir)?.sync_all()
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }
}
