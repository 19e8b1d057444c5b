//! Recorded streams as blocks of events: files or standard input, plain or compressed, JSON lines
//! or tables.
//!
//! Invariant: what is held is bounded by two records of the largest size for each block, however long a line is.

mod block;
mod letters;
mod lines;
mod open;
mod rows;
mod spread;

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub use block::{Block, Decoded, Rejected};
pub use spread::spread;

use super::format::{ColumnNames, ColumnsError, RECORD_BYTES_MAX};
use letters::Letters;
use lines::Lines;
use rows::Rows;

/// A block is full at this size. Twice a record, so that every block gets on.
const BLOCK_BYTES: usize = 2 * RECORD_BYTES_MAX;

/// Where a recorded stream lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Standard input, written `-`.
    Stdin,
    File(PathBuf),
}

/// How events lie in a source.
#[derive(Clone, Debug, Default)]
pub enum Shape {
    /// As tables in those called `.csv`, `.csv.gz` or `.csv.zst`, with columns called as the
    /// fields; in all others an event a line.
    #[default]
    ByName,
    /// As tables with these columns.
    Table(ColumnNames),
    /// As dead letters in a file of the daemon's.
    Letters,
}

/// Reads sources one after the other.
pub struct Reader {
    waiting: VecDeque<Source>,
    shape: Shape,
    current: Option<Current>,
    progress: Progress,
}

/// How far a [`Reader`] has come, to be watched from elsewhere; in bytes as they lie on disk.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    read: Arc<AtomicU64>,
    total: Option<u64>,
}

/// A source that cannot be read. Its events up to there have been handed out.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error("cannot open {name}")]
    Open { name: String, source: io::Error },
    #[error("cannot read {name}")]
    Read { name: Arc<str>, source: io::Error },
    #[error("cannot read {name} as a table")]
    Columns { name: Arc<str>, source: ColumnsError },
}

struct Current {
    name: Arc<str>,
    content: Content,
}

enum Content {
    Lines(Lines),
    Rows(Box<Rows>),
    Letters(Letters),
}

impl Reader {
    /// A reader of `sources`, all of the same shape, in their order.
    pub fn new(sources: Vec<Source>, shape: Shape) -> Result<Self, FileError> {
        let mut total = Some(0);
        for source in &sources {
            let bytes = source.bytes()?;
            total = total.zip(bytes).map(|(total, bytes)| total + bytes);
        }
        let progress = Progress { read: Arc::default(), total };
        Ok(Self { waiting: sources.into(), shape, current: None, progress })
    }

    #[must_use]
    pub fn progress(&self) -> Progress {
        self.progress.clone()
    }

    /// Replaces what `block` holds by the next events, all of one source. False at the end.
    pub fn next_block(&mut self, block: &mut Block) -> Result<bool, FileError> {
        loop {
            let current = match &mut self.current {
                Some(current) => current,
                None => match self.waiting.pop_front() {
                    Some(source) => {
                        self.current.insert(open(&source, &self.shape, &self.progress)?)
                    }
                    None => return Ok(false),
                },
            };
            block.clear(&current.name);
            let is_more = match &mut current.content {
                Content::Lines(lines) => lines.fill(block),
                Content::Rows(rows) => rows.fill(block),
                Content::Letters(letters) => letters.fill(block),
            }?;
            if !is_more {
                self.current = None;
            }
            if !block.is_empty() {
                return Ok(true);
            }
        }
    }
}

fn open(source: &Source, shape: &Shape, progress: &Progress) -> Result<Current, FileError> {
    let name: Arc<str> = source.name().into();
    let input = open::decompressed(source, &progress.read)
        .map_err(|error| FileError::Open { name: name.to_string(), source: error })?;
    let content = match shape {
        Shape::Letters => Content::Letters(Letters::new(input)),
        Shape::Table(names) => Content::Rows(Box::new(Rows::new(input, names.clone()))),
        Shape::ByName if source.is_table() => {
            Content::Rows(Box::new(Rows::new(input, ColumnNames::default())))
        }
        Shape::ByName => Content::Lines(Lines::new(input)),
    };
    Ok(Current { name, content })
}

impl Progress {
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// Unknown with standard input.
    #[must_use]
    pub fn bytes_total(&self) -> Option<u64> {
        self.total
    }
}

impl Source {
    fn name(&self) -> String {
        match self {
            Self::Stdin => "standard input".to_owned(),
            Self::File(path) => path.display().to_string(),
        }
    }

    fn bytes(&self) -> Result<Option<u64>, FileError> {
        let Self::File(path) = self else { return Ok(None) };
        match std::fs::metadata(path) {
            Ok(metadata) => Ok(metadata.is_file().then_some(metadata.len())),
            Err(source) => Err(FileError::Open { name: self.name(), source }),
        }
    }

    fn is_table(&self) -> bool {
        let name = self.name().to_ascii_lowercase();
        let name = [".gz", ".zst"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(&name);
        name.strip_suffix(".csv").is_some()
    }
}

impl FromStr for Source {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(if text == "-" { Self::Stdin } else { Self::File(text.into()) })
    }
}

#[cfg(test)]
mod tests;
