//! What the operator asks of a running daemon: end soon, end now, or read the configuration anew.

use std::process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::Thread;
use std::time::Instant;

use anyhow::Context;
use tokio::runtime::Handle;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;

use crate::clock;

/// Ended by a second signal: the shell's number for it.
const INTERRUPTED: i32 = 130;

/// Listens for signals until it is dropped.
pub(super) struct Signals {
    /// When it was told to stop.
    stop: Arc<OnceLock<Instant>>,
    reload: Arc<AtomicBool>,
    listening: JoinHandle<()>,
}

impl Signals {
    /// Listens from now on, and wakes `who` when there is something to be done.
    pub(super) fn listen(runtime: &Handle, who: Thread) -> anyhow::Result<Self> {
        let _within = runtime.enter();
        let hear = |kind| signal(kind).context("cannot listen for signals");
        let mut terminate = hear(SignalKind::terminate())?;
        let mut interrupt = hear(SignalKind::interrupt())?;
        let mut hang_up = hear(SignalKind::hangup())?;
        let stop = Arc::new(OnceLock::new());
        let reload = Arc::new(AtomicBool::new(false));
        let (asked, anew) = (Arc::clone(&stop), Arc::clone(&reload));
        let listening = runtime.spawn(async move {
            loop {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                    _ = hang_up.recv() => {
                        anew.store(true, Ordering::SeqCst);
                        who.unpark();
                        continue;
                    }
                }
                if asked.set(clock::instant()).is_err() {
                    tracing::warn!("told to stop twice, stopping at once");
                    #[allow(clippy::exit, reason = "whoever asks twice does not want to wait")]
                    process::exit(INTERRUPTED);
                }
                tracing::info!("told to stop, draining");
                who.unpark();
            }
        });
        Ok(Self { stop, reload, listening })
    }

    /// Whether the daemon was told to read its configuration anew, since this was last asked.
    #[must_use]
    pub(super) fn take_reload(&self) -> bool {
        self.reload.swap(false, Ordering::SeqCst)
    }

    /// Whether the daemon was told to stop.
    #[must_use]
    pub(super) fn stopping(&self) -> bool {
        self.asked().is_some()
    }

    /// When it was told to.
    #[must_use]
    pub(super) fn asked(&self) -> Option<Instant> {
        self.stop.get().copied()
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        self.listening.abort();
    }
}
