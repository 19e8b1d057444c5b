//! `sillage backtest`: how well scores and other methods tell what was planted, or the next day.
//!
//! Invariant: the same arguments, configuration and input print the same.

mod arguments;
mod planted;
mod recorded;
mod report;
mod scorer;
mod shifts;
mod weights;

use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::Path;

use anyhow::Context;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};

pub use arguments::Backtest;

use super::arguments::OutputFormat;
use crate::backtest::{knocks, summarise, summarise_shifts};
use crate::campaign::Truth;
use crate::config::Config;
use crate::ingest::files::{Reader, Shape, Source};
use crate::ingest::format::Decoder;
use crate::model::{Secret, SegmentStandings};
use recorded::{Read, Schedule};

/// What is to be told, as text and as JSON.
struct Told {
    lines: Vec<String>,
    document: Value,
}

/// Runs and prints.
pub fn run(config: &Config, arguments: &Backtest) -> anyhow::Result<()> {
    let told = match (arguments.sensitivity, arguments.files.is_empty()) {
        _ if arguments.shifts => shifts(config, arguments)?,
        (true, _) => sensitivity(config, arguments)?,
        (false, true) => planted(config, arguments)?,
        (false, false) => recorded(config, arguments)?,
    };
    let mut out = BufWriter::new(io::stdout().lock());
    let printed = match arguments.format {
        OutputFormat::Json => serde_json::to_writer_pretty(&mut out, &told.document)
            .map_err(io::Error::from)
            .and_then(|()| writeln!(out)),
        OutputFormat::Table => told.lines.iter().try_for_each(|line| writeln!(out, "{line}")),
    };
    match printed.and_then(|()| out.flush()) {
        // Whoever reads no further has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        printed => printed.context("cannot print the result"),
    }
}

fn planted(config: &Config, arguments: &Backtest) -> anyhow::Result<Told> {
    let plans = arguments.planted.plans();
    let bar = progress_bar(Some(plans.len() as u64), "{wide_bar} {pos}/{len} worlds {eta}");
    let verdicts = planted::verdicts(config, &plans, threads(config), || bar.inc(1))?;
    bar.finish_and_clear();
    let summary = summarise(&verdicts);
    let mut lines = vec![arguments.planted.told(), String::new()];
    lines.extend(report::claims(&summary));
    lines.push(String::new());
    lines.extend(report::methods(&summary));
    let document = json!({ "summary": summary, "worlds": verdicts });
    Ok(Told { lines, document })
}

fn shifts(config: &Config, arguments: &Backtest) -> anyhow::Result<Told> {
    let plans = arguments.planted.plans();
    let bar = progress_bar(Some(plans.len() as u64), "{wide_bar} {pos}/{len} worlds {eta}");
    let verdicts = planted::each(&plans, threads(config), |world, plan| {
        let verdict = shifts::verdict(config, world, plan);
        bar.inc(1);
        verdict
    })?;
    bar.finish_and_clear();
    let summary = summarise_shifts(&verdicts);
    let mut lines = vec![arguments.planted.told(), String::new()];
    lines.extend(report::shifts(&summary, &verdicts));
    let document = json!({ "summary": summary, "worlds": verdicts });
    Ok(Told { lines, document })
}

fn recorded(config: &Config, arguments: &Backtest) -> anyhow::Result<Told> {
    let truth = arguments.truth.as_deref().map(truth_of).transpose()?;
    let read = read(config, arguments, true)?;
    let mut lines = report::forecast(&read);
    let mut document = json!({
        "scored": read.scored,
        "rejected": read.rejected,
        "days": read.days,
        "foretold_days": read.forecast.days(),
        "methods": read.forecast.quality(),
    });
    if let Some(truth) = truth {
        let name = arguments.files.first().map(|file| file.display().to_string());
        let verdicts = [read.verdict(name.unwrap_or_default(), &truth)];
        let summary = summarise(&verdicts);
        lines.push(String::new());
        lines.extend(report::claims(&summary));
        lines.push(String::new());
        lines.extend(report::methods(&summary));
        if let Some(document) = document.as_object_mut() {
            let truth = json!({ "summary": summary, "worlds": verdicts });
            document.insert("truth".into(), truth);
        }
    }
    Ok(Told { lines, document })
}

fn sensitivity(config: &Config, arguments: &Backtest) -> anyhow::Result<Told> {
    let turns = knocks(&config.model).len() as u64 + 1;
    let bar = progress_bar(Some(turns), "{wide_bar} {pos}/{len} rankings {eta}");
    let plan = arguments.planted.plans().into_iter().next();
    let rank = |config: &Config| -> anyhow::Result<Vec<SegmentStandings>> {
        let mut segments = match (&plan, arguments.files.is_empty()) {
            (Some((_, plan)), true) => planted::play(config, *plan)?.standings,
            _ => read(config, arguments, false)?.standings,
        };
        if let Some(only) = &arguments.recorded.segment {
            segments.retain(|segment| *segment.segment == **only);
        }
        Ok(segments)
    };
    let turned = weights::sensitivity(config, rank, || bar.inc(1))?;
    bar.finish_and_clear();
    let mut lines = vec![
        "Kendall's τ of the first 20 places with those of the model as it is, when a weight is halved".into(),
        "and doubled; – where the engine is not exact with such a weight.".into(),
        String::new(),
    ];
    lines.extend(weights::lines(&turned));
    Ok(Told { lines, document: json!({ "weights": turned }) })
}

/// Reads all input; unless it `is_watched`, for the ranking at its end alone.
fn read(config: &Config, arguments: &Backtest, is_watched: bool) -> anyhow::Result<Read> {
    let sources = arguments.files.iter().map(|file| {
        if file.as_os_str() == "-" { Source::Stdin } else { Source::File(file.clone()) }
    });
    let recorded = &arguments.recorded;
    let reader = Reader::new(
        sources.collect(),
        recorded.columns.clone().map_or(Shape::ByName, Shape::Table),
    )?;
    let progress = reader.progress();
    let style = "{wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}";
    let bar = if is_watched {
        progress_bar(progress.bytes_total(), style)
    } else {
        ProgressBar::hidden()
    };
    // Fixed unless it is configured: the order of people decides last bits, and nothing is kept.
    let secret = config.state.actor_key.map_or(Secret::new(0), |key| key.0);
    let decoder = Decoder::new(secret, &config.codes, &config.model.currencies);
    let schedule = Schedule { warm_up: recorded.warm_up, every: recorded.every };
    let schedule = is_watched.then_some(schedule);
    let backtest = recorded::Backtest::new(config, schedule, recorded.segment.as_deref());
    let read = backtest.read(reader, &decoder, || bar.set_position(progress.bytes_read()))?;
    bar.finish_and_clear();
    Ok(read)
}

fn truth_of(path: &Path) -> anyhow::Result<Truth> {
    let name = || path.display().to_string();
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", name()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is no truth of a world", name()))
}

fn threads(config: &Config) -> usize {
    let threads = config.ingest.threads.and_then(|threads| usize::try_from(threads).ok());
    threads.unwrap_or_else(super::cores)
}

fn progress_bar(length: Option<u64>, style: &str) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(length, ProgressDrawTarget::stderr());
    bar.with_style(
        ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()),
    )
}
