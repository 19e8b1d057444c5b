//! The daemon's pure parts behind one call: events in, what is published of them out, in the
//! shape of the reference. Decoded, sharded by actor, applied in batches, published, read.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sillage::engine::{Limits, Outcome, Shard};
use sillage::evidence::evidence;
use sillage::ingest::format::{Decoder, Record};
use sillage::model::{Batch, Histories, Params, Secret};
use sillage::rank::ScoreBook;

use crate::oracle;

/// How the work is cut up; what is published must not depend on it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cut {
    pub(crate) partitions: usize,
    /// Events a batch.
    pub(crate) batch: usize,
    /// Batches between two publications; all shards publish at the end.
    pub(crate) publish_every: usize,
    /// Entries by which a shard takes the extraction of histories further after each batch, as the
    /// daemon does. Without any, all is extracted at the end of input, as `replay` does.
    pub(crate) extract: usize,
}

impl Default for Cut {
    fn default() -> Self {
        Self { partitions: 1, batch: 7, publish_every: 1_000_000, extract: 0 }
    }
}

/// Publishes what `events` come to. Each is one record whose log time is its event time.
pub(crate) fn run(events: &[oracle::Event], params: &oracle::Params, cut: Cut) -> Value {
    let lines: Vec<String> = events.iter().map(|e| e.to_json().to_string()).collect();
    let records: Vec<(usize, i64, &[u8])> = events
        .iter()
        .zip(&lines)
        .map(|(e, line)| (oracle::partition_of(&e.actor, cut.partitions), e.time, line.as_bytes()))
        .collect();
    let mut pipeline = Pipeline::new(params, cut);
    for batch in records.chunks(cut.batch) {
        pipeline.apply(batch);
    }
    pipeline.result()
}

/// N shards and the book that they publish to.
pub(crate) struct Pipeline {
    cut: Cut,
    params: Params,
    decoder: Decoder,
    shards: Vec<Shard>,
    /// Of each shard, as of the last close at which they were extracted.
    histories: Vec<Option<Histories>>,
    book: ScoreBook,
    rejected: BTreeMap<&'static str, u64>,
    batches: usize,
}

impl Pipeline {
    pub(crate) fn new(params: &oracle::Params, cut: Cut) -> Self {
        let limits = Limits {
            memory_bytes: 1 << 30,
            dedup_window_ms: params.dedup_window_ms,
            dedup_ids: 1 << 20,
        };
        let codes: BTreeMap<String, String> = params
            .given()
            .get("codes")
            .map(|codes| serde_json::from_value(codes.clone()).expect("codes are names by code"))
            .unwrap_or_default();
        let params = library_params(params.given());
        Self {
            cut,
            decoder: Decoder::new(Secret::new(42), &codes, &params.currencies),
            shards: (0..cut.partitions).map(|_| Shard::new(&params, &limits)).collect(),
            histories: vec![None; cut.partitions],
            book: ScoreBook::new(&params),
            params,
            rejected: BTreeMap::new(),
            batches: 0,
        }
    }

    /// Applies records, of (partition, log time, canonical JSON), a batch for each shard.
    pub(crate) fn apply(&mut self, records: &[(usize, i64, &[u8])]) {
        let mut outcomes = Vec::new();
        for (partition, shard) in self.shards.iter_mut().enumerate() {
            let mut batch = Batch::default();
            for (_, log_time_ms, line) in records.iter().filter(|(of, ..)| *of == partition) {
                let record = Record { payload: Some(line), key: None, log_time_ms: *log_time_ms };
                if let Err(reason) = self.decoder.decode(&record, &mut batch) {
                    *self.rejected.entry(reason.as_str()).or_default() += 1;
                }
            }
            shard.apply(&batch, &mut outcomes);
            if self.cut.extract > 0 {
                shard.extract(self.cut.extract);
                self.histories[partition] =
                    shard.take_histories().or(self.histories[partition].take());
            }
        }
        for outcome in outcomes {
            if let Outcome::Rejected(reason) = outcome {
                *self.rejected.entry(reason.as_str()).or_default() += 1;
            }
        }
        self.batches += 1;
        if self.batches.is_multiple_of(self.cut.publish_every) {
            self.publish();
            let _read_and_dropped = self.book.standings(self.as_of_ms());
        }
    }

    /// What is published by now, in the shape of the reference; `order` has the influencers of
    /// each segment in rank order.
    pub(crate) fn result(&mut self) -> Value {
        self.prove();
        self.publish();
        for _ in 0..self.shards.len() {
            self.publish();
        }
        assert!(!self.book.is_unsettled(), "rounds of publications must settle the book");
        let as_of = self.as_of_ms();
        let (mut segments, mut order) = (json!({}), json!({}));
        for segment in self.book.standings(as_of) {
            let mut influencers = json!({});
            for standing in &segment.influencers {
                influencers[&*standing.influencer] =
                    serde_json::to_value(standing).expect("a standing is JSON");
            }
            let names: Vec<&str> = segment.influencers.iter().map(|s| &*s.influencer).collect();
            order[&*segment.segment] = json!(names);
            segments[&*segment.segment] = json!({
                "active_audience": segment.active_audience,
                "conversions": segment.conversions,
                "organic_conversions": segment.organic_conversions,
                "organic_value": segment.organic_value,
                "influencers": influencers,
            });
        }
        json!({"as_of": as_of, "rejected": self.rejected, "segments": segments, "order": order})
    }

    /// Follows all shards to the end of the input, and gives the book what conversions prove.
    fn prove(&mut self) {
        let newest_ms = self.as_of_ms();
        for (shard, histories) in self.shards.iter_mut().zip(&mut self.histories) {
            if self.cut.extract == 0 {
                *histories = shard.finish(newest_ms);
                continue;
            }
            shard.follow(newest_ms);
            while shard.extract(self.cut.extract) {}
            *histories = shard.take_histories().or(histories.take());
        }
        let histories: Vec<&Histories> = self.histories.iter().flatten().collect();
        self.book.prove(evidence(&self.params, &histories));
    }

    fn publish(&mut self) {
        for (partition, shard) in (0..).zip(&mut self.shards) {
            self.book.publish(partition, shard);
        }
    }

    fn as_of_ms(&self) -> i64 {
        self.shards.iter().filter_map(Shard::newest_ms).max().unwrap_or(0)
    }
}

/// The constants of the library under the same names; within the bounds of the configuration, but
/// for a silent audience that is huge.
fn library_params(given: &Value) -> Params {
    let mut given = given.as_object().cloned().unwrap_or_default();
    for elsewhere in ["codes", "dedup_window_ms"] {
        given.remove(elsewhere);
    }
    let params: Params =
        serde_json::from_value(Value::Object(given)).expect("the names are those of the library");
    let pseudo_audience = params.pseudo_audience.min(1e9);
    Params { pseudo_audience, ..params.clone() }.validate().expect("the constants are allowed");
    params
}
