//! A block: the bytes of some thousand events and where each lies, ready to be decoded on any
//! thread.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use super::super::format::{Columns, Decoder, Record, Row};
use crate::model::{AccountKey, Batch, Position, Reason, Rejection};

/// Events of one source in their order, as bytes. Reused from one block to the next.
#[derive(Debug, Default)]
pub struct Block {
    name: Option<Arc<str>>,
    pub(super) bytes: Vec<u8>,
    /// Of tables: where the cells of each row end, within the row.
    pub(super) cell_ends: Vec<usize>,
    pub(super) columns: Option<Arc<Columns>>,
    pub(super) entries: Vec<Entry>,
}

/// One line, or one row of a table.
#[derive(Debug)]
pub(super) struct Entry {
    /// Line of its file, from 1.
    pub(super) line: i64,
    pub(super) bytes: Range<usize>,
    pub(super) cells: Range<usize>,
    /// It was too long to be kept.
    pub(super) is_cut: bool,
}

/// The events of a block, decoded.
#[derive(Debug)]
pub struct Decoded<'a> {
    /// One batch a shard, each in the order of the block.
    pub batches: Vec<Batch<'a>>,
    pub rejected: Vec<Rejected<'a>>,
}

/// A line that is no event.
#[derive(Debug)]
pub struct Rejected<'a> {
    pub rejection: Rejection,
    /// Nothing if it was too long to be kept; of a table, the cells side by side.
    pub payload: &'a [u8],
}

impl Block {
    /// Decodes all events as if they were received at `log_time_ms`, and deals them out by actor
    /// to `shards` shards (at least one).
    #[must_use]
    pub fn decode(&self, decoder: &Decoder, shards: usize, log_time_ms: i64) -> Decoded<'_> {
        let mut whole = Batch::with_capacity(self.entries.len());
        let mut rejected = Vec::new();
        for entry in &self.entries {
            if let Err(reason) = self.decode_entry(entry, decoder, log_time_ms, &mut whole) {
                let rejection = Rejection { position: self.position(entry), reason };
                rejected.push(Rejected { rejection, payload: self.bytes_of(entry) });
            }
        }
        Decoded { batches: deal(whole, shards), rejected }
    }

    /// The events as a log would hold them: canonical JSON, into which rows of a table are
    /// rewritten. Those too long to be kept are left out.
    pub fn payloads(&self) -> impl Iterator<Item = Cow<'_, [u8]>> {
        self.entries.iter().filter(|entry| !entry.is_cut).map(|entry| {
            let bytes = self.bytes_of(entry);
            let Some(columns) = &self.columns else { return Cow::Borrowed(bytes.trim_ascii()) };
            let ends = self.cell_ends.get(entry.cells.clone()).unwrap_or_default();
            Cow::Owned(columns.rewrite(Row { cells: bytes, ends }))
        })
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn clear(&mut self, name: &Arc<str>) {
        self.name = Some(Arc::clone(name));
        self.bytes.clear();
        self.cell_ends.clear();
        self.columns = None;
        self.entries.clear();
    }

    /// The name of the source, for errors.
    pub(super) fn name(&self) -> Arc<str> {
        self.name.clone().unwrap_or_else(|| "".into())
    }

    fn decode_entry<'a>(
        &'a self,
        entry: &Entry,
        decoder: &Decoder,
        log_time_ms: i64,
        batch: &mut Batch<'a>,
    ) -> Result<(), Reason> {
        if entry.is_cut {
            return Err(Reason::TooLarge);
        }
        let bytes = self.bytes_of(entry);
        if let Some(columns) = &self.columns {
            let ends = self.cell_ends.get(entry.cells.clone()).unwrap_or_default();
            return decoder.decode_row(Row { cells: bytes, ends }, columns, log_time_ms, batch);
        }
        let record = Record { payload: Some(bytes), key: None, log_time_ms };
        decoder.decode(&record, batch).map(|_| ())
    }

    fn bytes_of(&self, entry: &Entry) -> &[u8] {
        self.bytes.get(entry.bytes.clone()).unwrap_or_default()
    }

    fn position(&self, entry: &Entry) -> Position {
        Position { topic: self.name(), partition: 0, offset: entry.line }
    }
}

fn deal(whole: Batch<'_>, shards: usize) -> Vec<Batch<'_>> {
    if shards <= 1 {
        return vec![whole];
    }
    // An even share and a quarter, so that few batches grow.
    let capacity = whole.len() / shards * 5 / 4;
    let mut batches: Vec<_> = (0..shards).map(|_| Batch::with_capacity(capacity)).collect();
    for interaction in whole.interactions() {
        if let Some(batch) = batches.get_mut(shard_of(interaction.actor, shards)) {
            for name in whole.segments(interaction) {
                batch.push_segment(name.clone());
            }
            batch.push(interaction.clone());
        }
    }
    batches
}

/// The upper bits decide: the lower ones pick the slot in the shard's own tables.
fn shard_of(actor: AccountKey, shards: usize) -> usize {
    let scaled = (u128::from(actor.0) * shards as u128) >> 64;
    usize::try_from(scaled).unwrap_or(0)
}
