//! The bounded queue between those who reject records and the thread that writes them.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use prometheus::Registry;
use tracing::{error, info};

use super::latest::Latest;
use super::metrics::Metrics;
use super::{Config, DeadLetter, OnFailure, Sink};
use crate::clock;
use crate::model::Rejection;

/// Letters in one write, at most.
const WRITE_LETTERS_MAX: usize = 512;
/// Bytes that wait, at most, whatever the number of letters.
const QUEUE_BYTES_MAX: usize = 64 << 20;
/// From a failed write to the next attempt.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// Takes dead letters from any thread.
#[derive(Clone)]
pub struct DeadLetters {
    queue: Option<Arc<Queue>>,
    latest: Arc<Latest>,
}

/// The holder of the thread that writes.
pub struct Writer(Option<Arc<Queue>>);

struct Queue {
    state: Mutex<State>,
    /// Told when letters left the queue, when it closes, and when its writer is gone.
    changed: Condvar,
    /// Told when there is something to write, and when the queue closes.
    work: Condvar,
    records_max: usize,
    metrics: Metrics,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<DeadLetter>,
    /// Letters that wait or are being written, and their bytes.
    records: usize,
    bytes: usize,
    /// Who finds the queue full waits.
    is_blocking: bool,
    /// How many wait for room.
    held_up: usize,
    /// Nothing more is taken.
    is_closed: bool,
    is_writer_gone: bool,
}

impl DeadLetters {
    /// Starts the thread that writes to `sink`. Without a sink, letters are dropped: what they
    /// report is counted where they come from.
    pub fn start(
        config: &Config,
        sink: Option<Box<dyn Sink>>,
        registry: &Registry,
    ) -> Result<(Self, Writer), prometheus::Error> {
        let metrics = Metrics::register(registry)?;
        let latest = Arc::<Latest>::default();
        let Some(sink) = sink else { return Ok((Self { queue: None, latest }, Writer(None))) };
        let queue = Arc::new(Queue {
            state: Mutex::new(State {
                is_blocking: config.on_failure == OnFailure::Block,
                ..State::default()
            }),
            changed: Condvar::new(),
            work: Condvar::new(),
            records_max: usize::try_from(config.queue_records).unwrap_or(usize::MAX),
            metrics,
        });
        let writer = Arc::clone(&queue);
        thread::Builder::new()
            .name("dead-letter".into())
            .spawn(move || writer.write_all(sink))
            .expect("a thread must start");
        Ok((Self { queue: Some(Arc::clone(&queue)), latest }, Writer(Some(queue))))
    }

    /// Hands over a record that was rejected. When the queue is full it waits for room or loses
    /// the record, as configured.
    pub fn send(&self, rejection: Rejection, key: Option<&[u8]>, payload: Option<&[u8]>) {
        self.latest.note(&rejection);
        let Some(queue) = &self.queue else { return };
        queue.push(DeadLetter {
            rejection,
            time_ms: clock::wall_ms(),
            key: key.map(<[u8]>::to_vec),
            payload: payload.map(<[u8]>::to_vec),
        });
    }
}

impl DeadLetters {
    /// Of each reason one rejected record, also where none are kept, and when that was, ms since the
    /// Unix epoch.
    #[must_use]
    pub fn latest(&self) -> Vec<(Rejection, i64)> {
        self.latest.all()
    }

    /// Whether someone waits for room, as configured.
    #[must_use]
    pub fn hold_up(&self) -> bool {
        self.queue.as_ref().is_some_and(|queue| queue.lock().held_up > 0)
    }
}

impl Writer {
    /// Whether letters are still being written; if not, the thread has died of a panic.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.0.as_ref().is_none_or(|queue| !queue.lock().is_writer_gone)
    }

    /// Lets nobody wait for room from now on: who shuts down has no time for that.
    pub fn stop_blocking(&self) {
        if let Some(queue) = &self.0 {
            queue.lock().is_blocking = false;
            queue.changed.notify_all();
        }
    }

    /// Takes nothing more, and waits at most `patience` for what is queued to be written.
    /// Returns how many letters were not.
    #[must_use]
    pub fn close(self, patience: Duration) -> usize {
        let Some(queue) = self.0 else { return 0 };
        let deadline = clock::instant() + patience;
        let mut state = queue.lock();
        state.is_closed = true;
        queue.work.notify_all();
        queue.changed.notify_all();
        while state.records > 0 && !state.is_writer_gone {
            let left = deadline.saturating_duration_since(clock::instant());
            if left.is_zero() {
                break;
            }
            let waited = queue.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        // The writer, if it is still at it, ends with its next attempt.
        state.is_writer_gone = true;
        queue.work.notify_all();
        queue.metrics.failures.inc_by(state.records as u64);
        state.records
    }
}

impl Queue {
    fn push(&self, letter: DeadLetter) {
        let bytes = letter.bytes();
        let mut state = self.lock();
        while !state.is_over() && !self.has_room(&state, bytes) {
            if !state.is_blocking {
                self.metrics.failures.inc();
                return;
            }
            state.held_up += 1;
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.held_up -= 1;
        }
        if state.is_over() {
            self.metrics.failures.inc();
            return;
        }
        state.records += 1;
        state.bytes += bytes;
        state.waiting.push_back(letter);
        self.metrics.queued.inc();
        self.work.notify_one();
    }

    /// One letter fits always, so that none is too large to be written.
    fn has_room(&self, state: &State, bytes: usize) -> bool {
        state.records == 0
            || (state.records < self.records_max && state.bytes + bytes <= QUEUE_BYTES_MAX)
    }

    /// The writer's thread: until the queue is closed and empty, or given up.
    fn write_all(self: Arc<Self>, mut sink: Box<dyn Sink>) {
        let _gone = Gone(Arc::clone(&self));
        while let Some(letters) = self.next() {
            if !self.write(&letters, &mut *sink) {
                return;
            }
            self.metrics.count_written(&letters);
            self.metrics.queued.sub(i64::try_from(letters.len()).unwrap_or(i64::MAX));
            let mut state = self.lock();
            state.records -= letters.len();
            state.bytes -= letters.iter().map(DeadLetter::bytes).sum::<usize>();
            self.changed.notify_all();
        }
    }

    /// Writes letters, as often as it takes. False if it was given up.
    fn write(&self, letters: &[DeadLetter], sink: &mut dyn Sink) -> bool {
        let mut is_failing = false;
        while let Err(error) = sink.write(letters) {
            self.metrics.failures.inc();
            if !std::mem::replace(&mut is_failing, true) {
                let error = &error as &dyn std::error::Error;
                error!(error, "dead letters cannot be written, trying again");
            }
            let state = self.lock();
            let was_closed = state.is_closed;
            let pause = if was_closed { RETRY_AFTER / 10 } else { RETRY_AFTER };
            let is_news = |s: &State| s.is_writer_gone || s.is_closed != was_closed;
            let waited = self.work.wait_timeout_while(state, pause, |state| !is_news(state));
            if waited.unwrap_or_else(PoisonError::into_inner).0.is_writer_gone {
                return false;
            }
        }
        if is_failing {
            info!("dead letters are written again");
        }
        true
    }

    /// Waits for letters; nothing once the queue is closed and empty.
    fn next(&self) -> Option<Vec<DeadLetter>> {
        let mut state = self.lock();
        while state.waiting.is_empty() && !state.is_over() {
            state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let next = state.waiting.len().min(WRITE_LETTERS_MAX);
        let is_done = state.is_writer_gone || next == 0;
        (!is_done).then(|| state.waiting.drain(..next).collect())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_over(&self) -> bool {
        self.is_closed || self.is_writer_gone
    }
}

/// Says that the writer has ended, however it did.
struct Gone(Arc<Queue>);

impl Drop for Gone {
    fn drop(&mut self) {
        self.0.lock().is_writer_gone = true;
        self.0.changed.notify_all();
    }
}
