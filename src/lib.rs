//! Rolling influence scores per audience segment, from interaction events.
//!
//! The tree is the way of an event: [`ingest`] decodes, [`engine`] accumulates, [`evidence`] weighs
//! conversions, [`rank`] merges and orders, [`view`] publishes, [`serve`] shows; [`detect`] finds what
//! shifts from view to view, [`notify`] tells it; [`app`] wires them and [`model`] is what they
//! speak of.

// Made-up standings are shared with benches and examples, which know the crate by its name.
#[cfg(test)]
extern crate self as sillage;

pub mod clock;
pub mod config;
pub mod model;

pub mod engine;
pub mod evidence;
pub mod rank;
pub mod view;

pub mod detect;

pub mod ingest;
pub mod notify;
pub mod serve;
pub mod snapshot;

pub mod backtest;
pub mod campaign;

pub mod app;
