//! Scrapers as Prometheus has them: a connection each that stays, and a scrape at each interval.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

const GIVE_UP: Duration = Duration::from_secs(30);
const PIECE: usize = 256 << 10;

const TEXT: &str = "text/plain;version=0.0.4";
const OPEN: &str = "application/openmetrics-text;version=1.0.0";

/// What they ask for: how many, `Accept`, `Accept-Encoding`. Prometheus itself asks as the last.
const ASKED: [(usize, &str, &str); 3] =
    [(4, TEXT, "identity"), (3, OPEN, "identity"), (3, OPEN, "gzip")];

/// Scrapers that pause and go on, until they are told to end.
pub(crate) struct Scrapers {
    running: Vec<JoinHandle<Scraped>>,
    told: Arc<Told>,
    interval: Duration,
}

/// What all of them are told.
#[derive(Default)]
struct Told {
    to_scrape: AtomicBool,
    to_end: AtomicBool,
}

/// What they found.
#[derive(Default)]
pub(crate) struct Scraped {
    /// From the request to the first byte of the answer, plain or with gzip, and to the last.
    heads: Vec<Duration>,
    packed_heads: Vec<Duration>,
    wholes: Vec<Duration>,
    bytes: u64,
    /// CPU time of their threads, that of the kernel for them included.
    cpu: Duration,
}

impl Scrapers {
    /// Connected, and doing nothing yet.
    pub(crate) fn paused(address: &str, interval: Duration) -> Self {
        let (told, began) = (Arc::new(Told::default()), Instant::now());
        let ask = |accept: &str, encoding: &str| {
            format!(
                "GET /metrics HTTP/1.1\r\nhost: {address}\r\naccept: {accept}\r\n\
                 accept-encoding: {encoding}\r\n\r\n"
            )
        };
        let requests = ASKED.iter().flat_map(|(times, accept, encoding)| {
            std::iter::repeat_n(ask(accept, encoding), *times)
        });
        let running = requests
            .map(|request| {
                let (address, told) = (address.to_owned(), Arc::clone(&told));
                thread::spawn(move || scrape(&address, &request, (began, interval), &told))
            })
            .collect();
        Self { running, told, interval }
    }

    pub(crate) fn interval(&self) -> Duration {
        self.interval
    }

    /// Has them scrape when they paused, and pause when they scraped; returns whether they did.
    pub(crate) fn pause_or_go_on(&self) -> bool {
        self.told.to_scrape.fetch_not(Ordering::Relaxed)
    }

    pub(crate) fn end(self) -> Scraped {
        self.told.to_end.store(true, Ordering::Relaxed);
        let mut all = Scraped::default();
        for one in self.running {
            let one = one.join().expect("a scraper must not fail");
            all.heads.extend(one.heads);
            all.packed_heads.extend(one.packed_heads);
            all.wholes.extend(one.wholes);
            all.bytes += one.bytes;
            all.cpu += one.cpu;
        }
        all
    }
}

impl Scraped {
    pub(crate) fn report(mut self) {
        println!(
            "  {} scrapes of {:.1} MB on the wire: to the head {}, with gzip {}, to the end {}; \
             {:.1} ms of CPU of a scraper each",
            self.wholes.len(),
            self.bytes as f64 / self.wholes.len().max(1) as f64 / 1e6,
            percentiles(&mut self.heads),
            percentiles(&mut self.packed_heads),
            percentiles(&mut self.wholes),
            self.cpu.as_secs_f64() * 1e3 / self.wholes.len().max(1) as f64,
        );
    }
}

fn percentiles(times: &mut [Duration]) -> String {
    times.sort_unstable();
    let at = |p: usize| times[(times.len() * p / 100).min(times.len() - 1)].as_secs_f64() * 1e3;
    format!("p50 {:.1} ms, p99 {:.1} ms", at(50), at(99))
}

/// Scrapes at each interval since they all began, so that all do at once.
fn scrape(
    address: &str,
    request: &str,
    (began, every): (Instant, Duration),
    told: &Told,
) -> Scraped {
    let (mut stream, packed) = (connect(address), request.contains("gzip"));
    let (mut found, mut piece) = (Scraped::default(), vec![0; PIECE]);
    let mut due = began;
    while !told.to_end.load(Ordering::Relaxed) {
        while Instant::now() < due {
            thread::park_timeout(due.saturating_duration_since(Instant::now()));
        }
        due += every;
        if !told.to_scrape.load(Ordering::Relaxed) {
            continue;
        }
        let asked = Instant::now();
        stream.write_all(request.as_bytes()).expect("asked");
        let mut read = stream.read(&mut piece).expect("an answer");
        let heads = if packed { &mut found.packed_heads } else { &mut found.heads };
        heads.push(asked.elapsed());
        let whole = length(&piece[..read]);
        found.bytes += whole as u64;
        while read < whole {
            let more = stream.read(&mut piece).expect("the rest");
            assert!(more > 0, "an answer was cut at {read} of {whole} bytes");
            read += more;
        }
        found.wholes.push(asked.elapsed());
        while due <= Instant::now() {
            due += every;
        }
    }
    let time = clock_gettime(ClockId::ThreadCPUTime);
    found.cpu = Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap());
    found
}

/// Connects as soon as somebody listens.
fn connect(address: &str) -> TcpStream {
    let deadline = Instant::now() + GIVE_UP;
    loop {
        if let Ok(stream) = TcpStream::connect(address) {
            stream.set_read_timeout(Some(GIVE_UP)).expect("a timeout");
            return stream;
        }
        assert!(Instant::now() < deadline, "nobody listens at {address}");
        thread::park_timeout(Duration::from_millis(20));
    }
}

/// Bytes of an answer, head and body, by its head.
fn length(start: &[u8]) -> usize {
    let end = start.windows(4).position(|four| four == b"\r\n\r\n").expect("a whole head") + 4;
    let head = std::str::from_utf8(&start[..end]).expect("a head is text").to_lowercase();
    assert!(head.starts_with("http/1.1 200"), "{head}");
    let length = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
    end + length.expect("a length").parse::<usize>().expect("a number")
}
