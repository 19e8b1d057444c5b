//! Rounds of misfortune, each with events before, during and after.

use std::time::Duration;

use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rustix::process::Signal;
use tempfile::TempDir;

use crate::campaign::{Campaign, await_rankings};
use crate::oracle;
use crate::process::{Daemon, pace};
use crate::proxy::Proxy;
use crate::support::kafka::{Kafka, Ports};
use crate::support::soak;

const PARTITIONS: i32 = 4;
const TOPIC: &str = "week";
/// Longer than the six seconds after which the group forgets a silent member.
const TOO_LONG: Duration = Duration::from_secs(8);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Misfortune {
    Kill,
    KillInTheMiddle,
    TooLongAPause,
    PauseWhileAnotherTakesOver,
    BrokerRestart,
    CutConnections,
    SlowConnections,
    AnotherJoinsAndLeaves,
    AnotherJoinsAndDies,
    CleanRestart,
}

use Misfortune as M;

const ALL: [Misfortune; 10] = [
    M::Kill,
    M::TooLongAPause,
    M::BrokerRestart,
    M::AnotherJoinsAndLeaves,
    M::CutConnections,
    M::KillInTheMiddle,
    M::SlowConnections,
    M::PauseWhileAnotherTakesOver,
    M::CleanRestart,
    M::AnotherJoinsAndDies,
];

struct Week {
    kafka: Kafka,
    proxy: Proxy,
    campaign: Campaign,
    folder: TempDir,
    random: ChaCha8Rng,
    daemon: Option<Daemon>,
    /// Events of a round.
    share: usize,
}

#[test]
fn rounds_of_misfortune_change_nothing() {
    let rounds = soak::or(20, 100);
    let kafka = Kafka::start(Ports::draw());
    let proxy = Proxy::start(&kafka.brokers_by_detour(), kafka.behind_the_detour());
    let campaign = Campaign::new(&kafka, TOPIC, PARTITIONS);
    let share = campaign.len() / (rounds + 1);
    let folder = tempfile::tempdir().unwrap();
    let random = ChaCha8Rng::seed_from_u64(5);
    let mut week = Week { kafka, proxy, campaign, folder, random, daemon: None, share };
    week.daemon = Some(week.start());
    for round in 0..rounds {
        let misfortune = ALL.get(round).copied();
        let misfortune = misfortune.unwrap_or_else(|| *ALL.choose(&mut week.random).unwrap());
        week.live(misfortune);
        week.campaign.level(&week.kafka);
        let expected = week.campaign.expected();
        let when = format!("round {round}, {misfortune:?}");
        await_rankings(week.daemon.as_ref().unwrap(), &expected, &when);
        eprintln!("{when}: equal after {} records", week.campaign.sent.len());
    }
    let expected = week.campaign.expected();
    let judged = week.campaign.judged(usize::try_from(PARTITIONS).unwrap());
    let wrong = oracle::differences(&judged, &expected);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    week.daemon.take().unwrap().stop();
    week.quiet_run();
}

impl Week {
    fn start(&self) -> Daemon {
        self.start_with(&[])
    }

    fn start_with(&self, more: &[(&str, &str)]) -> Daemon {
        let dir = self.folder.path().to_str().unwrap().to_owned();
        let mut settings = vec![
            ("SILLAGE__SNAPSHOT__DIR", dir.as_str()),
            ("SILLAGE__SNAPSHOT__INTERVAL", "1s"),
            ("SILLAGE__KAFKA__PROPERTIES__SESSION_TIMEOUT_MS", "6000"),
            ("SILLAGE__KAFKA__PROPERTIES__HEARTBEAT_INTERVAL_MS", "500"),
        ];
        settings.extend(more);
        Daemon::start(&self.kafka.brokers_by_detour(), TOPIC, &settings)
    }

    fn send(&mut self) {
        self.campaign.send(&self.kafka, self.share / 3);
    }

    fn daemon(&self) -> &Daemon {
        self.daemon.as_ref().unwrap()
    }

    fn restart(&mut self) {
        self.daemon = Some(self.start());
    }

    fn live(&mut self, misfortune: Misfortune) {
        self.send();
        match misfortune {
            M::Kill => {
                self.daemon().await_ready();
                self.daemon = None;
                self.send();
                self.restart();
            }
            M::KillInTheMiddle => {
                for _ in 0..3 {
                    let wait = self.random.random_range(0..1_500);
                    pace(Duration::from_millis(wait), 2, |_| {});
                    self.restart();
                }
                self.send();
            }
            M::TooLongAPause => {
                self.daemon().signal(Signal::STOP);
                self.send();
                pace(TOO_LONG, 2, |_| {});
                self.daemon().signal(Signal::CONT);
            }
            M::PauseWhileAnotherTakesOver => self.pause_while_another_takes_over(),
            M::BrokerRestart => {
                self.kafka.kill();
                pace(Duration::from_secs(1), 2, |_| {});
                self.kafka.start_again();
                self.send();
            }
            M::CutConnections => {
                for _ in 0..5 {
                    self.proxy.cut();
                    self.campaign.send(&self.kafka, self.share / 15);
                    pace(Duration::from_millis(300), 2, |_| {});
                }
            }
            M::SlowConnections => {
                self.proxy.slow_down(Duration::from_millis(150));
                self.send();
                pace(Duration::from_secs(2), 2, |_| {});
                self.proxy.slow_down(Duration::ZERO);
            }
            M::AnotherJoinsAndLeaves => {
                let other = self.start();
                other.await_partitions(2);
                self.send();
                other.stop();
            }
            M::AnotherJoinsAndDies => {
                let other = self.start();
                other.await_partitions(2);
                self.send();
                drop(other);
            }
            M::CleanRestart => {
                self.daemon.take().unwrap().stop();
                self.send();
                self.restart();
            }
        }
        self.send();
        self.daemon().await_partitions(4);
    }

    fn pause_while_another_takes_over(&mut self) {
        let other = self.start();
        other.await_partitions(2);
        self.daemon().signal(Signal::STOP);
        self.send();
        other.await_partitions(4);
        self.send();
        self.daemon().signal(Signal::CONT);
        self.daemon().await_partitions(2);
        other.stop();
    }

    /// A member of another group, which nothing happens to, counts each record once.
    fn quiet_run(&self) {
        let other = tempfile::tempdir().unwrap();
        let dir = other.path().to_str().unwrap();
        let daemon =
            self.start_with(&[("SILLAGE__KAFKA__GROUP", "quiet"), ("SILLAGE__SNAPSHOT__DIR", dir)]);
        let records = self.campaign.sent.len();
        daemon.await_records(records);
        let counted = ["sillage_events_total", "sillage_events_rejected_total"];
        let counted: f64 = counted.iter().map(|name| daemon.metric(name, &[])).sum();
        assert!((counted - records as f64).abs() < 0.5, "{counted} of {records} records");
        await_rankings(&daemon, &self.campaign.expected(), "a quiet run");
        daemon.stop();
    }
}
