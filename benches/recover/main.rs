//! What a restart, a snapshot and a hand-over cost, on a real Kafka: the daemon is killed, written
//! of and joined while it holds a large state.
//!
//! `cargo bench --bench recover [-- ENTRIES [ROUNDS [PARTITIONS]]] [restart] [loss] [hand-over]`,
//! 10 M entries, 3 rounds, 6 partitions and all of it by default. Half of the partitions are handed
//! over: of two of them one.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a benchmark"
)]

mod hand_over;
mod loss;
#[path = "../catch_up/measure.rs"]
mod measure;
#[path = "../catch_up/produce.rs"]
mod produce;
mod restart;
#[path = "../../tests/support/kafka.rs"]
mod support;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use sillage::campaign::{Load, LoadEvents};
use tempfile::TempDir;

use measure::{Sillage, per_second};
use produce::Producer;
use support::{Kafka, Ports};

const TOPIC: &str = "recover";

/// Events that a daemon finds unread: some ten seconds of them.
const BACKLOG: u64 = 10_000_000;
/// Events at the end of the first reading, whose speed is shown.
const COMPARED: u64 = 1_000_000;
/// Events produced beside that, at most.
const SPARE: u64 = 2_000_000;

/// So long that no snapshot is due.
const NEVER: &str = "1d";

fn main() {
    let arguments = std::env::args().skip(1).filter(|arg| !arg.starts_with("--"));
    let (numbers, parts): (Vec<String>, Vec<String>) =
        arguments.partition(|arg| arg.starts_with(|c: char| c.is_ascii_digit()));
    let number = |at: usize| numbers.get(at).map(|arg| arg.parse::<u64>().expect("a number"));
    let (entries, rounds) = (number(0).unwrap_or(10_000_000), number(1).unwrap_or(3));
    let is_wanted = |part: &str| parts.is_empty() || parts.iter().any(|wanted| wanted == part);
    let mut world = World::new(entries, rounds, number(2).unwrap_or(6) as usize);
    world.leave_snapshots();
    if is_wanted("restart") {
        restart::run(&mut world, rounds);
    }
    if is_wanted("loss") {
        loss::run(&mut world, rounds);
    }
    if is_wanted("hand-over") {
        hand_over::run(&mut world, rounds);
    }
}

/// A broker, what is still to be produced to it, and the snapshots of what was read.
struct World {
    kafka: Kafka,
    partitions: usize,
    producer: Producer,
    coming: LoadEvents,
    /// Events in the topic, and how many of them the snapshots have.
    produced: u64,
    covered: u64,
    /// Time of the last of them, ms since the Unix epoch.
    newest_ms: i64,
    /// Of 25 favourites each actor acts on about all.
    filling: u64,
    folder: TempDir,
}

impl World {
    fn new(entries: u64, rounds: u64, partitions: usize) -> Self {
        let filling = entries * 9 / 5;
        let load = Load {
            actors: u32::try_from(entries * 7 / 200).expect("fewer actors"),
            favourites: 28,
            activity_exponent: 0.0,
            popularity_exponent: 0.3,
            events: filling + rounds * BACKLOG + SPARE,
            conversions: 20,
            ..Load::default()
        };
        let kafka = Kafka::start(Ports::draw());
        kafka.create_topic(TOPIC, i32::try_from(partitions).unwrap(), &[]);
        let producer = Producer::new(&kafka.brokers(), TOPIC);
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let coming = load.generate();
        Self {
            kafka,
            partitions,
            producer,
            coming,
            produced: 0,
            covered: 0,
            newest_ms: 0,
            filling,
            folder,
        }
    }

    fn produce(&mut self, events: u64) {
        for event in self.coming.by_ref().take(events as usize) {
            self.producer.send_load(&event);
            self.newest_ms = event.time_ms;
        }
        self.producer.flush();
        self.produced += events;
    }

    /// Where the snapshots of all that was read first lie.
    fn snapshots(&self) -> PathBuf {
        self.folder.path().join("snapshots")
    }

    /// A folder with the same snapshots.
    fn copy_of_snapshots(&self) -> TempDir {
        let copy = tempfile::tempdir_in(self.folder.path()).unwrap();
        copy_folder(&self.snapshots(), copy.path());
        copy
    }

    /// A member of a group that finds its place again by its name.
    fn start(&self, group: &str, dir: &Path, interval: &str, more: &[(&str, &str)]) -> Sillage {
        let mut settings = vec![
            ("SILLAGE__KAFKA__GROUP", group),
            ("SILLAGE__SNAPSHOT__DIR", dir.to_str().unwrap()),
            ("SILLAGE__SNAPSHOT__INTERVAL", interval),
        ];
        settings.extend(more);
        Sillage::start(&self.kafka.brokers(), TOPIC, &settings)
    }

    /// Reads all there is, and leaves snapshots of just that.
    fn leave_snapshots(&mut self) {
        self.produce(self.filling);
        let sillage = self.start(restart::GROUP, &self.snapshots(), "5s", &[restart::NAMED]);
        let looked = Looked::at(&sillage, self.produced - COMPARED);
        let speed = looked.until(&sillage, self.produced);
        sillage.await_sum("sillage_kafka_committed_offset{", self.produced);
        self.covered = self.produced;
        let entries = state_entries(&sillage);
        let bytes = newest_bytes(&self.snapshots());
        println!("{entries} entries of {} events, {} partitions", self.produced, self.partitions);
        println!("  snapshots            {:>10.2} bytes an entry", bytes as f64 / entries as f64);
        println!("  speed at the end     {speed}, with snapshots every 5 s");
    }
}

/// How fast events were read, and for how much.
#[derive(Clone, Copy)]
struct Speed {
    events_per_second: f64,
    /// CPU-s of the whole process for a million events.
    cost: f64,
}

/// What was counted, and spent, when it was looked at.
struct Looked {
    count: (Instant, u64),
    cpu_seconds: f64,
}

impl Looked {
    /// As soon as so many events are counted.
    fn at(sillage: &Sillage, events: u64) -> Self {
        let count = sillage.await_events(events);
        Self { count, cpu_seconds: sillage.cpu_seconds() }
    }

    /// The speed from there until so many events are counted.
    fn until(&self, sillage: &Sillage, events: u64) -> Speed {
        let later = Self::at(sillage, events);
        let read = (later.count.1 - self.count.1).max(1);
        Speed {
            events_per_second: per_second(self.count, later.count),
            cost: (later.cpu_seconds - self.cpu_seconds) / read as f64 * 1e6,
        }
    }
}

impl fmt::Display for Speed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>8.0} events/s, {:.2} CPU-s per M", self.events_per_second, self.cost)
    }
}

fn state_entries(sillage: &Sillage) -> u64 {
    let metrics = sillage.metrics().expect("an answer");
    measure::sum(&metrics, "sillage_state_entries{store=\"entries\"}")
}

/// Size of the newest snapshot of each partition, together.
fn newest_bytes(dir: &Path) -> u64 {
    let mut bytes = 0;
    for folder in folders(dir) {
        let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
        let snapshots = files.filter(|file| file.extension().is_some_and(|e| e == "snapshot"));
        let newest = snapshots.max().expect("a snapshot of each partition");
        bytes += newest.metadata().unwrap().len();
    }
    bytes
}

fn folders(dir: &Path) -> impl Iterator<Item = PathBuf> {
    std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir())
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy_folder(&from, &to);
        } else {
            std::fs::copy(from, to).unwrap();
        }
    }
}
