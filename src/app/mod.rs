//! The one place that knows all parts: wiring, the loop, shutdown.

pub mod arguments;
pub mod check;
pub mod cli;
pub mod generate;
pub mod log;
pub mod owner;
