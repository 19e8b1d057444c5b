//! A picture of a shard: taken at once, written while events go on, read back into a shard that
//! behaves as if nothing had come in between.
//!
//! Invariant: whatever can be read of a shard, or decides what it does later, is in its picture;
//! where things lie in memory, and what was published, is not.

mod frame;
mod head;
mod near;
mod people;
mod places;
mod traces;

pub(super) use frame::Frame;
pub(super) use near::Near;
pub(super) use places::Places;
pub(super) use traces::{Likely, Told, Traces};

use self::head::Head;
use self::people::People;
use self::traces::Reading;

use super::attribution::{Ledger, Sales, Waiting};
use super::columns::{Broken, Columns, Source};
use super::ids::Ids;
use super::segments::Segments;
use super::shard::{Limits, Shard};
use super::slots::Slots;
use crate::model::{HISTORY, Params};

/// A shard as it was at one moment. It shares memory with the shard, which copies whatever of it
/// changes later; drop it when it is written.
pub struct Frozen {
    head: Head,
    frame: Frame,
    segments: Segments,
    slots: Slots,
    people: People,
    ids: Ids,
    waiting: Waiting,
    sales: Sales,
    credited: Ledger,
    organic: Ledger,
    converters: Vec<u32>,
}

impl Shard {
    /// Takes a picture. No extraction may be under way: finish it first.
    pub fn freeze(&mut self) -> Frozen {
        debug_assert!(!self.is_extracting(), "histories must be extracted before a picture");
        let head = Head::of(self);
        let (cap, relates) = self.rules.touches();
        let bucket_ms = self.rules.bucket_ms.unsigned_abs();
        let frame = Frame {
            touches: Reading { bucket_ms, cap, relates },
            fade: (0..=self.decay.retention()).take(HISTORY).map(|k| self.decay.fade(k)).collect(),
            newest_bucket: head.newest_bucket,
            newest_ms: head.newest_ms.unwrap_or_default(),
            ..Frame::default()
        };
        Frozen {
            head,
            frame,
            segments: self.segments.share(),
            slots: self.slots.share(),
            people: People::share(&mut self.actors, &mut self.blocks, &mut self.touches),
            ids: self.ids.share(),
            waiting: self.waiting.clone(),
            sales: self.sales.share(),
            credited: self.credited.share(),
            organic: self.organic.share(),
            converters: self.closing.converters().to_vec(),
        }
    }

    /// The shard whose picture `source` gives. It must be of the same constants. Everything counts
    /// as changed since the last publication, and nobody is watched.
    pub fn restore(
        params: &Params,
        limits: &Limits,
        source: &mut impl Source,
    ) -> Result<Self, Broken> {
        let mut shard = Self::new(params, limits);
        let head = Head::read(source)?;
        head.restore(&mut shard)?;
        let mut frame = Frame {
            newest_bucket: head.newest_bucket,
            newest_ms: head.newest_ms.unwrap_or_default(),
            ..Frame::default()
        };
        frame.read(source)?;
        (frame.ends.segments, frame.ends.sets) = shard.segments.read(source)?;
        (frame.ends.influencers, frame.ends.slots) = shard.slots.read(&frame, source)?;
        frame.near = shard.slots.near();
        let (actors, blocks, touches) = (shard.actors, shard.blocks, shard.touches);
        let mut people = People { actors, blocks, touches };
        people.read(&frame, source)?;
        (shard.actors, shard.blocks, shard.touches) =
            (people.actors, people.blocks, people.touches);
        shard.touches.set_evicted(head.evicted_touches);
        shard.ids.read(frame.newest_ms, source)?;
        shard.waiting.read(&frame, source)?;
        shard.sales.read(&frame, source)?;
        shard.credited.read(frame.ends.slots, source)?;
        shard.organic.read(frame.ends.segments, source)?;
        shard.read_converters(source)?;
        Ok(shard)
    }
}

impl Frozen {
    /// Writes the picture; the same state gives the same columns.
    pub fn write(&self, columns: &mut impl Columns) {
        self.head.write(columns);
        self.frame.write(columns);
        self.segments.write(columns);
        self.slots.write(self.frame.newest_bucket, columns);
        let frame = Frame { near: self.slots.near(), ..self.frame.clone() };
        self.people.write(&frame, columns);
        self.ids.write(self.frame.newest_ms, columns);
        self.waiting.write(&self.frame, columns);
        self.sales.write(&self.frame, columns);
        self.credited.write(columns);
        self.organic.write(columns);
        super::columns::write_list(columns, &self.converters);
    }
}
