//! Where shifts are told, and how much may wait for each receiver.

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::config::{ByteSize, Duration, Invalid};

/// Where shifts of influence are told, at least once each. Receivers know one that comes again by
/// its id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Address at which people open the page of this daemon, for links.
    pub external_url: Option<String>,
    /// Directory for what waits to be delivered, one file a receiver, so that a crash loses
    /// nothing. Without it, it waits in memory.
    pub queue_dir: Option<PathBuf>,
    /// Shifts that wait for one receiver at most; the oldest go first, counted.
    pub queue_shifts: u64,
    /// What waits for one receiver at most, in memory and on disk.
    pub queue_bytes: ByteSize,
    /// Longest time that a receiver may take to answer.
    pub timeout: Duration,
    /// Longest pause between attempts; it doubles from half a second on.
    pub retry_max: Duration,
    pub alertmanager: AlertmanagerConfig,
    pub webhook: WebhookConfig,
    pub slack: SlackConfig,
    pub kafka: KafkaConfig,
}

/// Alerts by the API v2 of Alertmanager.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AlertmanagerConfig {
    /// Its address, such as `http://alertmanager:9093`. None, no alerts.
    pub url: Option<String>,
    /// After this time an alert counts as resolved: a shift is a moment, not a condition.
    pub resolve_after: Duration,
}

/// A POST of JSON for each shift.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WebhookConfig {
    /// Where to; it is shown nowhere, since it may hold a secret.
    pub url: Option<Hidden>,
    /// Key of the signature, HMAC-SHA256 of the body, in the header X-Sillage-Signature. None, no
    /// signature.
    pub secret: Option<Hidden>,
}

/// A message for each shift, to an incoming webhook of Slack or what understands the same.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SlackConfig {
    /// Where to; it is shown nowhere, since it is a secret.
    pub url: Option<Hidden>,
}

/// A record for each shift, keyed by segment, at kafka.brokers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct KafkaConfig {
    /// The topic. None, no records.
    pub topic: Option<String>,
}

/// Text that is read and never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Hidden(pub String);

impl Config {
    /// Whether each value is within its bounds.
    pub fn validate(&self) -> Result<(), Invalid> {
        let (hidden, web) = ("the value", "an address such as https://host/path");
        for (key, url) in
            [("external_url", &self.external_url), ("alertmanager.url", &self.alertmanager.url)]
        {
            if let Some(url) = url.as_ref().filter(|url| !is_web(url)) {
                return Err(Invalid::new(key, url, web));
            }
        }
        for (key, url) in [("webhook.url", &self.webhook.url), ("slack.url", &self.slack.url)] {
            if url.as_ref().is_some_and(|url| !is_web(&url.0)) {
                return Err(Invalid::new(key, hidden, web));
            }
        }
        if self.webhook.secret.as_ref().is_some_and(|secret| secret.0.len() < 16) {
            return Err(Invalid::new("webhook.secret", hidden, "16 bytes or more"));
        }
        if self.kafka.topic.as_ref().is_some_and(String::is_empty) {
            return Err(Invalid::new("kafka.topic", "\"\"", "the name of a topic"));
        }
        if self.queue_dir.as_ref().is_some_and(|dir| dir.as_os_str().is_empty()) {
            return Err(Invalid::new("queue_dir", "\"\"", "the path of a directory"));
        }
        self.validate_bounds()
    }

    fn validate_bounds(&self) -> Result<(), Invalid> {
        if !(1..=1_000_000).contains(&self.queue_shifts) {
            return Err(Invalid::new("queue_shifts", self.queue_shifts, "from 1 to 1000000"));
        }
        if self.queue_bytes.0 < 65_536 || self.queue_bytes > ByteSize::gib(1) {
            return Err(Invalid::new("queue_bytes", self.queue_bytes, "from 64KiB to 1GiB"));
        }
        let resolve_after = self.alertmanager.resolve_after;
        for (key, time, least, most) in [
            ("timeout", self.timeout, 100, 120_000),
            ("retry_max", self.retry_max, 500, 3_600_000),
            ("alertmanager.resolve_after", resolve_after, 60_000, 7 * 86_400_000),
        ] {
            if !(least..=most).contains(&time.as_millis_i64()) {
                let (least, most) = (
                    Duration::from_millis(least.unsigned_abs()),
                    Duration::from_millis(most.unsigned_abs()),
                );
                return Err(Invalid::new(key, time, format!("from {least} to {most}")));
            }
        }
        Ok(())
    }

    /// The receivers, as they may be shown.
    #[must_use]
    pub fn receivers(&self) -> Vec<String> {
        let alertmanager =
            self.alertmanager.url.as_ref().map(|url| format!("alertmanager at {url}"));
        let host = |url: &Hidden| ureq::http::Uri::try_from(&url.0).ok()?.host().map(str::to_owned);
        let of = |name: &str, url: &Option<Hidden>| {
            Some(format!("{name} at {}", host(url.as_ref()?).unwrap_or_default()))
        };
        let topic = self.kafka.topic.as_ref().map(|topic| format!("topic {topic}"));
        let all =
            [alertmanager, of("webhook", &self.webhook.url), of("slack", &self.slack.url), topic];
        all.into_iter().flatten().collect()
    }
}

fn is_web(url: &str) -> bool {
    ureq::http::Uri::try_from(url).is_ok_and(|uri| {
        uri.host().is_some_and(|host| !host.is_empty())
            && matches!(uri.scheme_str(), Some("http" | "https"))
    })
}

impl Default for Config {
    fn default() -> Self {
        Self {
            external_url: None,
            queue_dir: None,
            queue_shifts: 10_000,
            queue_bytes: ByteSize::mib(16),
            timeout: Duration::from_secs(10),
            retry_max: Duration::from_secs(60),
            alertmanager: AlertmanagerConfig::default(),
            webhook: WebhookConfig::default(),
            slack: SlackConfig::default(),
            kafka: KafkaConfig::default(),
        }
    }
}

impl Default for AlertmanagerConfig {
    fn default() -> Self {
        Self { url: None, resolve_after: Duration::from_secs(900) }
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Serialize for Hidden {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("***")
    }
}

impl<'de> Deserialize<'de> for Hidden {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self)
    }
}

impl JsonSchema for Hidden {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Hidden".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string" })
    }
}
