//! `sillage replay`: a recorded stream through the same engine, without Kafka, on all cores.

use std::io::{self, BufWriter, IsTerminal, Write};
use std::sync::Mutex;
use std::sync::PoisonError;

use anyhow::Context;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use super::arguments::{OutputFormat, Replay};
use super::table::{self, Style};
use crate::config::Config;
use crate::engine::{Outcome, Shard};
use crate::evidence::evidence;
use crate::ingest::files::{Progress, Reader, Shape, Source, spread};
use crate::ingest::format::Decoder;
use crate::model::{Histories, Params, Reason, Secret, SegmentStandings, Standing};
use crate::rank::ScoreBook;

/// What a recorded stream amounts to.
pub struct Replayed {
    /// The largest event time scored, ms since the Unix epoch; 0 without any.
    pub as_of_ms: i64,
    /// Events that were scored.
    pub scored: u64,
    pub rejected: Rejected,
    /// By segment name.
    pub segments: Vec<SegmentStandings>,
}

/// Rejected events by reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rejected([u64; Reason::ALL.len()]);

struct Part {
    shard: Shard,
    outcomes: Vec<Outcome>,
    scored: u64,
    rejected: Rejected,
}

/// Replays and prints.
pub fn run(config: &Config, arguments: &Replay) -> anyhow::Result<()> {
    let replayed = replay(config, arguments)?;
    let out = BufWriter::new(io::stdout().lock());
    match print(replayed, arguments, out) {
        // Whoever reads no further has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        printed => printed.context("cannot print the ranking"),
    }
}

/// Reads all input and ranks what it amounts to at its end.
pub fn replay(config: &Config, arguments: &Replay) -> anyhow::Result<Replayed> {
    let sources = arguments.files.iter().map(|file| {
        if file.as_os_str() == "-" { Source::Stdin } else { Source::File(file.clone()) }
    });
    let shape = match &arguments.columns {
        Some(names) => Shape::Table(names.clone()),
        None if arguments.dead_letters => Shape::Letters,
        None => Shape::ByName,
    };
    let reader = Reader::new(sources.collect(), shape)?;
    let bar = progress_bar(&reader.progress());
    // Keys are drawn for nobody to know them; here none is kept, and the same stream is to give
    // the same bytes.
    let secret = config.state.actor_key.map_or(Secret::new(0), |key| key.0);
    let decoder = Decoder::new(secret, &config.codes, &config.model.currencies);
    let threads = config.ingest.threads.and_then(|threads| usize::try_from(threads).ok());
    let mut parts = parts(config, threads.unwrap_or_else(super::cores));
    let undecoded = Mutex::new(Rejected::default());
    let progress = reader.progress();
    spread(
        reader,
        &decoder,
        &mut parts,
        |part, batch| {
            part.apply(batch);
            bar.set_position(progress.bytes_read());
        },
        |rejected| {
            let mut undecoded = undecoded.lock().unwrap_or_else(PoisonError::into_inner);
            undecoded.count(rejected.rejection.reason);
        },
    )?;
    bar.finish_and_clear();
    let undecoded = undecoded.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(ranked(&config.model, parts, undecoded))
}

fn parts(config: &Config, count: usize) -> Vec<Part> {
    let part = || Part {
        shard: Shard::new(&config.model, &config.limits(count)),
        outcomes: Vec::new(),
        scored: 0,
        rejected: Rejected::default(),
    };
    std::iter::repeat_with(part).take(count.max(1)).collect()
}

fn ranked(params: &Params, mut parts: Vec<Part>, mut rejected: Rejected) -> Replayed {
    let book = ScoreBook::new(params);
    let as_of_ms = parts.iter().filter_map(|part| part.shard.newest_ms()).max().unwrap_or(0);
    let histories: Vec<Histories> =
        parts.iter_mut().filter_map(|part| part.shard.finish(as_of_ms)).collect();
    book.prove(evidence(params, &histories.iter().collect::<Vec<_>>()));
    loop {
        for (partition, part) in (0..).zip(&mut parts) {
            book.publish(partition, &mut part.shard);
        }
        if !book.is_unsettled() {
            break;
        }
    }
    for part in &parts {
        rejected.add(&part.rejected);
    }
    Replayed {
        as_of_ms,
        scored: parts.iter().map(|part| part.scored).sum(),
        rejected,
        segments: book.standings(as_of_ms),
    }
}

impl Part {
    fn apply(&mut self, batch: &crate::model::Batch<'_>) {
        self.outcomes.clear();
        self.shard.apply(batch, &mut self.outcomes);
        for outcome in &self.outcomes {
            match outcome {
                Outcome::Scored | Outcome::ScoredLate => self.scored += 1,
                Outcome::Rejected(reason) => self.rejected.count(*reason),
            }
        }
    }
}

impl Rejected {
    /// Reasons that occurred, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let mut counts: Vec<_> = Reason::ALL
            .iter()
            .zip(self.0)
            .map(|(reason, count)| (reason.as_str(), count))
            .collect();
        counts.retain(|(_, count)| *count > 0);
        counts.sort_unstable();
        counts.into_iter()
    }

    fn count(&mut self, reason: Reason) {
        if let Some(count) = self.0.get_mut(reason as usize) {
            *count += 1;
        }
    }

    fn add(&mut self, other: &Self) {
        for (count, more) in self.0.iter_mut().zip(other.0) {
            *count += more;
        }
    }
}

fn progress_bar(progress: &Progress) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(progress.bytes_total(), ProgressDrawTarget::stderr());
    let style = "{wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}";
    bar.with_style(
        ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()),
    )
}

fn print(mut replayed: Replayed, arguments: &Replay, mut out: impl Write) -> io::Result<()> {
    if let Some(wanted) = &arguments.segment {
        replayed.segments.retain(|segment| *segment.segment == **wanted);
    }
    if let Some(limit) = arguments.limit {
        replayed.segments.iter_mut().for_each(|segment| segment.influencers.truncate(limit));
    }
    match arguments.format {
        OutputFormat::Json => {
            serde_json::to_writer_pretty(&mut out, &Document(&replayed))?;
            writeln!(out)?;
        }
        OutputFormat::Table => {
            for segment in &replayed.segments {
                table::write(segment, replayed.as_of_ms, Style::default(), &mut out)?;
                writeln!(out)?;
            }
            let rejected: Vec<String> = replayed
                .rejected
                .iter()
                .map(|(reason, count)| format!("{count} {reason}"))
                .collect();
            let rejected = if rejected.is_empty() { "none".into() } else { rejected.join(", ") };
            writeln!(out, "{} events scored; rejected: {rejected}", replayed.scored)?;
        }
    }
    out.flush()
}

/// The result as JSON, in the shape of the reference: segments and influencers by name.
struct Document<'a>(&'a Replayed);

struct Segments<'a>(&'a [SegmentStandings]);

#[derive(Serialize)]
struct Segment<'a> {
    active_audience: f64,
    conversions: u64,
    organic_conversions: f64,
    organic_value: f64,
    influencers: Influencers<'a>,
}

struct Influencers<'a>(&'a [Standing]);

#[derive(Serialize)]
struct Ranked<'a> {
    rank: usize,
    #[serde(flatten)]
    standing: &'a Standing,
}

impl Serialize for Document<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(4))?;
        map.serialize_entry("as_of", &self.0.as_of_ms)?;
        map.serialize_entry("rejected", &Counts(&self.0.rejected))?;
        map.serialize_entry("scored", &self.0.scored)?;
        map.serialize_entry("segments", &Segments(&self.0.segments))?;
        map.end()
    }
}

struct Counts<'a>(&'a Rejected);

impl Serialize for Counts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter())
    }
}

impl Serialize for Segments<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|segment| {
            let shown = Segment {
                active_audience: segment.active_audience,
                conversions: segment.conversions,
                organic_conversions: segment.organic_conversions,
                organic_value: segment.organic_value,
                influencers: Influencers(&segment.influencers),
            };
            (&segment.segment, shown)
        }))
    }
}

impl Serialize for Influencers<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut ranked: Vec<_> = (1..).zip(self.0).collect();
        ranked.sort_unstable_by(|(_, a), (_, b)| a.influencer.cmp(&b.influencer));
        serializer.collect_map(
            ranked
                .into_iter()
                .map(|(rank, standing)| (&standing.influencer, Ranked { rank, standing })),
        )
    }
}
