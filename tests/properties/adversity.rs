//! The library against the oracle on streams from seeds, with sales, refunds and erasures, many of
//! them dense; and that they are as dense as that.

use crate::adversary::{Made, Stream, established, shrunk, stream};
use crate::library::{self, Cut};
use crate::oracle::{self, Event};
use crate::soak;

#[test]
fn equals_the_oracle_whatever_happens() {
    for seed in 0..soak::or(120, 20_000) {
        let Stream { made, params, events } = stream(seed);
        let partitions = [1, 1, 2, 5][(seed % 4) as usize];
        let batch = [1, 7, 64, 100_000][(seed / 4 % 4) as usize];
        let extract = [0, 1, 30][(seed / 2 % 3) as usize];
        let cut = Cut { partitions, batch, publish_every: 5, extract };
        let compare = |events: &[Event]| {
            let expected = oracle::judge(events, &params, partitions);
            oracle::differences(&expected, &library::run(events, &params, cut))
        };
        if compare(&events).is_empty() {
            continue;
        }
        let least = shrunk(&events, |events| !compare(events).is_empty());
        let (differences, params) = (compare(&least).join("\n"), params.given());
        panic!("seed {seed}, {made:?}, {cut:?}, {params}:\n{differences}\nin {least:#?}");
    }
}

/// Half of the dense streams must have established effects that see one another.
#[test]
fn dense_streams_establish_effects() {
    let dense: Vec<Stream> =
        (0..90).map(stream).filter(|stream| stream.made == Made::Dense).collect();
    let several = |Stream { params, events, .. }: &&Stream| {
        established(&oracle::judge(events, params, 1), params) >= 3
    };
    let established = dense.iter().filter(several).count();
    assert!(
        dense.len() >= 30 && established * 2 >= dense.len(),
        "{established} of {}",
        dense.len()
    );
}
