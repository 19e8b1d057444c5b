//! *Pipeline*: whether the daemon keeps up, what it refuses, and what it needs.

use super::Dashboard;
use super::panel::Panel;

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        uid: "sillage-pipeline",
        title: "Pipeline",
        variables: Vec::new(),
        marks: vec![(
            "Alerts",
            r#"ALERTS{alertname=~"Sillage.*",team="operations",alertstate="firing"}"#,
            "{{alertname}}",
        )],
        rows: vec![
            (4, vec![(24, health())]),
            (8, vec![(8, lag()), (8, records()), (8, rejected())]),
            (8, vec![(8, delay()), (8, busy()), (8, view())]),
            (8, vec![(8, rebalances()), (8, brokers()), (8, prefetch())]),
            (8, vec![(8, state()), (8, memory()), (8, evictions())]),
            (8, vec![(8, snapshots()), (8, snapshot_size()), (8, dead_letter())]),
            (8, vec![(8, series()), (8, requests()), (8, notifications())]),
        ],
    }
}

fn health() -> Panel {
    let asked = [
        ("ready", "min(sillage_ready)"),
        ("shards restoring", "sum(sillage_shards_restoring)"),
        ("partitions", "sum(sillage_kafka_assigned_partitions)"),
        ("age of the view, s", "max(sillage_view_age_seconds)"),
        ("configuration right", "min(sillage_config_last_reload_successful)"),
        (
            "errors logged in an hour",
            r#"sum(increase(sillage_log_messages_total{level="error"}[1h]))"#,
        ),
    ];
    Panel::number("Health", "", &asked)
}

fn lag() -> Panel {
    let asked = [("{{topic}}", "max by (topic) (sillage_kafka_consumer_lag_seconds)")];
    Panel::lines("Lag", "s", &asked).about("Of the partition that is furthest behind.")
}

fn records() -> Panel {
    let asked = [
        ("received", "sum(rate(sillage_records_received_total[$__rate_interval]))"),
        ("{{kind}}", "sum by (kind) (rate(sillage_events_total[$__rate_interval])) > 0"),
        ("unread", "sum(sillage_kafka_consumer_lag_records)"),
    ];
    Panel::lines("Records a second, and unread ones", "", &asked)
}

fn rejected() -> Panel {
    let asked =
        [("{{reason}}", "sum by (reason) (rate(sillage_events_rejected_total[$__rate_interval]))")];
    Panel::lines("Rejected", "cps", &asked)
}

fn delay() -> Panel {
    let asked = [
        (
            "event to scoring, median",
            "histogram_quantile(0.5, sum by (le) (rate(sillage_event_delay_seconds_bucket[$__rate_interval])))",
        ),
        (
            "event to scoring, 99 %",
            "histogram_quantile(0.99, sum by (le) (rate(sillage_event_delay_seconds_bucket[$__rate_interval])))",
        ),
        (
            "fetch to view, 99 %",
            "histogram_quantile(0.99, sum by (le) (rate(sillage_publish_delay_seconds_bucket[$__rate_interval])))",
        ),
    ];
    Panel::lines("Delay", "s", &asked)
}

fn busy() -> Panel {
    let asked = [(
        "thread {{shard_thread}}",
        "sum by (shard_thread) (rate(sillage_apply_busy_seconds_total[$__rate_interval]))",
    )];
    Panel::lines("Time that shard threads work", "percentunit", &asked)
}

fn view() -> Panel {
    let asked = [
        (
            "view, 99 %",
            "histogram_quantile(0.99, sum by (le) (rate(sillage_view_build_seconds_bucket[$__rate_interval])))",
        ),
        (
            "scrape, 99 %",
            "histogram_quantile(0.99, sum by (le) (rate(sillage_scrape_render_seconds_bucket[$__rate_interval])))",
        ),
        (
            "lift, mean of an hour",
            "sum(increase(sillage_lift_computation_seconds_sum[1h])) / sum(increase(sillage_lift_computation_seconds_count[1h]))",
        ),
    ];
    Panel::lines("Time to draw and write a view, and to compute lift", "s", &asked)
}

fn rebalances() -> Panel {
    let asked = [
        ("{{kind}}", "sum by (kind) (increase(sillage_kafka_rebalances_total[$__rate_interval]))"),
        ("lost", "sum(increase(sillage_kafka_assignment_lost_total[$__rate_interval]))"),
        ("failed commits", "sum(increase(sillage_kafka_commit_failures_total[$__rate_interval]))"),
        ("errors", "sum(increase(sillage_kafka_errors_total[$__rate_interval]))"),
        ("records gone", "sum(increase(sillage_kafka_gap_records_total[$__rate_interval]))"),
    ];
    Panel::lines("Rebalances and faults of Kafka", "", &asked)
}

fn brokers() -> Panel {
    let asked = [("{{broker}}", "max by (broker) (sillage_kafka_broker_rtt_seconds)")];
    Panel::lines("Round trip to brokers", "s", &asked)
}

fn prefetch() -> Panel {
    let asked = [
        ("waiting", "sum(sillage_kafka_prefetch_bytes)"),
        ("limit", "sum(sillage_kafka_prefetch_limit_bytes)"),
    ];
    Panel::lines("Fetched and not yet read", "bytes", &asked)
}

fn state() -> Panel {
    let asked = [("{{store}}", "sum by (store) (sillage_state_bytes)")];
    Panel::stacked("State", "bytes", &asked)
}

fn memory() -> Panel {
    let asked = [
        ("process", "sum(process_resident_memory_bytes{job=\"sillage\"})"),
        ("state", "sum(sillage_state_bytes)"),
        ("limit of the state", "sum(sillage_state_limit_bytes)"),
    ];
    Panel::lines("Memory", "bytes", &asked)
}

fn evictions() -> Panel {
    let asked = [(
        "{{store}} {{reason}}",
        "sum by (store, reason) (rate(sillage_state_evictions_total[$__rate_interval]))",
    )];
    Panel::lines("Evictions", "cps", &asked)
}

fn snapshots() -> Panel {
    let asked = [
        ("oldest", "time() - min(sillage_snapshot_last_success_timestamp_seconds)"),
        ("failures {{reason}}", "sum by (reason) (increase(sillage_snapshot_failures_total[1h]))"),
    ];
    Panel::lines("Age of snapshots, and failures in an hour", "s", &asked)
}

fn snapshot_size() -> Panel {
    let asked = [("written", "sum(sillage_snapshot_bytes)")];
    Panel::lines("Size of snapshots", "bytes", &asked)
}

fn dead_letter() -> Panel {
    let asked = [
        ("waiting", "sum(sillage_deadletter_queue_records)"),
        ("failures in an hour", "sum(increase(sillage_deadletter_failures_total[1h]))"),
    ];
    Panel::lines("Dead letter", "", &asked)
}

fn series() -> Panel {
    let asked = [
        ("exported", "sum(sillage_series_exported)"),
        ("suppressed", "sum(sillage_series_suppressed)"),
        ("limit", "sum(sillage_series_limit)"),
    ];
    Panel::lines("Series of scores", "", &asked)
}

fn requests() -> Panel {
    let asked = [(
        "{{handler}} {{code}}",
        "sum by (handler, code) (rate(sillage_http_requests_total[$__rate_interval])) > 0",
    )];
    Panel::lines("HTTP requests", "cps", &asked)
}

fn notifications() -> Panel {
    let asked = [
        ("{{sink}}", "sum by (sink) (rate(sillage_notifications_total[$__rate_interval]))"),
        (
            "{{sink}} failed",
            "sum by (sink) (rate(sillage_notification_failures_total[$__rate_interval]))",
        ),
        (
            "{{sink}} dropped",
            "sum by (sink) (rate(sillage_notifications_dropped_total[$__rate_interval]))",
        ),
    ];
    Panel::lines("Notifications", "cps", &asked)
}
