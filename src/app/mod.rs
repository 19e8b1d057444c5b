//! The one place that knows all parts: wiring, the loop, shutdown.

pub mod arguments;
pub mod catalogue;
pub mod check;
pub mod cli;
pub mod log;
pub mod owner;
