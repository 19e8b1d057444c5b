//! What of Kafka can be configured, and what is passed to librdkafka.
//!
//! Invariant: settings that correctness rests on are the daemon's own and cannot be overridden.

use std::collections::BTreeMap;

use rdkafka::ClientConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::{ByteSize, Invalid};

/// Properties of librdkafka that the daemon sets itself, and the key that stands for each.
const OWNED: [(&str, &str); 16] = [
    ("bootstrap.servers", "kafka.brokers"),
    ("metadata.broker.list", "kafka.brokers"),
    ("group.id", "kafka.group"),
    ("group.instance.id", "kafka.instance_id"),
    ("queued.max.messages.kbytes", "kafka.prefetch"),
    ("enable.auto.commit", ""),
    ("auto.commit.enable", ""),
    ("auto.commit.interval.ms", ""),
    ("enable.auto.offset.store", ""),
    ("auto.offset.reset", ""),
    ("enable.partition.eof", ""),
    ("isolation.level", ""),
    ("partition.assignment.strategy", ""),
    ("statistics.interval.ms", ""),
    ("allow.auto.create.topics", ""),
    ("test.mock.num.brokers", ""),
];

/// The events' topics, and how to reach them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Brokers to begin with, `host:port`, separated by commas.
    pub brokers: String,
    /// Topics of events, keyed by actor. Several must have the same number of partitions.
    pub topics: Vec<String>,
    /// Topic for events that erase an actor, one of kafka.topics; the first of them by default.
    /// They are keyed by the actor and go into each of its partitions.
    pub erase_topic: Option<String>,
    /// Consumer group whose members share the partitions.
    pub group: String,
    /// Name of this member within the group, for static membership: a restart within the session
    /// timeout then moves no partition. None by default.
    pub instance_id: Option<String>,
    /// Bytes that may wait in memory unread, over all partitions. More than what comes in while a
    /// fetch is under way only costs: records are cold when their turn comes.
    pub prefetch: ByteSize,
    /// When the log deleted records before they were read: resume with the first that is left and
    /// mark results incomplete until the missing ones would not count any more, or stop.
    pub on_gap: OnGap,
    /// When a snapshot is of another log than the topic is now: rebuild from the beginning of the
    /// log there is, or stop.
    pub on_other_log: OnOtherLog,
    /// Anything else that librdkafka understands, such as `security.protocol`.
    pub properties: BTreeMap<String, String>,
}

/// See [`Config::on_gap`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnGap {
    #[default]
    Resume,
    Stop,
}

/// See [`Config::on_other_log`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnOtherLog {
    #[default]
    Rebuild,
    Stop,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            brokers: "127.0.0.1:9092".into(),
            topics: vec!["interactions".into()],
            erase_topic: None,
            group: "sillage".into(),
            instance_id: None,
            prefetch: ByteSize(8 << 20),
            on_gap: OnGap::default(),
            on_other_log: OnOtherLog::default(),
            properties: BTreeMap::new(),
        }
    }
}

impl Config {
    pub fn validate(&self) -> Result<(), Invalid> {
        let named = |text: &str| !text.trim().is_empty();
        if !self.brokers.split(',').all(is_broker) {
            return Err(Invalid::new("brokers", &self.brokers, "host:port, separated by commas"));
        }
        if self.topics.is_empty() || !self.topics.iter().all(|topic| is_topic_name(topic)) {
            let allowed = "one topic or more, each of letters, digits, dot, dash, underscore";
            return Err(Invalid::new("topics", self.topics.join(","), allowed));
        }
        if let Some(twice) = self.repeated_topic() {
            return Err(Invalid::new("topics", twice, "named once"));
        }
        if let Some(topic) = self.erase_topic.as_ref().filter(|topic| !self.topics.contains(topic))
        {
            return Err(Invalid::new("erase_topic", topic, "one of kafka.topics"));
        }
        if !named(&self.group) {
            return Err(Invalid::new("group", "\"\"", "the name of a consumer group"));
        }
        if self.instance_id.as_deref().is_some_and(|id| !named(id)) {
            return Err(Invalid::new("instance_id", "\"\"", "a name, or left out"));
        }
        if !(1 << 20..=1 << 40).contains(&self.prefetch.0) {
            return Err(Invalid::new("prefetch", self.prefetch, "1MiB to 1TiB"));
        }
        self.validate_properties()
    }

    /// Where events go that erase an actor.
    pub(super) fn erase_topic(&self) -> &str {
        self.erase_topic.as_ref().or(self.topics.first()).map_or("", String::as_str)
    }

    fn repeated_topic(&self) -> Option<&String> {
        let earlier = |at: usize| self.topics.iter().take(at);
        self.topics
            .iter()
            .enumerate()
            .find_map(|(at, topic)| earlier(at).any(|t| t == topic).then_some(topic))
    }

    fn validate_properties(&self) -> Result<(), Invalid> {
        for (name, value) in &self.properties {
            let key = format!("properties.{name}");
            let owned = OWNED.iter().find(|(owned, _)| owned == name);
            if let Some((_, instead)) = owned {
                let allowed = match *instead {
                    "" => "left out, the daemon sets it itself".to_owned(),
                    instead => format!("left out, {instead} sets it"),
                };
                return Err(Invalid::new(key, shown(name, value), allowed));
            }
            let mut alone = ClientConfig::new();
            alone.set(name, value);
            if alone.create_native_config().is_err() {
                let allowed = "a property of librdkafka with a value that it allows";
                return Err(Invalid::new(key, shown(name, value), allowed));
            }
        }
        Ok(())
    }

    /// Settings of a client that only asks about the cluster.
    pub(super) fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            // A broker that does not answer is to be said within ten seconds.
            .set("socket.connection.setup.timeout.ms", "5000")
            .set("reconnect.backoff.max.ms", "2000")
            .set("client.id", "sillage");
        for (name, value) in &self.properties {
            config.set(name, value);
        }
        config.set("bootstrap.servers", &self.brokers).set("allow.auto.create.topics", "false");
        config
    }

    /// Settings of a client that looks records up.
    pub(super) fn probe(&self) -> ClientConfig {
        let mut config = self.client();
        config
            // librdkafka asks for a name where none is needed; nobody joins by it.
            .set("group.id", format!("{}-probe", self.group))
            .set("auto.offset.reset", "error")
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("enable.partition.eof", "true")
            .set("isolation.level", "read_committed")
            .set("check.crcs", "true")
            .set("fetch.wait.max.ms", "10")
            // A broker sends whole batches, one at least, of which the first record is wanted.
            .set("fetch.message.max.bytes", "1024")
            .set("queued.min.messages", "1")
            // With so few wanted librdkafka takes an empty queue for a full one, and by default
            // waits a second for each record that is looked up.
            .set("fetch.queue.backoff.ms", "5");
        config
    }

    /// Settings of the group's member; the prefetch budget is shared out over `partitions`, all
    /// of which this member may come to own.
    pub(super) fn consumer(&self, partitions: usize) -> ClientConfig {
        let mut config = self.client();
        let mut or_as_configured = |name: &str, value: &str| {
            if !self.properties.contains_key(name) {
                config.set(name, value);
            }
        };
        // Its default of a second halves the speed of catching up.
        or_as_configured("fetch.queue.backoff.ms", "10");
        // Also the time after which the end of a partition is noticed.
        or_as_configured("fetch.wait.max.ms", "100");
        // The budget of bytes is the only limit.
        or_as_configured("queued.min.messages", "10000000");
        or_as_configured("check.crcs", "true");
        or_as_configured("topic.metadata.refresh.interval.ms", "60000");
        // How late a member learns that partitions move; the new protocol asks the broker.
        if !self.has_new_protocol() {
            or_as_configured("heartbeat.interval.ms", "200");
        }
        let kbytes = (self.prefetch.0 / 1024 / partitions.max(1) as u64).clamp(64, 2_097_151);
        config
            .set("group.id", &self.group)
            // A missing offset must not skip or repeat records without a word.
            .set("auto.offset.reset", "error")
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            // As a batch is consumed, librdkafka 2.12 takes the event for a record at the end and
            // would skip the real one after a rebalance. Watermarks show the end as well.
            .set("enable.partition.eof", "false")
            .set("isolation.level", "read_committed")
            .set("statistics.interval.ms", "5000")
            .set("queued.max.messages.kbytes", kbytes.to_string());
        if let Some(id) = &self.instance_id {
            config.set("group.instance.id", id);
        }
        self.set_strategy(&mut config);
        config
    }

    /// Whether the broker assigns partitions, and not a member of the group.
    fn has_new_protocol(&self) -> bool {
        self.properties.get("group.protocol").is_some_and(|protocol| protocol == "consumer")
    }

    /// Of the strategies only `range` keeps partition p of all topics on the same member, which
    /// a shard with several topics needs; a single topic moves fewer partitions otherwise.
    fn set_strategy(&self, config: &mut ClientConfig) {
        let together = self.topics.len() > 1;
        // The new protocol assigns on the broker and refuses to hear of a strategy.
        if self.has_new_protocol() {
            if together {
                config.set("group.remote.assignor", "range");
            }
        } else {
            let strategy = if together { "range" } else { "cooperative-sticky" };
            config.set("partition.assignment.strategy", strategy);
        }
    }
}

/// A value as an error may show it: what may be a secret stays one.
fn shown<'a>(name: &str, value: &'a str) -> &'a str {
    let secret = ["password", "secret", "key", "jaas", "token"];
    if secret.iter().any(|word| name.contains(word)) { "***" } else { value }
}

/// `host`, `host:port` or `[v6]:port`, as librdkafka takes them, perhaps behind `protocol://`.
fn is_broker(text: &str) -> bool {
    let text = text.trim();
    let text = text.split_once("://").map_or(text, |(_protocol, rest)| rest);
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    };
    let is_v6 = host.starts_with('[') && host.ends_with(']');
    let is_host = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_');
    !host.is_empty()
        && (is_v6 || host.chars().all(is_host))
        && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
}

fn is_topic_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    !name.is_empty() && name.len() <= 249 && name.chars().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(properties: &[(&str, &str)]) -> Config {
        let properties =
            properties.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Config { properties, ..Config::default() }
    }

    #[test]
    fn refuses_what_cannot_work_and_says_what_is_allowed() {
        let check = |config: Config, expected: &str| {
            let said = config.validate().map_or_else(|e| e.to_string(), |()| String::new());
            assert!(said.contains(expected), "{said:?} must contain {expected:?}");
        };
        assert_eq!(Config::default().validate(), Ok(()));
        check(with(&[("group.id", "x")]), "properties.group.id: x is not allowed");
        check(with(&[("group.id", "x")]), "kafka.group sets it");
        check(with(&[("auto.offset.reset", "latest")]), "the daemon sets it itself");
        check(with(&[("no.such", "x")]), "a property of librdkafka");
        check(with(&[("ssl.key.password", "hush"), ("fetch.wait.max.ms", "no")]), "max.ms: no");
        check(with(&[("enable.ssl.certificate.verification", "hush")]), "must be a property");
        check(Config { topics: vec![], ..Config::default() }, "topics");
        check(Config { topics: vec!["a b".into()], ..Config::default() }, "a b is not allowed");
        let twice = vec!["a".into(), "b".into(), "a".into()];
        check(Config { topics: twice, ..Config::default() }, "topics: a is not allowed");
        let elsewhere = Config { erase_topic: Some("x".into()), ..Config::default() };
        check(elsewhere, "erase_topic: x is not allowed, it must be one of kafka.topics");
        for wrong in ["a:1,", "", "a:b", "a:0", "a:65536", ":9092", "a b:1", "a:1;b:2", "a:1:2"] {
            let brokers = Config { brokers: wrong.into(), ..Config::default() };
            check(brokers, &format!("brokers: {wrong} is not allowed, it must be host:port"));
        }
        for right in ["a", "a:1, b-c.d_e:65535", "PLAINTEXT://a:1", "[::1]:9092", "[::1]"] {
            let brokers = Config { brokers: right.into(), ..Config::default() };
            assert_eq!(brokers.validate(), Ok(()), "{right}");
        }
        check(Config { prefetch: ByteSize(5), ..Config::default() }, "prefetch");
    }

    #[test]
    fn an_error_shows_no_secret() {
        let said = with(&[("sasl.oauthbearer.client.secret.x", "hush")]).validate();
        let said = said.expect_err("no such property").to_string();
        assert!(said.contains("***") && !said.contains("hush"), "{said}");
    }

    #[test]
    fn only_tuning_can_be_overridden() {
        let mut config = with(&[("fetch.wait.max.ms", "7")]);
        assert_eq!(config.consumer(1).get("fetch.wait.max.ms"), Some("7"));
        config.properties.insert("isolation.level".into(), "read_uncommitted".into());
        assert_eq!(config.consumer(1).get("isolation.level"), Some("read_committed"));
    }

    #[test]
    fn the_budget_is_shared_out() {
        let config = Config { prefetch: ByteSize(12 << 20), ..Config::default() };
        assert_eq!(config.consumer(6).get("queued.max.messages.kbytes"), Some("2048"));
    }

    #[test]
    fn members_of_the_old_protocol_hear_soon_that_partitions_move() {
        let beat = |properties| {
            with(properties).consumer(1).get("heartbeat.interval.ms").map(ToOwned::to_owned)
        };
        assert_eq!(beat(&[]), Some("200".into()));
        assert_eq!(beat(&[("heartbeat.interval.ms", "9000")]), Some("9000".into()));
        // librdkafka refuses to start with it.
        assert_eq!(beat(&[("group.protocol", "consumer")]), None);
    }

    #[test]
    fn several_topics_are_assigned_together() {
        let strategy = |topics: &[&str], properties: &[(&str, &str)]| {
            let mut config = with(properties);
            config.topics = topics.iter().map(|t| (*t).to_owned()).collect();
            let client = config.consumer(1);
            let get = |name| client.get(name).map(ToOwned::to_owned);
            (get("partition.assignment.strategy"), get("group.remote.assignor"))
        };
        let new = [("group.protocol", "consumer")];
        assert_eq!(strategy(&["a"], &[]), (Some("cooperative-sticky".into()), None));
        assert_eq!(strategy(&["a", "b"], &[]), (Some("range".into()), None));
        assert_eq!(strategy(&["a"], &new), (None, None));
        assert_eq!(strategy(&["a", "b"], &new), (None, Some("range".into())));
    }
}
