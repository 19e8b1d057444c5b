//! `sillage check` and `sillage reference`: what the configuration amounts to, and all its keys.

use std::io::{Write, stdout};

use crate::config::Config;

/// Prints the digest of the configuration in force and the most that it can cost.
pub fn check(config: &Config) -> anyhow::Result<()> {
    let mut out = stdout().lock();
    writeln!(out, "configuration  {:016x}", config.digest())?;
    writeln!(
        out,
        "state          {} at most, then the coldest is evicted",
        config.state.memory_limit
    )?;
    Ok(())
}

/// Prints every key with its default and what it means.
pub fn reference() -> anyhow::Result<()> {
    stdout().lock().write_all(crate::config::reference().as_bytes())?;
    Ok(())
}
