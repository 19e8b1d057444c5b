//! The whole daemon: what `run` and `demo` start, keep beating, and end.
//!
//! Invariant: everything that runs has its holder here, and is ended in the reverse of the order
//! in which it was started, all of it in bounded time.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;

use anyhow::{Context, bail};
use fail::fail_point;
use prometheus::Registry;
use tokio::runtime::Runtime;

use super::ending::{self, Ending};
use super::keeper::{self, Keeper, secret_beside};
use super::owner::{self, Owners};
use super::pulse::{Beat, Pulse};
use super::reload::{Reloading, Reread};
use super::shifts::Shifts;
use super::signals::Signals;
use super::status::Account;
use super::watchdog::Watchdog;
use super::witness::{Desk, Witness};
use crate::clock;
use crate::config::Config;
use crate::ingest::dead_letter::Writer;
use crate::ingest::format::Decoder;
use crate::ingest::kafka::{self, Committer};
use crate::ingest::order::Patience;
use crate::model::Secret;
use crate::rank::ScoreBook;
use crate::serve::{self, Readiness, Server};
use crate::view::{ShiftLog, Views};

/// Threads of the server; scoring has its own.
const SERVER_THREADS: usize = 2;

/// Part of all cores' time in which states are written that are due: with the copies of what
/// changes meanwhile, it is to be less than a tenth.
const DUE_SHARE: f64 = 0.05;

pub(super) struct Daemon {
    runtime: Runtime,
    signals: Signals,
    readiness: Readiness,
    account: Account,
    views: Views,
    server: Server,
    owners: Arc<Owners>,
    scoring: owner::Metrics,
    consumer: kafka::Consumer,
    dead_letters: Writer,
    keeper: Option<Keeper>,
    pulse: Pulse,
    watchdog: Watchdog,
    shifts: Shifts,
    witness: Witness,
    reloading: Reloading,
}

impl Daemon {
    /// Starts all parts. It listens, and may not yet have heard from Kafka, when this returns.
    /// `reread` gives the configuration anew when that is asked for.
    pub(super) fn start(config: &Config, reread: Reread) -> anyhow::Result<Self> {
        let registry = Registry::new();
        let level = super::log::start(&config.log, &registry)?;
        let reloading = Reloading::new(config, reread, level, thread::current(), &registry)?;
        announce(config);
        let runtime = runtime()?;
        let signals = Signals::listen(runtime.handle(), thread::current())?;
        let (readiness, account, views) = (Readiness::default(), Account::new(), Views::default());
        readiness.set("starting", Some("no partition is assigned yet".into()));
        let shift_log = ShiftLog::default();
        let shifts = Shifts::start(config, &registry, &shift_log)?;
        let (letters, dead_letters) = super::dead_letter::start(config, &registry)?;
        let parts = serve::Parts {
            views: views.clone(),
            shifts: shift_log,
            registry: registry.clone(),
            params: config.model.clone(),
            readiness: readiness.clone(),
            status: account.status(),
            erase: super::erasure::start(config, &readiness, &account)?,
            reload: reloading.for_server(),
            build: super::build::info(),
            exemplars: super::dead_letter::exemplars(&letters),
        };
        let server = Server::start(runtime.handle(), &config.serve, &config.export, parts)?;
        let exposition = Arc::clone(server.exposition());
        reloading.follow(Arc::clone(&exposition));
        let book = Arc::new(ScoreBook::new(&config.model));
        let (limit, clock) = (config.state.memory_limit.0, config.view.clock);
        let pulse = Pulse::new(Arc::clone(&book), exposition, clock, &registry, limit)?;
        let kafka_metrics = kafka::Metrics::register(&registry, &config.kafka.topics)?;
        let scoring = scoring(config, &registry)?;
        let secret = secret(config)?;
        let decoder = Arc::new(decoder(config, secret));
        account.ask(Arc::clone(&decoder));
        let desk = Desk::default();
        let witness = Witness::start(desk.clone(), &config.model, Arc::clone(&book), &registry)?;
        let links = owner::Links {
            decoder,
            book,
            desk,
            dead_letters: letters,
            kafka: kafka_metrics.clone(),
            metrics: scoring.clone(),
        };
        let (committer, kept) = (Committer::default(), keeper::Metrics::register(&registry)?);
        let keeper = keeper(config, secret, &committer, kept)?;
        let owners = Owners::start(owner_settings(config, keeper.clone()), &links)?;
        let owners = Arc::new(owners);
        let assignments: Arc<dyn kafka::Assignments> = Arc::clone(&owners) as _;
        let consumer =
            kafka::Consumer::start(&config.kafka, assignments, committer, kafka_metrics)?;
        account.follow(consumer.status());
        Ok(Self {
            runtime,
            signals,
            readiness,
            account,
            views,
            server,
            owners,
            scoring,
            consumer,
            dead_letters,
            keeper,
            pulse,
            watchdog: Watchdog::new(config.ingest.stall_timeout.0, &registry)?,
            shifts,
            witness,
            reloading,
        })
    }

    /// Where the server listens.
    #[must_use]
    pub(super) fn address(&self) -> SocketAddr {
        self.server.address()
    }

    #[must_use]
    pub(super) const fn views(&self) -> &Views {
        &self.views
    }

    /// How much was received and scored.
    #[must_use]
    pub(super) const fn scoring(&self) -> &owner::Metrics {
        &self.scoring
    }

    /// Beats until it is told to stop, or `enough` says so after a beat. Fails when a part has.
    pub(super) fn beat(&mut self, mut enough: impl FnMut(&Beat) -> bool) -> anyhow::Result<()> {
        let mut next = clock::instant();
        while !self.signals.stopping() {
            self.check()?;
            if self.signals.take_reload() {
                // What came of it is in the log.
                drop(self.reloading.reload());
            }
            let (now, interval) = (clock::instant(), self.reloading.interval());
            next = next.min(now + interval);
            if now < next {
                thread::park_timeout(next - now);
                continue;
            }
            next = (next + interval).max(now);
            let away = self.consumer.status().problem().is_some();
            let proven = self.witness.proven();
            let beat = self.pulse.beat(&self.owners, away);
            self.witness.look(&beat.cuts);
            let lift_awaited = self.witness.is_awaited(&beat, proven);
            self.shifts.look(self.views.current(), beat.is_live() && !lift_awaited);
            // Who is told that all is read must find what was read.
            self.account.tell(beat.clone());
            self.judge(&beat, lift_awaited);
            let enough = enough(&beat);
            if enough {
                break;
            }
        }
        Ok(())
    }

    /// Drains and ends all parts; fails when one did not end in time.
    pub(super) fn end(mut self) -> anyhow::Result<()> {
        let ending = Ending::since(self.signals.asked().unwrap_or_else(clock::instant));
        self.readiness.set("draining", Some("told to stop".into()));
        self.dead_letters.stop_blocking();
        fail_point!("drain");
        let cuts = self.owners.drain(ending.by(ending::DRAINED));
        self.pulse.last(&cuts);
        let mut late = Vec::new();
        // Before the group hears of it, so that whoever takes over finds what is kept.
        if self.keeper.is_some_and(|keeper| !keeper.finish(ending.by(ending::KEPT))) {
            late.push("a thread that writes snapshots");
        }
        if let Err(error) = self.consumer.close(ending.within(ending::GROUP_LEFT)) {
            tracing::error!("{:#}", anyhow::Error::from(error));
            late.push("the kafka client");
        }
        let owners = Arc::into_inner(self.owners);
        if !owners.is_some_and(|owners| {
            owners.stop(clock::instant() + ending.within(ending::OWNERS_ENDED))
        }) {
            late.push("a shard thread");
        }
        if !self.shifts.close(ending.within(ending::SHIFTS_TOLD)) {
            late.push("the thread that tells shifts");
        }
        let lost = self.dead_letters.close(ending.within(ending::LETTERS_WRITTEN));
        if lost > 0 {
            tracing::error!(lost, "dead letters could not be written");
        }
        self.runtime.block_on(self.server.stop(ending.within(ending::SERVER_ENDED)));
        drop(self.signals);
        self.runtime.shutdown_timeout(ending.within(ending::RUNTIME_ENDED));
        if late.is_empty() {
            tracing::info!("stopped");
            Ok(())
        } else {
            bail!("{} did not end in time", late.join(" and "))
        }
    }

    /// Whether every part still runs.
    fn check(&self) -> anyhow::Result<()> {
        if let Some(reason) = self.owners.poisoned() {
            self.readiness.set("poisoned", Some(reason.clone()));
            bail!(reason);
        }
        if let Some(error) = self.consumer.failed() {
            self.readiness.set("kafka", Some(error.to_string()));
            return Err(error.into());
        }
        if !self.server.is_running() {
            bail!("the server ended by itself");
        }
        if !self.witness.is_alive() {
            bail!("the thread that computes lift panicked");
        }
        if self.keeper.as_ref().is_some_and(|keeper| !keeper.is_alive()) {
            bail!("a thread that writes snapshots panicked");
        }
        if !self.shifts.is_alive() {
            bail!("the thread that watches for shifts ended by itself");
        }
        if !self.dead_letters.is_alive() {
            bail!("the thread that writes dead letters panicked");
        }
        Ok(())
    }

    /// Once restored, a shard stays ready while the broker is away: it serves what it has, and
    /// says since when in its status.
    fn judge(&mut self, beat: &Beat, lift_awaited: bool) {
        let problem = self.consumer.status().problem().map(|problem| problem.what);
        let now = clock::instant();
        self.watchdog.compare(now, clock::wall_ms());
        let still = self.watchdog.look(&beat.cuts, problem.is_some(), now);
        let stalled = self.owners.stalled().or(still);
        let starting = (beat.cuts.is_empty() && stalled.is_none())
            .then(|| "no partition is assigned yet".to_owned());
        let restoring = beat.restoring > 0;
        let waiting = starting.is_some() || restoring || lift_awaited;
        self.readiness.set("starting", starting);
        self.readiness.set("stalled", stalled);
        self.readiness.set("kafka", problem.filter(|_| waiting));
        self.readiness.set(
            "restoring",
            if restoring {
                let rest = self.account.catch_up().to_string();
                let shards = beat.cuts.len();
                Some(format!("{} of {shards} shards read their past: {rest}", beat.restoring))
            } else {
                lift_awaited.then(|| "what the past proves is computed".to_owned())
            },
        );
    }
}

fn runtime() -> anyhow::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(SERVER_THREADS)
        .thread_name("serve")
        .enable_all()
        .build()
        .context("cannot start the server's threads")
}

/// Says what an operator should know before the first record.
fn announce(config: &Config) {
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        config = format!("{:016x}", config.digest()),
        "starting"
    );
}

fn scoring(config: &Config, registry: &Registry) -> prometheus::Result<owner::Metrics> {
    let metrics = owner::Metrics::register(registry, &config.kafka.topics)?;
    Ok(metrics.with_campaigns(&config.campaigns, &config.model.currencies))
}

fn decoder(config: &Config, secret: Secret) -> Decoder {
    let decoder = Decoder::new(secret, &config.codes, &config.model.currencies);
    decoder.with_campaigns(&config.campaigns)
}

/// What keeps the shards' states, if they are to be kept.
fn keeper(
    config: &Config,
    secret: Secret,
    committer: &Committer,
    metrics: keeper::Metrics,
) -> anyhow::Result<Option<Keeper>> {
    let Some(dir) = config.snapshot.dir.clone() else {
        tracing::info!("no snapshot.dir: every start reads the log from its beginning");
        return Ok(None);
    };
    let settings = keeper::Settings {
        dir,
        keep: usize::try_from(config.snapshot.keep).unwrap_or(1),
        interval: config.snapshot.interval.0,
        share: super::cores() as f64 * DUE_SHARE,
        topics: config.kafka.topics.clone(),
        model: config.state_digest(),
        key: secret.fingerprint(),
        on_gap: config.kafka.on_gap,
        on_other_log: config.kafka.on_other_log,
    };
    Keeper::start(settings, &config.kafka, committer, metrics).map(Some)
}

fn owner_settings(config: &Config, keeper: Option<Keeper>) -> owner::Settings {
    let limits = config.clone();
    let threads = config.ingest.threads.and_then(|threads| usize::try_from(threads).ok());
    owner::Settings {
        threads: threads.unwrap_or_else(super::cores),
        topics: config.kafka.topics.clone(),
        patience: Patience { idle: config.ingest.idle_timeout.0, grace_ms: config.model.grace_ms },
        params: config.model.clone(),
        limits: Box::new(move |shards| limits.limits(shards)),
        on_gap: config.kafka.on_gap,
        keeper,
    }
}

/// The secret of account keys: configured, kept beside the snapshots, or drawn anew for as long
/// as nothing of it is kept.
fn secret(config: &Config) -> anyhow::Result<Secret> {
    match (config.state.actor_key, &config.snapshot.dir) {
        (Some(key), _) => Ok(key.0),
        (None, Some(dir)) => secret_beside(dir),
        (None, None) => Ok(Secret::new(
            getrandom::u64().map_err(|e| anyhow::anyhow!("cannot draw a key for accounts: {e}"))?,
        )),
    }
}
