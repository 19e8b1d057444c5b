//! Wire formats: a record's bytes become one interaction of a batch, or the reason why not.
//!
//! Invariant: a rejected record leaves the batch as it was, and no input makes decoding panic,
//! recurse or allocate in proportion to anything but the record.

mod admit;
mod canonical;
mod glance;
mod money;
mod scan;
mod table;
mod time;

#[cfg(test)]
mod tests;

use std::borrow::Cow;

pub use admit::Decoder;
pub use glance::{Glance, glance};
pub use table::{ColumnNames, Columns, ColumnsError, Row};

use crate::model::{Batch, Reason};
use time::Time;

/// Larger records are rejected as [`Reason::TooLarge`], unread.
pub const RECORD_BYTES_MAX: usize = 1 << 20;
/// Longest name of an account or a segment, and longest `id`.
pub const NAME_BYTES_MAX: usize = 256;
/// Most segments that an event may list.
pub const SEGMENTS_MAX: usize = 16;

/// A record as the log holds it.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Nothing in a tombstone, which is no event.
    pub payload: Option<&'a [u8]>,
    pub key: Option<&'a [u8]>,
    /// When the log received it, ms since the Unix epoch.
    pub log_time_ms: i64,
}

/// What the record's key says of the actor. Shards add up only if all that an actor does lies in
/// one partition, which a key equal to the actor brings about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keyed {
    ByActor,
    ByAnother,
    Not,
}

/// The fields of an event that are read, as spelled, before any check but that of their types.
#[derive(Debug, Default)]
struct Fields<'a> {
    kind: Option<Cow<'a, str>>,
    actor: Option<Cow<'a, str>>,
    target: Option<Cow<'a, str>>,
    id: Option<Cow<'a, str>>,
    time: Option<Time<'a>>,
    code: Option<Cow<'a, str>>,
    value: Option<f64>,
    currency: Option<Cow<'a, str>>,
    refers: Option<Cow<'a, str>>,
    /// Of any type, since scores do not need it; anything but text is none.
    campaign: Option<Cow<'a, str>>,
    /// How many segment names wait in the batch.
    segments: usize,
    /// What is wrong with the first bad one.
    segment_fault: Option<Reason>,
}

impl<'a> Fields<'a> {
    /// Adds a segment name, which waits in the batch for the event to be admitted.
    fn push_segment(&mut self, name: Cow<'a, str>, batch: &mut Batch<'a>) {
        self.segments += 1;
        if self.segment_fault.is_some() {
            return;
        }
        if self.segments > SEGMENTS_MAX {
            self.segment_fault = Some(Reason::TooLarge);
        } else if let Err(reason) = check_name(&name) {
            self.segment_fault = Some(reason);
        } else {
            batch.push_segment(name);
        }
    }

    /// Forgets the segments, when a second list replaces the first.
    fn clear_segments(&mut self, batch: &mut Batch<'a>) {
        if self.segments > 0 {
            batch.discard_segments();
            self.segments = 0;
            self.segment_fault = None;
        }
    }
}

fn check_name(name: &str) -> Result<(), Reason> {
    match name.len() {
        0 => Err(Reason::BadValue),
        1..=NAME_BYTES_MAX => Ok(()),
        _ => Err(Reason::TooLarge),
    }
}
