//! A new configuration while the daemon runs: what can change does, what cannot is named.
//!
//! Invariant: a wrong configuration changes nothing, and what is in force is always the whole of
//! one that was checked, but for keys that wait for a restart.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::Thread;
use std::time::Duration;

use prometheus::{Gauge, IntGauge, Registry};
use serde_json::Value;

use super::log::Level;
use crate::clock;
use crate::config::{Config, LoadError};
use crate::serve::exposition::Exposition;
use crate::serve::{Reload, Reloaded};

/// Keys, or sections, that change without a restart. All others are how the state came about, or
/// are bound to what was opened at the start.
const APPLIED: [&str; 3] = ["export.", "log.level", "view.interval"];

/// Reads the configuration anew from where it came from.
pub type Reread = Box<dyn Fn() -> Result<Config, LoadError> + Send + Sync>;

/// The configuration in force. Clones share it.
#[derive(Clone)]
pub(super) struct Reloading(Arc<Mutex<Inner>>);

struct Inner {
    read: Reread,
    in_force: Config,
    level: Level,
    metrics: Metrics,
    /// Woken when the interval changes.
    beating: Thread,
    exposition: Option<Arc<Exposition>>,
}

/// How reloading went.
pub(super) struct Metrics {
    successful: IntGauge,
    success_time: Gauge,
    hash: Gauge,
}

impl Reloading {
    /// `config` is in force; `beating` is the thread that asks for [`Reloading::interval`].
    pub(super) fn new(
        config: &Config,
        read: Reread,
        level: Level,
        beating: Thread,
        registry: &Registry,
    ) -> prometheus::Result<Self> {
        let metrics = Metrics::register(registry)?;
        metrics.succeeded(config);
        let in_force = config.clone();
        let inner = Inner { read, in_force, level, metrics, beating, exposition: None };
        Ok(Self(Arc::new(Mutex::new(inner))))
    }

    /// What is exported follows `export` from now on.
    pub(super) fn follow(&self, exposition: Arc<Exposition>) {
        self.inner().exposition = Some(exposition);
    }

    /// The same for whoever asks by HTTP.
    pub(super) fn for_server(&self) -> Reload {
        let reloading = self.clone();
        Arc::new(move || reloading.reload())
    }

    /// Time from one view to the next.
    pub(super) fn interval(&self) -> Duration {
        self.inner().in_force.view.interval.0
    }

    /// Reads the configuration and applies what can be. The error is one line, and said in the log
    /// like all that comes of it.
    pub(super) fn reload(&self) -> Result<Reloaded, String> {
        let mut inner = self.inner();
        match (inner.read)() {
            Ok(new) => Ok(inner.apply(new)),
            Err(error) => {
                inner.metrics.successful.set(0);
                tracing::error!(%error, "the new configuration is wrong, the old one stays in force");
                Err(error.to_string())
            }
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn apply(&mut self, new: Config) -> Reloaded {
        let (applied, after_restart): (Vec<_>, Vec<_>) = differences(&self.in_force, &new)
            .into_iter()
            .partition(|key| APPLIED.iter().any(|applied| key.starts_with(applied)));
        if new.export != self.in_force.export
            && let Some(exposition) = &self.exposition
        {
            exposition.configure(&new.export);
        }
        if new.log.level != self.in_force.log.level {
            self.level.set(&new.log.level);
        }
        self.in_force.export = new.export;
        self.in_force.log.level = new.log.level;
        self.in_force.view.interval = new.view.interval;
        self.beating.unpark();
        self.metrics.succeeded(&self.in_force);
        let keys = applied.join(", ");
        tracing::info!(applied = keys, "reloaded the configuration");
        if !after_restart.is_empty() {
            let keys = after_restart.join(", ");
            tracing::warn!(keys, "these settings have changed and take a restart");
        }
        Reloaded { applied, after_restart }
    }
}

impl Metrics {
    pub(super) fn register(registry: &Registry) -> prometheus::Result<Self> {
        let successful = IntGauge::new(
            "sillage_config_last_reload_successful",
            "1 when the configuration was right the last time that it was read, else 0.",
        )?;
        let success_time = Gauge::new(
            "sillage_config_last_reload_success_timestamp_seconds",
            "When the configuration was last read and right.",
        )?;
        let hash = Gauge::new(
            "sillage_config_hash",
            "First 48 bits of the digest of the configuration in force, secrets apart.",
        )?;
        registry.register(Box::new(successful.clone()))?;
        registry.register(Box::new(success_time.clone()))?;
        registry.register(Box::new(hash.clone()))?;
        Ok(Self { successful, success_time, hash })
    }

    fn succeeded(&self, in_force: &Config) {
        self.successful.set(1);
        self.success_time.set(clock::wall_ms() as f64 / 1e3);
        // As much as a float holds exactly.
        self.hash.set((in_force.digest() >> 16) as f64);
    }
}

/// Keys whose values differ.
fn differences(old: &Config, new: &Config) -> Vec<String> {
    let (before, after) = (leaves(old), leaves(new));
    let of = |key: &String| before.get(key) != after.get(key);
    let keys = before.keys().chain(after.keys().filter(|key| !before.contains_key(*key)));
    let mut different: Vec<String> = keys.filter(|key| of(key)).cloned().collect();
    // It is written as the same word whatever it is.
    if old.state.actor_key.is_some()
        && new.state.actor_key.is_some()
        && old.state.actor_key != new.state.actor_key
    {
        different.push("state.actor_key".into());
    }
    different.sort_unstable();
    different
}

/// Every key with its value.
fn leaves(config: &Config) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    let whole = serde_json::to_value(config).expect("a configuration must be plain data");
    let mut below = vec![(String::new(), whole)];
    while let Some((key, value)) = below.pop() {
        let path = |name: &str| if key.is_empty() { name.into() } else { format!("{key}.{name}") };
        match value {
            Value::Object(members) => {
                below.extend(members.into_iter().map(|(name, value)| (path(&name), value)));
            }
            value => {
                found.insert(key, value);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;
    use crate::config::{Source, load};

    /// In force is the default; each reload reads the next of `texts`.
    fn reloading(texts: &[&str], registry: &Registry) -> (Reloading, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("sillage.yaml");
        let texts: VecDeque<String> = texts.iter().map(|text| (*text).to_owned()).collect();
        let texts = Mutex::new(texts);
        let read = Box::new(move || {
            let text = texts.lock().unwrap().pop_front().unwrap();
            std::fs::write(&file, text).unwrap();
            load(&Source::Given(file.clone()), [])
        });
        let thread = std::thread::current();
        let config = Config::default();
        let reloading = Reloading::new(&config, read, Level::of_nothing(), thread, registry);
        (reloading.unwrap(), folder)
    }

    fn metric(registry: &Registry, name: &str) -> f64 {
        let families = registry.gather();
        let family = families.iter().find(|family| family.name() == name).unwrap();
        family.get_metric()[0].get_gauge().get_value()
    }

    #[test]
    fn what_can_change_does_and_the_rest_is_named_until_the_restart() {
        let registry = Registry::new();
        let first = "view: {interval: 2s, clock: wall}\nexport: {top_k: 3}\ncodes: {X: ada}\n";
        let second = "view: {interval: 2s, clock: wall}\nkafka: {properties: {sasl.password: x}}\n\
                      state: {actor_key: 0123456789abcdef}\n";
        let (of, _folder) = reloading(&[first, second, second, ""], &registry);
        let hash = metric(&registry, "sillage_config_hash");
        let told = of.reload().unwrap();
        assert_eq!(told.applied, ["export.top_k", "view.interval"]);
        assert_eq!(told.after_restart, ["codes.X", "view.clock"]);
        assert_eq!(of.interval(), Duration::from_secs(2));
        assert!((metric(&registry, "sillage_config_hash") - hash).abs() > 0.0);
        for applied in [&["export.top_k"][..], &[]] {
            let told = of.reload().unwrap();
            assert_eq!(told.applied, applied);
            let waiting = ["kafka.properties.sasl.password", "state.actor_key", "view.clock"];
            assert_eq!(told.after_restart, waiting);
        }
        let told = of.reload().unwrap();
        assert_eq!((told.applied, told.after_restart), (vec!["view.interval".into()], vec![]));
        assert!((metric(&registry, "sillage_config_hash") - hash).abs() < 1.0, "as at first");
    }

    #[test]
    fn a_wrong_configuration_changes_nothing_and_shows_until_a_right_one() {
        let registry = Registry::new();
        let (of, _folder) =
            reloading(&["view: {interval: 1ms}", "view: {interval: 3s}"], &registry);
        let successful = || metric(&registry, "sillage_config_last_reload_successful");
        let since = || metric(&registry, "sillage_config_last_reload_success_timestamp_seconds");
        let began = since();
        assert!((successful() - 1.0).abs() < 1e-9 && began > 1e9);
        let said = of.reload().unwrap_err();
        assert!(said.contains("view.interval: 1ms is not allowed"), "{said}");
        assert_eq!(of.interval(), Duration::from_secs(1));
        assert!(successful().abs() < 1e-9 && (since() - began).abs() < 1e-9);
        of.reload().unwrap();
        assert_eq!(of.interval(), Duration::from_secs(3));
        assert!((successful() - 1.0).abs() < 1e-9);
    }

    #[test]
    fn another_secret_is_a_difference() {
        let with = |key: &str| Config {
            state: serde_json::from_value(serde_json::json!({ "actor_key": key })).unwrap(),
            ..Config::default()
        };
        let keys = differences(&with("0123456789abcdef"), &with("fedcba9876543210"));
        assert_eq!(keys, ["state.actor_key"]);
    }
}
