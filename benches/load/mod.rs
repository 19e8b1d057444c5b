//! A load on its way into a shard: decoded as records are, outside of what is timed.

use std::collections::BTreeMap;
use std::ops::Range;

use sillage::campaign::{Load, LoadEvent};
use sillage::engine::Limits;
use sillage::ingest::format::{Decoder, Record};
use sillage::model::{Batch, Secret};

/// Events decoded before they are applied, as owners of a shard take them at most.
pub(crate) const BATCH: usize = 1_000;

/// Events as the records that bring them.
pub(crate) struct Records {
    decoder: Decoder,
    text: Vec<u8>,
    /// Where the text of each lies, and its time.
    lines: Vec<(Range<usize>, i64)>,
}

impl Records {
    /// With ids or without.
    pub(crate) fn of(events: &[LoadEvent], ids: bool) -> Self {
        let decoder = Decoder::new(Secret::new(7), &BTreeMap::new(), &BTreeMap::new());
        let (mut text, mut lines) = (Vec::new(), Vec::new());
        for event in events {
            let from = text.len();
            event.write_json(ids, &mut text);
            lines.push((from..text.len(), event.time_ms));
        }
        Self { decoder, text, lines }
    }

    /// Up to `most` of them, from the one at `from` on.
    pub(crate) fn decode(&self, from: usize, most: usize) -> Batch<'_> {
        let mut batch = Batch::with_capacity(most);
        for (line, log_time_ms) in self.lines.iter().skip(from).take(most) {
            let payload = Some(&self.text[line.clone()]);
            let record = Record { payload, key: None, log_time_ms: *log_time_ms };
            assert!(self.decoder.decode(&record, &mut batch).is_ok(), "a load is well formed");
        }
        batch
    }
}

/// Decodes a load a batch at a time, and shows each when it is decoded, as an owner applies it.
#[allow(dead_code, reason = "of the benchmarks one takes batches of other sizes")]
pub(crate) fn feed(load: &Load, mut show: impl FnMut(&Batch<'_>)) {
    let mut events = load.clone().generate();
    loop {
        let batch: Vec<LoadEvent> = events.by_ref().take(BATCH).collect();
        if batch.is_empty() {
            return;
        }
        show(&Records::of(&batch, load.ids).decode(0, BATCH));
    }
}

pub(crate) fn limits() -> Limits {
    Limits { memory_bytes: 16 << 30, dedup_window_ms: 3_600_000, dedup_ids: 2_000_000 }
}

/// Pages that the process touched for the first time so far.
#[allow(dead_code, reason = "not every benchmark tells them apart")]
pub(crate) fn page_faults() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("a process has a status");
    let after_name = stat.rsplit_once(')').expect("a name in brackets").1;
    after_name.split_whitespace().nth(7).and_then(|n| n.parse().ok()).expect("a number of faults")
}
