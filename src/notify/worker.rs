//! The thread that speaks to one receiver: in order, as often as it takes.

use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::queue::Queue;
use super::{SendError, Sink};
use crate::clock;

/// The first pause between attempts.
const PAUSE: Duration = Duration::from_millis(500);

pub(super) struct Worker {
    queue: Arc<Queue>,
    thread: JoinHandle<()>,
}

impl Worker {
    pub(super) fn start(
        name: &'static str,
        queue: Queue,
        mut sink: Box<dyn Sink>,
        pause_max: Duration,
    ) -> Self {
        let queue = Arc::new(queue);
        let of = Arc::clone(&queue);
        let thread = thread::Builder::new()
            .name(format!("tell-{name}"))
            .spawn(move || {
                while let Some((number, shift)) = of.oldest() {
                    deliver(name, &of, (number, &shift), &mut *sink, pause_max);
                }
                of.end();
            })
            .expect("a thread must start");
        Self { queue, thread }
    }

    pub(super) fn queue(&self) -> &Queue {
        &self.queue
    }

    pub(super) fn is_alive(&self) -> bool {
        !self.thread.is_finished()
    }

    /// Waits for it to end, but not for an answer that is not in by then.
    pub(super) fn join(self, deadline: Instant) {
        while !self.thread.is_finished() && clock::instant() < deadline {
            thread::park_timeout(Duration::from_millis(10));
        }
        if !self.thread.is_finished() {
            tracing::warn!("a receiver of shifts keeps its answer, not waiting for it");
            self.queue.end();
        }
    }
}

/// Sends one until it is taken, refused, or no longer the oldest.
fn deliver(
    name: &'static str,
    queue: &Queue,
    (mut number, shift): (u64, &crate::model::Shift),
    sink: &mut dyn Sink,
    pause_max: Duration,
) {
    let mut shift = shift.clone();
    for attempt in 0_u32.. {
        let id = shift.id;
        match sink.send(&shift) {
            Ok(()) => {
                if attempt > 0 {
                    tracing::info!(sink = name, "shifts are told again");
                }
                queue.done(number);
                queue.metrics.delivered.inc();
                return;
            }
            Err(error @ SendError::Never(_)) => {
                queue.metrics.failures.inc();
                queue.metrics.dropped.inc();
                tracing::error!(sink = name, %id, %error, "a shift is given up");
                return queue.done(number);
            }
            Err(error @ SendError::Again(_)) => {
                queue.metrics.failures.inc();
                if attempt == 0 {
                    tracing::warn!(sink = name, %id, %error, "a shift is not told, trying again");
                }
            }
        }
        queue.pause(pause(attempt, pause_max));
        // The oldest may have had to make room meanwhile.
        let Some(oldest) = queue.oldest() else { return };
        (number, shift) = oldest;
    }
}

/// Twice as long each time, less a random part of up to a half, so that restarted receivers are
/// not asked by all at once.
fn pause(attempt: u32, pause_max: Duration) -> Duration {
    let whole = PAUSE.saturating_mul(1 << attempt.min(16)).min(pause_max);
    let random = getrandom::u32().unwrap_or_default();
    whole.mul_f64(1.0 - 0.5 * f64::from(random) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let most = Duration::from_secs(10);
        for (attempt, whole) in [(0, 500), (1, 1_000), (3, 4_000), (5, 10_000), (4_000_000, 10_000)]
        {
            let paused = pause(attempt, most);
            let whole = Duration::from_millis(whole);
            assert!(paused <= whole && paused >= whole / 2, "{attempt}: {paused:?}");
        }
    }
}
