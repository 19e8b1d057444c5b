//! How much is tried: what fits in `make test`, or with `SILLAGE_SOAK=1` what `make soak` takes its
//! time for.
#![allow(dead_code, reason = "each test binary uses a part of it")]

/// The size for an ordinary run, or the one for a soak.
pub(crate) fn or<T>(ordinary: T, soak: T) -> T {
    if std::env::var_os("SILLAGE_SOAK").is_some_and(|wanted| wanted == "1") {
        soak
    } else {
        ordinary
    }
}
