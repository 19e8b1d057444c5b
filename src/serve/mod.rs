//! What the outside reads: metrics, API, page, health.

mod config;
pub mod exposition;

pub use config::{Config, ExportConfig};
