//! What `config/` gives to Prometheus, Alertmanager and Grafana, tried on the real programs.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

#[allow(dead_code, reason = "the tests of the daemon need the rest")]
#[path = "../daemon/process.rs"]
mod process;
#[path = "../support/mod.rs"]
mod support;

mod programs;

mod beside;
mod browser;
mod live;
mod page;
mod panels;
mod routes;
mod rules;
