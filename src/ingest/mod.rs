//! The only code that knows Kafka, files or a wire format: a record becomes one interaction or
//! one rejection, and nothing else can happen to it.

pub mod format;
