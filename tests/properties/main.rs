//! What the model promises, held against a naive oracle on streams made to provoke.

#![allow(clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

#[path = "../oracle/mod.rs"]
mod oracle;

mod fixtures;
