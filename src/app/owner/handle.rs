//! A shard's thread as others have it: what it is told, and what it last said.
//!
//! Invariant: at most one publication is asked of it at a time, so that there is room for the
//! commands that must not be lost.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TrySendError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use super::thread::{Command, Owner};
use super::work::Work;
use super::{Cut, Links, Shared, words};
use crate::clock;

/// Commands that wait at most; a thread looks at them every few ms.
const COMMANDS: usize = 64;

/// What a thread that was silent is waited for again.
const ASIDE: Duration = Duration::from_millis(50);

pub(super) struct Handle {
    pub(super) number: usize,
    commands: SyncSender<Command>,
    thread: JoinHandle<()>,
    asked: Mutex<Asked>,
}

#[derive(Default)]
struct Asked {
    /// Where the answer comes that is still awaited.
    answer: Option<Receiver<Vec<Cut>>>,
    /// When somebody first waited for it in vain.
    silent_since: Option<Instant>,
    /// The answer before.
    last: Vec<Cut>,
}

impl Handle {
    pub(super) fn spawn(number: usize, shared: &Arc<Shared>, links: &Links) -> io::Result<Self> {
        let (commands, received) = mpsc::sync_channel(COMMANDS);
        let work = Work::new(
            Arc::clone(&links.decoder),
            links.dead_letters.clone(),
            links.kafka.clone(),
            links.metrics.clone(),
            shared.on_gap,
        );
        let owner = Owner::new(Arc::clone(shared), received, work, number);
        let shared = Arc::clone(shared);
        let thread = Builder::new().name(format!("shards-{number}")).spawn(move || {
            // What a panic leaves behind is dropped with the thread, but for the book's lock,
            // which knows of it.
            match catch_unwind(AssertUnwindSafe(|| owner.run())) {
                Ok(Ok(())) => {}
                Ok(Err(error)) => shared.poison_with(format!("shard thread {number}: {error}")),
                Err(panic) => {
                    let words = words(&*panic);
                    shared.poison_with(format!("shard thread {number} panicked: {words}"));
                }
            }
        })?;
        Ok(Self { number, commands, thread, asked: Mutex::default() })
    }

    pub(super) fn command(&self, command: Command, shared: &Shared) {
        match self.commands.try_send(command) {
            Ok(()) => self.thread.thread().unpark(),
            Err(TrySendError::Full(_)) => {
                shared.poison_with(format!("shard thread {} does not answer", self.number));
            }
            // It said why when it ended.
            Err(TrySendError::Disconnected(_)) => {}
        }
    }

    /// Asks it to publish, unless it has yet to; idle shards follow `newest_ms`.
    pub(super) fn ask(&self, newest_ms: Option<i64>, shared: &Shared) {
        let mut asked = self.asked();
        if asked.answer.is_none() {
            let (reply, answer) = mpsc::sync_channel(1);
            self.command(Command::Tick(reply, newest_ms), shared);
            asked.answer = Some(answer);
        }
    }

    /// What it answers by `deadline`, or else what it said before.
    pub(super) fn answer(&self, deadline: Instant) -> Vec<Cut> {
        let mut asked = self.asked();
        let Some(answer) = asked.answer.take() else { return asked.last.clone() };
        let began = clock::instant();
        // Waiting in vain once is enough.
        let again = asked.silent_since.map(|_| began + ASIDE);
        let deadline = again.map_or(deadline, |again| again.min(deadline));
        match answer.recv_timeout(deadline.saturating_duration_since(began)) {
            Ok(cuts) => {
                asked.silent_since = None;
                asked.last = cuts.iter().map(|cut| Cut { fetched_since: None, ..*cut }).collect();
                cuts
            }
            Err(RecvTimeoutError::Timeout) => {
                asked.answer = Some(answer);
                asked.silent_since.get_or_insert(began);
                asked.last.clone()
            }
            Err(RecvTimeoutError::Disconnected) => Vec::new(),
        }
    }

    /// For how long it has been waited for in vain.
    pub(super) fn silence(&self) -> Duration {
        let since = self.asked().silent_since;
        since.map_or(Duration::ZERO, |since| clock::instant() - since)
    }

    /// Lets it end.
    pub(super) fn dismiss(self) -> JoinHandle<()> {
        drop(self.commands);
        self.thread.thread().unpark();
        self.thread
    }

    fn asked(&self) -> MutexGuard<'_, Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
