//! Rules, checked and tried on made-up series: each alert fires in one case and not in another.

use std::collections::BTreeMap;
use std::fs;

use crate::programs::{root, run, succeed};

const TEAMS: [&str; 2] = ["operations", "campaign"];

/// The alerts of a team, as its file of rules has them.
pub(crate) fn alerts(team: &str) -> Vec<(String, String)> {
    let file = root().join(format!("config/prometheus/rules/{team}.yml"));
    let text = fs::read_to_string(file).unwrap();
    let of = |rule: &str| {
        let severity = rule.split("severity: ").nth(1).unwrap().split(',').next().unwrap();
        (rule.lines().next().unwrap().to_owned(), severity.to_owned())
    };
    text.split("- alert: ").skip(1).map(of).collect()
}

#[test]
fn promtool_finds_no_fault_with_configuration_and_rules() {
    succeed("promtool", &["check", "config", "config/prometheus/prometheus.yml"], ".");
    for file in ["recording", "operations", "campaign"] {
        let file = format!("config/prometheus/rules/{file}.yml");
        succeed("promtool", &["check", "rules", "--lint-fatal", &file], ".");
    }
}

#[test]
fn alerts_fire_when_they_should_and_only_then() {
    for team in TEAMS {
        succeed("promtool", &["test", "rules", &format!("{team}.yml")], "tests/monitoring/rules");
    }
}

#[test]
fn every_alert_has_a_case_that_fires_and_one_that_does_not() {
    for team in TEAMS {
        let file = root().join(format!("tests/monitoring/rules/{team}.yml"));
        let text = fs::read_to_string(file).unwrap();
        let mut cases: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
        for case in text.split("alertname: ").skip(1) {
            let (fires, silent) = cases.entry(case.lines().next().unwrap()).or_default();
            let is_silent = case.contains("exp_alerts: []");
            *(if is_silent { silent } else { fires }) += 1;
        }
        let alerts = alerts(team);
        assert!(alerts.len() >= 8, "alerts were looked for in the wrong way: {alerts:?}");
        for (alert, _) in &alerts {
            assert_eq!(cases.remove(alert.as_str()), Some((1, 1)), "{alert}");
        }
        assert!(cases.is_empty(), "not of {team}: {cases:?}");
    }
}

/// A case that expects something else must fail, or all the others mean nothing.
#[test]
fn a_case_that_expects_something_else_fails() {
    let folder = tempfile::tempdir().unwrap();
    let text = fs::read_to_string(root().join("tests/monitoring/rules/operations.yml")).unwrap();
    let rules = root().join("config/prometheus/rules").display().to_string();
    let wrong = text.replace("../../../config/prometheus/rules", &rules).replacen(
        "severity: critical",
        "severity: mild",
        1,
    );
    assert_ne!(wrong, text);
    let file = folder.path().join("wrong.yml");
    fs::write(&file, wrong).unwrap();
    let output = run("promtool", &["test", "rules", file.to_str().unwrap()], ".", b"");
    assert!(!output.status.success());
}
