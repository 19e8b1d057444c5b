//! What waits for one receiver, in memory or with a journal on disk.
//!
//! Invariant: within its limits of number and bytes; the oldest go first, each counted. Nobody who
//! pushes waits for the receiver.

use std::collections::VecDeque;
use std::io;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::disk::Journal;
use super::metrics::{Metrics, SinkMetrics};
use super::{Config, Error};
use crate::clock;
use crate::model::Shift;

pub(super) struct Queue {
    name: &'static str,
    state: Mutex<State>,
    /// Told when something comes, goes, or the queue closes.
    changed: Condvar,
    shifts_max: usize,
    bytes_max: usize,
    pub(super) metrics: SinkMetrics,
}

struct State {
    waiting: VecDeque<Shift>,
    bytes: usize,
    /// Counts those that went, so that who sends knows whether the oldest is still the same.
    gone: u64,
    journal: Option<Journal>,
    /// The journal could not be written the last time.
    is_failing: bool,
    /// After this, nothing more is sent.
    deadline: Option<Instant>,
}

impl Queue {
    pub(super) fn open(
        name: &'static str,
        config: &Config,
        metrics: &Metrics,
    ) -> Result<Self, Error> {
        let opened = config.queue_dir.as_ref().map(|dir| {
            let path = dir.join(format!("{name}.queue"));
            let failed = |source| Error::Queue { path: path.display().to_string(), source };
            Journal::open(&path).map_err(failed)
        });
        let (journal, before) = match opened.transpose()? {
            Some((journal, before)) => (Some(journal), before),
            None => (None, Vec::new()),
        };
        let queue = Self {
            name,
            state: Mutex::new(State {
                bytes: before.iter().map(size).sum(),
                waiting: before.into(),
                gone: 0,
                journal,
                is_failing: false,
                deadline: None,
            }),
            changed: Condvar::new(),
            shifts_max: usize::try_from(config.queue_shifts).unwrap_or(usize::MAX),
            bytes_max: config.queue_bytes.as_usize(),
            metrics: metrics.of(name),
        };
        queue.metrics.limit.set(i64::try_from(queue.shifts_max).unwrap_or(i64::MAX));
        let mut state = queue.lock();
        queue.make_room(&mut state, 0);
        queue.metrics.queue.set(i64::try_from(state.waiting.len()).unwrap_or(i64::MAX));
        drop(state);
        Ok(queue)
    }

    pub(super) fn push(&self, shift: Shift) {
        let bytes = size(&shift);
        let mut state = self.lock();
        self.make_room(&mut state, bytes);
        state.bytes += bytes;
        state.waiting.push_back(shift);
        self.metrics.queue.inc();
        let written = state.journal_came();
        self.journaled(&mut state, &written);
        self.changed.notify_all();
    }

    /// Waits for one to send, the oldest; nothing once the queue has closed and is empty, or its
    /// time is over. The number says which one it is.
    pub(super) fn oldest(&self) -> Option<(u64, Shift)> {
        let mut state = self.lock();
        loop {
            if state.is_over() {
                return None;
            }
            if let Some(oldest) = state.waiting.front() {
                return Some((state.gone, oldest.clone()));
            }
            if state.deadline.is_some() {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Lets go of one that was sent, or refused, unless it had to make room meanwhile.
    pub(super) fn done(&self, number: u64) {
        let mut state = self.lock();
        if state.gone == number {
            self.pop(&mut state);
        }
    }

    /// Waits before the next attempt, less when the queue closes meanwhile.
    pub(super) fn pause(&self, pause: Duration) {
        let until = clock::instant() + pause;
        let mut state = self.lock();
        let was_closing = state.deadline.is_some();
        loop {
            let left = until.saturating_duration_since(clock::instant());
            if left.is_zero() || state.is_over() || state.deadline.is_some() != was_closing {
                return;
            }
            let left = state
                .deadline
                .map_or(left, |end| left.min(end.saturating_duration_since(clock::instant())));
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// What waits is sent until `deadline`.
    pub(super) fn close(&self, deadline: Instant) {
        self.lock().deadline = Some(deadline);
        self.changed.notify_all();
    }

    /// Says what is left behind.
    pub(super) fn end(&self) {
        let state = self.lock();
        let (left, sink) = (state.waiting.len(), self.name);
        if left > 0 && state.journal.is_some() {
            tracing::warn!(sink, left, "shifts wait on disk to be told after the next start");
        } else if left > 0 {
            self.metrics.dropped.inc_by(left as u64);
            tracing::error!(sink, left, "shifts could not be told and are lost");
        }
    }

    fn make_room(&self, state: &mut State, bytes: usize) {
        let mut dropped = 0;
        while !state.waiting.is_empty()
            && (state.waiting.len() >= self.shifts_max + usize::from(bytes == 0)
                || state.bytes + bytes > self.bytes_max)
        {
            self.pop(state);
            dropped += 1;
        }
        if dropped > 0 {
            self.metrics.dropped.inc_by(dropped);
            tracing::error!(
                sink = self.name,
                dropped,
                "the queue of shifts is full, the oldest are lost"
            );
        }
    }

    fn pop(&self, state: &mut State) {
        let Some(oldest) = state.waiting.pop_front() else { return };
        state.bytes -= size(&oldest);
        state.gone += 1;
        self.metrics.queue.dec();
        let written = state.journal_went();
        self.journaled(state, &written);
    }

    /// A journal that cannot be written costs what it is for, a crash without loss, and no more.
    fn journaled(&self, state: &mut State, written: &io::Result<()>) {
        let was_failing = std::mem::replace(&mut state.is_failing, written.is_err());
        match written {
            Err(error) if !was_failing => tracing::error!(
                sink = self.name,
                %error,
                "the queue of shifts cannot be written to disk, a crash would lose or repeat some"
            ),
            Ok(()) if was_failing => {
                tracing::info!(sink = self.name, "the queue of shifts is written to disk again");
            }
            _ => {}
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Once the journal has missed something, only all that waits makes it right again.
    fn journal_came(&mut self) -> io::Result<()> {
        let Some(journal) = &mut self.journal else { return Ok(()) };
        match self.waiting.back() {
            Some(newest) if !self.is_failing => journal.came(newest),
            _ => journal.rewrite(self.waiting.iter()),
        }
    }

    fn journal_went(&mut self) -> io::Result<()> {
        let Some(journal) = &mut self.journal else { return Ok(()) };
        if self.is_failing || journal.is_mostly_past(self.bytes) {
            journal.rewrite(self.waiting.iter())
        } else {
            journal.went()
        }
    }

    fn is_over(&self) -> bool {
        self.deadline.is_some_and(|deadline| clock::instant() >= deadline)
    }
}

/// Bytes of memory, which are no fewer than those of the journal by much.
fn size(shift: &Shift) -> usize {
    let texts =
        [&*shift.segment, &*shift.influencer, shift.previous.as_deref().unwrap_or_default()];
    size_of::<Shift>() + 2 * texts.map(str::len).iter().sum::<usize>() + 2 * shift.summary.len()
}
