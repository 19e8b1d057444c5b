//! A browser that a test drives, by the W3C's `WebDriver` protocol.
//!
//! Invariant: what scripts give is JSON; the browser and its driver are gone when the handle is
//! dropped.

use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::programs::{Running, free_address};
use crate::support::kafka::poll;

const READY_WITHIN: Duration = Duration::from_mins(1);

pub(crate) struct Browser {
    session: String,
    _driver: Running,
    _folder: TempDir,
}

impl Browser {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = free_address();
        let port = address.rsplit_once(':').unwrap().1;
        let driver = Running::start("chromedriver", &[format!("--port={port}")], folder.path());
        let profile = format!("--user-data-dir={}", folder.path().join("profile").display());
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            // Its own sandbox cannot be had by root, nor in every container.
            "goog:chromeOptions": { "args": ["--headless", "--no-sandbox", "--disable-gpu", profile] },
            "goog:loggingPrefs": { "browser": "ALL" },
        }}});
        let sessions = format!("http://{address}/session");
        let begun = poll("a browser", READY_WITHIN, || post(&sessions, &wanted).ok());
        let session = format!("{sessions}/{}", begun["sessionId"].as_str().unwrap());
        Self { session, _driver: driver, _folder: folder }
    }

    /// Opens a page, and waits until it is loaded.
    pub(crate) fn open(&self, url: &str) {
        self.command("url", &json!({ "url": url }));
    }

    /// What the body of a function returns in the page.
    pub(crate) fn run(&self, script: &str) -> Value {
        self.command("execute/sync", &json!({ "script": script, "args": [] }))
    }

    /// The text of each element that a selector finds.
    pub(crate) fn texts(&self, selector: &str) -> Vec<String> {
        let of = format!("document.querySelectorAll({})", json!(selector));
        let texts = self.run(&format!("return [...{of}].map((found) => found.textContent);"));
        serde_json::from_value(texts).unwrap()
    }

    /// Clicks on the `n`-th element that a selector finds.
    pub(crate) fn click(&self, selector: &str, n: usize) {
        self.run(&format!("document.querySelectorAll({})[{n}].click();", json!(selector)));
    }

    /// Errors that the page, or the browser on its behalf, has complained of since the last call.
    pub(crate) fn complaints(&self) -> Vec<Value> {
        let said = self.command("se/log", &json!({ "type": "browser" }));
        let severe = |line: &&Value| line["level"] == "SEVERE";
        said.as_array().unwrap().iter().filter(severe).cloned().collect()
    }

    fn command(&self, name: &str, with: &Value) -> Value {
        post(&format!("{}/{name}", self.session), with).unwrap()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // A browser that has ended already is as good.
        drop(ureq::delete(&self.session).call());
    }
}

fn post(url: &str, body: &Value) -> Result<Value, String> {
    let request = ureq::post(url).config().http_status_as_error(false).build();
    let mut answer = request.send_json(body).map_err(|error| error.to_string())?;
    let good = answer.status() == 200;
    let said: Value = answer.body_mut().read_json().map_err(|error| error.to_string())?;
    if good { Ok(said["value"].clone()) } else { Err(said["value"].to_string()) }
}
