//! What is counted of dead letters.

use prometheus::{IntCounter, IntCounterVec, IntGauge, Opts, Registry};

use super::DeadLetter;
use crate::model::Reason;

#[derive(Clone)]
pub(super) struct Metrics {
    written: IntCounterVec,
    pub(super) failures: IntCounter,
    pub(super) queued: IntGauge,
}

impl Metrics {
    pub(super) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let written = IntCounterVec::new(
            Opts::new(
                "sillage_deadletter_records_total",
                "Rejected records written to the dead letter.",
            ),
            &["reason"],
        )?;
        let failures = IntCounter::new(
            "sillage_deadletter_failures_total",
            "Failed writes to the dead letter, and records lost because of them.",
        )?;
        let queued = IntGauge::new(
            "sillage_deadletter_queue_records",
            "Rejected records that wait to be written to the dead letter.",
        )?;
        registry.register(Box::new(written.clone()))?;
        registry.register(Box::new(failures.clone()))?;
        registry.register(Box::new(queued.clone()))?;
        for reason in Reason::ALL {
            written.with_label_values(&[reason.as_str()]);
        }
        Ok(Self { written, failures, queued })
    }

    pub(super) fn count_written(&self, letters: &[DeadLetter]) {
        for letter in letters {
            self.written.with_label_values(&[letter.rejection.reason.as_str()]).inc();
        }
    }
}
