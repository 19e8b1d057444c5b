//! A disk that is full, read-only or emptied: the daemon serves on, says so, and recovers.

use std::path::Path;
use std::process::Command;

use crate::process::{Daemon, WITHIN};
use crate::stream::{event, produce};
use crate::support::kafka::{Kafka, poll};

const NOW: i64 = 1_700_000_000_000;

/// A small file system in memory; nothing, and a word, where this user may not mount one.
struct Small(tempfile::TempDir);

impl Small {
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        if mount(&["-t", "tmpfs", "-o", "size=256k", "tmpfs"], folder.path()) {
            return Some(Self(folder));
        }
        eprintln!("SKIPPED: this user may not mount a file system");
        None
    }

    fn remount(&self, mode: &str) {
        assert!(mount(&["-o", &format!("remount,{mode}"), "tmpfs"], self.0.path()));
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        Command::new("umount").arg("-l").arg(self.0.path()).status().unwrap();
    }
}

fn mount(arguments: &[&str], at: &Path) -> bool {
    let mounted = Command::new("mount").args(arguments).arg(at).output();
    mounted.is_ok_and(|output| output.status.success())
}

fn start(topic: &str, dir: &Path) -> Daemon {
    let dir = dir.join("snapshots");
    let settings = [
        ("SILLAGE__SNAPSHOT__DIR", dir.to_str().unwrap()),
        ("SILLAGE__SNAPSHOT__INTERVAL", "1s"),
        ("SILLAGE__SNAPSHOT__KEEP", "1"),
    ];
    Daemon::start(&Kafka::shared().brokers(), topic, &settings)
}

/// A retweet a time, so that there is always something to write.
struct Traffic {
    topic: &'static str,
    sent: u32,
}

impl Traffic {
    fn begin(topic: &'static str) -> Self {
        Kafka::shared().create_topic(topic, 1, &[]);
        Self { topic, sent: 0 }
    }

    fn one_more(&mut self, daemon: &Daemon) {
        self.sent += 1;
        let line = event("retweet", &format!("a{}", self.sent), "ada", NOW + i64::from(self.sent));
        produce(Kafka::shared(), self.topic, &[line]);
        let fans = f64::from(self.sent);
        daemon.await_metric("sillage_active_fans", &["influencer=\"ada\""], fans);
    }

    /// Goes on until a counter has grown.
    fn until_counted(&mut self, daemon: &Daemon, name: &str, labels: &[&str]) {
        let before = daemon.metric(name, labels);
        poll(&format!("{name} {labels:?} to grow"), WITHIN, || {
            self.one_more(daemon);
            (daemon.metric(name, labels) > before).then_some(())
        });
    }
}

const WRITTEN: &str = "sillage_snapshots_total";
const FAILED: &str = "sillage_snapshot_failures_total";

#[test]
fn a_full_disk_costs_snapshots_and_nothing_else() {
    let Some(small) = Small::mount() else { return };
    let mut traffic = Traffic::begin("full-disk");
    let daemon = start(traffic.topic, small.0.path());
    traffic.until_counted(&daemon, WRITTEN, &[]);
    let filler = small.0.path().join("filler");
    // Until not a page is left.
    drop(std::fs::write(&filler, vec![1; 1 << 20]));
    traffic.until_counted(&daemon, FAILED, &["reason=\"disk_full\""]);
    assert!(daemon.is_ready(), "it serves what it has");
    std::fs::remove_file(&filler).unwrap();
    traffic.until_counted(&daemon, WRITTEN, &[]);
    daemon.stop();
}

#[test]
fn a_read_only_disk_costs_snapshots_and_nothing_else() {
    let Some(small) = Small::mount() else { return };
    let mut traffic = Traffic::begin("read-only-disk");
    let daemon = start(traffic.topic, small.0.path());
    traffic.until_counted(&daemon, WRITTEN, &[]);
    small.remount("ro");
    traffic.until_counted(&daemon, FAILED, &["reason=\"denied\""]);
    drop(daemon);
    // What is there can still be read, and is gone on from.
    let daemon = start(traffic.topic, small.0.path());
    daemon.await_ready();
    let received = daemon.metric("sillage_records_received_total", &[]);
    assert!(received < f64::from(traffic.sent), "{received} of {} were read", traffic.sent);
    traffic.until_counted(&daemon, FAILED, &["reason=\"denied\""]);
    small.remount("rw");
    traffic.until_counted(&daemon, WRITTEN, &[]);
    daemon.stop();
}

#[test]
fn a_folder_that_is_deleted_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut traffic = Traffic::begin("deleted-folder");
    let daemon = start(traffic.topic, folder.path());
    traffic.until_counted(&daemon, WRITTEN, &[]);
    std::fs::remove_dir_all(folder.path().join("snapshots")).unwrap();
    traffic.until_counted(&daemon, WRITTEN, &[]);
    traffic.until_counted(&daemon, WRITTEN, &[]);
    let last = "sillage_snapshot_last_success_timestamp_seconds";
    assert!(daemon.metric(last, &[]) > 1.7e9);
    daemon.stop();
}
