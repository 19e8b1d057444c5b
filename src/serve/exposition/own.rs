//! Writes what a registry gathered, in either format.
//!
//! The encoder of the `prometheus` crate knows the older format only, and one writer for both is
//! less than a second one beside it.

use prometheus::proto::{Metric, MetricFamily, MetricType};

use super::catalogue::Kind;
use super::exemplar::{self, Exemplar};
use super::labels;
use super::writer::{Format, push_count, push_float, push_head_of};

pub(super) fn write(
    out: &mut Vec<u8>,
    format: Format,
    families: &[MetricFamily],
    exemplars: &[Exemplar],
) {
    for family in families {
        let kind = match family.get_field_type() {
            MetricType::COUNTER => Kind::Counter,
            MetricType::HISTOGRAM => Kind::Histogram,
            MetricType::GAUGE if family.name().ends_with("_info") => Kind::Info,
            MetricType::GAUGE => Kind::Gauge,
            // Nothing here registers a summary or an untyped metric.
            MetricType::SUMMARY | MetricType::UNTYPED => continue,
        };
        push_head_of(out, format, (family.name(), kind), family.help());
        for metric in family.get_metric() {
            let mut to = Samples { out, format, name: family.name(), metric, exemplars };
            match kind {
                Kind::Counter => to.counter(),
                Kind::Gauge => to.line("", None, metric.get_gauge().get_value()),
                Kind::Info => to.line("", None, 1.0),
                Kind::Histogram => to.histogram(),
            }
        }
    }
}

struct Samples<'a> {
    out: &'a mut Vec<u8>,
    format: Format,
    name: &'a str,
    metric: &'a Metric,
    exemplars: &'a [Exemplar],
}

impl Samples<'_> {
    fn counter(&mut self) {
        let bare = self.format == Format::OpenMetrics && !self.name.ends_with("_total");
        let suffix = if bare { "_total" } else { "" };
        self.open(suffix, None);
        push_float(self.out, self.metric.get_counter().get_value());
        let label = self.metric.get_label().first().map_or("", |pair| pair.value());
        if let Some(exemplar) = self.exemplars.iter().find(|one| one.of == (self.name, label)) {
            exemplar::push(self.out, exemplar);
        }
        self.out.push(b'\n');
    }

    fn histogram(&mut self) {
        let histogram = self.metric.get_histogram();
        for bucket in histogram.get_bucket().iter().filter(|b| b.upper_bound().is_finite()) {
            self.bucket(bucket.upper_bound(), bucket.cumulative_count());
        }
        self.bucket(f64::INFINITY, histogram.get_sample_count());
        self.line("_sum", None, histogram.get_sample_sum());
        self.open("_count", None);
        push_count(self.out, histogram.get_sample_count());
        self.out.push(b'\n');
    }

    fn bucket(&mut self, upper_bound: f64, count: u64) {
        let mut bound = Vec::new();
        push_float(&mut bound, upper_bound);
        self.open("_bucket", std::str::from_utf8(&bound).ok());
        push_count(self.out, count);
        self.out.push(b'\n');
    }

    fn line(&mut self, suffix: &str, bound: Option<&str>, value: f64) {
        self.open(suffix, bound);
        push_float(self.out, value);
        self.out.push(b'\n');
    }

    /// Name and labels, up to the value.
    fn open(&mut self, suffix: &str, bound: Option<&str>) {
        self.out.extend_from_slice(self.name.as_bytes());
        self.out.extend_from_slice(suffix.as_bytes());
        let pairs = self.metric.get_label().iter().map(|pair| (pair.name(), pair.value()));
        let mut before = b'{';
        for (name, value) in pairs.chain(bound.map(|bound| ("le", bound))) {
            self.out.push(before);
            labels::push(self.out, name, value);
            before = b',';
        }
        if before == b',' {
            self.out.push(b'}');
        }
        self.out.push(b' ');
    }
}

#[cfg(test)]
mod tests {
    use prometheus::{
        HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGaugeVec, Opts, Registry,
    };

    use super::*;
    use crate::model::Position;

    fn rejected(reason: &'static str, topic: &str) -> Exemplar {
        let position = Position { topic: topic.into(), partition: 3, offset: 12 };
        let of = ("sillage_rejected_total", reason);
        Exemplar { of, position, time_ms: 1_700_000_000_500 }
    }

    fn written(format: Format) -> String {
        let registry = Registry::new();
        let counter = IntCounter::new("sillage_events_total", "Events.").unwrap();
        let info = IntGaugeVec::new(Opts::new("sillage_build_info", "Build."), &["v"]).unwrap();
        let wait = HistogramOpts::new("sillage_wait_seconds", "Wait.").buckets(vec![0.5, 1.0]);
        let wait = HistogramVec::new(wait, &["handler"]).unwrap();
        counter.inc_by(3);
        info.with_label_values(&["a\"b"]).set(1);
        wait.with_label_values(&["/"]).observe(0.75);
        registry.register(Box::new(counter)).unwrap();
        registry.register(Box::new(info)).unwrap();
        registry.register(Box::new(wait)).unwrap();
        let counters = Opts::new("sillage_rejected_total", "Rejected.");
        let rejected_total = IntCounterVec::new(counters, &["reason"]).unwrap();
        for reason in ["late", "odd", "torn"] {
            rejected_total.with_label_values(&[reason]).inc();
        }
        registry.register(Box::new(rejected_total)).unwrap();
        let exemplars = match format {
            Format::Prometheus => vec![],
            Format::OpenMetrics => {
                vec![rejected("odd", "acts"), rejected("torn", &"t".repeat(200))]
            }
        };
        let mut out = Vec::new();
        write(&mut out, format, &registry.gather(), &exemplars);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn writes_the_prometheus_format() {
        let expected = r#"# HELP sillage_build_info Build.
# TYPE sillage_build_info gauge
sillage_build_info{v="a\"b"} 1.0
# HELP sillage_events_total Events.
# TYPE sillage_events_total counter
sillage_events_total 3.0
# HELP sillage_rejected_total Rejected.
# TYPE sillage_rejected_total counter
sillage_rejected_total{reason="late"} 1.0
sillage_rejected_total{reason="odd"} 1.0
sillage_rejected_total{reason="torn"} 1.0
# HELP sillage_wait_seconds Wait.
# TYPE sillage_wait_seconds histogram
sillage_wait_seconds_bucket{handler="/",le="0.5"} 0
sillage_wait_seconds_bucket{handler="/",le="1.0"} 1
sillage_wait_seconds_bucket{handler="/",le="+Inf"} 1
sillage_wait_seconds_sum{handler="/"} 0.75
sillage_wait_seconds_count{handler="/"} 1
"#;
        assert_eq!(written(Format::Prometheus), expected);
    }

    #[test]
    fn writes_open_metrics() {
        let said = written(Format::OpenMetrics);
        for line in [
            "# TYPE sillage_build info\n",
            "sillage_build_info{v=\"a\\\"b\"} 1.0\n",
            "# TYPE sillage_events counter\n",
            "sillage_events_total 3.0\n",
            "# UNIT sillage_wait_seconds seconds\n",
            "sillage_rejected_total{reason=\"late\"} 1.0\n",
            "sillage_rejected_total{reason=\"odd\"} 1.0 \
             # {topic=\"acts\",partition=\"3\",offset=\"12\"} 1.0 1700000000.5\n",
            "sillage_rejected_total{reason=\"torn\"} 1.0 \
             # {partition=\"3\",offset=\"12\"} 1.0 1700000000.5\n",
        ] {
            assert!(said.contains(line), "{line} in {said}");
        }
        assert!(!said.contains("# TYPE sillage_events_total"), "{said}");
    }
}
