//! The one place that knows all parts: wiring, the loop, shutdown.

pub mod generate;
pub mod owner;
