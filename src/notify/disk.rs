//! A queue's journal: what came in and what went out, appended to one file.
//!
//! Invariant: what [`Journal::open`] reads is what was written, in order, up to the first record
//! that is not whole; the file is cut there. It is written anew when most of it is past, whole or
//! not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::xxh3_64;

use crate::model::Shift;

/// Of a record: the length of its body and the low half of its hash.
const HEAD: usize = 8;
/// No shift is longer than that.
const BODY_BYTES_MAX: usize = 1 << 20;
/// A file is written anew when it is larger than this and than twice what it holds.
const REWRITE_FROM_BYTES: u64 = 64 << 10;

const CAME: u8 = b'+';
const WENT: u8 = b'-';

pub(super) struct Journal {
    path: PathBuf,
    file: File,
    bytes: u64,
}

impl Journal {
    /// Opens or begins a file; gives what waits, oldest first.
    pub(super) fn open(path: &Path) -> io::Result<(Self, Vec<Shift>)> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
        let mut content = Vec::new();
        file.read_to_end(&mut content)?;
        let (waiting, whole) = replay(&content);
        if whole < content.len() {
            tracing::warn!(path = %path.display(), cut = content.len() - whole, "a queue ends in half a record");
            file.set_len(whole as u64)?;
        }
        file.seek(SeekFrom::End(0))?;
        let bytes = whole as u64;
        Ok((Self { path: path.to_owned(), file, bytes }, waiting))
    }

    /// Adds what came in; it is on disk afterwards.
    pub(super) fn came(&mut self, shift: &Shift) -> io::Result<()> {
        self.append(&record(CAME, &serde_json::to_vec(shift)?))
    }

    /// Adds that the oldest one went.
    pub(super) fn went(&mut self) -> io::Result<()> {
        self.append(&record(WENT, &[]))
    }

    /// Whether it should be written anew for what waits, so many bytes.
    pub(super) fn is_mostly_past(&self, waiting_bytes: usize) -> bool {
        self.bytes >= REWRITE_FROM_BYTES.max(2 * waiting_bytes as u64)
    }

    fn append(&mut self, record: &[u8]) -> io::Result<()> {
        let written = self.file.write_all(record).and_then(|()| self.file.sync_data());
        if written.is_err() {
            // Half a record would hide all that come after it.
            drop(self.file.set_len(self.bytes));
        } else {
            self.bytes += record.len() as u64;
        }
        written
    }

    /// Writes it anew with what waits, oldest first.
    pub(super) fn rewrite<'a>(
        &mut self,
        waiting: impl Iterator<Item = &'a Shift>,
    ) -> io::Result<()> {
        let beside = self.path.with_extension("new");
        let mut content = Vec::new();
        for shift in waiting {
            content.extend(record(CAME, &serde_json::to_vec(shift)?));
        }
        let mut file = File::create(&beside)?;
        file.write_all(&content)?;
        file.sync_all()?;
        fs::rename(&beside, &self.path)?;
        if let Some(folder) = self.path.parent() {
            File::open(folder)?.sync_all()?;
        }
        self.file = OpenOptions::new().append(true).open(&self.path)?;
        self.bytes = content.len() as u64;
        Ok(())
    }
}

fn record(kind: u8, payload: &[u8]) -> Vec<u8> {
    let mut record = vec![0; HEAD];
    record.push(kind);
    record.extend_from_slice(payload);
    let (head, body) = record.split_at_mut(HEAD);
    let (length, check) = head.split_at_mut(4);
    length.copy_from_slice(&u32::try_from(body.len()).unwrap_or(u32::MAX).to_le_bytes());
    check.copy_from_slice(&checksum(body));
    record
}

fn checksum(body: &[u8]) -> [u8; 4] {
    let [a, b, c, d, ..] = xxh3_64(body).to_le_bytes();
    [a, b, c, d]
}

/// What waits, and the length of the whole records.
fn replay(content: &[u8]) -> (Vec<Shift>, usize) {
    let mut waiting = std::collections::VecDeque::new();
    let mut at = 0;
    while let Some((kind, payload, next)) = next_record(content, at) {
        match kind {
            CAME => match serde_json::from_slice(payload) {
                Ok(shift) => waiting.push_back(shift),
                Err(_) => break,
            },
            WENT => drop(waiting.pop_front()),
            _ => break,
        }
        at = next;
    }
    (waiting.into(), at)
}

/// The kind and payload of the record at a place, and where the next one begins.
fn next_record(content: &[u8], at: usize) -> Option<(u8, &[u8], usize)> {
    let (head, rest) = content.get(at..)?.split_at_checked(HEAD)?;
    let (length, check) = head.split_first_chunk::<4>()?;
    let length = u32::from_le_bytes(*length) as usize;
    let body = rest.get(..length).filter(|body| body.len() <= BODY_BYTES_MAX)?;
    let (kind, payload) = body.split_first()?;
    (checksum(body) == *check).then_some((*kind, payload, at + HEAD + length))
}
