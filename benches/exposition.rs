//! How long a scrape of 100,000 series of scores takes: written anew, read again, compressed.

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot be set up has nothing to measure")]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use prometheus::{Histogram, HistogramOpts, Registry};
use sillage::model::{Params, SegmentStandings};
use sillage::serve::ExportConfig;
use sillage::serve::exposition::{Exposition, Format};
use sillage::view::{View, Views};

#[path = "../src/view/sample.rs"]
mod sample;

/// 189 · (6 + 25 · 21) = 100,359 series.
const SEGMENTS: usize = 189;
const INFLUENCERS: usize = 25;

struct Bench {
    views: Views,
    exposition: Exposition,
    sequence: u64,
    segments: Vec<SegmentStandings>,
}

impl Bench {
    fn new() -> Self {
        let views = Views::default();
        let seconds = HistogramOpts::new("sillage_scrape_render_seconds", "Time.");
        let exposition = Exposition::new(
            &ExportConfig { series_limit: 200_000, ..ExportConfig::default() },
            &Params::default(),
            views.clone(),
            Registry::new(),
            Histogram::with_opts(seconds).unwrap(),
        );
        let segments = (0..SEGMENTS).map(segment).collect();
        Self { views, exposition, sequence: 0, segments }
    }

    /// The next view, of other numbers.
    fn tick(&mut self) -> Arc<View> {
        self.sequence += 1;
        let mut segments = self.segments.clone();
        for standing in segments.iter_mut().flat_map(|s| &mut s.influencers) {
            standing.score *= 1.0 + 1e-6 * (self.sequence % 7) as f64;
        }
        segments.sort_by(|a, b| a.segment.cmp(&b.segment));
        self.views.publish(sample::view(self.sequence, segments));
        self.views.current()
    }

    fn scrape(&self, format: Format, compressed: bool) -> usize {
        let pieces = self.exposition.scrape(format, compressed).unwrap();
        pieces.iter().map(|piece| black_box(piece).len()).sum()
    }
}

fn exposition(criterion: &mut Criterion) {
    let mut bench = Bench::new();
    bench.tick();
    let bytes = bench.scrape(Format::Prometheus, false);
    let packed = bench.scrape(Format::Prometheus, true);
    let mut group = criterion.benchmark_group(format!("100k series, {bytes} bytes, {packed} gzip"));
    group.sample_size(30);
    group.bench_function("observe a view", |b| {
        b.iter_custom(|times| {
            timed(&mut bench, times, |bench, view| bench.exposition.observe(view))
        });
    });
    for format in [Format::Prometheus, Format::OpenMetrics] {
        group.bench_function(format!("write {format:?}"), |b| {
            b.iter_custom(|times| {
                timed(&mut bench, times, |bench, _| assert!(bench.scrape(format, false) > 1 << 20))
            });
        });
    }
    group.bench_function("write and compress", |b| {
        b.iter_custom(|times| {
            timed(&mut bench, times, |bench, _| assert!(bench.scrape(Format::Prometheus, true) > 0))
        });
    });
    group.bench_function("read again", |b| {
        b.iter_batched(|| (), |()| bench.scrape(Format::Prometheus, false), BatchSize::SmallInput);
    });
    group.finish();
}

/// The time of `work` on so many views, each announced before where that is not what is measured.
fn timed(bench: &mut Bench, times: u64, work: impl Fn(&Bench, Arc<View>)) -> std::time::Duration {
    let mut spent = std::time::Duration::ZERO;
    for _ in 0..times {
        let view = bench.tick();
        let start = sillage::clock::instant();
        work(bench, view);
        spent += start.elapsed();
    }
    spent
}

fn segment(at: usize) -> SegmentStandings {
    let name = |rank: usize| format!("influencer_{}", at * 7 + rank * 131);
    let score = |rank: usize| 80.0 / (1.0 + rank as f64) + 1.0 / (at + 3) as f64;
    let ranked: Vec<_> = (0..INFLUENCERS).map(|rank| (name(rank), score(rank))).collect();
    let ranked: Vec<_> = ranked.iter().map(|(name, score)| (&**name, *score)).collect();
    sample::segment(&format!("segment-{at}"), &ranked)
}

criterion_group!(benches, exposition);
criterion_main!(benches);
