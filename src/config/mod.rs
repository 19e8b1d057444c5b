//! Configuration: the newtypes that the modules write theirs with, and the root that composes them.

mod byte_size;
mod duration;

pub use byte_size::{ByteSize, NotAByteSize};
pub use duration::{Duration, NotADuration};

/// A value that a check refuses: a key below the module's own part, such as `top_k`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {value} is not allowed, it must be {allowed}")]
pub struct Invalid {
    pub key: String,
    pub value: String,
    pub allowed: String,
}

impl Invalid {
    pub fn new(
        key: impl Into<String>,
        value: impl std::fmt::Display,
        allowed: impl Into<String>,
    ) -> Self {
        Self { key: key.into(), value: value.to_string(), allowed: allowed.into() }
    }
}
