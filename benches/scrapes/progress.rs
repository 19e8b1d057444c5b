//! How fast a daemon reads a backlog, by its status: `/metrics` is what is measured. It is scraped
//! every other turn, so that all that the machine gives or takes meanwhile is shared by both kinds.

use std::fmt;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::PARTITIONS;
use super::measure::Sillage;
use super::scraper::Scrapers;

/// A turn takes two views at least, which are drawn each second, and one scrape.
const TURN: Duration = Duration::from_millis(1500);

/// Turns of a kind together, in all of which no partition was at its end.
#[derive(Clone, Copy, Default)]
struct Sum {
    seconds: f64,
    events: f64,
    /// Of the whole process, and of the server's threads.
    cpu_seconds: f64,
    serving_seconds: f64,
}

/// What was read, and spent, as of a view.
#[derive(Clone, Copy)]
struct Looked {
    at: Instant,
    read: u64,
    cpu_seconds: f64,
    serving_seconds: f64,
}

/// Turns without scrapes, and those with.
#[derive(Clone, Copy, Default)]
pub(crate) struct Turns {
    paused: Sum,
    scraped: Sum,
}

/// Waits until all events are read, and has it scraped every other turn.
pub(crate) fn catch_up(sillage: &Sillage, events: u64, scrapers: &Scrapers) -> Turns {
    let deadline = Instant::now() + Duration::from_mins(10);
    let (mut view, mut began, mut turns) = (None, None::<Looked>, Turns::default());
    let turn = scrapers.interval().max(TURN);
    loop {
        assert!(Instant::now() < deadline, "not read within ten minutes");
        thread::park_timeout(Duration::from_millis(10));
        let Some(status) = status(sillage) else { continue };
        if view.replace(status["view"].as_u64()) == Some(status["view"].as_u64()) {
            continue;
        }
        let behind: Vec<u64> = behind(&status);
        if behind.len() == PARTITIONS && behind.iter().all(|behind| *behind > 0) {
            let looked = Looked::now(sillage, events - behind.iter().sum::<u64>());
            let first = *began.get_or_insert(looked);
            if looked.at - first.at >= turn {
                turns.add(scrapers.pause_or_go_on(), first, looked);
                began = Some(looked);
            }
        } else if began.is_some() && behind.iter().sum::<u64>() == 0 {
            return turns;
        }
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

impl Looked {
    fn now(sillage: &Sillage, read: u64) -> Self {
        Self {
            at: Instant::now(),
            read,
            cpu_seconds: sillage.cpu_seconds(),
            serving_seconds: sillage.cpu_seconds_of("serve"),
        }
    }
}

impl Turns {
    fn add(&mut self, scraped: bool, from: Looked, to: Looked) {
        let sum = if scraped { &mut self.scraped } else { &mut self.paused };
        sum.add(Sum {
            seconds: (to.at - from.at).as_secs_f64(),
            events: (to.read - from.read) as f64,
            cpu_seconds: to.cpu_seconds - from.cpu_seconds,
            serving_seconds: to.serving_seconds - from.serving_seconds,
        });
    }

    /// Adds those of another catch-up.
    pub(crate) fn extend(&mut self, other: &Self) {
        self.paused.add(other.paused);
        self.scraped.add(other.scraped);
    }
}

impl Sum {
    fn add(&mut self, other: Self) {
        self.seconds += other.seconds;
        self.events += other.events;
        self.cpu_seconds += other.cpu_seconds;
        self.serving_seconds += other.serving_seconds;
    }

    fn events_per_second(&self) -> f64 {
        self.events / self.seconds
    }

    /// CPU-s of the whole process for a million events.
    fn cost(&self) -> f64 {
        self.cpu_seconds / self.events * 1e6
    }

    /// CPU time of the server's threads a second, ms.
    fn serving_ms(&self) -> f64 {
        self.serving_seconds / self.seconds * 1e3
    }
}

impl fmt::Display for Turns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { paused, scraped } = self;
        write!(
            f,
            "{:>8.0} events/s at {:.2} CPU-s per M, scraped {:.3} of the speed at {:.3} of the \
             cost; the server's threads {:.1} ms of CPU a second, scraped {:.1} ms",
            paused.events_per_second(),
            paused.cost(),
            scraped.events_per_second() / paused.events_per_second(),
            scraped.cost() / paused.cost(),
            paused.serving_ms(),
            scraped.serving_ms(),
        )
    }
}
