//! Who is told of which alert, what is held back, and how it reads.

use std::fs;

use crate::programs::{root, succeed};
use crate::rules::alerts;

const CONFIG: &str = "config/alertmanager/alertmanager.yml";

#[test]
fn every_alert_reaches_its_team() {
    let said = succeed("amtool", &["check-config", CONFIG], ".");
    assert!(said.contains("1 templates") && said.contains("2 inhibit rules"), "{said}");
    for team in ["operations", "campaign"] {
        for (alert, severity) in alerts(team) {
            let labels = [
                format!("alertname={alert}"),
                format!("severity={severity}"),
                format!("team={team}"),
                "instance=sillage:9464".to_owned(),
            ];
            let receivers = format!("--verify.receivers={team}");
            let config = format!("--config.file={CONFIG}");
            let mut arguments = vec!["config", "routes", "test", &config, &receivers];
            arguments.extend(labels.iter().map(String::as_str));
            let said = succeed("amtool", &arguments, ".");
            assert!(said.lines().any(|line| line.trim() == team), "{alert}: {said}");
        }
    }
}

#[test]
fn messages_say_what_and_where_and_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("data.json");
    let alert = serde_json::json!({
        "status": "firing",
        "labels": { "alertname": "SillageShareSurge", "segment": "uk", "severity": "info" },
        "annotations": {
            "summary": "ana gained 10% of the audience of uk in an hour",
            "runbook_url": "docs/runbooks.md#sillagesharesurge",
        },
        "startsAt": "2026-03-01T12:30:00Z",
    });
    let data = serde_json::json!({
        "status": "firing", "alerts": [alert], "groupLabels": { "segment": "uk" },
        "commonLabels": { "alertname": "SillageShareSurge", "segment": "uk" },
    });
    fs::write(&file, data.to_string()).unwrap();
    let data = format!("--template.data={}", file.display());
    for (template, expected) in [
        ("sillage.title", "[FIRING:1] SillageShareSurge in uk"),
        (
            "sillage.text",
            "* ana gained 10% of the audience of uk in an hour (info)\n  \
             since 2026-03-01 12:30 UTC, what to do: docs/runbooks.md#sillagesharesurge",
        ),
    ] {
        let text = format!("--template.text={{{{ template \"{template}\" . }}}}");
        let glob = "--template.glob=config/alertmanager/templates/*.tmpl";
        let said = succeed("amtool", &["template", "render", glob, &data, &text], ".");
        assert_eq!(said.trim(), expected);
    }
    let config = fs::read_to_string(root().join(CONFIG)).unwrap();
    assert!(config.contains(r#"{{ template "sillage.title" . }}"#), "and is shown how to use");
}
