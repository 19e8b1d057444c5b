//! Streams that are interrupted anywhere: by a picture, a body, and a shard restored from it.

use sillage::engine::{Limits, Outcome};
use sillage::model::Reason;
use sillage::snapshot::encode;

use crate::adversary::{Stream, stream};
use crate::run::{Input, Running};
use crate::soak;

/// How a stream is interrupted.
#[derive(Clone, Copy, Debug)]
struct Cut {
    at: usize,
    limits: Limits,
    /// Entries extracted after each batch.
    pace: usize,
    /// Whether they publish on the way, and when one of them has been restored.
    publishes: bool,
}

fn cut(seed: u64, stream: &Stream, len: usize) -> Cut {
    let turn = |of: u64, n: u64| (seed / of) % n;
    let at = usize::try_from(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32).unwrap();
    let limits = Limits {
        memory_bytes: [1 << 30, 1 << 30, 28_000, 20_000][usize::try_from(turn(3, 4)).unwrap()],
        dedup_window_ms: stream.params.dedup_window_ms,
        dedup_ids: [1 << 20, 64][usize::try_from(turn(7, 2)).unwrap()],
    };
    Cut {
        at: at % (len + 1),
        limits,
        pace: [1, 1_000_000][usize::try_from(turn(2, 2)).unwrap()],
        publishes: turn(5, 2) == 0,
    }
}

#[test]
fn nothing_shows_of_an_interruption() {
    let (mut actors, mut ids, mut sales) = (0, 0, 0);
    for seed in 0..soak::or(240, 20_000) {
        let stream = stream(seed);
        let input = Input::of(&stream);
        let cut = cut(seed, &stream, input.len());
        let usage = interrupt(&input, cut, &format!("seed {seed}, {cut:?}"));
        actors += usage.actors.evicted;
        ids += usage.ids.evicted;
        sales += usage.sales.len;
    }
    assert!(actors > 1_000 && ids > 100 && sales > 100, "{actors}, {ids}, {sales}");
}

fn interrupt(input: &Input, cut: Cut, what: &str) -> sillage::engine::Usage {
    let mut original = Running::new(input, &cut.limits);
    original.feed(input, 0..cut.at, (cut.pace, cut.publishes));
    original.settle();
    let (frozen, histories) = (original.shard.freeze(), original.histories.clone());
    let body = original.body();

    let mut restored = Running::restored(input, &cut.limits, &body);
    assert_eq!(original.shard.usage(), restored.shard.usage(), "{what}");
    assert!(restored.body() == body, "{what}: equal states, other bytes");
    if cut.publishes {
        original.publish();
        restored.publish();
    }
    let before = original.outcomes.len();
    original.feed(input, cut.at..input.len(), (cut.pace, cut.publishes));
    restored.feed(input, cut.at..input.len(), (cut.pace, cut.publishes));
    assert_eq!(original.outcomes[before..], restored.outcomes, "{what}");
    assert_eq!(original.shard.usage(), restored.shard.usage(), "{what}");
    assert_eq!(original.shard.unmatched_refunds(), restored.shard.unmatched_refunds(), "{what}");
    original.settle();
    restored.settle();
    let shown = |running: &Running| format!("{:?}", running.histories);
    assert_eq!(shown(&original), shown(&restored), "{what}");
    assert!(original.body() == restored.body(), "{what}: they part");
    assert_eq!(original.standings(), restored.standings(), "{what}");

    let mut later = Vec::new();
    encode(&frozen, histories.as_ref(), &mut later);
    assert!(later == body, "{what}: the picture changed");
    original.shard.usage()
}

#[test]
fn where_memory_is_short_neither_batches_nor_the_pace_of_extraction_show() {
    let mut refused = 0;
    for seed in 0..soak::or(240, 20_000) {
        let stream = stream(seed);
        let input = Input::of(&stream);
        let memory_bytes = [18_000, 20_000, 24_000][(seed / 3 % 3) as usize];
        let limits = Limits { memory_bytes, ..cut(seed, &stream, input.len()).limits };
        let mut whole = Running::new(&input, &limits);
        whole.batch = 64;
        whole.feed(&input, 0..input.len(), (1, false));
        let mut single = Running::new(&input, &limits);
        single.batch = 1;
        single.feed(&input, 0..input.len(), (1, false));
        assert_eq!(whole.outcomes, single.outcomes, "seed {seed}");
        assert_eq!(whole.standings(), single.standings(), "seed {seed}");
        let full = Outcome::Rejected(Reason::StateFull);
        refused += whole.outcomes.iter().filter(|outcome| **outcome == full).count();
    }
    assert!(refused > 1_000, "{refused}");
}
