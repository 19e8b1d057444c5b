//! `sillage run`: the daemon on the user's Kafka, until it is told to stop.

use super::daemon::Daemon;
use crate::config::Config;

/// Runs until a signal, or until a part fails; then it ends what can be ended first.
pub fn run(config: &Config) -> anyhow::Result<()> {
    let mut daemon = Daemon::start(config)?;
    tracing::info!(address = %daemon.address(), "listening");
    let ran = daemon.beat(|_| false);
    let ended = daemon.end();
    ran.and(ended)
}
