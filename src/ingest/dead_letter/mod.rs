//! Where records go that could not be scored.

use crate::model::Rejection;

/// Keeps what was rejected; it must not block the thread that rejects.
pub trait Sink: Send + Sync {
    fn keep(&self, rejection: &Rejection, key: Option<&[u8]>, payload: Option<&[u8]>);
}
