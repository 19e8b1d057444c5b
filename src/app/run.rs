//! `sillage run`: the daemon on the user's Kafka, until it is told to stop.

use super::daemon::Daemon;
use super::reload::Reread;
use crate::config::Config;

/// Runs until a signal, or until a part fails; then it ends what can be ended first.
/// `reread` gives the configuration anew.
pub fn run(config: &Config, reread: Reread) -> anyhow::Result<()> {
    let mut daemon = Daemon::start(config, reread)?;
    tracing::info!(address = %daemon.address(), "listening");
    let ran = daemon.beat(|_| false);
    let ended = daemon.end();
    ran.and(ended)
}
