//! What the outside reads: metrics, API, page, health.
//!
//! Invariant: it reads views and never a shard; however slow a reader is, ingest does not wait.

mod config;
mod server;

mod api;
pub mod exposition;
mod health;
mod page;
mod problem;
mod reload;
mod routes;
mod scrape;

mod instruments;
mod stall;

pub use api::{Erase, EraseRefused};
pub use config::{Config, ExportConfig};
pub use health::{Cause, Readiness};
pub use instruments::{Build, LogMessages};
pub use reload::{Reload, Reloaded};
pub use routes::Status;
pub use server::{Error, Parts, Server};
