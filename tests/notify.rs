//! Shifts with a real Alertmanager: it shows them as alerts, as told by the configuration.

#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use prometheus::Registry;
use serde_json::Value;
use sillage::clock;
use sillage::notify::{Config, Metrics, Notifier};
use tempfile::TempDir;

#[path = "../src/view/sample.rs"]
#[allow(dead_code, reason = "only shifts are shown here")]
mod sample;

/// For Alertmanager to start on a machine that is busy.
const WITHIN: Duration = Duration::from_mins(1);

struct Alertmanager {
    child: Child,
    url: String,
    _folder: TempDir,
}

impl Alertmanager {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("alertmanager.yml");
        std::fs::write(&config, "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n")
            .unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Command::new("prometheus-alertmanager")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.path={}", folder.path().display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .arg("--cluster.listen-address=")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("prometheus-alertmanager (Debian's package of that name) must be there");
        Self { child, url: format!("http://127.0.0.1:{port}"), _folder: folder }
    }

    fn alerts(&self) -> Vec<Value> {
        let asked = ureq::get(format!("{}/api/v2/alerts", self.url)).call();
        let said = asked.ok().and_then(|mut answer| answer.body_mut().read_to_string().ok());
        said.and_then(|said| serde_json::from_str(&said).ok()).unwrap_or_default()
    }
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        // Gone already is as good.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn alertmanager_shows_a_shift() {
    let alertmanager = Alertmanager::start();
    let mut config =
        Config { external_url: Some("http://sillage.example/".into()), ..Config::default() };
    config.alertmanager.url = Some(alertmanager.url.clone());
    config.retry_max = sillage::config::Duration::from_millis(500);
    let mut notifier = Notifier::new(&config, Metrics::register(&Registry::new()).unwrap());
    // It is told before it listens, and twice.
    notifier.start_configured().unwrap();
    notifier.tell(&sample::shift(3));
    notifier.tell(&sample::shift(3));
    let deadline = clock::instant() + WITHIN;
    let alerts = loop {
        let alerts = alertmanager.alerts();
        if !alerts.is_empty() {
            break alerts;
        }
        assert!(clock::instant() < deadline, "no alert");
        std::thread::park_timeout(Duration::from_millis(50));
    };
    notifier.close(Duration::from_secs(5));
    assert_eq!(alertmanager.alerts().len(), 1, "the same one");
    let alert = &alerts[0];
    for (key, value) in [
        ("alertname", "SillageScoreRose"),
        ("segment", "s"),
        ("influencer", "i3"),
        ("rule", "score_rose"),
        ("severity", "info"),
        ("team", "campaign"),
    ] {
        assert_eq!(alert["labels"][key], value, "{alert:#}");
    }
    assert_eq!(alert["status"]["state"], "active");
    assert_eq!(alert["annotations"]["summary"], "The influence of i3 rose.");
    let description = alert["annotations"]["description"].as_str().unwrap();
    for part in ["before 20.0000, after 31.5000", "2023-11-15T01:13:20Z"] {
        assert!(description.contains(part), "{description}");
    }
    assert_eq!(alert["generatorURL"], "http://sillage.example/?segment=s&influencer=i3");
    let time = |key: &str| alert[key].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let lasts = time("endsAt").as_millisecond() - time("startsAt").as_millisecond();
    assert!((899_000..=901_000).contains(&lasts), "{lasts}");
}
