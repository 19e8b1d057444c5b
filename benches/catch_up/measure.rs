//! A daemon as its operator sees it: its counters over HTTP, its CPU time and memory from /proc.
#![allow(dead_code, reason = "each benchmark uses a part of it")]

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// From one look at its counters to the next, each of which costs it a page of `/metrics`.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Bytes of an answer; 100,000 series are some 10 MB.
const ANSWER_MAX: u64 = 100 << 20;

/// What a process needed.
pub(crate) struct Measured {
    pub(crate) events: u64,
    /// User and system time of all its threads.
    pub(crate) cpu_seconds: f64,
    /// From the first look that saw events to the last event.
    pub(crate) events_per_second: f64,
    pub(crate) peak_bytes: u64,
}

/// A running daemon; killed when dropped.
pub(crate) struct Sillage {
    process: Child,
    address: String,
}

impl Sillage {
    pub(crate) fn start(brokers: &str, topic: &str, more: &[(&str, &str)]) -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let address = format!("127.0.0.1:{port}");
        let process = Command::new(env!("CARGO_BIN_EXE_sillage"))
            .arg("run")
            .env("SILLAGE__KAFKA__BROKERS", brokers)
            .env("SILLAGE__KAFKA__TOPICS", topic)
            .env("SILLAGE__KAFKA__GROUP", format!("bench-{port}"))
            .env("SILLAGE__SERVE__LISTEN", &address)
            .env("SILLAGE__LOG__LEVEL", "error")
            .envs(more.iter().copied())
            .stdin(Stdio::null())
            .spawn()
            .expect("the daemon must start");
        Self { process, address }
    }

    /// Waits until all events are counted.
    pub(crate) fn catch_up(&self, events: u64) -> Measured {
        let (since, before) = self.await_events(1);
        let (now, counted) = self.await_events(events);
        Measured {
            events,
            cpu_seconds: cpu_seconds(self.process.id()),
            events_per_second: per_second((since, before), (now, counted)),
            peak_bytes: self.peak_bytes(),
        }
    }

    /// Waits until so many events are counted; says when it saw that, and how many there were.
    pub(crate) fn await_events(&self, events: u64) -> (Instant, u64) {
        self.await_sum("sillage_events_total{", events)
    }

    /// Waits until samples add up to as much; says when it saw that, and to how much.
    pub(crate) fn await_sum(&self, start: &str, least: u64) -> (Instant, u64) {
        let deadline = Instant::now() + Duration::from_mins(10);
        loop {
            let found = self.metrics().map_or(0, |metrics| sum(&metrics, start));
            let now = Instant::now();
            if found >= least {
                return (now, found);
            }
            assert!(now < deadline, "{start}: {found} of {least} after ten minutes");
            std::thread::park_timeout(LOOK_EVERY);
        }
    }

    pub(crate) fn metrics(&self) -> Option<String> {
        self.ask("/metrics")
    }

    /// The answer to a question, if it is a good one.
    pub(crate) fn ask(&self, path: &str) -> Option<String> {
        let url = format!("http://{}{path}", self.address);
        let mut answer = ureq::get(&url).call().ok()?;
        answer.body_mut().with_config().limit(ANSWER_MAX).read_to_string().ok()
    }

    /// Host and port where it listens.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Most memory that it ever held.
    pub(crate) fn peak_bytes(&self) -> u64 {
        peak_bytes(self.process.id())
    }

    pub(crate) fn cpu_seconds(&self) -> f64 {
        cpu_seconds(self.process.id())
    }

    /// CPU time so far of the thread of that name, 0 if there is none.
    pub(crate) fn cpu_seconds_of(&self, thread: &str) -> f64 {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.process.id()));
        let folders = tasks.expect("it must run").map(|task| task.expect("readable").path());
        let named = |folder: &std::path::PathBuf| {
            std::fs::read_to_string(folder.join("comm")).is_ok_and(|name| name.trim() == thread)
        };
        folders.filter(named).map(|folder| cpu_seconds_in(&folder)).sum()
    }

    /// Memory that it has now.
    pub(crate) fn resident_bytes(&self) -> u64 {
        status_bytes(self.process.id(), "VmRSS:")
    }

    /// Asks it to end, and does not wait for that.
    pub(crate) fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Has it do nothing until it is to go on.
    pub(crate) fn pause(&self) {
        self.signal(Signal::STOP);
    }

    pub(crate) fn go_on(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.process), signal).expect("it must run");
    }

    /// Waits for it to have ended well by itself.
    pub(crate) fn await_end(mut self) {
        assert!(self.process.wait().expect("a child").success(), "it must end well");
    }
}

impl Drop for Sillage {
    fn drop(&mut self) {
        // It may have ended by itself, which the measurement has then said.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// The sum of the samples whose name and labels start so.
pub(crate) fn sum(metrics: &str, start: &str) -> u64 {
    let value = |line: &str| line.rsplit_once(' ')?.1.parse::<f64>().ok();
    metrics.lines().filter(|line| line.starts_with(start)).filter_map(value).sum::<f64>() as u64
}

/// Events a second from one look at a counter to a later one.
pub(crate) fn per_second(from: (Instant, u64), to: (Instant, u64)) -> f64 {
    (to.1 - from.1) as f64 / (to.0 - from.0).as_secs_f64().max(1e-9)
}

/// CPU time of a process so far, of all its threads.
pub(crate) fn cpu_seconds(process: u32) -> f64 {
    cpu_seconds_in(std::path::Path::new(&format!("/proc/{process}")))
}

fn cpu_seconds_in(folder: &std::path::Path) -> f64 {
    let stat = std::fs::read_to_string(folder.join("stat")).expect("it must run");
    let after_name = stat.rsplit_once(')').expect("a name in brackets").1;
    let ticks: u64 =
        after_name.split_whitespace().skip(11).take(2).map(|t| t.parse::<u64>().unwrap()).sum();
    ticks as f64 / 100.0
}

/// Most memory that a process ever held.
pub(crate) fn peak_bytes(process: u32) -> u64 {
    status_bytes(process, "VmHWM:")
}

fn status_bytes(process: u32, field: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("it must run");
    let line = status.lines().find(|line| line.starts_with(field)).expect("a line");
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}
