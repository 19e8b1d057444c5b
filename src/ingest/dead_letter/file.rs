//! Dead letters as lines of JSON at the end of a file.
//!
//! Invariant: nobody else writes to the file, and each line is a whole object, even after a write
//! that failed half-way.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use super::{DeadLetter, Sink, SinkError};

/// Appends to a file, which it opens anew after an error.
pub struct FileSink {
    path: PathBuf,
    file: Option<File>,
    lines: Vec<u8>,
}

/// A line. Bytes that are not text are written in base64, under another name.
#[derive(Serialize)]
struct Line<'a> {
    topic: &'a str,
    partition: i32,
    offset: i64,
    reason: &'static str,
    time: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_base64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload_base64: Option<String>,
}

impl FileSink {
    /// Opens the file, so that one that cannot be written is known before the first letter.
    pub fn open(path: &Path) -> Result<Self, SinkError> {
        let mut sink = Self { path: path.to_owned(), file: None, lines: Vec::new() };
        match open(path) {
            Ok(file) => sink.file = Some(file),
            Err(error) => return Err(sink.failed(error)),
        }
        Ok(sink)
    }

    fn append(&mut self) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            closed => closed.insert(open(&self.path)?),
        };
        let before = file.metadata()?.len();
        file.write_all(&self.lines).inspect_err(|_| {
            // Takes a half line back; what cannot be taken back ends in a newline when reopened.
            drop(file.set_len(before));
        })
    }

    fn failed(&mut self, error: io::Error) -> SinkError {
        self.file = None;
        SinkError { to: self.path.display().to_string(), source: error.into() }
    }
}

impl Sink for FileSink {
    fn write(&mut self, letters: &[DeadLetter]) -> Result<(), SinkError> {
        self.lines.clear();
        for letter in letters {
            serde_json::to_writer(&mut self.lines, &line(letter))
                .map_err(|error| self.failed(error.into()))?;
            self.lines.push(b'\n');
        }
        self.append().map_err(|error| self.failed(error))
    }
}

fn line(letter: &DeadLetter) -> Line<'_> {
    let (key, key_base64) = spell(letter.key.as_deref());
    let (payload, payload_base64) = spell(letter.payload.as_deref());
    let position = &letter.rejection.position;
    Line {
        topic: &position.topic,
        partition: position.partition,
        offset: position.offset,
        reason: letter.rejection.reason.as_str(),
        time: letter.time_ms,
        key,
        key_base64,
        payload,
        payload_base64,
    }
}

/// Bytes as text, or else in base64.
fn spell(bytes: Option<&[u8]>) -> (Option<&str>, Option<String>) {
    match bytes.map(|bytes| (bytes, str::from_utf8(bytes))) {
        None => (None, None),
        Some((_, Ok(text))) => (Some(text), None),
        Some((bytes, Err(_))) => (None, Some(STANDARD.encode(bytes))),
    }
}

/// Opens a file to append to, and ends the line that a killed process left half-written.
fn open(path: &Path) -> io::Result<File> {
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    if file.metadata()?.len() > 0 {
        let mut last = [0];
        let mut reader = File::open(path)?;
        reader.seek(SeekFrom::End(-1))?;
        reader.read_exact(&mut last)?;
        if last != *b"\n" {
            file.write_all(b"\n")?;
        }
    }
    Ok(file)
}
