//! The binary as its operator has it: an environment, signals, HTTP, lines on standard error, and
//! an exit code.
//!
//! Invariant: a process that a test started is gone when its handle is dropped.

use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use sillage::clock;
use tempfile::TempDir;

use crate::support::kafka::poll;

/// For what has no bound of its own.
pub(crate) const WITHIN: Duration = Duration::from_mins(1);
/// What the design allows a shutdown.
pub(crate) const DRAINED_WITHIN: Duration = Duration::from_secs(30);
/// What the design allows a problem to be said.
pub(crate) const SAID_WITHIN: Duration = Duration::from_secs(10);

const ANSWER_BYTES_MAX: u64 = 256 << 20;

/// A running daemon.
pub(crate) struct Daemon {
    child: Child,
    said: Arc<Mutex<Vec<String>>>,
    reader: Option<JoinHandle<()>>,
    address: String,
    /// Where it runs, and where there is no configuration file.
    folder: TempDir,
}

/// How a process ended.
pub(crate) struct End {
    pub(crate) status: ExitStatus,
    pub(crate) said: Vec<String>,
    pub(crate) took: Duration,
}

/// A command that knows of nothing but `settings`, in a folder of its own.
pub(crate) fn command(folder: &TempDir, settings: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sillage"));
    command.env_clear().current_dir(folder).envs(settings.iter().copied());
    command
}

impl Daemon {
    /// Starts it on topics, under a group of that name, and waits until it listens.
    pub(crate) fn start(brokers: &str, topics: &str, settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let group = topics.replace(',', "-");
        let mut all = vec![
            ("SILLAGE__KAFKA__BROKERS", brokers),
            ("SILLAGE__KAFKA__TOPICS", topics),
            ("SILLAGE__KAFKA__GROUP", &group),
            ("SILLAGE__SERVE__LISTEN", "127.0.0.1:0"),
            ("SILLAGE__VIEW__INTERVAL", "200ms"),
        ];
        all.extend(settings);
        let mut child = command(&folder, &all)
            .arg("run")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let said = Arc::new(Mutex::new(Vec::new()));
        let (lines, into) = (BufReader::new(child.stderr.take().unwrap()), Arc::clone(&said));
        let reader = std::thread::spawn(move || {
            for line in lines.lines() {
                into.lock().unwrap().push(line.unwrap());
            }
        });
        let mut daemon = Self { child, said, reader: Some(reader), address: String::new(), folder };
        let (_, address) = daemon
            .await_line("listening address=", Duration::from_secs(20))
            .split_once("address=")
            .map(|(before, address)| (before.to_owned(), address.to_owned()))
            .unwrap();
        daemon.address = address;
        daemon
    }

    /// What it has written to standard error.
    pub(crate) fn said(&self) -> Vec<String> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits for a line that has `text` in it.
    pub(crate) fn await_line(&self, text: &str, within: Duration) -> String {
        let deadline = clock::instant() + within;
        loop {
            if let Some(line) = self.said().into_iter().find(|line| line.contains(text)) {
                return line;
            }
            let said = self.said().join("\n");
            assert!(clock::instant() < deadline, "{within:?} without a line of {text:?}:\n{said}");
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }

    pub(crate) fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// The answer to a question, or nothing when nobody listens.
    pub(crate) fn ask(&self, path: &str) -> Option<(u16, String)> {
        let request = ureq::get(format!("http://{}{path}", self.address));
        let timeout = Some(Duration::from_secs(30));
        let asked = request.config().http_status_as_error(false).timeout_global(timeout).build();
        let mut answer = asked.call().ok()?;
        let body = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_string();
        Some((answer.status().as_u16(), body.ok()?))
    }

    /// The answer to a deletion.
    pub(crate) fn delete(&self, path: &str) -> Option<(u16, String)> {
        let request = ureq::delete(format!("http://{}{path}", self.address));
        let timeout = Some(Duration::from_secs(30));
        let asked = request.config().http_status_as_error(false).timeout_global(timeout).build();
        let mut answer = asked.call().ok()?;
        let body = answer.body_mut().read_to_string();
        Some((answer.status().as_u16(), body.ok()?))
    }

    pub(crate) fn json(&self, path: &str) -> Value {
        let (status, body) = self.ask(path).expect("an answer");
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).expect("JSON")
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.ask("/-/ready").is_some_and(|(status, _)| status == 200)
    }

    pub(crate) fn await_ready(&self) {
        let deadline = clock::instant() + WITHIN;
        while !self.is_ready() {
            let said = || (self.ask("/-/ready"), self.said().join("\n"));
            assert!(clock::instant() < deadline, "not ready: {:?}", said());
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }

    /// Why it is not ready.
    pub(crate) fn unready(&self) -> Option<String> {
        self.ask("/-/ready").filter(|(status, _)| *status == 503).map(|(_, body)| body)
    }

    /// The sum of the series of a metric that have these labels, written as `label="value"`.
    pub(crate) fn metric(&self, name: &str, labels: &[&str]) -> f64 {
        let (status, text) = self.ask("/metrics").expect("an answer");
        assert_eq!(status, 200);
        series(&text, name, labels).map(|(_, value)| value).sum()
    }

    pub(crate) fn await_metric(&self, name: &str, labels: &[&str], value: f64) {
        let deadline = clock::instant() + WITHIN * 2;
        loop {
            let now = self.metric(name, labels);
            if now >= value {
                assert!((now - value).abs() < 1e-9, "{name} {labels:?}: {now}, not {value}");
                return;
            }
            let said = || self.said().join("\n");
            assert!(clock::instant() < deadline, "{name} {labels:?}: {now}:\n{}", said());
            std::thread::park_timeout(Duration::from_millis(50));
        }
    }

    /// Waits until it owns as many partitions.
    #[allow(dead_code, reason = "other tests use this file as well")]
    pub(crate) fn await_partitions(&self, count: usize) {
        let name = "sillage_kafka_assigned_partitions";
        let deadline = clock::instant() + WITHIN;
        loop {
            let now = self.metric(name, &[]);
            if (now - count as f64).abs() < 0.5 {
                return;
            }
            let said = || self.said().join("\n");
            assert!(clock::instant() < deadline, "{now} partitions, not {count}:\n{}", said());
            std::thread::park_timeout(Duration::from_millis(50));
        }
    }

    /// Waits until as many records were scored or rejected, and a view shows them.
    pub(crate) fn await_records(&self, count: usize) {
        let name = "sillage_records_received_total";
        self.await_metric(name, &[], count as f64);
        let views = "sillage_view_build_seconds_count";
        // The one that is being drawn may have missed the last.
        let two_later = self.metric(views, &[]) + 2.0;
        poll("a view", WITHIN, || (self.metric(views, &[]) >= two_later).then_some(()));
    }

    /// Waits for it to end by itself, or by a signal that it was sent.
    pub(crate) fn await_end(mut self, within: Duration) -> End {
        let began = clock::instant();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            let said = || self.said().join("\n");
            assert!(began.elapsed() < within, "it did not end within {within:?}:\n{}", said());
            std::thread::park_timeout(Duration::from_millis(20));
        };
        let took = began.elapsed();
        self.reader.take().unwrap().join().unwrap();
        End { status, said: self.said(), took }
    }

    /// Ends it as an operator does, which must work.
    pub(crate) fn stop(self) {
        self.signal(Signal::TERM);
        let end = self.await_end(DRAINED_WITHIN);
        assert_eq!(end.code(), Some(0), "{}", end.said.join("\n"));
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Gone already is as good.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl End {
    pub(crate) fn code(&self) -> Option<i32> {
        assert!(!self.status.core_dumped());
        self.status.code()
    }

    /// The line for people that says why: the last.
    pub(crate) fn last_words(&self) -> &str {
        self.said.last().map_or("", String::as_str)
    }
}

/// The series of a family that have these labels: each with its name and its value.
pub(crate) fn series<'a>(
    text: &'a str,
    name: &'a str,
    labels: &'a [&'a str],
) -> impl Iterator<Item = (&'a str, f64)> {
    text.lines().filter_map(move |line| {
        let (series, value) = line.rsplit_once(' ')?;
        let of = series.split('{').next()?;
        let found = of == name && labels.iter().all(|label| series.contains(label));
        found.then(|| (series, value.parse().expect("a number")))
    })
}

/// Waits for time to pass, in steps that `each` is told of.
pub(crate) fn pace(every: Duration, times: usize, mut each: impl FnMut(usize)) {
    let began = clock::instant();
    for at in 0..times {
        let due: Instant = began + every * u32::try_from(at).unwrap();
        while clock::instant() < due {
            std::thread::park_timeout(due - clock::instant());
        }
        each(at);
    }
}
