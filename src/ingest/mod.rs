//! The only code that knows Kafka, files or a wire format: a record becomes one interaction or
//! one rejection, and nothing else can happen to it.

pub mod kafka;
pub mod order;

pub mod files;
pub mod format;

pub mod dead_letter;
