//! `sillage generate`: a synthetic stream to a file, to standard output, or to Kafka at a rate.
//!
//! Invariant: when it ends without an error, every event it counts has been written or delivered.

use std::fs::File;
use std::io::{BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::campaign::{Campaign, Load, Plan, Truth};
use crate::clock;
use crate::ingest::kafka;

/// How long a delivery may take before the broker counts as gone.
const PATIENCE: Duration = Duration::from_secs(30);
/// Longest wait between two looks at whether to stop.
const LOOK: Duration = Duration::from_millis(50);

/// What to generate, and where to.
#[derive(Clone, Debug)]
pub struct Generate {
    pub stream: Stream,
    pub to: Destination,
    /// Events a second at most.
    pub rate: Option<f64>,
    /// Name of the campaign in every event of a campaign stream; none without it.
    pub campaign: Option<String>,
    /// Where what was planted goes, as JSON; without it, to standard error.
    pub truth: Option<PathBuf>,
}

#[derive(Clone, Debug)]
pub enum Stream {
    Campaign(Plan),
    Load(Load),
}

#[derive(Clone, Debug)]
pub enum Destination {
    Stdout,
    /// One event a line; compressed if the name ends in .gz or .zst.
    File(PathBuf),
    /// Keyed by actor. The broker stamps arrival, so let the stream's time lie in the past.
    Kafka {
        config: kafka::Config,
        topic: String,
    },
}

/// Generates until the stream ends or `stop` is set; gives the number of events written.
pub fn run(request: &Generate, stop: &AtomicBool) -> anyhow::Result<u64> {
    let mut sink = Sink::open(&request.to)?;
    let mut pace = Pace { rate: request.rate, began: clock::instant(), events: 0 };
    let truth = match &request.stream {
        Stream::Campaign(plan) => {
            let mut campaign = Campaign::new(*plan)?;
            let mut line = Vec::new();
            let name: Option<Arc<str>> = request.campaign.as_deref().map(Arc::from);
            for mut event in campaign.by_ref() {
                line.clear();
                event.campaign.clone_from(&name);
                event.write_json(&mut line);
                if !pace.wait(stop) || !sink.write(event.actor.as_bytes(), &line)? {
                    break;
                }
            }
            Some(campaign.truth().clone())
        }
        Stream::Load(load) => {
            let (mut key, mut line) = (Vec::new(), Vec::new());
            for event in load.clone().generate() {
                key.clear();
                line.clear();
                event.write_actor(&mut key);
                event.write_json(load.ids, &mut line);
                if !pace.wait(stop) || !sink.write(&key, &line)? {
                    break;
                }
            }
            None
        }
    };
    sink.finish()?;
    if let Some(truth) = truth {
        tell(&truth, request.truth.as_deref())?;
    }
    Ok(pace.events)
}

fn tell(truth: &Truth, path: Option<&Path>) -> anyhow::Result<()> {
    let text = serde_json::to_string_pretty(truth).context("writing the truth as JSON")? + "\n";
    match path {
        Some(path) => {
            std::fs::write(path, text).with_context(|| format!("writing {}", path.display()))
        }
        None => std::io::stderr().write_all(text.as_bytes()).context("writing the truth"),
    }
}

/// Keeps the rate, by waiting for the moment at which the next event is due.
struct Pace {
    rate: Option<f64>,
    began: Instant,
    events: u64,
}

impl Pace {
    /// Waits until one more event is due; false if told to stop.
    fn wait(&mut self, stop: &AtomicBool) -> bool {
        if let Some(rate) = self.rate {
            let due = self.began + Duration::from_secs_f64(self.events as f64 / rate);
            while let Some(early) = due.checked_duration_since(clock::instant()) {
                if early.is_zero() || stop.load(Ordering::Relaxed) {
                    break;
                }
                thread::park_timeout(early.min(LOOK));
            }
        }
        let goes_on = !stop.load(Ordering::Relaxed);
        self.events += u64::from(goes_on);
        goes_on
    }
}

enum Sink {
    Lines(Lines),
    Topic(Topic),
}

impl Sink {
    fn open(to: &Destination) -> anyhow::Result<Self> {
        Ok(match to {
            Destination::Stdout => {
                Self::Lines(Lines::Plain(BufWriter::new(Box::new(std::io::stdout()))))
            }
            Destination::File(path) => Self::Lines(Lines::create(path)?),
            Destination::Kafka { config, topic } => Self::Topic(Topic::open(config, topic)?),
        })
    }

    /// Takes an event; false when nobody wants more.
    fn write(&mut self, actor: &[u8], event: &[u8]) -> anyhow::Result<bool> {
        match self {
            Self::Lines(lines) => lines.write(event),
            Self::Topic(topic) => topic.send(actor, event).map(|()| true),
        }
    }

    fn finish(self) -> anyhow::Result<()> {
        match self {
            Self::Lines(lines) => lines.finish().context("finishing the output"),
            Self::Topic(topic) => topic.finish(),
        }
    }
}

enum Lines {
    Plain(BufWriter<Box<dyn Write>>),
    Gzip(GzEncoder<BufWriter<File>>),
    Zstd(zstd::Encoder<'static, BufWriter<File>>),
}

impl Lines {
    fn create(path: &Path) -> anyhow::Result<Self> {
        let create = || File::create(path).with_context(|| format!("creating {}", path.display()));
        let file = create()?;
        Ok(match path.extension().and_then(|end| end.to_str()) {
            Some("gz") => Self::Gzip(GzEncoder::new(BufWriter::new(file), Compression::fast())),
            Some("zst") => Self::Zstd(zstd::Encoder::new(BufWriter::new(file), 1)?),
            _ => Self::Plain(BufWriter::new(Box::new(file))),
        })
    }

    fn write(&mut self, event: &[u8]) -> anyhow::Result<bool> {
        let out: &mut dyn Write = match self {
            Self::Plain(out) => out,
            Self::Gzip(out) => out,
            Self::Zstd(out) => out,
        };
        match out.write_all(event).and_then(|()| out.write_all(b"\n")) {
            Ok(()) => Ok(true),
            // Whoever reads has seen enough, as `head` has.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
            Err(error) => Err(error).context("writing events"),
        }
    }

    fn finish(self) -> std::io::Result<()> {
        let flushed = match self {
            Self::Plain(mut out) => out.flush(),
            Self::Gzip(out) => out.finish().and_then(|mut file| file.flush()),
            Self::Zstd(out) => out.finish().and_then(|mut file| file.flush()),
        };
        flushed.or_else(|e| if e.kind() == ErrorKind::BrokenPipe { Ok(()) } else { Err(e) })
    }
}

struct Topic {
    producer: kafka::Producer<Lost>,
    name: String,
    lost: Arc<AtomicU64>,
}

/// Counts the records that were not delivered.
struct Lost(Arc<AtomicU64>);

impl kafka::Receipts for Lost {
    fn delivered(&self, _ticket: usize, _at: (i32, i64)) {}

    fn lost(&self, _ticket: usize, why: &kafka::ClientError) {
        if self.0.fetch_add(1, Ordering::Relaxed) == 0 {
            tracing::warn!(%why, "an event was not delivered");
        }
    }
}

impl Topic {
    fn open(config: &kafka::Config, name: &str) -> anyhow::Result<Self> {
        let lost = Arc::new(AtomicU64::new(0));
        let producer = kafka::Producer::start(config, PATIENCE, Lost(Arc::clone(&lost)))
            .with_context(|| format!("writing to {}", config.brokers))?;
        Ok(Self { producer, name: name.to_owned(), lost })
    }

    fn send(&self, actor: &[u8], event: &[u8]) -> anyhow::Result<()> {
        let record = kafka::Outgoing {
            ticket: 0,
            topic: &self.name,
            partition: None,
            key: Some(actor),
            payload: Some(event),
            headers: &[],
        };
        let sent = self.producer.send(&record, PATIENCE);
        sent.with_context(|| format!("no room for more events of {} in {PATIENCE:?}", self.name))
    }

    fn finish(self) -> anyhow::Result<()> {
        // Events are given up after the same time, which has to be heard of.
        if !self.producer.flush(PATIENCE * 2) {
            bail!("not all events of {} were delivered in {PATIENCE:?}", self.name);
        }
        match self.lost.load(Ordering::Relaxed) {
            0 => Ok(()),
            lost => bail!("{lost} events of {} were not delivered", self.name),
        }
    }
}
