//! What a snapshot is of: how far of which log, scored by which model.
//!
//! Invariant: two logs, models or keys that could give different states have different headers.

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

/// What a snapshot says of itself before its state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    pub origin: Origin,
    /// How far each topic was read, in the order of [`Origin::topics`].
    pub covered: Vec<Covered>,
    /// Event time up to which results lack records that the log had deleted, ms since the Unix
    /// epoch.
    pub incomplete_until_ms: Option<i64>,
}

/// Where a state comes from: equal for all snapshots that one shard can go on from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    pub partition: i32,
    pub topics: Vec<String>,
    /// Fingerprint of all configuration that the state depends on.
    pub model: u64,
    /// Fingerprint of the secret of account keys.
    pub key: u64,
}

/// How far a topic's part of the partition was read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Covered {
    pub log: LogId,
    /// Offset of the first record that the state does not have.
    pub next_offset: i64,
    /// The last record that it has.
    pub last: Option<LastRecord>,
    /// The largest event time scored of the topic, ms since the Unix epoch.
    pub newest_ms: Option<i64>,
}

/// Which log an offset is of, as far as its broker tells.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogId {
    pub cluster: Option<String>,
    /// A topic that is deleted and made again has another.
    pub topic: Option<String>,
}

/// A record, to be recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastRecord {
    pub offset: i64,
    pub fingerprint: u64,
}

impl LogId {
    /// Whether both can be the same log: what is not known of either says nothing.
    #[must_use]
    pub fn may_be(&self, other: &Self) -> bool {
        let alike = |a: &Option<String>, b: &Option<String>| match (a, b) {
            (Some(a), Some(b)) => a == b,
            _ => true,
        };
        alike(&self.cluster, &other.cluster) && alike(&self.topic, &other.topic)
    }
}

impl LastRecord {
    /// Of the record at `offset`.
    #[must_use]
    pub fn new(
        offset: i64,
        log_time_ms: Option<i64>,
        key: Option<&[u8]>,
        payload: Option<&[u8]>,
    ) -> Self {
        let mut hash = Xxh3::new();
        hash.update(&log_time_ms.unwrap_or(-1).to_le_bytes());
        for part in [key, payload] {
            // Null is not the same as empty.
            let length = part.map_or(u64::MAX, |bytes| bytes.len() as u64);
            hash.update(&length.to_le_bytes());
            hash.update(part.unwrap_or_default());
        }
        Self { offset, fingerprint: hash.digest() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_a_record_counts() {
        let print = |time, key, payload| LastRecord::new(1, time, key, payload).fingerprint;
        let prints = [
            print(Some(5), Some(b"a"), Some(b"b")),
            print(Some(6), Some(b"a"), Some(b"b")),
            print(None, Some(b"a"), Some(b"b")),
            print(Some(5), Some(b"ab"), Some(b"")),
            print(Some(5), None, Some(b"ab")),
            print(Some(5), Some(b""), Some(b"ab")),
            print(Some(5), Some(b"ab"), None),
        ];
        for (n, one) in prints.iter().enumerate() {
            assert!(!prints[n + 1..].contains(one), "record {n} looks like another");
        }
    }

    #[test]
    fn a_log_is_another_only_where_both_are_known() {
        let log = |cluster: Option<&str>, topic: Option<&str>| LogId {
            cluster: cluster.map(Into::into),
            topic: topic.map(Into::into),
        };
        assert!(log(Some("c"), None).may_be(&log(Some("c"), Some("t"))));
        assert!(log(None, None).may_be(&log(Some("c"), Some("t"))));
        assert!(!log(Some("c"), Some("u")).may_be(&log(Some("c"), Some("t"))));
        assert!(!log(Some("d"), Some("t")).may_be(&log(Some("c"), Some("t"))));
    }
}
