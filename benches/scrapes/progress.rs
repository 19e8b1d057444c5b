//! How fast a daemon reads a backlog, by its status: `/metrics` is what is measured.

use std::fmt;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::PARTITIONS;
use super::measure::{Sillage, per_second};

/// How fast events were read while no partition was at its end, and for how much.
#[derive(Clone, Copy)]
pub(crate) struct Speed {
    events_per_second: f64,
    /// CPU-s of the whole process for a million events.
    cost: f64,
    peak_bytes: u64,
}

/// What was read, and spent, as of a view.
#[derive(Clone, Copy)]
struct Looked {
    count: (Instant, u64),
    cpu_seconds: f64,
}

/// Waits until all events are read.
pub(crate) fn catch_up(sillage: &Sillage, events: u64) -> Speed {
    let deadline = Instant::now() + Duration::from_mins(10);
    let (mut view, mut first, mut last): (_, Option<Looked>, Option<Looked>) = (None, None, None);
    loop {
        assert!(Instant::now() < deadline, "not read within ten minutes");
        thread::park_timeout(Duration::from_millis(10));
        let Some(status) = status(sillage) else { continue };
        if view.replace(status["view"].as_u64()) == Some(status["view"].as_u64()) {
            continue;
        }
        let behind: Vec<u64> = behind(&status);
        if behind.len() == PARTITIONS && behind.iter().all(|behind| *behind > 0) {
            let read = events - behind.iter().sum::<u64>();
            let cpu_seconds = sillage.cpu_seconds();
            let looked = Looked { count: (Instant::now(), read), cpu_seconds };
            first.get_or_insert(looked);
            last = Some(looked);
        } else if last.is_some() && behind.iter().sum::<u64>() == 0 {
            break;
        }
    }
    let (first, last) = (first.expect("views of a catch-up"), last.expect("views of a catch-up"));
    let read = last.count.1 - first.count.1;
    assert!(read > events / 4, "too few views of a catch-up: {read} of {events} events");
    Speed {
        events_per_second: per_second(first.count, last.count),
        cost: (last.cpu_seconds - first.cpu_seconds) / read as f64 * 1e6,
        peak_bytes: sillage.peak_bytes(),
    }
}

fn status(sillage: &Sillage) -> Option<Value> {
    serde_json::from_str(&sillage.ask("/api/v1/status")?).ok()
}

/// Records that are still to be read, of each partition.
fn behind(status: &Value) -> Vec<u64> {
    let partitions = status["partitions"].as_array();
    let of = |partition: &Value| partition["behind"].as_u64();
    partitions.map(|all| all.iter().filter_map(of).collect()).unwrap_or_default()
}

impl Speed {
    /// Prints this one, of a daemon that is scraped, beside one that is not.
    pub(crate) fn compare(self, alone: Self) {
        println!(
            "  scraped, {:.3} of the speed at {:.3} of the cost",
            self.events_per_second / alone.events_per_second,
            self.cost / alone.cost,
        );
    }
}

impl fmt::Display for Speed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:>8.0} events/s, {:.2} CPU-s per M, {:.0} MB at most",
            self.events_per_second,
            self.cost,
            self.peak_bytes as f64 / 1e6
        )
    }
}
