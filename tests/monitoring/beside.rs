//! A Prometheus and an Alertmanager beside the daemon, on the files of `config/`.
//!
//! Invariant: only addresses and the intervals of scrapes and evaluations differ from what is
//! shipped.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::programs::{Running, free_address, root};
use crate::support::kafka::poll;

const READY_WITHIN: Duration = Duration::from_secs(30);

pub(crate) struct Prometheus {
    running: Running,
    address: String,
    _folder: TempDir,
}

pub(crate) struct Alertmanager {
    _running: Running,
    pub(crate) address: String,
    _folder: TempDir,
}

impl Alertmanager {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        copy(&root().join("config/alertmanager"), folder.path());
        let address = free_address();
        let arguments = [
            "--config.file=alertmanager.yml".to_owned(),
            "--storage.path=data".to_owned(),
            "--cluster.listen-address=".to_owned(),
            format!("--web.listen-address={address}"),
        ];
        let running = Running::start("prometheus-alertmanager", &arguments, folder.path());
        let started = Self { _running: running, address, _folder: folder };
        poll("alertmanager", READY_WITHIN, || ask(&started.address, "/-/ready", &[]).ok());
        started
    }

    /// The alert of that name, once it is known.
    pub(crate) fn await_alert(&self, name: &str, within: Duration) -> Value {
        poll(&format!("the alert {name}"), within, || {
            let alerts = json_of(&ask(&self.address, "/api/v2/alerts", &[]).ok()?);
            let of = |alert: &&Value| alert["labels"]["alertname"] == name;
            alerts.as_array()?.iter().find(of).cloned()
        })
    }

    /// Fires an alert, as Prometheus does.
    pub(crate) fn fire(&self, labels: &Value) {
        let alerts = json!([{ "labels": labels }]).to_string();
        let request = ureq::post(format!("http://{}/api/v2/alerts", self.address));
        request.content_type("application/json").send(alerts).unwrap();
    }
}

impl Prometheus {
    pub(crate) fn start(daemon: &str, alertmanager: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        copy(&root().join("config/prometheus"), folder.path());
        let file = folder.path().join("prometheus.yml");
        let mut config = fs::read_to_string(&file).unwrap();
        for (shipped, here) in [
            ("\"sillage:9464\"", daemon),
            ("\"alertmanager:9093\"", alertmanager),
            ("scrape_interval: 5s", "scrape_interval: 1s"),
            ("evaluation_interval: 15s", "evaluation_interval: 1s"),
        ] {
            assert_eq!(config.matches(shipped).count(), 1, "{shipped} in {config}");
            config = config.replace(shipped, here);
        }
        fs::write(&file, config).unwrap();
        let address = free_address();
        let arguments = [
            "--config.file=prometheus.yml".to_owned(),
            "--storage.tsdb.path=data".to_owned(),
            format!("--web.listen-address={address}"),
        ];
        let running = Running::start("prometheus", &arguments, folder.path());
        let started = Self { running, address, _folder: folder };
        poll("prometheus", READY_WITHIN, || ask(&started.address, "/-/ready", &[]).ok());
        started
    }

    /// What is at a path of the API, below `data`; the error is what Prometheus says.
    pub(crate) fn get(&self, path: &str, with: &[(&str, &str)]) -> Result<Value, String> {
        let answer = json_of(&ask(&self.address, &format!("/api/v1/{path}"), with)?);
        match answer["status"].as_str() {
            Some("success") => Ok(answer["data"].clone()),
            _ => Err(answer.to_string()),
        }
    }

    /// The series that a query gives now.
    pub(crate) fn query(&self, query: &str) -> Result<Vec<Value>, String> {
        let data = self.get("query", &[("query", query)])?;
        Ok(data["result"].as_array().cloned().unwrap_or_default())
    }

    /// The value of the only series, or nothing.
    pub(crate) fn value(&self, query: &str) -> Option<f64> {
        let series = self.query(query).unwrap();
        series.first().and_then(|series| series["value"][1].as_str()?.parse().ok())
    }

    pub(crate) fn said(&self) -> String {
        self.running.said()
    }
}

/// The body of an answer; the error is its text, or why there is none.
fn ask(address: &str, path: &str, with: &[(&str, &str)]) -> Result<String, String> {
    let request = ureq::get(format!("http://{address}{path}")).query_pairs(with.iter().copied());
    let request = request.config().http_status_as_error(false).build();
    let mut answer = request.call().map_err(|error| error.to_string())?;
    let body = answer.body_mut().read_to_string().map_err(|error| error.to_string())?;
    if answer.status().is_success() { Ok(body) } else { Err(body) }
}

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
