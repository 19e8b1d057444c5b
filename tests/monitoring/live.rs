//! The daemon on a campaign, scraped by a Prometheus that alerts an Alertmanager.

use std::time::Duration;

use serde_json::{Value, json};

use crate::beside::{Alertmanager, Prometheus};
use crate::page;
use crate::panels::{Kind, queries};
use crate::process::{Daemon, command};
use crate::programs::run;
use crate::support::kafka::{Event, Kafka, poll};

const TOPIC: &str = "monitored";
const WITHIN: Duration = Duration::from_mins(1);

/// Metrics without a series where nothing of the kind has happened. The client of Kafka may give any
/// of its codes of errors, and here it gives none.
const MAY_BE_ABSENT: [&str; 1] = ["sillage_kafka_errors_total"];

/// Recording rules that look an hour or a day back, longer than a test lasts; what they compute is
/// tried on made-up series, as the alerts that read them.
const LOOK_BACK: [&str; 3] = [
    "segment_influencer:sillage_influence_share:delta1h",
    "segment_influencer:sillage_amplify_points:delta1d",
    "segment_influencer:sillage_popularity_score:ratio1d",
];

struct Stack {
    daemon: Daemon,
    address: String,
    prometheus: Prometheus,
    alertmanager: Alertmanager,
    _snapshots: tempfile::TempDir,
}

/// Starts all, Prometheus before the first event, and waits until it knows of the whole campaign.
fn start(kafka: &Kafka) -> Stack {
    kafka.create_topic(TOPIC, 3, &[]);
    let alertmanager = Alertmanager::start();
    let told = format!("http://{}", alertmanager.address);
    let snapshots = tempfile::tempdir().unwrap();
    let settings = [
        ("SILLAGE__SNAPSHOT__DIR", snapshots.path().to_str().unwrap()),
        ("SILLAGE__SNAPSHOT__INTERVAL", "1s"),
        ("SILLAGE__CAMPAIGNS", "spring"),
        // Full at the first byte: what is rejected cannot be kept.
        ("SILLAGE__DEAD_LETTER__FILE", "/dev/full"),
        ("SILLAGE__NOTIFY__ALERTMANAGER__URL", &told),
        ("SILLAGE__EXPORT__TOP_K", "10"),
    ];
    let daemon = Daemon::start(&kafka.brokers(), TOPIC, &settings);
    daemon.await_ready();
    let address = daemon.await_line("listening address=", WITHIN);
    let address = address.split("address=").nth(1).unwrap().to_owned();
    let prometheus = Prometheus::start(&address, &alertmanager.address);
    poll("a first scrape", WITHIN, || {
        prometheus.value("sum(sillage_deadletter_failures_total)").filter(|n| n.abs() < 0.5)
    });
    let events = generate(&kafka.brokers());
    poll("the campaign in prometheus", WITHIN, || {
        prometheus.value("sum(sillage_records_received_total)").filter(|n| *n >= events)
    });
    let scored = prometheus.value("sum(sillage_campaign_events_total{campaign=\"spring\"})");
    assert!(scored.unwrap() > 0.9 * events, "{scored:?} of {events} are of the campaign");
    poll("a lift in prometheus", WITHIN, || prometheus.value("count(sillage_lift_rate_ratio)"));
    let kept = "count(sillage_snapshot_last_success_timestamp_seconds)";
    poll("a snapshot in prometheus", WITHIN, || prometheus.value(kept));
    Stack { daemon, address, prometheus, alertmanager, _snapshots: snapshots }
}

/// Puts a campaign into the topic; the number of its events.
fn generate(brokers: &str) -> f64 {
    let folder = tempfile::tempdir().unwrap();
    let truth = folder.path().join("truth.json");
    let arguments = ["generate", "--people", "4000", "--days", "40", "--campaign", "spring"];
    let output = command(&folder, &[])
        .args(arguments)
        .args(["--kafka", brokers, "--topic", TOPIC, "--truth", truth.to_str().unwrap()])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let truth: Value = serde_json::from_slice(&std::fs::read(truth).unwrap()).unwrap();
    truth["events"].as_f64().unwrap()
}

#[test]
fn the_whole_of_monitoring_works_on_a_campaign() {
    let kafka = Kafka::shared();
    let stack = start(kafka);
    scrapes_are_clean(&stack);
    rules_evaluate(&stack.prometheus);
    dashboards_have_data(&stack.prometheus);
    alerts_arrive(kafka, &stack);
    shifts_reach_who_runs_the_campaign(kafka, &stack);
    page::shows_what_the_api_tells(kafka, TOPIC, &stack.daemon, &stack.address);
    // Prometheus 2 writes levels in small letters, 3 in capitals.
    let said = stack.prometheus.said().to_lowercase();
    let bad = |line: &&str| line.contains("level=error") || line.contains("level=warn");
    let bad: Vec<_> = said.lines().filter(bad).collect();
    assert!(bad.is_empty(), "prometheus says: {bad:?}");
    stack.daemon.stop();
}

fn scrapes_are_clean(stack: &Stack) {
    let targets = stack.prometheus.get("targets", &[("state", "active")]).unwrap();
    let targets = targets["activeTargets"].as_array().unwrap();
    assert_eq!(targets.len(), 1);
    let state = (&targets[0]["health"], &targets[0]["lastError"]);
    assert_eq!(state, (&json!("up"), &json!("")), "{}", targets[0]);
    // Prometheus asks for OpenMetrics, so it was that which it found clean.
    let open = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;\
                version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
    let (kind, text) = scrape(&stack.address, open);
    assert!(kind.starts_with("application/openmetrics-text; version=1.0.0"), "{kind}");
    assert!(text.ends_with("# EOF\n"));
    let (kind, text) = scrape(&stack.address, "text/plain;version=0.0.4");
    assert!(kind.starts_with("text/plain; version=0.0.4"), "{kind}");
    let output = run("promtool", &["check", "metrics"], ".", text.as_bytes());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "promtool check metrics: {said}");
}

fn scrape(address: &str, accept: &str) -> (String, String) {
    let request = ureq::get(format!("http://{address}/metrics")).header("accept", accept);
    let mut answer = request.call().unwrap();
    let kind = answer.headers()["content-type"].to_str().unwrap().to_owned();
    (kind, answer.body_mut().read_to_string().unwrap())
}

fn rules_evaluate(prometheus: &Prometheus) {
    let known = poll("every rule to be evaluated", WITHIN, || {
        let groups = prometheus.get("rules", &[]).unwrap();
        let rules: Vec<Value> = groups["groups"]
            .as_array()?
            .iter()
            .flat_map(|group| group["rules"].as_array().cloned().unwrap_or_default())
            .collect();
        let done = rules.iter().all(|rule| rule["health"] != "unknown");
        (done && !rules.is_empty()).then_some(rules)
    });
    assert!(known.len() >= 28, "{} rules", known.len());
    for rule in known {
        let name = rule["name"].as_str().unwrap();
        assert_eq!(rule["health"], "ok", "{name}: {}", rule["lastError"]);
        if rule["type"] == "recording" && !LOOK_BACK.contains(&name) {
            let found = poll(name, WITHIN, || prometheus.value(name));
            assert!(found.is_finite(), "{name}: {found}");
        }
    }
}

fn dashboards_have_data(prometheus: &Prometheus) {
    // The one of whom there is most to tell.
    let chosen = "topk(1, sillage_conversions_incremental{bound=\"estimate\"})";
    let chosen = prometheus.query(chosen).unwrap().remove(0)["metric"].clone();
    let (segment, influencer) = (&chosen["segment"], &chosen["influencer"]);
    let queries = queries(segment.as_str().unwrap(), influencer.as_str().unwrap());
    let panels = queries.iter().filter(|query| query.kind == Kind::Panel).count();
    assert!(panels > 80, "queries were looked for in the wrong way: {panels}");
    let mut empty = Vec::new();
    for query in queries {
        let answer = match query.kind {
            Kind::Variable => values(prometheus, &query.text),
            Kind::Panel | Kind::Mark => prometheus.query(&query.text).map(|series| {
                let pipeline = query.place.starts_with("Pipeline");
                // What a quiet minute divides by is 0; what scores say is a number.
                let told = series.iter().filter(|one| pipeline || one["value"][1] != "NaN");
                told.count()
            }),
        };
        let found = answer.unwrap_or_else(|error| panic!("{}: {error}", query.place));
        let names: Vec<&str> = metrics(&query.text).collect();
        let excused = query.kind == Kind::Mark
            || names.iter().any(|n| MAY_BE_ABSENT.iter().any(|absent| n.starts_with(absent)));
        if found == 0 && !excused {
            empty.push(format!("{}: {}", query.place, query.text));
        }
    }
    assert!(empty.is_empty(), "queries without data:\n{}", empty.join("\n"));
}

/// How many values a `label_values(series, label)` gives.
fn values(prometheus: &Prometheus, text: &str) -> Result<usize, String> {
    let inside = text.strip_prefix("label_values(").unwrap().strip_suffix(')').unwrap();
    let (series, label) = inside.rsplit_once(", ").unwrap();
    let values = prometheus.get(&format!("label/{label}/values"), &[("match[]", series)])?;
    Ok(values.as_array().map_or(0, Vec::len))
}

fn metrics(query: &str) -> impl Iterator<Item = &str> {
    let words = query.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    words.filter(|word| word.starts_with("sillage_"))
}

/// Sillage itself tells of them, under a name that no rule has.
fn shifts_reach_who_runs_the_campaign(kafka: &Kafka, stack: &Stack) {
    let (status, segments) =
        (stack.daemon.json("/api/v1/status"), stack.daemon.json("/api/v1/segments"));
    let crowd: Vec<(String, String)> = (0..2_000)
        .map(|n| {
            let actor = format!("crowd-{n}");
            let event = json!({
                "kind": "retweet", "actor": actor, "target": "newcomer", "time": status["as_of"],
                "segments": [segments["segments"][0]["segment"]],
            });
            (actor, event.to_string())
        })
        .collect();
    let records = crowd.iter().map(|(actor, event)| Event {
        key: Some(actor),
        payload: Some(event.as_bytes()),
        log_time_ms: None,
    });
    kafka.produce(TOPIC, records);
    let alert = stack.alertmanager.await_alert("SillageInfluencerEntered", WITHIN);
    assert_eq!(alert["receivers"], json!([{ "name": "campaign" }]), "{alert}");
    assert_eq!(alert["labels"]["influencer"], "newcomer", "{alert}");
}

/// Its count says where it lies, and Prometheus reads that as well.
fn a_rejected_record_can_be_found(stack: &Stack) {
    let example =
        format!("sillage_events_rejected_total{{reason=\"parse\"}} 1.0 # {{topic=\"{TOPIC}\"");
    poll("the place of a rejected record", WITHIN, || {
        let (_, text) = scrape(&stack.address, "application/openmetrics-text;version=1.0.0");
        text.contains(&example).then_some(())
    });
    let counted = "sillage_events_rejected_total{reason=\"parse\"} == 1";
    poll("it in prometheus", WITHIN, || stack.prometheus.value(counted));
    scrapes_are_clean(stack);
}

fn alerts_arrive(kafka: &Kafka, stack: &Stack) {
    let known = stack.prometheus.get("alertmanagers", &[]).unwrap();
    let url = known["activeAlertmanagers"][0]["url"].as_str().unwrap().to_owned();
    assert!(url.contains(&stack.alertmanager.address), "{known}");
    let poison = Event { key: Some("x"), payload: Some(b"no event"), log_time_ms: None };
    kafka.produce(TOPIC, [poison]);
    a_rejected_record_can_be_found(stack);
    let alert = stack.alertmanager.await_alert("SillageDeadLetterFailing", WITHIN);
    assert_eq!(alert["receivers"], json!([{ "name": "operations" }]), "{alert}");
    let link = "docs/runbooks.md#sillagedeadletterfailing";
    assert_eq!(alert["annotations"]["runbook_url"], link, "{alert}");
    assert_eq!(alert["labels"]["instance"], stack.address.as_str());

    // What scores say is held back while they are behind, of the same daemon only.
    let fire = |name: &str, team: &str, instance: &str| {
        let labels = json!({ "alertname": name, "team": team, "instance": instance });
        stack.alertmanager.fire(&labels);
    };
    fire("SillageBehind", "operations", "one:9464");
    fire("SillageShareSurge", "campaign", "one:9464");
    fire("SillageShareDrop", "campaign", "another:9464");
    fire("SillageReloadFailed", "operations", "one:9464");
    for (name, state) in [
        ("SillageShareSurge", "suppressed"),
        ("SillageShareDrop", "active"),
        ("SillageReloadFailed", "active"),
    ] {
        poll(&format!("{name} to be {state}"), WITHIN, || {
            let alert = stack.alertmanager.await_alert(name, WITHIN);
            (alert["status"]["state"] == state).then_some(())
        });
    }
}
