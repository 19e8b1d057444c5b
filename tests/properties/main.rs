//! What the model promises (the numbers of the tests' comments are those of its list of
//! properties), on streams made to provoke.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

#[path = "../adversary/mod.rs"]
mod adversary;
#[path = "../library/mod.rs"]
mod library;
#[path = "../oracle/mod.rs"]
mod oracle;

#[path = "../support/soak.rs"]
mod soak;

mod streams;

mod adversity;
mod agreement;
mod closing;
mod credit;
mod erasure;
mod fixtures;
mod order;
mod outcomes;
mod rejections;
mod separation;

use proptest::prelude::*;

use library::Cut;

/// Ways to cut up the work.
fn cuts() -> impl Strategy<Value = Cut> {
    let partitions = prop_oneof![Just(1), Just(2), Just(3), Just(6)];
    let sizes = (partitions, 1..80_usize, 1..20_usize, 0..40_usize);
    sizes.prop_map(|(partitions, batch, publish_every, extract)| Cut {
        partitions,
        batch,
        publish_every,
        extract,
    })
}
