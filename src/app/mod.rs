//! The one place that knows all parts: wiring, the loop, shutdown.

pub mod allocator;
pub mod arguments;
pub mod backtest;
mod build;
pub mod catalogue;
pub mod check;
pub mod cli;
mod daemon;
pub mod dashboards;
mod dead_letter;
mod demo;
mod ending;
mod erasure;
pub mod generate;
pub mod keeper;
pub mod log;
pub mod owner;
mod pulse;
pub mod reload;
pub mod replay;
pub mod run;
mod shifts;
mod signals;
mod status;
mod table;
mod watchdog;
pub mod witness;
pub mod worlds;

/// Threads that score when the configuration names no number.
fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
