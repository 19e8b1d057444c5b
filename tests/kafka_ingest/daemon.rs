//! The way in of the daemon, without the rest: a group member, its owner threads, their metrics.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use prometheus::Registry;
use sillage::app::owner::{self, Cut, Links, Owners, Settings};
use sillage::clock;
use sillage::engine::Limits;
use sillage::ingest::dead_letter::{self, DeadLetters, Sink, Writer};
use sillage::ingest::format::Decoder;
use sillage::ingest::kafka::{self, Committer, Consumer, OnGap};
use sillage::ingest::order::Patience;
use sillage::model::{Params, Secret};
use sillage::rank::ScoreBook;

use crate::support::kafka::poll;

pub(crate) const WITHIN: Duration = Duration::from_mins(1);

pub(crate) struct Daemon {
    pub(crate) consumer: Consumer,
    pub(crate) owners: Arc<Owners>,
    pub(crate) registry: Registry,
    pub(crate) writer: Writer,
}

/// How a test wants it.
pub(crate) struct Options {
    pub(crate) threads: usize,
    pub(crate) idle: Duration,
    pub(crate) sink: Option<Box<dyn Sink>>,
    /// Panics in place of the shard's limits.
    pub(crate) broken: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { threads: 2, idle: Duration::from_millis(300), sink: None, broken: false }
    }
}

pub(crate) fn config(brokers: &str, topics: &[&str], group: &str) -> kafka::Config {
    let properties = [("session.timeout.ms", "6000"), ("heartbeat.interval.ms", "300")];
    kafka::Config {
        brokers: brokers.to_owned(),
        topics: topics.iter().map(|topic| (*topic).to_owned()).collect(),
        group: group.to_owned(),
        properties: properties.map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
        ..kafka::Config::default()
    }
}

impl Daemon {
    pub(crate) fn start(config: &kafka::Config, options: Options) -> Self {
        config.validate().expect("a good configuration");
        // Shown for a test that fails, at the levels that RUST_LOG asks for. Another may have
        // set it up.
        let filter = tracing_subscriber::EnvFilter::from_default_env();
        drop(tracing_subscriber::fmt().with_env_filter(filter).with_test_writer().try_init());
        let registry = Registry::new();
        let params = Params::default();
        let kafka = kafka::Metrics::register(&registry, &config.topics).expect("registered");
        let dead = dead_letter::Config::default();
        let (dead_letters, writer) =
            DeadLetters::start(&dead, options.sink, &registry).expect("registered");
        let broken = options.broken;
        let limits = move |_shards| {
            assert!(!broken, "this panic is part of the test");
            Limits { memory_bytes: 1 << 28, dedup_window_ms: 3_600_000, dedup_ids: 1 << 20 }
        };
        let settings = Settings {
            threads: options.threads,
            topics: config.topics.clone(),
            patience: Patience { idle: options.idle, grace_ms: 600_000 },
            params: params.clone(),
            limits: Box::new(limits),
            on_gap: OnGap::Resume,
            keeper: None,
        };
        let links = Links {
            decoder: Arc::new(Decoder::new(Secret::new(7), &BTreeMap::new(), &BTreeMap::new())),
            book: Arc::new(ScoreBook::new(&params)),
            dead_letters,
            kafka: kafka.clone(),
            metrics: owner::Metrics::register(&registry, &config.topics).expect("registered"),
            desk: sillage::app::witness::Desk::default(),
        };
        let owners = Arc::new(Owners::start(settings, &links).expect("threads"));
        let consumer = Consumer::start(config, owners.clone(), Committer::default(), kafka)
            .expect("a consumer");
        Self { consumer, owners, registry, writer }
    }

    /// The sum, in whole numbers, of a metric over the series whose labels have these values.
    pub(crate) fn metric(&self, name: &str, labels: &[(&str, &str)]) -> i64 {
        let families = self.registry.gather();
        let Some(family) = families.iter().find(|f| f.name() == format!("sillage_{name}")) else {
            return 0;
        };
        let has = |m: &&prometheus::proto::Metric| {
            let has = |(name, value): &(&str, &str)| {
                m.get_label().iter().any(|l| l.name() == *name && l.value() == *value)
            };
            labels.iter().all(has)
        };
        let value =
            |m: &prometheus::proto::Metric| m.get_counter().get_value() + m.get_gauge().get_value();
        let sum: f64 = family.get_metric().iter().filter(has).map(value).sum();
        sum.round() as i64
    }

    pub(crate) fn tick(&self) -> Vec<Cut> {
        self.owners.tick(None, clock::instant() + Duration::from_secs(5))
    }

    pub(crate) fn partitions(&self) -> Vec<i32> {
        self.tick().iter().map(|cut| cut.partition).collect()
    }

    /// Waits until so many partitions are owned and read to their ends.
    pub(crate) fn await_caught_up(&self, partitions: usize) {
        poll("all partitions to be read to their ends", WITHIN, || {
            assert_eq!(self.owners.poisoned(), None);
            if let Some(error) = self.consumer.failed() {
                panic!("{error}");
            }
            let cuts = self.tick();
            (cuts.len() == partitions && cuts.iter().all(|cut| cut.caught_up)).then_some(())
        });
    }

    pub(crate) fn await_metric(&self, name: &str, labels: &[(&str, &str)], expected: i64) {
        poll(&format!("{name}{labels:?} to be {expected}"), WITHIN, || {
            assert_eq!(self.owners.poisoned(), None);
            (self.metric(name, labels) == expected).then_some(())
        });
    }

    pub(crate) fn close(self) -> Registry {
        self.consumer.close(Duration::from_secs(15)).expect("closed");
        let owners = Arc::into_inner(self.owners).expect("nobody else owns it");
        assert!(owners.stop(clock::instant() + Duration::from_secs(10)), "threads must end");
        assert_eq!(self.writer.close(Duration::from_secs(10)), 0, "dead letters must be written");
        self.registry
    }
}
