//! The metrics of the server itself, registered under the names of the catalogue.

use std::time::Duration;

use prometheus::process_collector::ProcessCollector;
use prometheus::{
    Gauge, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry,
};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

use super::exposition::catalogue::{self, Family};

/// What the binary was built from.
#[derive(Clone, Debug, Default)]
pub struct Build {
    pub version: String,
    pub revision: String,
    pub rustc: String,
    pub librdkafka: String,
}

pub(super) struct Instruments {
    pub(super) render_seconds: Histogram,
    pub(super) ready: IntGauge,
    pub(super) view_age: Gauge,
    requests: IntCounterVec,
    durations: HistogramVec,
}

impl Instruments {
    /// `handlers` are the routes that there are.
    pub(super) fn register(
        registry: &Registry,
        build: &Build,
        handlers: &[&str],
    ) -> prometheus::Result<Self> {
        let requests = counters(&catalogue::HTTP_REQUESTS)?;
        let durations = &catalogue::HTTP_REQUEST_DURATION;
        let buckets = vec![0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10.0];
        let histogram = HistogramOpts::from(opts(durations)).buckets(buckets);
        let durations = HistogramVec::new(histogram, durations.labels)?;
        for handler in handlers {
            // A fault is seen as one more of what is counted already.
            for code in ["200", "500"] {
                requests.with_label_values(&[handler, "GET", code]);
            }
            durations.with_label_values(&[handler]);
        }
        let info = IntGaugeVec::new(opts(&catalogue::BUILD), catalogue::BUILD.labels)?;
        let Build { version, revision, rustc, librdkafka } = build;
        info.with_label_values(&[version, revision, rustc, librdkafka]).set(1);
        let buckets = vec![0.000_1, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5];
        let render = HistogramOpts::from(opts(&catalogue::SCRAPE_RENDER)).buckets(buckets);
        let new = Self {
            render_seconds: Histogram::with_opts(render)?,
            ready: IntGauge::with_opts(opts(&catalogue::READY))?,
            view_age: Gauge::with_opts(opts(&catalogue::VIEW_AGE))?,
            requests,
            durations,
        };
        registry.register(Box::new(info))?;
        registry.register(Box::new(new.render_seconds.clone()))?;
        registry.register(Box::new(new.ready.clone()))?;
        registry.register(Box::new(new.view_age.clone()))?;
        registry.register(Box::new(new.requests.clone()))?;
        registry.register(Box::new(new.durations.clone()))?;
        registry.register(Box::new(ProcessCollector::for_self()))?;
        Ok(new)
    }

    pub(super) fn answered(&self, handler: &str, method: &str, code: u16, took: Duration) {
        self.requests.with_label_values(&[handler, method, &code.to_string()]).inc();
        self.durations.with_label_values(&[handler]).observe(took.as_secs_f64());
    }
}

/// A layer of the log that counts its messages.
pub struct LogMessages {
    error: IntCounter,
    warn: IntCounter,
    info: IntCounter,
    debug: IntCounter,
    trace: IntCounter,
}

impl LogMessages {
    pub fn register(registry: &Registry) -> prometheus::Result<Self> {
        let all = counters(&catalogue::LOG_MESSAGES)?;
        registry.register(Box::new(all.clone()))?;
        Ok(Self {
            error: all.with_label_values(&["error"]),
            warn: all.with_label_values(&["warn"]),
            info: all.with_label_values(&["info"]),
            debug: all.with_label_values(&["debug"]),
            trace: all.with_label_values(&["trace"]),
        })
    }
}

impl<S: Subscriber> Layer<S> for LogMessages {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        match *event.metadata().level() {
            Level::ERROR => self.error.inc(),
            Level::WARN => self.warn.inc(),
            Level::INFO => self.info.inc(),
            Level::DEBUG => self.debug.inc(),
            Level::TRACE => self.trace.inc(),
        }
    }
}

fn opts(family: &Family) -> Opts {
    Opts::new(family.name, family.help)
}

fn counters(family: &Family) -> prometheus::Result<IntCounterVec> {
    IntCounterVec::new(opts(family), family.labels)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use prometheus::proto::MetricFamily;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[test]
    fn what_the_catalogue_lists_is_registered_and_nothing_else() {
        let registry = Registry::new();
        Instruments::register(&registry, &Build::default(), &["/metrics"]).unwrap();
        let log = LogMessages::register(&registry).unwrap();
        drop(log);
        let gathered = registry.gather();
        let registered: BTreeSet<_> = gathered
            .iter()
            .map(MetricFamily::name)
            .filter(|n| !n.starts_with("process_"))
            .collect();
        let catalogued: BTreeSet<_> = catalogue::SERVICE.families.iter().map(|f| f.name).collect();
        assert_eq!(registered, catalogued);
        assert!(gathered.iter().any(|f| f.name() == "process_resident_memory_bytes"));
    }

    #[test]
    fn log_messages_are_counted_by_level() {
        let registry = Registry::new();
        let layer = LogMessages::register(&registry).unwrap();
        let log = tracing_subscriber::registry().with(layer);
        tracing::subscriber::with_default(log, || {
            tracing::warn!("one");
            tracing::warn!("two");
            tracing::info!("three");
        });
        let gathered = registry.gather();
        let counted: Vec<_> = gathered[0]
            .get_metric()
            .iter()
            .map(|m| (m.get_label()[0].value(), m.get_counter().get_value()))
            .filter(|(_, count)| *count > 0.0)
            .collect();
        assert_eq!(counted, [("info", 1.0), ("warn", 2.0)]);
    }
}
