//! Why a snapshot cannot be gone on from, and why one cannot be written.

use std::io;

/// Why a snapshot is not used.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    #[error("it is damaged")]
    Corrupt,
    #[error("it was written by another version: {0}")]
    Version(u16),
    #[error("its state cannot be restored: {0}")]
    Broken(String),
    #[error("it is of another log: {0}")]
    Foreign(String),
    #[error("it was scored by another model")]
    Model,
    #[error("its accounts have another key")]
    Key,
    #[error("its log ends before it, at offset {end} of {topic}, and it covers up to {covered}")]
    BeyondEnd { topic: String, covered: i64, end: i64 },
    #[error("it cannot be read")]
    Unreadable(#[source] io::Error),
}

impl Unfit {
    /// The reason in one word, as in file names and metrics.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Corrupt => "corrupt",
            Self::Version(_) => "version",
            Self::Broken(_) => "broken",
            Self::Foreign(_) => "foreign",
            Self::Model => "model",
            Self::Key => "key",
            Self::BeyondEnd { .. } => "beyond_end",
            Self::Unreadable(_) => "unreadable",
        }
    }

    /// Whether it says that the log is not the one that was read before.
    #[must_use]
    pub const fn is_about_the_log(&self) -> bool {
        matches!(self, Self::Foreign(_) | Self::BeyondEnd { .. })
    }
}

/// Why a snapshot was not written.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    #[error("another member owns the partition now")]
    Fenced,
    #[error("cannot {0}")]
    Disk(&'static str, #[source] io::Error),
}

impl SaveError {
    /// All that [`Self::label`] may say.
    pub const LABELS: [&'static str; 4] = ["fenced", "disk_full", "denied", "io"];

    /// The reason in one word, as in metrics.
    #[must_use]
    pub fn label(&self) -> &'static str {
        let Self::Disk(_, error) = self else { return "fenced" };
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "disk_full",
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => "denied",
            _ => "io",
        }
    }
}
