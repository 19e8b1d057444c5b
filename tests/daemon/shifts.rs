//! A campaign in which the leader changes: who is told hears of it once, over a crash too.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use rdkafka::Message;
use rustix::process::Signal;
use serde_json::Value;

use crate::process::{Daemon, WITHIN};
use crate::stream::{event, produce};
use crate::support::kafka::{Kafka, poll};

const NOW: i64 = 1_700_000_000_000;
const HOUR: i64 = 3_600_000;

/// A webhook that takes all.
struct Receiver {
    address: SocketAddr,
    told: Arc<Mutex<Vec<Value>>>,
}

impl Receiver {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let told = Arc::new(Mutex::new(Vec::new()));
        let into = Arc::clone(&told);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                if let Some(body) = body(&mut stream) {
                    into.lock().unwrap().push(serde_json::from_slice(&body).unwrap());
                    let answer =
                        "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
                    drop(stream.write_all(answer.as_bytes()));
                }
            }
        });
        Self { address, told }
    }

    /// Rule and influencer of each shift told.
    fn told(&self) -> Vec<(String, String)> {
        let told = self.told.lock().unwrap();
        let text = |shift: &Value, key: &str| shift[key].as_str().unwrap().to_owned();
        told.iter().map(|shift| (text(shift, "rule"), text(shift, "influencer"))).collect()
    }
}

fn body(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let (mut bytes, mut piece) = (Vec::new(), [0; 4096]);
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
            let length: usize =
                head.split("content-length: ").nth(1)?.lines().next()?.parse().ok()?;
            if bytes.len() >= end + 4 + length {
                return Some(bytes[end + 4..end + 4 + length].to_vec());
            }
        }
        match stream.read(&mut piece).ok()? {
            0 => return None,
            count => bytes.extend_from_slice(&piece[..count]),
        }
    }
}

/// Retweets of someone, each by another actor, some hours from the start.
fn wave(target: &str, actors: std::ops::Range<u32>, hours: i64) -> Vec<String> {
    let by = |n| event("retweet", &format!("{target}-fan{n}"), target, NOW + hours * HOUR);
    actors.map(by).collect()
}

#[test]
fn a_change_of_leader_is_told_once_over_a_crash_and_so_is_one_meanwhile() {
    let kafka = Kafka::shared();
    kafka.create_topic("shifts", 2, &[]);
    kafka.create_topic("shifts-told", 1, &[]);
    let (receiver, kept) = (Receiver::start(), tempfile::tempdir().unwrap());
    let folder = kept.path().display().to_string();
    let webhook = format!("http://{}/", receiver.address);
    // Only the leader can shift: nothing else moves that far.
    let settings = [
        ("SILLAGE__SNAPSHOT__DIR", folder.as_str()),
        ("SILLAGE__NOTIFY__QUEUE_DIR", folder.as_str()),
        ("SILLAGE__NOTIFY__WEBHOOK__URL", webhook.as_str()),
        ("SILLAGE__NOTIFY__KAFKA__TOPIC", "shifts-told"),
        ("SILLAGE__DETECT__SCORE_POINTS", "100"),
        ("SILLAGE__DETECT__SHARE_MIN", "1"),
        ("SILLAGE__DETECT__MIN_SCORE", "0.1"),
        ("SILLAGE__DETECT__HOLD_MS", "31d"),
    ];
    let first: Vec<String> =
        [("ana", 300), ("bob", 150), ("cy", 75)].map(|(who, fans)| wave(who, 0..fans, 0)).concat();
    produce(kafka, "shifts", &first);
    let daemon = Daemon::start(&kafka.brokers(), "shifts", &settings);
    daemon.await_ready();
    poll("how things stand to be kept", WITHIN, || {
        std::fs::read_to_string(kept.path().join("shifts.json")).ok().filter(|k| k.contains("ana"))
    });
    assert_eq!(receiver.told(), []);
    assert_eq!(daemon.metric("sillage_leader_changes_total", &[r#"segment="s""#]), 0.0);

    produce(kafka, "shifts", &wave("bob", 150..800, 1));
    daemon.await_metric("sillage_notifications_total", &[r#"sink="webhook""#], 1.0);
    let leader = |who: &str| ("leader_changed".to_owned(), who.to_owned());
    assert_eq!(receiver.told(), [leader("bob")]);
    assert_eq!(daemon.metric("sillage_leader_changes_total", &[r#"segment="s""#]), 1.0);
    let told = receiver.told.lock().unwrap()[0].clone();
    assert_eq!(told["previous"], "ana");
    assert!(told["after"].as_f64() > told["before"].as_f64(), "{told:#}");
    let id = told["id"].as_str().unwrap().to_owned();
    assert_eq!(daemon.json("/api/v1/shifts")["shifts"][0]["id"], id);

    // What is delivered but not noted as such would come again.
    daemon.await_metric("sillage_notifications_total", &[r#"sink="kafka""#], 1.0);
    daemon.signal(Signal::KILL);
    daemon.await_end(WITHIN);
    produce(kafka, "shifts", &wave("cy", 75..2_000, 2));
    let daemon = Daemon::start(&kafka.brokers(), "shifts", &settings);
    daemon.await_metric("sillage_notifications_total", &[r#"sink="webhook""#], 1.0);
    daemon.await_ready();
    assert_eq!(receiver.told(), [leader("bob"), leader("cy")]);
    // Told or not, it would be by now.
    let all = daemon.metric("sillage_records_received_total", &[]);
    produce(kafka, "shifts", &wave("cy", 2_000..2_010, 2));
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
    daemon.await_records(all as usize + 10);
    assert_eq!(receiver.told().len(), 2);
    let shifts = daemon.json("/api/v1/shifts");
    assert_eq!(shifts["shifts"].as_array().unwrap().len(), 2, "{shifts:#}");
    assert_eq!(shifts["shifts"][1]["id"], id, "remembered");
    daemon.stop();
    let records = kafka.read_all("shifts-told", 2, |record| {
        let payload: Value = serde_json::from_slice(record.payload().unwrap()).unwrap();
        let key = String::from_utf8(record.key().unwrap().to_vec()).unwrap();
        (key, payload["influencer"].as_str().unwrap().to_owned())
    });
    assert_eq!(records, [("s".into(), "bob".into()), ("s".into(), "cy".into())]);
}
