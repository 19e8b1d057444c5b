//! The parts of the configuration that belong to no edge: ingest limits, state, view, snapshots.

use std::fmt;
use std::path::PathBuf;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{ByteSize, Duration, Invalid};
use crate::model::Secret;

/// What is taken in, whatever it comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Ingest {
    /// Event time for which a repeated id is recognised.
    pub dedup_window: Duration,
    /// Ids remembered per partition at most; the oldest go first, counted.
    pub dedup_ids: u64,
    /// A topic read to its end and silent for this long holds back no other.
    pub idle_timeout: Duration,
    /// A partition of which nothing is read for this long, with records waiting, is told of.
    pub stall_timeout: Duration,
    /// Threads that score; without a value, one per core.
    pub threads: Option<u64>,
}

/// The picture that readers see.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct View {
    /// Time from one picture to the next.
    pub interval: Duration,
    /// What moves the time at which scores are read: log is the largest event time, wall lets it
    /// follow the wall clock once the input is read to its end.
    pub clock: ViewClock,
}

/// See [`View::clock`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ViewClock {
    #[default]
    Log,
    Wall,
}

/// What is kept in memory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct State {
    /// Memory for the state of all partitions together; beyond it the coldest is evicted, counted.
    pub memory_limit: ByteSize,
    /// Secret of the hashes that stand for accounts, 16 hexadecimal digits. Without it one is drawn
    /// and kept beside the snapshots, or drawn at each start when there are none.
    pub actor_key: Option<ActorKey>,
}

/// The secret of account hashes; it is read and never shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActorKey(pub Secret);

/// Snapshots of the state on disk, from which a start goes on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Snapshot {
    /// Directory for snapshots; members of one group may share it, so that whoever takes over a
    /// partition loads the state that the owner before left. Without it every start reads the log
    /// from its beginning. Which shifts were announced is kept there as well.
    pub dir: Option<PathBuf>,
    /// Time from one snapshot of a partition to the next.
    pub interval: Duration,
    /// Snapshots of a partition that are kept.
    pub keep: u64,
}

impl Ingest {
    pub(super) fn validate(&self) -> Result<(), Invalid> {
        let window = self.dedup_window.as_millis_i64();
        if window > 31 * 86_400_000 {
            return Err(Invalid::new("dedup_window", self.dedup_window, "at most 31d"));
        }
        if !(1..=100_000_000).contains(&self.dedup_ids) {
            return Err(Invalid::new("dedup_ids", self.dedup_ids, "from 1 to 100000000"));
        }
        if !(1..=86_400_000).contains(&self.idle_timeout.as_millis_i64()) {
            return Err(Invalid::new("idle_timeout", self.idle_timeout, "from 1ms to 1d"));
        }
        if !(1_000..=86_400_000).contains(&self.stall_timeout.as_millis_i64()) {
            return Err(Invalid::new("stall_timeout", self.stall_timeout, "from 1s to 1d"));
        }
        match self.threads {
            Some(threads) if !(1..=1024).contains(&threads) => {
                Err(Invalid::new("threads", threads, "from 1 to 1024"))
            }
            _ => Ok(()),
        }
    }
}

impl View {
    pub(super) fn validate(&self) -> Result<(), Invalid> {
        if (10..=3_600_000).contains(&self.interval.as_millis_i64()) {
            return Ok(());
        }
        Err(Invalid::new("interval", self.interval, "from 10ms to 1h"))
    }
}

impl State {
    pub(super) fn validate(&self) -> Result<(), Invalid> {
        if self.memory_limit >= ByteSize::mib(16) {
            return Ok(());
        }
        Err(Invalid::new("memory_limit", self.memory_limit, "16MiB or more"))
    }
}

impl Snapshot {
    pub(super) fn validate(&self) -> Result<(), Invalid> {
        if self.interval < Duration::from_secs(1) {
            return Err(Invalid::new("interval", self.interval, "1s or more"));
        }
        if !(1..=100).contains(&self.keep) {
            return Err(Invalid::new("keep", self.keep, "from 1 to 100"));
        }
        Ok(())
    }
}

impl Default for Ingest {
    fn default() -> Self {
        Self {
            dedup_window: Duration::from_secs(3_600),
            dedup_ids: 2_000_000,
            idle_timeout: Duration::from_secs(60),
            stall_timeout: Duration::from_secs(60),
            threads: None,
        }
    }
}

impl Default for View {
    fn default() -> Self {
        Self { interval: Duration::from_secs(1), clock: ViewClock::Log }
    }
}

impl Default for State {
    fn default() -> Self {
        Self { memory_limit: ByteSize::gib(4), actor_key: None }
    }
}

impl Default for Snapshot {
    fn default() -> Self {
        Self { dir: None, interval: Duration::from_secs(60), keep: 3 }
    }
}

impl fmt::Display for ViewClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Log => "log",
            Self::Wall => "wall",
        })
    }
}

impl Serialize for ActorKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("***")
    }
}

impl<'de> Deserialize<'de> for ActorKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let hex = text.len() == 16 && text.bytes().all(|b| b.is_ascii_hexdigit());
        match u64::from_str_radix(&text, 16) {
            Ok(key) if hex => Ok(Self(Secret::new(key))),
            _ => {
                Err(serde::de::Error::custom("16 hexadecimal digits, as openssl rand -hex 8 gives"))
            }
        }
    }
}

impl JsonSchema for ActorKey {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ActorKey".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "actor-key" })
    }
}
