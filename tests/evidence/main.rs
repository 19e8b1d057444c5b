//! The table of lifts against its definition, against numbers of the reference model, and against
//! what it must keep whatever the input.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "numbers here are small and positive"
)]
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod compare;
mod definition;
mod world;

mod agreement;
mod fixtures;
mod properties;
