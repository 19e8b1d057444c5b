//! What of a shard reaches disk.

mod body;
mod column;
mod histories;

pub use crate::engine::Broken;
pub use body::{decode, encode};
