//! The one place that knows all parts: wiring, the loop, shutdown.

pub mod owner;
