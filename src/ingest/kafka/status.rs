//! What keeps the daemon from reading Kafka, if anything, and since when.
//!
//! Invariant: a problem is logged once when it begins and once when it is over, however often
//! it is met meanwhile.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::clock;

/// Shared by who meets problems and who shows them.
#[derive(Clone, Debug, Default)]
pub struct Status(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    problem: Option<Problem>,
    /// The last words of the client, which explain why nothing answers.
    last_error: Option<String>,
}

/// Something that is being retried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub kind: ProblemKind,
    /// One line that names the broker, topic or group.
    pub what: String,
    /// When it began, ms since the Unix epoch.
    pub since_ms: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProblemKind {
    /// No broker answers.
    Unreachable,
    /// The broker refuses who we are, or what we ask for.
    Denied,
    /// A topic does not exist.
    NoTopic,
    /// The group does not have this member, or does not let it in.
    Group,
}

impl Status {
    /// What is wrong now.
    #[must_use]
    pub fn problem(&self) -> Option<Problem> {
        self.lock().problem.clone()
    }

    pub(super) fn begin(&self, kind: ProblemKind, what: String) {
        let mut inner = self.lock();
        match &mut inner.problem {
            Some(problem) if problem.kind == kind => problem.what = what,
            problem => {
                tracing::error!("{what}; trying again until it works");
                *problem = Some(Problem { kind, what, since_ms: clock::wall_ms() });
            }
        }
    }

    /// Ends a problem of one of these kinds.
    pub(super) fn end(&self, kinds: &[ProblemKind]) {
        let mut inner = self.lock();
        if let Some(problem) = inner.problem.take_if(|problem| kinds.contains(&problem.kind)) {
            let lasted_ms = clock::wall_ms().saturating_sub(problem.since_ms);
            tracing::info!(lasted_ms, problem = problem.what, "kafka: the problem is over");
        }
        inner.last_error = None;
    }

    pub(super) fn note_error(&self, words: &str) {
        self.lock().last_error = Some(without_timing(words));
    }

    pub(super) fn last_error(&self) -> Option<String> {
        self.lock().last_error.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// librdkafka ends its lines with the time that an attempt took and with how often it saw them.
fn without_timing(words: &str) -> String {
    words.split(" (after ").next().unwrap_or(words).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_keeps_its_beginning_until_it_is_over() {
        let status = Status::default();
        status.begin(ProblemKind::Unreachable, "no broker at a:1".into());
        let began = status.problem().expect("a problem");
        status.begin(ProblemKind::Unreachable, "no broker at a:1, refused".into());
        let later = status.problem().expect("still a problem");
        assert_eq!((later.since_ms, &*later.what), (began.since_ms, "no broker at a:1, refused"));
        status.end(&[ProblemKind::NoTopic]);
        assert!(status.problem().is_some(), "another kind of problem is over, not this one");
        status.end(&[ProblemKind::NoTopic, ProblemKind::Unreachable]);
        assert_eq!(status.problem(), None);
    }

    #[test]
    fn words_are_the_same_at_each_attempt() {
        let said = "127.0.0.1:1/bootstrap: Connect failed: refused (after 0ms in state CONNECT)";
        assert_eq!(without_timing(said), "127.0.0.1:1/bootstrap: Connect failed: refused");
    }
}
