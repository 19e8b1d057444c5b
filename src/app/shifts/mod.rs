//! Watches the pictures for shifts: one thread compares them, tells the receivers and the log that
//! readers see, and keeps what was announced.
//!
//! Invariant: the beat never waits for it; a picture that comes while it is busy is left out, which
//! the next one makes up for. A shift is with the queues of the receivers before it counts as
//! announced on disk, so that a crash in between tells it again, under the same id.

mod kept;
mod metrics;
mod topic;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, SyncSender, TrySendError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::Context;
use prometheus::Registry;

pub(super) use self::metrics::Metrics;
use self::topic::Topic;
use crate::clock;
use crate::config::Config;
use crate::detect::Detector;
use crate::notify::{self, Notifier};
use crate::view::{ShiftLog, View};

/// Between writes of a state in which nothing was announced: what they save is the window.
const SAVE_EVERY: Duration = Duration::from_secs(30);
/// For the receivers to take what is queued when the daemon ends.
const TELL_WITHIN: Duration = Duration::from_secs(3);

/// The holder of the thread.
pub(super) struct Shifts {
    looks: SyncSender<Look>,
    thread: JoinHandle<()>,
}

/// A picture, and whether it shows all of the log.
struct Look {
    view: Arc<View>,
    is_live: bool,
}

impl Shifts {
    /// Starts the receivers and the thread. `log` is given what was announced before.
    pub(super) fn start(
        config: &Config,
        registry: &Registry,
        log: &ShiftLog,
    ) -> anyhow::Result<Self> {
        let file = config.snapshot.dir.as_ref().map(|dir| dir.join(kept::FILE));
        let (state, announced) = file.as_deref().map(kept::load).unwrap_or_default();
        for shift in announced {
            log.push(shift);
        }
        let mut notifier = Notifier::new(&config.notify, notify::Metrics::register(registry)?);
        notifier.start_configured()?;
        if let Some(topic) = &config.notify.kafka.topic {
            let sink = Topic::start(&config.kafka, topic, config.notify.timeout.0)
                .with_context(|| format!("cannot write shifts to topic {topic}"))?;
            notifier.start("kafka", Box::new(sink))?;
        }
        let watch = Watch {
            detector: Detector::resume(&config.detect, &config.model, state),
            log: log.clone(),
            notifier,
            metrics: Metrics::register(registry)?,
            file,
            saved: None,
            is_failing: false,
        };
        // The newest picture is worth more than the ones before it: no queue.
        let (looks, looked) = mpsc::sync_channel(1);
        let thread = thread::Builder::new()
            .name("shifts".into())
            .spawn(move || watch.run(&looked))
            .context("cannot start the thread that watches for shifts")?;
        Ok(Self { looks, thread })
    }

    /// Hands a picture over, if the last one was looked at.
    pub(super) fn look(&self, view: Arc<View>, is_live: bool) {
        match self.looks.try_send(Look { view, is_live }) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => {
                tracing::debug!("a view came before the last was compared");
            }
            Err(TrySendError::Disconnected(_)) => {
                tracing::debug!("nobody watches for shifts");
            }
        }
    }

    /// Whether it still runs: false after a panic of it, or of a receiver's thread.
    pub(super) fn is_alive(&self) -> bool {
        !self.thread.is_finished()
    }

    /// Ends it and the receivers; false if that takes longer than `patience`.
    pub(super) fn close(self, patience: Duration) -> bool {
        let deadline = clock::instant() + patience;
        drop(self.looks);
        while !self.thread.is_finished() && clock::instant() < deadline {
            thread::park_timeout(Duration::from_millis(10));
        }
        self.thread.is_finished()
    }
}

/// What the thread works with.
struct Watch {
    detector: Detector,
    log: ShiftLog,
    notifier: Notifier,
    metrics: Metrics,
    /// Where the state is kept, if it is.
    file: Option<PathBuf>,
    saved: Option<Instant>,
    is_failing: bool,
}

impl Watch {
    fn run(mut self, looked: &Receiver<Look>) {
        while let Ok(Look { view, is_live }) = looked.recv() {
            let has_news = self.compare(&view, is_live);
            if has_news || self.is_due() {
                self.save();
            }
            if !self.notifier.is_alive() {
                tracing::error!("a thread that tells shifts panicked");
                return;
            }
        }
        self.save();
        self.notifier.close(TELL_WITHIN);
    }

    /// Announces what has shifted; whether anything has.
    fn compare(&mut self, view: &View, is_live: bool) -> bool {
        let mut shifts = self.detector.observe(view, is_live);
        shifts.retain(|shift| !self.log.contains(shift.id));
        self.metrics.observe(view, &shifts);
        for shift in &shifts {
            tracing::info!(id = %shift.id, rule = shift.rule.as_str(), "{}", shift.summary);
            self.notifier.tell(shift);
        }
        let has_news = !shifts.is_empty();
        for shift in shifts {
            self.log.push(shift);
        }
        has_news
    }

    /// How things stand at first sight is worth keeping at once.
    fn is_due(&self) -> bool {
        let is_due = |saved| clock::instant().saturating_duration_since(saved) >= SAVE_EVERY;
        self.detector.state().as_of_ms > 0 && self.saved.is_none_or(is_due)
    }

    fn save(&mut self) {
        self.saved = Some(clock::instant());
        let Some(file) = &self.file else { return };
        let saved = kept::save(file, self.detector.state(), &self.log.all());
        let was_failing = std::mem::replace(&mut self.is_failing, saved.is_err());
        match saved {
            Err(error) if !was_failing => tracing::error!(
                "a restart would tell shifts again: {:#}",
                anyhow::Error::from(error)
            ),
            Ok(()) if was_failing => tracing::info!("what was announced is kept again"),
            _ => {}
        }
    }
}
