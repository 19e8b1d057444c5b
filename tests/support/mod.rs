//! What tests of several files need: the real things to run against.

pub(crate) mod kafka;
pub(crate) mod recorded;
