//! Receivers on real sockets, well and unwell: all shifts arrive, in order, or are counted as lost.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use hmac::{Hmac, Mac};
use prometheus::Registry;
use serde_json::Value;
use sha2::Sha256;

use super::disk::Journal;
use super::{Config, Hidden, Metrics, Notifier};
use crate::clock;
use crate::config::Duration as Span;
use crate::model::ShiftId;

pub(super) use crate::view::sample::shift;

const WITHIN: Duration = Duration::from_secs(20);
const SECRET: &str = "0123456789abcdef";

/// What a receiver does with a request.
#[derive(Clone, Copy)]
enum Does {
    Answer(u16),
    /// Keeps the connection and says nothing.
    Hang,
}

struct Request {
    head: String,
    body: Vec<u8>,
    does: Does,
}

/// A web server that does as it is told with each request, by its number.
struct Receiver {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Receiver {
    fn start(plan: impl Fn(usize) -> Does + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        thread::spawn(move || {
            let mut hanging = Vec::new();
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let Some((head, body)) = request(&mut stream) else { continue };
                let does = plan(seen.lock().unwrap().len());
                seen.lock().unwrap().push(Request { head, body, does });
                match does {
                    Does::Answer(status) => {
                        let answer = format!(
                            "HTTP/1.1 {status} Said\r\ncontent-length: 4\r\nconnection: close\r\n\r\nsaid"
                        );
                        drop(stream.write_all(answer.as_bytes()));
                    }
                    Does::Hang => hanging.push(stream),
                }
            }
        });
        Self { address, requests }
    }

    /// Ids of those that were taken, in the order they came.
    fn taken(&self) -> Vec<u64> {
        let requests = self.requests.lock().unwrap();
        let taken = requests.iter().filter(|r| matches!(r.does, Does::Answer(200..300)));
        taken.map(|request| id(&request.body)).collect()
    }
}

fn request(stream: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
        if let Some(end) = end {
            let head = String::from_utf8(bytes[..end].to_vec()).unwrap().to_lowercase();
            let length: usize =
                head.split("content-length: ").nth(1)?.lines().next()?.parse().ok()?;
            if bytes.len() >= end + 4 + length {
                return Some((head, bytes[end + 4..end + 4 + length].to_vec()));
            }
        }
        match stream.read(&mut piece).ok()? {
            0 => return None,
            count => bytes.extend_from_slice(&piece[..count]),
        }
    }
}

fn id(body: &[u8]) -> u64 {
    let body: Value = serde_json::from_slice(body).unwrap();
    body["id"].as_str().unwrap().parse::<ShiftId>().unwrap().0
}

/// For a webhook at an address, quick to try again.
fn config(address: SocketAddr) -> Config {
    let mut config = Config { timeout: Span::from_millis(300), ..Config::default() };
    config.retry_max = Span::from_millis(20);
    config.webhook.url = Some(Hidden(format!("http://{address}/hook?token=hunter2")));
    config.webhook.secret = Some(Hidden(SECRET.into()));
    config
}

fn notifier(config: &Config) -> (Notifier, super::metrics::SinkMetrics) {
    let metrics = Metrics::register(&Registry::new()).unwrap();
    let of = metrics.of("webhook");
    let mut notifier = Notifier::new(config, metrics);
    notifier.start_configured().unwrap();
    (notifier, of)
}

fn until(what: &str, condition: impl Fn() -> bool) {
    let deadline = clock::instant() + WITHIN;
    while !condition() {
        assert!(clock::instant() < deadline, "waited in vain until {what}");
        thread::park_timeout(Duration::from_millis(5));
    }
}

#[test]
fn all_arrive_in_order_however_unwell_the_receiver_was() {
    let receiver = Receiver::start(|number| match number {
        0 | 1 | 5 => Does::Answer(500),
        2 => Does::Answer(429),
        3 => Does::Answer(408),
        4 | 9 => Does::Hang,
        _ => Does::Answer(204),
    });
    let (notifier, metrics) = notifier(&config(receiver.address));
    (0..20).for_each(|number| notifier.tell(&shift(number)));
    until("all arrived", || metrics.delivered.get() == 20);
    assert_eq!(receiver.taken(), (0..20).collect::<Vec<_>>());
    assert_eq!((metrics.failures.get(), metrics.dropped.get(), metrics.queue.get()), (7, 0, 0));
    notifier.close(Duration::from_secs(1));
}

#[test]
fn a_receiver_that_is_not_there_yet_gets_all_later() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let (notifier, metrics) = notifier(&config(address));
    notifier.tell(&shift(1));
    until("it failed", || metrics.failures.get() >= 2);
    let listener = TcpListener::bind(address).unwrap();
    let mut stream = listener.accept().unwrap().0;
    assert_eq!(id(&request(&mut stream).unwrap().1), 1);
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
    until("it arrived", || metrics.delivered.get() == 1);
    notifier.close(Duration::from_secs(1));
}

#[test]
fn what_is_refused_is_given_up_and_counted() {
    let receiver = Receiver::start(|number| match number {
        1 => Does::Answer(400),
        2 => Does::Answer(302),
        _ => Does::Answer(200),
    });
    let (notifier, metrics) = notifier(&config(receiver.address));
    (0..4).for_each(|number| notifier.tell(&shift(number)));
    until("the last arrived", || metrics.delivered.get() == 2);
    assert_eq!(receiver.taken(), [0, 3]);
    assert_eq!((metrics.failures.get(), metrics.dropped.get()), (2, 2));
    notifier.close(Duration::from_secs(1));
}

#[test]
fn a_full_queue_loses_the_oldest_visibly_and_nobody_waits() {
    let well = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let is_well = Arc::clone(&well);
    let receiver = Receiver::start(move |_| {
        let is_well = is_well.load(std::sync::atomic::Ordering::Relaxed);
        if is_well { Does::Answer(200) } else { Does::Hang }
    });
    let config = Config { queue_shifts: 5, ..config(receiver.address) };
    let (notifier, metrics) = notifier(&config);
    let began = clock::instant();
    (0..2_000).for_each(|number| notifier.tell(&shift(number)));
    assert!(began.elapsed() < Duration::from_millis(300), "{:?}", began.elapsed());
    assert_eq!((metrics.dropped.get(), metrics.queue.get(), metrics.limit.get()), (1_995, 5, 5));
    // The one that was under way when it had to make room fails first, then one that is kept.
    let failed = metrics.failures.get();
    until("one that is kept was tried", || metrics.failures.get() >= failed + 2);
    well.store(true, std::sync::atomic::Ordering::Relaxed);
    until("the rest arrived", || metrics.delivered.get() == 5);
    assert_eq!(receiver.taken(), (1_995..2_000).collect::<Vec<_>>());
    notifier.close(Duration::from_secs(1));
}

#[test]
fn bytes_bound_the_queue_as_well() {
    let receiver = Receiver::start(|_| Does::Hang);
    let queue_bytes = crate::config::ByteSize(65_536);
    let (notifier, metrics) = notifier(&Config { queue_bytes, ..config(receiver.address) });
    for number in 0..50 {
        notifier.tell(&crate::model::Shift { summary: "x".repeat(4_000), ..shift(number) });
    }
    assert_eq!((metrics.queue.get(), metrics.dropped.get()), (8, 42));
    notifier.close(Duration::ZERO);
}

#[test]
fn the_body_is_signed_and_says_what_the_shift_is() {
    let receiver = Receiver::start(|_| Does::Answer(200));
    let external_url = Some("https://sillage.example".into());
    let (notifier, metrics) = notifier(&Config { external_url, ..config(receiver.address) });
    notifier.tell(&shift(7));
    until("it arrived", || metrics.delivered.get() == 1);
    let requests = receiver.requests.lock().unwrap();
    let Request { head, body, .. } = &requests[0];
    let signature = head.split("x-sillage-signature: sha256=").nth(1).unwrap();
    let digits = |at: usize| u8::from_str_radix(&signature[2 * at..2 * at + 2], 16).unwrap();
    let signature: Vec<u8> = (0..32).map(digits).collect();
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(body);
    mac.verify_slice(&signature).unwrap();
    assert!(head.contains("x-sillage-shift: 0000000000000007"), "{head}");
    let said: Value = serde_json::from_slice(body).unwrap();
    for (key, value) in [
        ("rule", "score_rose"),
        ("measure", "score"),
        ("segment", "s"),
        ("influencer", "i7"),
        ("url", "https://sillage.example/?segment=s&influencer=i7"),
    ] {
        assert_eq!(said[key], value, "{key}");
    }
    assert_eq!((&said["before"], &said["after"]), (&20.0.into(), &31.5.into()));
    drop(requests);
    notifier.close(Duration::from_secs(1));
}

#[test]
fn a_queue_on_disk_survives_the_process_and_half_a_record() {
    let folder = tempfile::tempdir().unwrap();
    let queue_dir = Some(folder.path().join("queues"));
    let unwell = Receiver::start(|number| Does::Answer(if number < 2 { 200 } else { 503 }));
    let (first, metrics) =
        notifier(&Config { queue_dir: queue_dir.clone(), ..config(unwell.address) });
    (0..8).for_each(|number| first.tell(&shift(number)));
    until("two arrived", || metrics.delivered.get() == 2 && metrics.failures.get() > 0);
    first.close(Duration::ZERO);
    assert_eq!(metrics.dropped.get(), 0);
    let file = queue_dir.as_ref().unwrap().join("webhook.queue");
    let mut torn = std::fs::OpenOptions::new().append(true).open(&file).unwrap();
    torn.write_all(&[200, 0, 0, 0, 1, 2, 3, 4, b'+', b'{']).unwrap();
    let well = Receiver::start(|_| Does::Answer(200));
    let (second, metrics) = notifier(&Config { queue_dir, ..config(well.address) });
    second.tell(&shift(8));
    until("the rest arrived", || metrics.delivered.get() == 7);
    assert_eq!(well.taken(), (2..9).collect::<Vec<_>>());
    second.close(Duration::from_secs(1));
    assert!(waiting(&file).is_empty());
}

fn waiting(file: &Path) -> Vec<u64> {
    Journal::open(file).unwrap().1.iter().map(|shift| shift.id.0).collect()
}

/// Wherever a write was cut or a bit has changed, what comes back is how things stood after a whole record.
#[test]
fn a_journal_cut_or_spoilt_anywhere_is_a_journal_of_before() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.queue");
    let (mut journal, _) = Journal::open(&file).unwrap();
    let mut stood = vec![(0, vec![])];
    let mut waits = Vec::new();
    for step in 0..9 {
        if step % 3 == 2 {
            journal.went().unwrap();
            waits.remove(0);
        } else {
            journal.came(&shift(step)).unwrap();
            waits.push(step);
        }
        stood.push((std::fs::metadata(&file).unwrap().len(), waits.clone()));
    }
    let content = std::fs::read(&file).unwrap();
    let cut = folder.path().join("cut.queue");
    for length in 0..=content.len() {
        std::fs::write(&cut, &content[..length]).unwrap();
        let (_, expected) = stood.iter().rev().find(|(end, _)| *end <= length as u64).unwrap();
        assert_eq!(&waiting(&cut), expected, "{length}");
    }
    for at in 0..content.len() {
        let mut spoilt = content.clone();
        spoilt[at] ^= 0x10;
        std::fs::write(&cut, &spoilt).unwrap();
        let (_, expected) = stood.iter().rev().find(|(end, _)| *end <= at as u64).unwrap();
        assert_eq!(&waiting(&cut), expected, "spoilt at {at}");
    }
    std::fs::write(&cut, &content).unwrap();
    let (mut again, _) = Journal::open(&cut).unwrap();
    again.came(&shift(99)).unwrap();
    waits.push(99);
    assert_eq!(waiting(&cut), waits, "appended behind the cut");
}

#[test]
fn a_journal_does_not_grow_with_what_went() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(|_| Does::Answer(200));
    let queue_dir = Some(folder.path().to_owned());
    let (notifier, metrics) = notifier(&Config { queue_dir, ..config(receiver.address) });
    for number in 0..600 {
        notifier.tell(&shift(number));
    }
    until("all arrived", || metrics.delivered.get() == 600);
    notifier.close(Duration::from_secs(1));
    let length = std::fs::metadata(folder.path().join("webhook.queue")).unwrap().len();
    assert!(length < 80_000, "{length}");
}

#[test]
fn who_keeps_its_answer_does_not_keep_us() {
    let receiver = Receiver::start(|_| Does::Hang);
    let slow = Config { timeout: Span::from_secs(30), ..config(receiver.address) };
    let (notifier, metrics) = notifier(&slow);
    notifier.tell(&shift(1));
    until("it asked", || !receiver.requests.lock().unwrap().is_empty());
    let began = clock::instant();
    notifier.close(Duration::from_millis(200));
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    assert_eq!(metrics.dropped.get(), 1);
}
