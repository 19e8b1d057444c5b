//! Events that lie a line each.

use std::io::{BufRead, Read};

use super::block::{Block, Entry};
use super::open::Input;
use super::{BLOCK_BYTES, FileError, RECORD_BYTES_MAX};

pub(super) struct Lines {
    input: Input,
    /// The start of the line that the last block ended in.
    begun: Vec<u8>,
    /// The line at hand was given up as too long, and what follows of it is skipped.
    is_skipping: bool,
    line: i64,
}

impl Lines {
    pub(super) fn new(input: Input) -> Self {
        Self { input, begun: Vec::new(), is_skipping: false, line: 1 }
    }

    /// Adds lines to an empty `block`, perhaps none. False after the last one.
    pub(super) fn fill(&mut self, block: &mut Block) -> Result<bool, FileError> {
        block.bytes.append(&mut self.begun);
        let wanted = BLOCK_BYTES.saturating_sub(block.bytes.len());
        let mut input = self.input.by_ref().take(wanted as u64);
        let read = input
            .read_to_end(&mut block.bytes)
            .map_err(|source| FileError::Read { name: block.name(), source })?;
        let is_end = read < wanted;

        let bytes = std::mem::take(&mut block.bytes);
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            let length = through_newline(rest);
            let is_whole = rest.get(length - 1) == Some(&b'\n');
            if !is_whole && !is_end {
                self.begin(rest, block);
                break;
            }
            let line = rest.get(..length).unwrap_or(rest);
            if !self.is_skipping && !line.trim_ascii().is_empty() {
                block.entries.push(entry(self.line, at..at + length));
            }
            self.is_skipping = false;
            self.line += 1;
            at += length;
        }
        block.bytes = bytes;
        Ok(!is_end)
    }

    /// Keeps the start of a line for the next block, unless it is too long already.
    fn begin(&mut self, start: &[u8], block: &mut Block) {
        if self.is_skipping {
            return;
        }
        if start.len() > RECORD_BYTES_MAX {
            block.entries.push(Entry { is_cut: true, ..entry(self.line, 0..0) });
            self.is_skipping = true;
        } else {
            self.begun.extend_from_slice(start);
        }
    }
}

fn entry(line: i64, bytes: std::ops::Range<usize>) -> Entry {
    Entry { line, bytes, cells: 0..0, is_cut: false }
}

/// The length of the first line, its newline included; of all bytes, if there is none.
fn through_newline(mut bytes: &[u8]) -> usize {
    let all = bytes.len();
    bytes.skip_until(b'\n').unwrap_or(all)
}
