//! Where rejected records are kept, and what happens when they cannot be.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::Invalid;

/// Records that could not be scored. Without a topic and a file they are only counted.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Topic to which rejected records are written as they came, with headers that say why.
    pub topic: Option<String>,
    /// File to which rejected records are appended, a JSON object a line. Instead of a topic.
    pub file: Option<PathBuf>,
    /// What happens when rejected records cannot be written and the queue is full: count loses
    /// them and counts them, block stops reading until they can be.
    pub on_failure: OnFailure,
    /// Rejected records that wait to be written, at most.
    pub queue_records: u64,
}

/// See [`Config::on_failure`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnFailure {
    #[default]
    Count,
    Block,
}

impl Default for Config {
    fn default() -> Self {
        Self { topic: None, file: None, on_failure: OnFailure::Count, queue_records: 10_000 }
    }
}

impl Config {
    /// Whether each value is within its bounds.
    pub fn validate(&self) -> Result<(), Invalid> {
        if let (Some(topic), Some(_)) = (&self.topic, &self.file) {
            return Err(Invalid::new("topic", topic, "left out when there is a file"));
        }
        if self.topic.as_ref().is_some_and(String::is_empty) {
            return Err(Invalid::new("topic", "\"\"", "the name of a topic"));
        }
        if self.file.as_ref().is_some_and(|file| file.as_os_str().is_empty()) {
            return Err(Invalid::new("file", "\"\"", "the path of a file"));
        }
        if !(1..=1_000_000).contains(&self.queue_records) {
            return Err(Invalid::new("queue_records", self.queue_records, "from 1 to 1000000"));
        }
        Ok(())
    }
}
