//! The metrics of the parts that register their own, for `docs/metrics.md`; held equal by test to
//! what is registered.

use crate::serve::exposition::catalogue::{Family, Kind, SCORES, SERVICE, Section};

/// All metrics, in the order of the page.
pub const SECTIONS: [Section; 7] = [SCORES, SHIFTS, PIPELINE, KAFKA, STATE, CONFIGURATION, SERVICE];

const SINK: &[&str] = &["sink"];
const TOPIC: &[&str] = &["topic"];
const PARTITION: &[&str] = &["topic", "partition"];

const SHIFTS: Section = Section {
    title: "Shifts",
    families: &[
        &counter("sillage_leader_changes_total", &["segment"], "Changes of leader."),
        &counter("sillage_shifts_total", &["segment", "rule"], "Shifts announced."),
        &counter("sillage_notifications_total", SINK, "Shifts delivered."),
        &counter("sillage_notification_failures_total", SINK, "Failed attempts to deliver."),
        &counter(
            "sillage_notifications_dropped_total",
            SINK,
            "Shifts given up: refused by the receiver, or the oldest of a full queue.",
        ),
        &gauge("sillage_notification_queue", SINK, "Shifts that wait to be delivered."),
        &gauge("sillage_notification_queue_limit", SINK, "Most shifts that may wait."),
    ],
};

const PIPELINE: Section = Section {
    title: "Pipeline",
    families: &[
        &counter("sillage_records_received_total", TOPIC, "Records received."),
        &counter("sillage_received_bytes_total", TOPIC, "Bytes of records received."),
        &counter("sillage_events_total", &["kind"], "Events scored by kind."),
        &counter("sillage_events_rejected_total", &["reason"], "Records not scored."),
        &counter(
            "sillage_campaign_events_total",
            &["campaign", "kind"],
            "Scored events of a configured campaign, all others as other.",
        ),
        &counter(
            "sillage_campaign_conversion_value_total",
            &["campaign", "currency"],
            "Conversion value, major units of a currency that has a rate, all else as base.",
        ),
        &counter("sillage_events_late_total", &[], "Events scored behind a newer one."),
        &counter(
            "sillage_unpriced_values_total",
            &[],
            "Amounts in a currency without a rate, which count 0.",
        ),
        &counter(
            "sillage_unkeyed_records_total",
            TOPIC,
            "Events whose record is not keyed by their actor, so that sums may be wrong.",
        ),
        &family(
            Kind::Histogram,
            "sillage_event_delay_seconds",
            &[],
            "Time from the event to its scoring.",
        ),
        &counter(
            "sillage_apply_busy_seconds_total",
            &["shard_thread"],
            "Time that a shard thread worked.",
        ),
        &gauge(
            "sillage_watermark_timestamp_seconds",
            PARTITION,
            "Largest event time seen of the partition.",
        ),
        &gauge("sillage_last_event_timestamp_seconds", TOPIC, "Largest event time seen."),
        &counter(
            "sillage_deadletter_records_total",
            &["reason"],
            "Rejected records written to the dead letter.",
        ),
        &counter(
            "sillage_deadletter_failures_total",
            &[],
            "Failed writes to the dead letter, and records lost because of them.",
        ),
        &gauge(
            "sillage_deadletter_queue_records",
            &[],
            "Rejected records that wait to be written to the dead letter.",
        ),
        &family(
            Kind::Histogram,
            "sillage_view_build_seconds",
            &[],
            "Time to merge and rank a view, write it if it is scraped, and publish it.",
        ),
        &family(
            Kind::Histogram,
            "sillage_publish_delay_seconds",
            &[],
            "From the fetch of a record to the view that shows it, of each shard's oldest.",
        ),
    ],
};

const KAFKA: Section = Section {
    title: "Kafka",
    families: &[
        &gauge("sillage_kafka_consumer_lag_records", PARTITION, "Records not yet read."),
        &gauge(
            "sillage_kafka_consumer_lag_seconds",
            PARTITION,
            "Age of the last record read while there are more, else 0.",
        ),
        &gauge("sillage_kafka_position_offset", PARTITION, "Offset that is read next."),
        &gauge("sillage_kafka_committed_offset", PARTITION, "Offset committed."),
        &gauge(
            "sillage_kafka_high_watermark_offset",
            PARTITION,
            "Offset behind the last record of the partition.",
        ),
        &gauge("sillage_kafka_assigned_partitions", TOPIC, "Partitions owned."),
        &counter("sillage_kafka_rebalances_total", &["kind"], "Changes of assignment."),
        &counter(
            "sillage_kafka_assignment_lost_total",
            &[],
            "Times the group did not answer within the session, or had moved on without us.",
        ),
        &counter("sillage_kafka_commits_total", &[], "Commits of offsets."),
        &counter("sillage_kafka_commit_failures_total", &[], "Commits of offsets that failed."),
        &counter("sillage_kafka_errors_total", &["code"], "Errors of the client by code."),
        &gauge("sillage_kafka_broker_up", &["broker"], "Whether the broker is connected."),
        &gauge("sillage_kafka_broker_rtt_seconds", &["broker"], "Mean round trip time."),
        &gauge("sillage_kafka_prefetch_bytes", &[], "Bytes fetched and not yet read."),
        &gauge("sillage_kafka_prefetch_limit_bytes", &[], "Limit of the bytes prefetched."),
        &counter(
            "sillage_kafka_gap_records_total",
            TOPIC,
            "Records that were deleted before they were read.",
        ),
    ],
};

const STATE: Section = Section {
    title: "State",
    families: &[
        &gauge("sillage_state_entries", &["store"], "Entries held, by store."),
        &gauge("sillage_state_bytes", &["store"], "Memory held, by store."),
        &gauge("sillage_state_limit_bytes", &[], "Bound on the state of all shards."),
        &counter(
            "sillage_state_evictions_total",
            &["store", "reason"],
            "Entries that a limit took.",
        ),
        &gauge(
            "sillage_shards_restoring",
            &[],
            "Shards not yet read to the end of their partition.",
        ),
        &family(
            Kind::Histogram,
            "sillage_lift_computation_seconds",
            &[],
            "Time to compute the lifts of all segments when a bucket has closed.",
        ),
        &counter("sillage_snapshots_total", &[], "Snapshots made durable."),
        &counter(
            "sillage_snapshot_failures_total",
            &["reason"],
            "Snapshots that could not be written.",
        ),
        &counter(
            "sillage_snapshots_refused_total",
            &["reason"],
            "Snapshots that were found and not used.",
        ),
        &family(
            Kind::Histogram,
            "sillage_snapshot_duration_seconds",
            &[],
            "Time to encode a snapshot, with rests where nobody waits for it, and make it durable.",
        ),
        &gauge("sillage_snapshot_bytes", &[], "Size of the last snapshot."),
        &gauge(
            "sillage_snapshot_last_success_timestamp_seconds",
            PARTITION,
            "When the last snapshot of the partition was made durable.",
        ),
        &gauge(
            "sillage_restore_duration_seconds",
            &[],
            "Time to find and restore the snapshots of the last assignment.",
        ),
        &counter(
            "sillage_shard_stalls_total",
            &[],
            "Times a shard read nothing for longer than ingest.stall_timeout, with records waiting.",
        ),
        &counter(
            "sillage_clock_jumps_total",
            &[],
            "Times the wall clock moved otherwise than time passed.",
        ),
        &counter("sillage_refunds_unmatched_total", &[], "Refunds of a sale that is not known."),
    ],
};

const CONFIGURATION: Section = Section {
    title: "Configuration",
    families: &[
        &gauge(
            "sillage_config_last_reload_successful",
            &[],
            "1 when the configuration was right the last time that it was read, else 0.",
        ),
        &gauge(
            "sillage_config_last_reload_success_timestamp_seconds",
            &[],
            "When the configuration was last read and right.",
        ),
        &gauge(
            "sillage_config_hash",
            &[],
            "First 48 bits of the digest of the configuration in force, secrets apart.",
        ),
    ],
};

const fn gauge(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Family {
    family(Kind::Gauge, name, labels, help)
}

const fn counter(
    name: &'static str,
    labels: &'static [&'static str],
    help: &'static str,
) -> Family {
    family(Kind::Counter, name, labels, help)
}

const fn family(
    kind: Kind,
    name: &'static str,
    labels: &'static [&'static str],
    help: &'static str,
) -> Family {
    Family { name, kind, labels, help }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use prometheus::{Histogram, HistogramOpts, IntGaugeVec, Opts, Registry};

    use super::*;
    use crate::app::keeper;
    use crate::app::owner;
    use crate::app::pulse::Pulse;
    use crate::app::shifts;
    use crate::app::watchdog::Watchdog;
    use crate::app::witness::{Desk, Witness};
    use crate::config::ViewClock;
    use crate::ingest::{dead_letter, kafka};
    use crate::model::Params;
    use crate::notify;
    use crate::rank::ScoreBook;
    use crate::serve::ExportConfig;
    use crate::serve::exposition::Exposition;
    use crate::view::Views;

    fn listed() -> impl Iterator<Item = &'static Family> {
        [SHIFTS, PIPELINE, KAFKA, STATE, CONFIGURATION]
            .into_iter()
            .flat_map(|section| section.families.iter().copied())
    }

    fn exposition() -> Arc<Exposition> {
        let seconds = HistogramOpts::new("sillage_scrape_render_seconds", "Time.");
        let (config, params) = (ExportConfig::default(), Params::default());
        let seconds = Histogram::with_opts(seconds).unwrap();
        Arc::new(Exposition::new(&config, &params, Views::default(), Registry::new(), seconds))
    }

    fn registered() -> Registry {
        let registry = Registry::new();
        let topics = ["t".to_owned()];
        owner::Metrics::register(&registry, &topics).unwrap();
        crate::app::reload::Metrics::register(&registry).unwrap();
        kafka::Metrics::register(&registry, &topics).unwrap();
        let config = dead_letter::Config::default();
        let book = Arc::new(ScoreBook::new(&Params::default()));
        let (desk, params) = (Desk::default(), Params::default());
        Witness::start(desk, &params, Arc::clone(&book), &registry).unwrap();
        keeper::Metrics::register(&registry).unwrap();
        Watchdog::new(std::time::Duration::MAX, &registry).unwrap();
        Pulse::new(book, exposition(), ViewClock::Log, &registry, 1).unwrap();
        shifts::Metrics::register(&registry).unwrap();
        notify::Metrics::register(&registry).unwrap();
        drop(dead_letter::DeadLetters::start(&config, None, &registry).unwrap());
        registry
    }

    /// `UPDATE_GOLDEN=1` writes the file anew.
    #[test]
    fn the_documentation_lists_the_metrics_as_they_are() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/metrics.md");
        let page = crate::serve::exposition::reference(&SECTIONS);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(file, &page).unwrap();
        }
        assert_eq!(std::fs::read_to_string(file).unwrap(), page);
    }

    /// A family that is registered refuses an equal one, and one of its name with other words.
    #[test]
    fn what_is_listed_is_registered_in_these_words() {
        let registry = registered();
        for family in listed() {
            let probe = IntGaugeVec::new(Opts::new(family.name, family.help), family.labels);
            let refused = registry.register(Box::new(probe.unwrap()));
            assert!(matches!(refused, Err(prometheus::Error::AlreadyReg)), "{}", family.name);
        }
    }

    #[test]
    fn what_is_registered_is_listed_with_its_kind() {
        for gathered in registered().gather() {
            let found = listed().find(|family| family.name == gathered.name());
            let family = found.unwrap_or_else(|| panic!("{} is not listed", gathered.name()));
            let kind = format!("{:?}", gathered.get_field_type()).to_lowercase();
            assert_eq!(kind, family.kind.as_str(), "{}", family.name);
        }
    }
}
