//! Counts of shifts, for the segments that there are.

use std::collections::BTreeSet;
use std::sync::Arc;

use prometheus::{IntCounterVec, Opts, Registry};

use crate::detect::SEGMENTS_MAX;
use crate::model::{Rule, Shift};
use crate::serve::exposition::label;
use crate::view::View;

#[derive(Clone)]
pub(in crate::app) struct Metrics {
    leader_changes: IntCounterVec,
    shifts: IntCounterVec,
    segments: BTreeSet<Arc<str>>,
}

impl Metrics {
    pub(in crate::app) fn register(registry: &Registry) -> prometheus::Result<Self> {
        let counter =
            |name, help, labels: &[&str]| IntCounterVec::new(Opts::new(name, help), labels);
        let new = Self {
            leader_changes: counter(
                "sillage_leader_changes_total",
                "Changes of leader.",
                &["segment"],
            )?,
            shifts: counter("sillage_shifts_total", "Shifts announced.", &["segment", "rule"])?,
            segments: BTreeSet::new(),
        };
        registry.register(Box::new(new.leader_changes.clone()))?;
        registry.register(Box::new(new.shifts.clone()))?;
        Ok(new)
    }

    /// Has a series for each segment of the view that may be watched, and none for others.
    pub(super) fn observe(&mut self, view: &View, shifts: &[Shift]) {
        let gone: Vec<_> =
            self.segments.iter().filter(|name| view.segment(name).is_none()).cloned().collect();
        for segment in gone {
            self.each(&segment, |counters, labels| {
                // A series that is not there is as good.
                drop(counters.remove_label_values(labels));
            });
            self.segments.remove(&segment);
        }
        for standings in &view.segments {
            let segment = &standings.segment;
            if self.segments.len() < SEGMENTS_MAX && !self.segments.contains(segment) {
                self.segments.insert(Arc::clone(segment));
                self.each(segment, |counters, labels| _ = counters.with_label_values(labels));
            }
        }
        for shift in shifts {
            let segment = label(&shift.segment);
            self.shifts.with_label_values(&[&segment, shift.rule.as_str()]).inc();
            if shift.rule == Rule::LeaderChanged {
                self.leader_changes.with_label_values(&[&segment]).inc();
            }
        }
    }

    fn each(&self, segment: &str, with: impl Fn(&IntCounterVec, &[&str])) {
        let segment = &*label(segment);
        with(&self.leader_changes, &[segment]);
        for rule in Rule::ALL {
            with(&self.shifts, &[segment, rule.as_str()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::sample::{segment, shift, view};

    #[test]
    fn series_come_and_go_with_segments() {
        let registry = Registry::new();
        let mut metrics = Metrics::register(&registry).unwrap();
        let series = || registry.gather().iter().map(|f| f.get_metric().len()).sum::<usize>();
        metrics.observe(&view(1, vec![segment("s", &[]), segment("t", &[])]), &[shift(1)]);
        assert_eq!(series(), 2 * (1 + Rule::ALL.len()));
        let rose = metrics.shifts.with_label_values(&["s", "score_rose"]);
        assert_eq!(rose.get(), 1);
        metrics.observe(&view(2, vec![segment("t", &[])]), &[]);
        assert_eq!(series(), 1 + Rule::ALL.len());
    }
}
