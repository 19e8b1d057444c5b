//! How far a topic's part of a shard has been read.
//!
//! Invariant: a record below the next offset is a redelivery; a gap is legal, because compaction
//! and transactions leave some.

use crate::snapshot::{Covered, LastRecord, LogId};

/// Where reading goes on, and what the state has.
#[derive(Clone, Debug)]
pub struct Reading {
    next_offset: i64,
    /// The last record read of a batch, to be recognised by.
    last: Option<LastRecord>,
    newest_ms: Option<i64>,
}

impl Reading {
    /// From `start` on; `covered` is how far it was read by whom the state is from.
    #[must_use]
    pub fn new(start: i64, covered: Option<&Covered>) -> Self {
        Self {
            next_offset: start,
            last: covered.and_then(|covered| covered.last),
            newest_ms: covered.and_then(|covered| covered.newest_ms),
        }
    }

    /// Offset of the first record that was not read.
    #[must_use]
    pub const fn next_offset(&self) -> i64 {
        self.next_offset
    }

    /// The largest event time scored, ms since the Unix epoch.
    #[must_use]
    pub const fn newest_ms(&self) -> Option<i64> {
        self.newest_ms
    }

    /// Whether the record at `offset` was not read before.
    #[must_use]
    pub const fn is_new(&self, offset: i64) -> bool {
        offset >= self.next_offset
    }

    /// The record at `offset` is read.
    pub const fn read(&mut self, offset: i64) {
        self.next_offset = offset.saturating_add(1);
    }

    /// An event was scored.
    pub fn saw(&mut self, time_ms: i64) {
        self.newest_ms = self.newest_ms.max(Some(time_ms));
    }

    /// Remembers what a record looks like, if it was the last one read.
    pub fn remember(&mut self, record: LastRecord) {
        if record.offset + 1 == self.next_offset {
            self.last = Some(record);
        }
    }

    /// Records up to `offset` were deleted before they were read.
    pub const fn skip_to(&mut self, offset: i64) {
        self.next_offset = offset;
        self.last = None;
    }

    /// How far it was read, of a log that is `log`.
    #[must_use]
    pub fn covered(&self, log: LogId) -> Covered {
        let Self { next_offset, last, newest_ms } = *self;
        Covered { log, next_offset, last, newest_ms }
    }
}
