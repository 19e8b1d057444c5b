//! What comes out is what the reference model says, whatever the partitions and the threads.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::oracle;
use crate::process::{Daemon, series};
use crate::stream::{Recorded, as_reference, ranking};
use crate::support::kafka::Kafka;
use crate::support::recorded::say;

const TOP: &str = "2000";

#[test]
fn higgs_in_six_partitions() {
    higgs(6, "2");
}

#[test]
fn higgs_in_three_partitions() {
    higgs(3, "3");
}

#[test]
fn higgs_in_one_partition() {
    higgs(1, "1");
}

fn higgs(partitions: i32, threads: &str) {
    let Some(higgs) = Recorded::higgs() else { return };
    let (kafka, topic) = (Kafka::shared(), format!("higgs-{partitions}"));
    kafka.create_topic(&topic, partitions, &[]);
    higgs.produce(kafka, &topic);
    let settings = [
        ("SILLAGE__INGEST__THREADS", threads),
        ("SILLAGE__EXPORT__TOP_K", TOP),
        ("SILLAGE__VIEW__INTERVAL", "1s"),
    ];
    let daemon = Daemon::start(&kafka.brokers(), &topic, &settings);
    daemon.await_records(higgs.lines.len());
    daemon.await_ready();
    let ranking = ranking(&daemon, "higgs");
    let found = as_reference(&daemon, &ranking);
    let differences = oracle::differences(&higgs.expected, &found);
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    in_order(&ranking);
    exported(&daemon, &ranking);
    let counted = ["sillage_events_total", "sillage_events_rejected_total"];
    let counted: f64 = counted.iter().map(|name| daemon.metric(name, &[])).sum();
    assert_eq!(counted, higgs.lines.len() as f64, "each record is one or the other");
    assert_eq!(daemon.metric("sillage_unkeyed_records_total", &[]), 0.0);
    daemon.stop();
    let compared = oracle::numbers(&found).len();
    say(&format!(
        "higgs, {partitions} partitions, {threads} threads: {compared} numbers are equal"
    ));
}

/// By score, which ties below 1e-9, then by name.
fn in_order(ranking: &Value) {
    let influencers = ranking["influencers"].as_array().unwrap();
    assert_eq!(influencers.len(), usize::try_from(ranking["total"].as_u64().unwrap()).unwrap());
    let place = |fields: &Value| {
        let score = (fields["score"].as_f64().unwrap() * 1e9).round();
        (-score, fields["influencer"].as_str().unwrap().to_owned())
    };
    let places: Vec<_> = influencers.iter().map(place).collect();
    assert!(places.is_sorted(), "the ranking is out of order");
    let ranks = influencers.iter().map(|fields| fields["rank"].as_u64().unwrap());
    assert!(ranks.eq(1..=influencers.len() as u64));
}

/// `/metrics` says of the first what the ranking says.
fn exported(daemon: &Daemon, ranking: &Value) {
    let (_, text) = daemon.ask("/metrics").expect("an answer");
    let influencers = ranking["influencers"].as_array().unwrap();
    for (family, field) in [
        ("sillage_influence_score", "score"),
        ("sillage_influence_rank", "rank"),
        ("sillage_influence_share_ratio", "amplify_share"),
        ("sillage_popularity_score", "popularity"),
        ("sillage_active_fans", "active_fans"),
        ("sillage_momentum_ratio", "momentum"),
    ] {
        let exported: BTreeMap<&str, f64> = series(&text, family, &["segment=\"higgs\""])
            .map(|(series, value)| {
                let (_, rest) = series.split_once("influencer=\"").unwrap();
                (rest.split('"').next().unwrap(), value)
            })
            .collect();
        assert!(exported.len() >= TOP.parse().unwrap(), "{family}: {} series", exported.len());
        for fields in influencers.iter().take(TOP.parse().unwrap()) {
            let name = fields["influencer"].as_str().unwrap();
            let (said, want) = (exported[name], fields[field].as_f64().unwrap());
            // JSON is read here to within the last digit.
            assert!((said - want).abs() <= 1e-15 * want.abs(), "{family} of {name}: {said} {want}");
        }
    }
}
