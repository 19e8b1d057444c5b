//! What this binary was built from.

use crate::ingest::kafka;
use crate::serve::Build;

pub(super) fn info() -> Build {
    Build {
        version: env!("CARGO_PKG_VERSION").into(),
        revision: env!("SILLAGE_REVISION").into(),
        rustc: env!("SILLAGE_RUSTC").into(),
        librdkafka: kafka::library_version(),
    }
}
