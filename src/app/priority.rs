//! Whose turn it is where cores are short: first those that somebody waits for, then those that
//! score, then those that write what is due.

use rustix::process::setpriority_process;

/// Nice value of a thread that scores: a third of the time of one that draws or answers, which
/// takes milliseconds.
pub(super) const SCORING: i32 = 5;

/// Nice value of a thread that writes what is due: a tenth of the time of one that scores.
pub(super) const DUE: i32 = 15;

/// Has this thread step back behind those with lower values, if that is allowed; only on Linux is
/// the priority that of a thread.
pub(super) fn step_back(nice: i32) {
    if let Err(error) = setpriority_process(None, nice) {
        tracing::debug!(%error, "a thread has the priority of others");
    }
}
