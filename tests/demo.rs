//! The demo as a user starts it: the binary, its output, its address and its end.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fmt::Write;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use sillage::app::generate::{Destination, Generate, Stream, run};
use sillage::campaign::Plan;
use sillage::clock;

/// Scores must show by then, after the start.
const SOON: Duration = Duration::from_secs(10);
/// Far more than the end of a demo takes.
const PATIENCE: Duration = Duration::from_secs(30);

struct Demo {
    child: Child,
    lines: Receiver<String>,
    said: Vec<String>,
    began: Instant,
}

impl Demo {
    fn start(arguments: &[&str], listen: &str) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_sillage"))
            .arg("demo")
            .args(arguments)
            .env("SILLAGE__SERVE__LISTEN", listen)
            // What a user has who tries a demo beside his daemon.
            .env("SILLAGE__SNAPSHOT__DIR", std::env::temp_dir().join("sillage-demo-snapshots"))
            .env_remove("RUST_LOG")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = lines(child.stdout.take().unwrap());
        Self { child, lines, said: Vec::new(), began: clock::instant() }
    }

    /// The first line from now on with these words, at most `within` after the start.
    fn hear(&mut self, words: &str, within: Duration) -> String {
        loop {
            let left = within.saturating_sub(self.began.elapsed());
            match self.lines.recv_timeout(left) {
                Ok(line) => {
                    self.said.push(line.clone());
                    if line.contains(words) {
                        return line;
                    }
                }
                Err(why) => panic!("{words:?} was not said ({why}) but {:#?}", self.said),
            }
        }
    }

    fn address(&mut self) -> String {
        let line = self.hear("  page", SOON);
        line.split_once("http://").unwrap().1.split_once('/').unwrap().0.to_owned()
    }

    fn interrupt(&self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    }

    /// How it ended, with all that it printed and its errors.
    fn end(mut self) -> (ExitStatus, Vec<String>, String) {
        let deadline = clock::instant() + PATIENCE;
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(clock::instant())) {
                Ok(line) => self.said.push(line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("it does not end: {:#?}", self.said),
            }
        }
        let mut errors = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
        let status = self.child.wait().unwrap();
        (status, std::mem::take(&mut self.said), errors)
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // Whatever a test found wrong, nothing is left running.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn lines(out: ChildStdout) -> Receiver<String> {
    let (line, lines) = sync_channel(10_000);
    std::thread::spawn(move || {
        for text in BufReader::new(out).lines().map_while(Result::ok) {
            if line.send(text).is_err() {
                break;
            }
        }
    });
    lines
}

/// The value of the series of the celebrity, if it is exported.
fn of_celebrity(metrics: &str, family: &str) -> Option<f64> {
    let series = format!("{family}{{");
    let of = |line: &&str| line.starts_with(&series) && line.contains("influencer=\"celebrity\"");
    metrics.lines().find(of)?.rsplit(' ').next()?.parse().ok()
}

fn metrics(address: &str) -> String {
    let url = format!("http://{address}/metrics");
    ureq::get(&url).call().unwrap().body_mut().read_to_string().unwrap()
}

/// The row of an account in the last table that was printed.
fn last_row<'a>(said: &'a [String], account: &str) -> Vec<&'a str> {
    let cells = |line: &'a String| line.split_whitespace().collect::<Vec<_>>();
    let mut rows = said.iter().map(cells);
    let is_row = |row: &Vec<&str>| row.first().is_some_and(|rank| rank.parse::<u32>().is_ok());
    rows.rfind(|row| is_row(row) && row.get(1) == Some(&account)).unwrap_or_default()
}

#[test]
fn scores_show_soon_and_the_celebrity_is_popular_and_not_influential() {
    // Four days a second, so that most of the bought followers are there at the end.
    let mut demo = Demo::start(&["--for", "9s", "--speed", "345600"], "127.0.0.1:0");
    let address = demo.address();
    let (popularity, influence) = loop {
        let text = metrics(&address);
        let popularity = of_celebrity(&text, "sillage_popularity_score");
        let influence = of_celebrity(&text, "sillage_influence_score");
        match popularity.zip(influence) {
            Some((popularity, influence)) if popularity > influence => {
                break (popularity, influence);
            }
            seen => assert!(demo.began.elapsed() < SOON, "not within {SOON:?}: {seen:?}"),
        }
        std::thread::park_timeout(Duration::from_millis(50));
    };
    assert!(popularity > influence && influence > 0.0, "{popularity} {influence}");
    demo.hear("celebrity", SOON);

    let (status, said, errors) = demo.end();
    assert!(status.success(), "{status}: {errors}");
    assert_eq!(errors, "");
    assert_eq!(last_row(&said, "celebrity").get(2), Some(&"popular"), "{said:#?}");
    let ahead = last_row(&said, "homophily").first().unwrap().parse::<u32>().unwrap();
    let behind = last_row(&said, "celebrity").first().unwrap().parse::<u32>().unwrap();
    assert!(ahead < behind, "{said:#?}");
    let verdict = "The celebrity is popular and not influential: popularity ";
    assert!(said.iter().any(|line| line.starts_with(verdict)), "{said:#?}");
    let last = said.last().unwrap();
    assert!(last.starts_with("stopped when its time was up, after 9 s: "), "{last}");
    assert!(last.ends_with(" events scored, 0 rejected"), "{last}");
}

#[test]
fn an_interrupt_ends_it_clean_and_soon() {
    let mut demo = Demo::start(&[], "127.0.0.1:0");
    demo.hear("segment buyers", SOON);
    demo.interrupt();
    let interrupted = clock::instant();
    let (status, said, errors) = demo.end();
    assert!(interrupted.elapsed() < Duration::from_secs(8), "{:?}", interrupted.elapsed());
    assert_eq!(status.code(), Some(0), "{errors}");
    assert!(said.last().unwrap().starts_with("stopped as told, after "), "{said:#?}");
}

#[test]
fn a_port_that_is_taken_is_said() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = taken.local_addr().unwrap().to_string();
    let (status, _, errors) = Demo::start(&[], &listen).end();
    assert_eq!(status.code(), Some(1));
    assert!(errors.contains(&format!("{listen} is taken")), "{errors}");
    assert!(errors.contains("SILLAGE__SERVE__LISTEN=127.0.0.1:0"), "{errors}");
}

/// The same campaign as lines and as a table.
fn record(folder: &Path) -> (String, String, u64) {
    let lines = folder.join("events.ndjson.gz");
    let rows = folder.join("events.csv");
    let plan = Plan { people: 300, days: 12, ..Plan::default() };
    let request = |to| Generate {
        stream: Stream::Campaign(plan),
        to,
        rate: None,
        campaign: None,
        truth: Some(folder.join("truth.json")),
    };
    let count = run(&request(Destination::File(lines.clone())), &AtomicBool::new(false)).unwrap();
    let mut table = String::from("kind,actor,target,time,id,segments,value\n");
    for event in sillage::campaign::Campaign::new(plan).unwrap() {
        let (kind, time) = (event.kind.as_str(), event.time_ms);
        let (target, value) = (event.target.unwrap_or_default(), event.value.unwrap_or_default());
        let (actor, id, segment) = (event.actor, event.id, event.segments.first().unwrap());
        writeln!(table, "{kind},{actor},{target},{time},{id},{segment},{value}").unwrap();
    }
    std::fs::write(&rows, table).unwrap();
    (lines.display().to_string(), rows.display().to_string(), count)
}

/// The rows of the planted accounts once the file has been fed.
fn rows_of(file: &str, count: u64) -> [String; 3] {
    let mut demo = Demo::start(&[file, "--speed", "864000"], "127.0.0.1:0");
    demo.hear("The stream has ended", PATIENCE);
    demo.interrupt();
    let (status, said, errors) = demo.end();
    assert!(status.success(), "{errors}");
    let last = said.last().unwrap().replace(',', "");
    assert!(last.contains(&format!(" {count} events scored 0 rejected")), "{last}, not {count}");
    ["celebrity", "mid", "homophily"].map(|account| last_row(&said, account).join(" "))
}

#[test]
fn recorded_streams_are_fed_whatever_their_format() {
    let folder = tempfile::tempdir().unwrap();
    let (lines, table, count) = record(folder.path());
    let rows = rows_of(&lines, count);
    assert!(rows.iter().all(|row| !row.is_empty()), "{rows:?}");
    assert_eq!(rows, rows_of(&table, count));
}
