//! A daemon as its operator sees it: its counters over HTTP, its CPU time and memory from /proc.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

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
    pub(crate) fn catch_up(&mut self, events: u64) -> Measured {
        let mut first: Option<(Instant, u64)> = None;
        let deadline = Instant::now() + Duration::from_mins(10);
        loop {
            let counted =
                self.metrics().map_or(0, |metrics| sum(&metrics, "sillage_events_total{"));
            let now = Instant::now();
            if counted > 0 && first.is_none() {
                first = Some((now, counted));
            }
            if counted >= events {
                let (since, before) = first.unwrap_or((now, 0));
                let seconds = (now - since).as_secs_f64().max(1e-9);
                return Measured {
                    events,
                    cpu_seconds: cpu_seconds(self.process.id()),
                    events_per_second: (counted - before) as f64 / seconds,
                    peak_bytes: peak_bytes(self.process.id()),
                };
            }
            assert!(now < deadline, "{counted} of {events} events after ten minutes");
            std::thread::park_timeout(Duration::from_millis(100));
        }
    }

    pub(crate) fn metrics(&self) -> Option<String> {
        let url = format!("http://{}/metrics", self.address);
        ureq::get(&url).call().ok()?.body_mut().read_to_string().ok()
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

/// CPU time of a process so far, of all its threads.
pub(crate) fn cpu_seconds(process: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).expect("it must run");
    let after_name = stat.rsplit_once(')').expect("a name in brackets").1;
    let ticks: u64 =
        after_name.split_whitespace().skip(11).take(2).map(|t| t.parse::<u64>().unwrap()).sum();
    ticks as f64 / 100.0
}

/// Most memory that a process ever held.
pub(crate) fn peak_bytes(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("it must run");
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("a line");
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}
