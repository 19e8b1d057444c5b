//! Bad input as data with an address: what could not be scored, where it lies, and why.

use std::sync::Arc;

/// Where a record lies: topic, partition and offset, or file, 0 and line.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Position {
    pub topic: Arc<str>,
    pub partition: i32,
    pub offset: i64,
}

/// Why a record was not scored. The set is closed and part of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Reason {
    /// Not JSON, not an object, or a field of the wrong type.
    Parse,
    /// `actor`, `kind` or a target that the kind needs is not there.
    MissingField,
    UnknownKind,
    /// A field is there and typed right, and its value cannot be.
    BadValue,
    /// Older than the newest bucket of its partition by the ring or more.
    TooOld,
    /// Ahead of the log's own time by more than five minutes.
    TooNew,
    /// The record, one of its names or its list of segments exceeds its limit.
    TooLarge,
    SelfInteraction,
    /// Its `id` was seen within the window.
    Duplicate,
    /// The memory limit is reached and nothing is left to evict.
    StateFull,
}

/// A record that was not scored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    pub position: Position,
    pub reason: Reason,
}

impl Reason {
    pub const ALL: [Self; 10] = [
        Self::Parse,
        Self::MissingField,
        Self::UnknownKind,
        Self::BadValue,
        Self::TooOld,
        Self::TooNew,
        Self::TooLarge,
        Self::SelfInteraction,
        Self::Duplicate,
        Self::StateFull,
    ];

    /// The reason as metrics, headers and the contract spell it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Parse => "parse",
            Self::MissingField => "missing_field",
            Self::UnknownKind => "unknown_kind",
            Self::BadValue => "bad_value",
            Self::TooOld => "too_old",
            Self::TooNew => "too_new",
            Self::TooLarge => "too_large",
            Self::SelfInteraction => "self_interaction",
            Self::Duplicate => "duplicate",
            Self::StateFull => "state_full",
        }
    }
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}-{}", self.topic, self.partition, self.offset)
    }
}
