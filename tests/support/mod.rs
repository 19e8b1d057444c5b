//! What tests of several files need: the real things to run against.

pub(crate) mod kafka;
pub(crate) mod model;
pub(crate) mod recorded;
pub(crate) mod soak;
