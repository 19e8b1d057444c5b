//! A server on a free port, with a view made by hand.

#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "part of a test")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use prometheus::Registry;
use serde_json::{Value, json};
use sillage::model::{Params, SegmentStandings};
use sillage::serve::{
    Build, Config, Error, ExportConfig, LogMessages, Parts, Readiness, Reloaded, Server,
};
use sillage::view::{ShiftLog, Views};
use tokio::runtime::Runtime;

pub(crate) use sample::segment;
#[allow(unused_imports, reason = "not all who serve show shifts")]
pub(crate) use sample::shift;

#[path = "../../src/view/sample.rs"]
mod sample;

pub(crate) struct Serving {
    runtime: Runtime,
    server: Option<Server>,
    address: SocketAddr,
    pub(crate) readiness: Readiness,
    #[allow(dead_code, reason = "not all who serve show shifts")]
    pub(crate) shifts: ShiftLog,
}

pub(crate) struct Headers(ureq::http::HeaderMap);

impl Headers {
    /// The value of a header, empty without one.
    pub(crate) fn of(&self, name: &str) -> &str {
        self.0.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }
}

impl Serving {
    pub(crate) fn start(segments: Vec<SegmentStandings>) -> Self {
        Self::with(&Config::default(), segments)
    }

    /// On any free port, whatever the configuration says.
    pub(crate) fn with(config: &Config, segments: Vec<SegmentStandings>) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let readiness = Readiness::default();
        let config = Config { listen: "127.0.0.1:0".into(), ..config.clone() };
        let parts = parts(segments, readiness.clone());
        let shifts = parts.shifts.clone();
        LogMessages::register(&parts.registry).unwrap();
        let server =
            Server::start(runtime.handle(), &config, &ExportConfig::default(), parts).unwrap();
        assert!(server.is_running());
        Self { runtime, address: server.address(), server: Some(server), readiness, shifts }
    }

    pub(crate) fn second(&self, config: &Config) -> Result<Server, Error> {
        let parts = parts(vec![], Readiness::default());
        Server::start(self.runtime.handle(), config, &ExportConfig::default(), parts)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn stop(&mut self, within: Duration) {
        let server = self.server.take().unwrap();
        self.runtime.block_on(server.stop(within));
    }

    pub(crate) fn get(&self, path: &str, headers: &[(&str, &str)]) -> (u16, Headers, String) {
        let mut answer = self.ask(path, headers);
        let status = answer.status().as_u16();
        let body = answer.body_mut().read_to_string().unwrap();
        (status, Headers(answer.headers().clone()), body)
    }

    pub(crate) fn bytes(&self, path: &str, headers: &[(&str, &str)]) -> (Headers, Vec<u8>) {
        let mut answer = self.ask(path, headers);
        let body = answer.body_mut().read_to_vec().unwrap();
        (Headers(answer.headers().clone()), body)
    }

    pub(crate) fn json(&self, path: &str) -> Value {
        serde_json::from_str(&self.get(path, &[]).2).unwrap()
    }

    /// What comes back for the bytes of a request.
    pub(crate) fn raw(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// The beginning of the answer to a question, whether or not it ever ends.
    #[allow(dead_code, reason = "not all who serve ask without end")]
    pub(crate) fn raw_head(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).unwrap();
        let mut piece = [0; 1024];
        let count = stream.read(&mut piece).unwrap();
        String::from_utf8_lossy(&piece[..count]).into_owned()
    }

    fn ask(&self, path: &str, headers: &[(&str, &str)]) -> ureq::http::Response<ureq::Body> {
        let mut request = ureq::get(format!("http://{}{path}", self.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.config().http_status_as_error(false).build().call().unwrap()
    }
}

fn parts(segments: Vec<SegmentStandings>, readiness: Readiness) -> Parts {
    let views = Views::default();
    views.publish(sample::view(1, segments));
    let status = || {
        let said = json!({ "lag_records": 12, "ready": "never" });
        said.as_object().cloned().unwrap_or_default()
    };
    // Finds a mistake the second time.
    let asked = AtomicBool::new(false);
    let reload = move || {
        if asked.swap(true, Ordering::SeqCst) {
            return Err("sillage.yaml:3: export.top_k: 0 is not allowed".into());
        }
        let keys = |key: &str| vec![key.to_owned()];
        Ok(Reloaded { applied: keys("export.top_k"), after_restart: keys("kafka.group") })
    };
    Parts {
        views,
        shifts: ShiftLog::default(),
        registry: Registry::new(),
        params: Params::default(),
        readiness,
        status: Arc::new(status),
        erase: None,
        reload: Arc::new(reload),
        build: Build { version: "1.2.3".into(), ..Build::default() },
        exemplars: Arc::new(Vec::new),
    }
}
