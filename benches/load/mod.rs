//! A load on its way into a shard: decoded as records are, before any of it is timed.

use std::collections::BTreeMap;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use sillage::campaign::{Load, LoadEvent};
use sillage::engine::Limits;
use sillage::ingest::format::{Decoder, Record};
use sillage::model::{Batch, Secret};

/// Events decoded before they are applied: what a Kafka batch gives.
const BATCH: usize = 512;

/// Events generated before any of them is timed.
pub(crate) const CHUNK: usize = 100_000;

/// Decodes a load, and shows it a chunk of batches at a time.
pub(crate) fn feed(load: &Load, mut show: impl FnMut(&[Batch<'_>])) {
    let decoder = Decoder::new(Secret::new(7), &BTreeMap::new(), &BTreeMap::new());
    let mut events = load.clone().generate();
    loop {
        let chunk: Vec<LoadEvent> = events.by_ref().take(CHUNK).collect();
        if chunk.is_empty() {
            return;
        }
        let (mut text, mut ends) = (Vec::new(), Vec::new());
        for event in &chunk {
            event.write_json(load.ids, &mut text);
            ends.push((text.len(), event.time_ms));
        }
        let mut from = 0;
        let mut batches = Vec::new();
        for ends in ends.chunks(BATCH) {
            let mut batch = Batch::with_capacity(BATCH);
            for (end, log_time_ms) in ends {
                let payload = Some(&text[from..*end]);
                let record = Record { payload, key: None, log_time_ms: *log_time_ms };
                assert!(decoder.decode(&record, &mut batch).is_ok(), "a load is well formed");
                from = *end;
            }
            batches.push(batch);
        }
        show(&batches);
    }
}

pub(crate) fn limits() -> Limits {
    Limits { memory_bytes: 16 << 30, dedup_window_ms: 3_600_000, dedup_ids: 2_000_000 }
}

/// CPU time of the thread so far.
pub(crate) fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or_default())
}
