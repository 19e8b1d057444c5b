//! A shard that is fed a stream, publishes and extracts histories as the daemon has it do.

use std::collections::BTreeMap;

use serde_json::Value;
use sillage::engine::{Limits, Outcome, Shard};
use sillage::evidence::evidence;
use sillage::ingest::format::{Decoder, Record};
use sillage::model::{Batch, Histories, Params, Secret};
use sillage::rank::ScoreBook;
use sillage::snapshot::{decode, encode};

use crate::adversary::Stream;

/// Canonical events with their times, and what to read them by.
pub(crate) struct Input {
    pub(crate) params: Params,
    decoder: Decoder,
    lines: Vec<(i64, String)>,
}

/// A shard with all that the daemon keeps beside it.
pub(crate) struct Running {
    pub(crate) shard: Shard,
    pub(crate) histories: Option<Histories>,
    pub(crate) outcomes: Vec<Outcome>,
    /// Events a batch.
    pub(crate) batch: usize,
    book: ScoreBook,
    params: Params,
}

impl Input {
    pub(crate) fn of(stream: &Stream) -> Self {
        let mut given = stream.params.given().as_object().unwrap().clone();
        let codes = given.remove("codes").map(|codes| serde_json::from_value(codes).unwrap());
        let codes: BTreeMap<String, String> = codes.unwrap_or_default();
        given.remove("dedup_window_ms");
        let params: Params = serde_json::from_value(Value::Object(given)).unwrap();
        params.validate().unwrap();
        let decoder = Decoder::new(Secret::new(42), &codes, &params.currencies);
        let lines = stream.events.iter().map(|e| (e.time, e.to_json().to_string())).collect();
        Self { params, decoder, lines }
    }

    /// No events, under some constants.
    pub(crate) fn with(params: Params) -> Self {
        let decoder = Decoder::new(Secret::new(42), &BTreeMap::new(), &params.currencies);
        Self { params, decoder, lines: Vec::new() }
    }

    pub(crate) const fn len(&self) -> usize {
        self.lines.len()
    }
}

impl Running {
    pub(crate) fn new(input: &Input, limits: &Limits) -> Self {
        Self::with(Shard::new(&input.params, limits), None, &input.params)
    }

    /// Reads a body back.
    pub(crate) fn restored(input: &Input, limits: &Limits, body: &[u8]) -> Self {
        let (shard, histories) = decode(body, &input.params, limits).expect("it was encoded");
        Self::with(shard, histories, &input.params)
    }

    fn with(shard: Shard, histories: Option<Histories>, params: &Params) -> Self {
        let (book, params) = (ScoreBook::new(params), params.clone());
        Self { shard, histories, outcomes: Vec::new(), batch: 5, book, params }
    }

    /// Applies a part of the input, and extracts `pace` entries after each batch; publishes after
    /// every second one or not at all.
    pub(crate) fn feed(
        &mut self,
        input: &Input,
        part: std::ops::Range<usize>,
        (pace, publishes): (usize, bool),
    ) {
        for (n, lines) in input.lines[part].chunks(self.batch).enumerate() {
            if publishes && n % 2 == 1 {
                self.publish();
            }
            let mut batch = Batch::default();
            for (time, line) in lines {
                let record =
                    Record { payload: Some(line.as_bytes()), key: None, log_time_ms: *time };
                if input.decoder.decode(&record, &mut batch).is_err() {
                    batch.discard_segments();
                }
            }
            self.shard.apply(&batch, &mut self.outcomes);
            self.shard.extract(pace);
            self.take_histories();
        }
    }

    /// Has no extraction under way, so that a picture can be taken.
    pub(crate) fn settle(&mut self) {
        while self.shard.extract(usize::MAX) {}
        self.take_histories();
        assert!(!self.shard.is_extracting());
    }

    pub(crate) fn body(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        encode(&self.shard.freeze(), self.histories.as_ref(), &mut body);
        body
    }

    pub(crate) fn publish(&mut self) {
        self.book.publish(0, &mut self.shard);
    }

    /// What is published at the end.
    pub(crate) fn standings(&mut self) -> Value {
        self.settle();
        let histories: Vec<&Histories> = self.histories.iter().collect();
        self.book.prove(evidence(&self.params, &histories));
        for _ in 0..3 {
            self.publish();
        }
        assert!(!self.book.is_unsettled(), "rounds of publications must settle the book");
        let standings = self.book.standings(self.shard.newest_ms().unwrap_or(0));
        let as_json = |segment: &sillage::model::SegmentStandings| {
            serde_json::json!({
                "segment": segment.segment,
                "active_audience": segment.active_audience,
                "conversions": segment.conversions,
                "organic_conversions": segment.organic_conversions,
                "organic_value": segment.organic_value,
                "influencers": segment.influencers,
            })
        };
        standings.iter().map(as_json).collect()
    }

    fn take_histories(&mut self) {
        if let Some(histories) = self.shard.take_histories() {
            self.histories = Some(histories);
        }
    }
}
