//! Events that lie in a table, a row each, below a header.

use std::io::BufRead;
use std::sync::Arc;

use csv_core::ReadRecordResult;

use super::super::format::{ColumnNames, Columns, Row};
use super::block::{Block, Entry};
use super::open::Input;
use super::{BLOCK_BYTES, FileError, RECORD_BYTES_MAX};

/// Rows with more cells are too large.
const CELLS_MAX: usize = 4_096;

pub(super) struct Rows {
    input: Input,
    parser: csv_core::Reader,
    names: ColumnNames,
    /// Known once the header is read.
    columns: Option<Arc<Columns>>,
    /// The row at hand: its cells side by side, and where they end. These never grow.
    cells: Box<[u8]>,
    ends: Box<[usize]>,
}

/// A row that lies in the buffers of [`Rows`].
struct Found {
    line: i64,
    bytes: usize,
    cells: usize,
    is_cut: bool,
}

impl Rows {
    pub(super) fn new(input: Input, names: ColumnNames) -> Self {
        Self {
            input,
            parser: csv_core::Reader::new(),
            names,
            columns: None,
            cells: vec![0; RECORD_BYTES_MAX].into(),
            ends: vec![0; CELLS_MAX].into(),
        }
    }

    /// Adds rows to an empty `block`, perhaps none. False after the last one.
    pub(super) fn fill(&mut self, block: &mut Block) -> Result<bool, FileError> {
        while block.bytes.len() < BLOCK_BYTES - RECORD_BYTES_MAX {
            let name = || block.name();
            let found = self.next_row().map_err(|e| FileError::Read { name: name(), source: e })?;
            let Some(found) = found else { return Ok(false) };
            let row = Row {
                cells: self.cells.get(..found.bytes).unwrap_or_default(),
                ends: self.ends.get(..found.cells).unwrap_or_default(),
            };
            let Some(columns) = &self.columns else {
                let columns = Columns::find(&self.names, row)
                    .map_err(|source| FileError::Columns { name: name(), source })?;
                self.columns = Some(Arc::new(columns));
                continue;
            };
            block.columns.get_or_insert_with(|| Arc::clone(columns));
            let (from, first) = (block.bytes.len(), block.cell_ends.len());
            block.bytes.extend_from_slice(row.cells);
            block.cell_ends.extend_from_slice(row.ends);
            block.entries.push(Entry {
                line: found.line,
                bytes: from..block.bytes.len(),
                cells: first..block.cell_ends.len(),
                is_cut: found.is_cut,
            });
        }
        Ok(true)
    }

    /// Reads one row into the buffers; of one that does not fit, nothing is kept.
    fn next_row(&mut self) -> std::io::Result<Option<Found>> {
        let (mut bytes, mut cells, mut is_cut) = (0, 0, false);
        let line = i64::try_from(self.parser.line()).unwrap_or(i64::MAX);
        loop {
            let input = self.input.fill_buf()?;
            let (result, read, written, ended) = self.parser.read_record(
                input,
                self.cells.get_mut(bytes..).unwrap_or_default(),
                self.ends.get_mut(cells..).unwrap_or_default(),
            );
            self.input.consume(read);
            bytes += written;
            cells += ended;
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {
                    (bytes, cells, is_cut) = (0, 0, true);
                }
                ReadRecordResult::Record => {
                    if is_cut {
                        (bytes, cells) = (0, 0);
                    }
                    return Ok(Some(Found { line, bytes, cells, is_cut }));
                }
                ReadRecordResult::End => return Ok(None),
            }
        }
    }
}
