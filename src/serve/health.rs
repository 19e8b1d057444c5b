//! `/-/healthy` and `/-/ready`: whether the process answers, and whether its answers can be relied
//! on.
//!
//! Invariant: ready means that no part has a reason against it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::problem::Problem;
use super::routes::Shared;

/// The reasons against readiness, by key. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<Mutex<BTreeMap<&'static str, String>>>);

/// A reason against readiness: a key for machines, a sentence for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cause {
    pub reason: &'static str,
    pub detail: String,
}

impl Readiness {
    /// Gives the reason under a key such as `restoring`, or takes it back with `None`.
    pub fn set(&self, reason: &'static str, detail: Option<String>) {
        let mut reasons = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match detail {
            Some(detail) => reasons.insert(reason, detail),
            None => reasons.remove(reason),
        };
    }

    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    #[must_use]
    pub fn causes(&self) -> Vec<Cause> {
        let reasons = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        reasons.iter().map(|(reason, detail)| Cause { reason, detail: detail.clone() }).collect()
    }
}

pub(super) async fn healthy() -> &'static str {
    "healthy\n"
}

pub(super) async fn ready(State(shared): State<Shared>) -> Response {
    let causes = shared.readiness.causes();
    if causes.is_empty() {
        return "ready\n".into_response();
    }
    let said: Vec<_> = causes.iter().map(|c| format!("{}: {}", c.reason, c.detail)).collect();
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, said.join("; ")).because(causes).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_when_every_reason_is_taken_back() {
        let readiness = Readiness::default();
        assert!(readiness.is_ready());
        let other = readiness.clone();
        other.set("restoring", Some("2 of 6 partitions".into()));
        other.set("broker", Some("127.0.0.1:9092 does not answer".into()));
        other.set("restoring", Some("1 of 6 partitions".into()));
        let said: Vec<_> = readiness.causes().into_iter().map(|c| (c.reason, c.detail)).collect();
        let broker = ("broker", "127.0.0.1:9092 does not answer".to_owned());
        assert_eq!(said, [broker, ("restoring", "1 of 6 partitions".to_owned())]);
        other.set("broker", None);
        assert!(!readiness.is_ready());
        other.set("restoring", None);
        assert!(readiness.is_ready());
    }
}
