//! What decoding one event of ordinary length costs, hashing included.

use std::collections::BTreeMap;
use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use sillage::ingest::format::{Decoder, Record};
use sillage::model::{Batch, Secret};

/// As few that a batch needs no fresh pages: a daemon reuses its memory.
const EVENTS: u32 = 100;

fn events(tail: &str) -> Vec<String> {
    (0..EVENTS)
        .map(|n| {
            let (id, ms) = (f64::from(n) * 1.618_033_988_7, 1_341_100_972_000_u64 + u64::from(n));
            let (actor, target) = (n * 7_919 % 200_000, n * 104_729 % 5_000);
            format!(
                "{{\"id\":\"e-{id:.10}\",\"kind\":\"retweet\",\"time\":{ms},\
                 \"actor\":\"user-{actor}\",\"target\":\"influencer-{target}\",\
                 \"segments\":[\"segment-{}\"],\"campaign\":\"spring-launch\",\
                 \"post\":\"post-{}\"{tail}}}",
                n % 16,
                n * 31,
            )
        })
        .collect()
}

fn decode(c: &mut Criterion) {
    let decoder = Decoder::new(Secret::new(1), &BTreeMap::new(), &BTreeMap::new());
    let mut group = c.benchmark_group("decode");
    group.throughput(Throughput::Elements(u64::from(EVENTS)));
    // The second is what any field that the scanner does not know costs.
    for (name, tail) in [("scanner", ""), ("general", r#","via":{}"#)] {
        let events = events(tail);
        let bytes: usize = events.iter().map(String::len).sum();
        group.bench_function(format!("{name}/{}B", bytes / events.len()), |b| {
            b.iter_batched_ref(
                || Batch::with_capacity(events.len()),
                |batch| {
                    for event in &events {
                        let payload = Some(event.as_bytes());
                        let record = Record { payload, key: None, log_time_ms: 0 };
                        decoder.decode(&record, batch).expect("the event must be right");
                    }
                    black_box(batch.len())
                },
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, decode);
criterion_main!(benches);
