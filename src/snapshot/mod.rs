//! Snapshots: a shard's state on disk, whole or not at all, with the offsets that it covers.
//!
//! Invariant: a snapshot is the state of a prefix of its log under its configuration; whoever
//! restores one goes on with the next record, and ends where it would have without a stop.

mod body;
mod column;
mod disk;
mod file;
mod header;
mod histories;
mod recovery;
mod tenure;
mod unfit;

pub use body::{decode, encode, encode_while};
pub use disk::{Disk, Files};
pub use file::VERSION;
pub use header::{Covered, Header, LastRecord, LogId, Origin};
pub use recovery::{Found, Gap, InMemory, Log, LogError, Opened, Restored, Store, Unverified};
pub use tenure::Tenure;
pub use unfit::{SaveError, Unfit};

pub use crate::engine::Broken;
