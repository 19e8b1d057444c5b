//! The only code that knows Kafka, files or a wire format: a record becomes one interaction or
//! one rejection, and nothing else can happen to it.

pub mod dead_letter;
pub mod files;
pub mod format;
pub mod kafka;
pub mod order;
