//! What the outside reads: metrics, API, page, health.
