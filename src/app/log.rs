//! Where the daemon's own words go: standard error, as text or JSON.

use std::io::IsTerminal;

use prometheus::Registry;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::reload::{self, Handle};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, fmt};

use crate::config::Invalid;
use crate::serve::LogMessages;

/// Wins over the configured level.
pub(super) const VARIABLE: &str = "RUST_LOG";

const ALLOWED: &str = "error, warn, info, debug or trace, or by part as in info,librdkafka=debug";
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// What the daemon says of itself, on standard error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// How a line is written: text, or json for machines.
    pub format: Format,
    /// What is said: error, warn, info, debug or trace, or by part as in info,librdkafka=debug.
    /// The variable `RUST_LOG` wins.
    pub level: String,
}

/// See [`Config::format`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    #[default]
    Text,
    Json,
}

impl Config {
    pub(crate) fn validate(&self) -> Result<(), Invalid> {
        // A bare word that is no level would be taken for a part, and silence all others.
        let is_level = |word: &str| LEVELS.contains(&word);
        let is_rule = |rule: &str| match rule.split_once('=') {
            Some((part, level)) => !part.is_empty() && is_level(level),
            None => is_level(rule),
        };
        if self.level.split(',').all(is_rule) && EnvFilter::try_new(&self.level).is_ok() {
            return Ok(());
        }
        Err(Invalid::new("level", &self.level, ALLOWED))
    }

    /// Whether what `RUST_LOG` says instead, if it is set, can be read.
    pub(crate) fn validate_variable() -> Result<(), Invalid> {
        let unread = of_environment().filter(|rules| EnvFilter::try_new(rules).is_err());
        unread.map_or(Ok(()), |rules| Err(Invalid::new("log.level", rules, ALLOWED)))
    }
}

fn of_environment() -> Option<String> {
    std::env::var(VARIABLE).ok().filter(|rules| !rules.is_empty())
}

/// Changes what is said while the daemon runs.
pub(super) struct Level(Option<Handle<EnvFilter, tracing_subscriber::Registry>>);

impl Level {
    /// Says what `level` says from now on, unless `RUST_LOG` decides. It was checked.
    pub(super) fn set(&self, level: &str) {
        let Some(handle) = &self.0 else {
            tracing::warn!("the variable {VARIABLE} wins over log.level");
            return;
        };
        match EnvFilter::try_new(level).map(|filter| handle.reload(filter)) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "cannot change what is logged"),
            Err(error) => tracing::error!(%error, "cannot read the level"),
        }
    }

    #[cfg(test)]
    pub(super) const fn of_nothing() -> Self {
        Self(None)
    }
}

/// Starts logging, and counts messages by level; called once, before anything is said.
pub(super) fn start(config: &Config, registry: &Registry) -> anyhow::Result<Level> {
    let of_environment = of_environment();
    let filter = EnvFilter::try_new(of_environment.as_ref().unwrap_or(&config.level))?;
    let (filter, handle) = reload::Layer::new(filter);
    let lines =
        fmt::layer().with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
    let log = tracing_subscriber::registry().with(filter).with(LogMessages::register(registry)?);
    match config.format {
        Format::Text => log.with(lines.with_target(false)).try_init()?,
        Format::Json => log.with(lines.json().flatten_event(true)).try_init()?,
    }
    Ok(Level(of_environment.is_none().then_some(handle)))
}

impl Default for Config {
    fn default() -> Self {
        Self { format: Format::Text, level: "info".into() }
    }
}
