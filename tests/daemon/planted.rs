//! Thirty days of a campaign in which accounts change, half a day at a time: what the detector finds
//! of them without a daemon is told once, the same over a crash and a restart as without.

use std::collections::BTreeSet;
use std::sync::Arc;

use rustix::process::Signal;
use serde_json::Value;
use sillage::campaign::{Campaign, Design, Plan, PlantedShift};
use sillage::model::{Params, Rule, Shift};
use tempfile::TempDir;

use crate::process::{DRAINED_WITHIN, Daemon, WITHIN, command};
use crate::receivers::{Health, Receiver};
use crate::stream::produce;
use crate::support::kafka::{Kafka, poll};
use crate::support::soak;

const TOPIC: &str = "planted";
const DAYS: u16 = 30;
/// Days that lie behind when the watch begins, as in a backtest.
const BEFORE: usize = 10;
const SLICES_PER_DAY: usize = 2;
/// Days after which the daemon is killed, and is told to end: changes go on, and proofs are in doubt.
const KILLED: usize = 16;
const ENDED: usize = 23;
/// Tables of lifts look back as far as an effect needs to be lost in time.
const EVIDENCE: (&str, &str) = ("SILLAGE__MODEL__EVIDENCE_BUCKETS", "12");
/// The close whose table of lifts is shown, s since the Unix epoch.
const PROVEN_AS_OF: &str = "sillage_lift_as_of_timestamp_seconds";

fn plan() -> Plan {
    let knobs = Design::find("shifts").unwrap().knobs();
    Plan { seed: 1, people: soak::or(8_000, 30_000), days: DAYS, knobs, ..Plan::default() }
}

/// Events by slice, the days before the watch in one, and the newest time in each.
fn slices(plan: Plan) -> Vec<(Vec<String>, i64)> {
    let mut campaign = Campaign::new(plan).unwrap();
    let mut slices: Vec<(Vec<String>, i64)> = vec![(Vec::new(), 0)];
    for day in 0..usize::from(DAYS) {
        let events = campaign.next_day().unwrap();
        let per = if day < BEFORE { events.len() } else { events.len().div_ceil(SLICES_PER_DAY) };
        for events in events.chunks(per) {
            let lines = events.iter().map(|event| {
                let mut line = Vec::new();
                event.write_json(&mut line);
                String::from_utf8(line).unwrap()
            });
            let lines: Vec<String> = lines.collect();
            let newest_ms = events.last().unwrap().time_ms;
            match slices.first_mut() {
                Some(first) if day < BEFORE => {
                    first.0.extend(lines);
                    first.1 = newest_ms;
                }
                _ => slices.push((lines, newest_ms)),
            }
        }
    }
    slices
}

/// The planted changes that the detector finds hour by hour, without a daemon.
fn found_without(plan: Plan) -> Vec<PlantedShift> {
    let folder = tempfile::tempdir().unwrap();
    let (seed, people) = (plan.seed.to_string(), plan.people.to_string());
    let asked = ["backtest", "--shifts", "--worlds", "1", "--format", "json"];
    let output = command(&folder, &[EVIDENCE])
        .args(asked)
        .args(["--seed", &seed, "--people", &people])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    let cases = told["worlds"][0]["planted"].as_array().unwrap().iter();
    let found = cases.filter(|case| case["told"].as_u64().unwrap() > 0);
    found.map(|case| serde_json::from_value(case["planted"].clone()).unwrap()).collect()
}

/// A daemon, who is told, and what it keeps over a restart.
struct Watch {
    daemon: Daemon,
    receiver: Receiver,
    kept: TempDir,
    group: &'static str,
}

impl Watch {
    fn start(kafka: &Kafka, group: &'static str) -> Self {
        let (receiver, kept) = (Receiver::start(Health::Well), tempfile::tempdir().unwrap());
        let daemon = daemon(kafka, group, &receiver, &kept);
        daemon.await_ready();
        Self { daemon, receiver, kept, group }
    }

    /// Waits until all that was produced is read, the table of lifts is as of the last close, and
    /// views that show it were looked at.
    fn await_slice(&self, produced: usize, newest_ms: i64) {
        let Params { bucket_ms, grace_ms, .. } = Params::default();
        let table_s = ((newest_ms - grace_ms).div_euclid(bucket_ms) * bucket_ms / 1_000) as f64;
        self.daemon.await_metric("sillage_kafka_position_offset", &[], produced as f64);
        self.daemon.await_metric(PROVEN_AS_OF, &[], table_s);
        let views = "sillage_view_build_seconds_count";
        let two_later = self.daemon.metric(views, &[]) + 2.0;
        poll("a view", WITHIN, || (self.daemon.metric(views, &[]) >= two_later).then_some(()));
    }

    /// Waits until what was announced is delivered and noted, on disk as well.
    fn await_told(&self) {
        let of = |name| self.daemon.metric(name, &[]);
        poll("all to be delivered", WITHIN, || {
            (of("sillage_shifts_total") == of("sillage_notifications_total")).then_some(())
        });
        poll("all to be kept", WITHIN, || {
            let kept = std::fs::read_to_string(self.kept.path().join("shifts.json")).ok()?;
            let is_kept = |shift: &Shift| kept.contains(&format!("{:?}", shift.id.to_string()));
            self.told().iter().all(is_kept).then_some(())
        });
    }

    fn restart(self, kafka: &Kafka, signal: Signal) -> Self {
        self.await_told();
        let Self { daemon, receiver, kept, group } = self;
        let proven = daemon.metric(PROVEN_AS_OF, &[]);
        daemon.signal(signal);
        daemon.await_end(DRAINED_WITHIN);
        let daemon = crate::planted::daemon(kafka, group, &receiver, &kept);
        daemon.await_ready();
        assert_eq!(daemon.metric(PROVEN_AS_OF, &[]), proven, "who is ready tells it");
        Self { daemon, receiver, kept, group }
    }

    fn told(&self) -> Vec<Shift> {
        let told = self.receiver.taken();
        told.iter().map(|shift| serde_json::from_value(shift.clone()).unwrap()).collect()
    }
}

fn daemon(kafka: &Kafka, group: &str, receiver: &Receiver, kept: &TempDir) -> Daemon {
    let folder = kept.path().display().to_string();
    let webhook = format!("http://{}/", receiver.address);
    let settings = [
        EVIDENCE,
        ("SILLAGE__KAFKA__GROUP", group),
        // Whoever was killed is followed at once.
        ("SILLAGE__KAFKA__INSTANCE_ID", group),
        ("SILLAGE__SNAPSHOT__DIR", &folder),
        ("SILLAGE__SNAPSHOT__INTERVAL", "5s"),
        ("SILLAGE__NOTIFY__QUEUE_DIR", &folder),
        ("SILLAGE__NOTIFY__WEBHOOK__URL", &webhook),
        ("SILLAGE__VIEW__INTERVAL", "50ms"),
    ];
    Daemon::start(&kafka.brokers(), TOPIC, &settings)
}

/// Who was told of, and under which rule.
fn outline(told: &[Shift]) -> BTreeSet<(Rule, Arc<str>)> {
    told.iter().map(|shift| (shift.rule, Arc::clone(&shift.influencer))).collect()
}

#[test]
fn each_planted_change_is_told_once_over_a_crash_and_a_restart() {
    let plan = plan();
    let found = found_without(plan);
    assert!(found.len() >= 5, "{found:#?}");
    let kafka = Kafka::shared();
    kafka.create_topic(TOPIC, 2, &[]);
    let slices = slices(plan);
    let (first, rest) = slices.split_first().unwrap();
    produce(kafka, TOPIC, &first.0);
    let mut produced = first.0.len();
    let whole = Watch::start(kafka, "planted-whole");
    let mut broken = Watch::start(kafka, "planted-broken");
    whole.await_slice(produced, first.1);
    broken.await_slice(produced, first.1);
    for (at, (lines, newest_ms)) in rest.iter().enumerate() {
        match at {
            _ if at == (KILLED - BEFORE) * SLICES_PER_DAY => {
                broken = broken.restart(kafka, Signal::KILL);
            }
            _ if at == (ENDED - BEFORE) * SLICES_PER_DAY => {
                broken = broken.restart(kafka, Signal::TERM);
            }
            _ => {}
        }
        produce(kafka, TOPIC, lines);
        produced += lines.len();
        whole.await_slice(produced, *newest_ms);
        broken.await_slice(produced, *newest_ms);
    }
    whole.await_told();
    broken.await_told();
    let (told, told_whole) = (broken.told(), whole.told());
    let ids: BTreeSet<_> = told.iter().map(|shift| shift.id).collect();
    assert_eq!(ids.len(), told.len(), "a shift was told twice: {told:#?}");
    for planted in &found {
        let times = told.iter().filter(|shift| planted.is_told_by(shift)).count();
        assert_eq!(times, 1, "{planted:#?}: {told:#?}");
    }
    assert_eq!(outline(&told), outline(&told_whole));
    whole.daemon.stop();
    broken.daemon.stop();
}
