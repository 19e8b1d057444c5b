//! Configuration: the root that composes the modules' own parts, and the newtypes they use.
//!
//! Invariant: a [`Config`] that [`load`] returns was checked as a whole; nothing checks it again.

mod byte_size;
mod duration;
mod environment;
mod load;
mod reference;
mod schema;
mod sections;
mod tree;

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

pub use byte_size::{ByteSize, NotAByteSize};
pub use duration::{Duration, NotADuration};
pub use load::{LoadError, Source, load};
pub use reference::{keys, reference};
pub use sections::{ActorKey, Ingest, Snapshot, State, View, ViewClock};

use crate::app::log;
use crate::engine::Limits;
use crate::ingest::{dead_letter, kafka};
use crate::model::{Detection, Params};
use crate::notify;
use crate::serve;

/// What all campaigns are counted as that are not configured.
pub const OTHER_CAMPAIGN: &str = "other";

/// All that can be configured.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    pub kafka: kafka::Config,
    pub ingest: Ingest,
    pub dead_letter: dead_letter::Config,
    /// Promo code to the influencer whom it credits.
    pub codes: BTreeMap<String, String>,
    /// Campaigns that are counted by name, at most 100; events of all others are counted as other.
    pub campaigns: Vec<String>,
    pub view: View,
    pub export: serve::ExportConfig,
    pub serve: serve::Config,
    pub state: State,
    pub snapshot: Snapshot,
    pub detect: Detection,
    pub notify: notify::Config,
    pub log: log::Config,
    pub model: Params,
}

/// A value that a check refuses: a key below the module's own part, such as `top_k`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {value} is not allowed, it must be {allowed}")]
pub struct Invalid {
    pub key: String,
    pub value: String,
    pub allowed: String,
}

impl Config {
    /// Whether each part is within its bounds.
    pub fn validate(&self) -> Result<(), Invalid> {
        let below = |section: &'static str| move |invalid: Invalid| invalid.below(section);
        self.kafka.validate().map_err(below("kafka"))?;
        self.ingest.validate().map_err(below("ingest"))?;
        self.dead_letter.validate().map_err(below("dead_letter"))?;
        self.validate_codes()?;
        self.validate_campaigns()?;
        self.view.validate().map_err(below("view"))?;
        self.export.validate().map_err(below("export"))?;
        self.serve.validate().map_err(below("serve"))?;
        self.state.validate().map_err(below("state"))?;
        self.snapshot.validate().map_err(below("snapshot"))?;
        let detect = self.detect.validate();
        detect.map_err(|e| Invalid::new(e.key, e.value, e.allowed).below("detect"))?;
        self.notify.validate().map_err(below("notify"))?;
        self.validate_outputs()?;
        self.log.validate().map_err(below("log"))?;
        let model = self.model.validate();
        model.map_err(|e| Invalid::new(e.key, e.value, e.allowed).below("model"))
    }

    /// A fingerprint of all that a shard's state depends on beside its log. What only says how
    /// the state is read, such as the points of the parts, is none of it.
    #[must_use]
    pub fn state_digest(&self) -> u64 {
        let mut model = serde_json::to_value(&self.model).expect("a model must be plain data");
        if let Some(model) = model.as_object_mut() {
            model.retain(|key, _| !["points", "half_saturation", "segments"].contains(&&**key));
        }
        let window_ms = self.ingest.dedup_window.as_millis_i64();
        let of = serde_json::json!([model, self.codes, window_ms]);
        xxh3_64(of.to_string().as_bytes())
    }

    /// What one of `shards` shards may keep.
    #[must_use]
    pub fn limits(&self, shards: usize) -> Limits {
        Limits {
            memory_bytes: self.state.memory_limit.as_usize() / shards.max(1),
            dedup_window_ms: self.ingest.dedup_window.as_millis_i64(),
            dedup_ids: usize::try_from(self.ingest.dedup_ids).unwrap_or(usize::MAX),
        }
    }

    /// A fingerprint of all that is in force, secrets apart.
    #[must_use]
    pub fn digest(&self) -> u64 {
        xxh3_64(self.without_secrets().to_string().as_bytes())
    }

    fn without_secrets(&self) -> serde_json::Value {
        let mut value = serde_json::to_value(self).expect("a configuration must be plain data");
        if let Some(properties) = value.pointer_mut("/kafka/properties") {
            let names = properties.as_object().map(|p| p.keys().cloned().collect::<Vec<_>>());
            *properties = names.into();
        }
        value
    }

    /// What is written to a topic that is read would come back as events, without end.
    fn validate_outputs(&self) -> Result<(), Invalid> {
        let outputs = [
            ("dead_letter.topic", &self.dead_letter.topic),
            ("notify.kafka.topic", &self.notify.kafka.topic),
        ];
        for (key, topic) in outputs {
            if let Some(topic) = topic.as_ref().filter(|topic| self.kafka.topics.contains(topic)) {
                return Err(Invalid::new(key, topic, "none of kafka.topics, which are read"));
            }
        }
        Ok(())
    }

    fn validate_codes(&self) -> Result<(), Invalid> {
        let fits = |name: &str| (1..=256).contains(&name.len());
        match self.codes.iter().find(|(code, name)| !fits(code) || !fits(name)) {
            Some((code, name)) => {
                let key = format!("codes.{code}");
                Err(Invalid::new(key, format!("{name:?}"), "a code and a name of 1 to 256 bytes"))
            }
            None => Ok(()),
        }
    }

    fn validate_campaigns(&self) -> Result<(), Invalid> {
        let names: BTreeSet<&str> = self.campaigns.iter().map(String::as_str).collect();
        let fits = |name: &&str| (1..=256).contains(&name.len()) && *name != OTHER_CAMPAIGN;
        if names.len() == self.campaigns.len() && names.len() <= 100 && names.iter().all(fits) {
            return Ok(());
        }
        let allowed = "at most 100 different names of 1 to 256 bytes, none of them other";
        Err(Invalid::new("campaigns", format!("{:?}", self.campaigns), allowed))
    }
}

impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Config {}", self.without_secrets())
    }
}

impl Invalid {
    pub fn new(
        key: impl Into<String>,
        value: impl std::fmt::Display,
        allowed: impl Into<String>,
    ) -> Self {
        Self { key: key.into(), value: value.to_string(), allowed: allowed.into() }
    }

    /// The same, with the key seen from the section above.
    fn below(self, section: &str) -> Self {
        Self { key: format!("{section}.{}", self.key), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_written_where_it_would_be_read() {
        let mut config = Config::default();
        config.dead_letter.topic = Some("rejected".into());
        config.notify.kafka.topic = Some("shifts".into());
        assert_eq!(config.validate(), Ok(()));
        config.kafka.topics = vec!["interactions".into(), "shifts".into()];
        let said = config.validate().expect_err("shifts are read").to_string();
        assert!(said.starts_with("notify.kafka.topic: shifts is not allowed"), "{said}");
        config.kafka.topics.push("rejected".into());
        let said = config.validate().expect_err("rejected records are read").to_string();
        assert!(said.starts_with("dead_letter.topic: rejected is not allowed"), "{said}");
    }
}
