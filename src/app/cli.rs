//! The command line: what can be asked for, and with which exit code it ends.
//!
//! Invariant: arguments and configuration are whole before anything else is touched.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::LazyLock;
use std::sync::atomic::AtomicBool;

use clap::{Parser, Subcommand};

use super::arguments::{Demo, Generate, Replay};
use super::backtest::Backtest;
use super::log;
use crate::config::{Config, LoadError, Source};

/// Ended as asked.
const CLEAN: u8 = 0;
/// Failed while running.
const FAILED: u8 = 1;
/// Wrong arguments or configuration.
const USAGE: u8 = 64;

const CONFIG: &str = "config/sillage.yaml";

const EXAMPLES: &str = "\
Examples:
  sillage demo                                   the whole daemon, nothing to install
  sillage run --config config/sillage.yaml       the daemon on your Kafka
  SILLAGE__KAFKA__BROKERS=127.0.0.1:9092 SILLAGE__KAFKA__TOPICS=interactions sillage run
  sillage replay events.ndjson.gz --limit 10     the ranking of a recorded stream
  sillage generate --people 2000 --days 30 --out events.ndjson
  sillage backtest --worlds 13                   what is proven where the truth is known
  sillage check                                  what the configuration amounts to";

const RUN: &str = "\
Examples:
  sillage run                                    with config/sillage.yaml, if it is there
  sillage run --config /etc/sillage.yaml
  SILLAGE__KAFKA__BROKERS=127.0.0.1:9092 SILLAGE__KAFKA__TOPICS=interactions sillage run";

const DEMO: &str = "\
Examples:
  sillage demo                                   until Ctrl-C
  sillage demo --for 30s                         and the ranking at the end
  sillage demo events.ndjson.gz --speed 86400    a recorded stream, a day a second";

const REPLAY: &str = "\
Examples:
  sillage replay events.ndjson.gz --limit 10
  sillage replay --format json --segment runners - < events.ndjson
  sillage replay likes.csv --columns actor=user,target=author,time=at
  sillage replay --dead-letters rejected.ndjson";

const CHECK: &str = "\
Examples:
  sillage check --config /etc/sillage.yaml
  SILLAGE__EXPORT__TOP_K=100 sillage check";

const REFERENCE: &str = "\
Examples:
  sillage reference > reference.yaml
  sillage reference --metrics
  sillage reference --dashboards /var/lib/grafana/dashboards";

static GENERATE: LazyLock<String> = LazyLock::new(|| {
    let examples = "\
Examples:
  sillage generate --out events.ndjson.zst --truth truth.json
  sillage generate --design moods+sales --set accounts=40 --people 50000 --out events.ndjson
  sillage generate --kafka 127.0.0.1:9092 --topic interactions --rate 2000";
    format!("{examples}\n\n{}", super::worlds::listed())
});

static BACKTEST: LazyLock<String> = LazyLock::new(|| {
    let examples = "\
Examples:
  sillage backtest --worlds 100                  every design that the model claims
  sillage backtest --design limits --worlds 40   what it cannot see
  sillage backtest events.ndjson.gz --warm-up 14d --every 1d
  sillage backtest events.ndjson --truth truth.json --format json
  sillage backtest events.ndjson --sensitivity   what each weight is worth";
    format!("{examples}\n\n{}", super::worlds::listed())
});

/// Rolling influence scores per audience segment: Kafka in, Prometheus metrics out.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true, after_help = EXAMPLES, max_term_width = 100)]
pub struct Cli {
    /// Configuration file [default: config/sillage.yaml, if it is there].
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the daemon on your Kafka until it is told to stop.
    #[command(after_help = RUN)]
    Run,
    /// Run the daemon on a broker of its own and a synthetic campaign, or recorded streams.
    #[command(after_help = DEMO)]
    Demo(Demo),
    /// Score a recorded stream without Kafka and print the ranking.
    #[command(after_help = REPLAY)]
    Replay(Replay),
    /// Make a synthetic campaign whose truth is known, to a file or to Kafka.
    #[command(after_help = GENERATE.as_str(), after_long_help = GENERATE.as_str())]
    Generate(Generate),
    /// Hold scores and other methods beside what was planted, or beside the next day.
    #[command(after_help = BACKTEST.as_str())]
    Backtest(Backtest),
    /// Check the configuration and print what it amounts to.
    #[command(after_help = CHECK)]
    Check,
    /// Print every configuration key with its default and what it means.
    #[command(after_help = REFERENCE)]
    Reference {
        /// Print every metric instead.
        #[arg(long)]
        metrics: bool,
        /// Write Grafana's dashboards into this folder instead.
        #[arg(long, value_name = "DIR", conflicts_with = "metrics")]
        dashboards: Option<PathBuf>,
    },
}

/// Why the process does not end clean.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Usage(#[from] LoadError),
    #[error("{0}")]
    Arguments(String),
    #[error("{0:#}")]
    Running(anyhow::Error),
}

/// Does what the arguments ask for.
#[must_use]
pub fn main() -> ExitCode {
    // Only builds of tests have fault points, which they set by the variable FAILPOINTS.
    let _faults = fail::has_failpoints().then(fail::FailScenario::setup);
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return told(&error),
    };
    match dispatch(&cli) {
        Ok(()) => CLEAN.into(),
        Err(failure) => {
            eprintln!("sillage: {failure}");
            match failure {
                Failure::Usage(_) | Failure::Arguments(_) => USAGE.into(),
                Failure::Running(_) => FAILED.into(),
            }
        }
    }
}

fn dispatch(cli: &Cli) -> Result<(), Failure> {
    match &cli.command {
        Command::Run => {
            let source = source(cli);
            let config = read(&source)?;
            super::run::run(&config, Box::new(move || read(&source))).map_err(Failure::Running)
        }
        Command::Demo(arguments) => {
            super::demo::run(&configuration(cli)?, arguments).map_err(Failure::Running)
        }
        Command::Replay(arguments) => {
            super::replay::run(&configuration(cli)?, arguments).map_err(Failure::Running)
        }
        Command::Generate(arguments) => {
            let request = arguments.request(&configuration(cli)?.kafka);
            let generated = super::generate::run(&request, &AtomicBool::new(false));
            generated.map(drop).map_err(Failure::Running)
        }
        Command::Backtest(arguments) => {
            arguments.check().map_err(Failure::Arguments)?;
            super::backtest::run(&configuration(cli)?, arguments).map_err(Failure::Running)
        }
        Command::Check => super::check::check(&configuration(cli)?).map_err(Failure::Running),
        Command::Reference { dashboards: Some(folder), .. } => {
            super::dashboards::write(folder).map_err(Failure::Running)
        }
        Command::Reference { metrics, .. } => {
            super::check::reference(*metrics).map_err(Failure::Running)
        }
    }
}

fn configuration(cli: &Cli) -> Result<Config, LoadError> {
    read(&source(cli))
}

fn source(cli: &Cli) -> Source {
    match &cli.config {
        Some(file) => Source::Given(file.clone()),
        None => Source::Usual(CONFIG.into()),
    }
}

/// From the file and the environment of this process.
fn read(source: &Source) -> Result<Config, LoadError> {
    let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
    let variables = std::env::vars_os().map(|(name, value)| (text(name), text(value)));
    let config = crate::config::load(source, variables)?;
    let at = log::VARIABLE.to_owned();
    match log::Config::validate_variable() {
        Ok(()) => Ok(config),
        Err(invalid) => Err(LoadError::Value { at, invalid }),
    }
}

/// Help and version are answers, all else is wrong usage, on one line.
fn told(error: &clap::Error) -> ExitCode {
    use clap::error::ErrorKind as Kind;
    if !error.use_stderr() || error.kind() == Kind::DisplayHelpOnMissingArgumentOrSubcommand {
        // Nothing is left to be told when the terminal is gone.
        _ = error.print();
    } else {
        let said = error.to_string();
        let parts = said.split("\n\n").map(|part| part.split_whitespace().collect::<Vec<_>>());
        let parts: Vec<_> = parts.map(|words| words.join(" ")).collect();
        eprintln!("sillage: {}", parts.join("; ").trim_start_matches("error: "));
    }
    if error.use_stderr() { USAGE.into() } else { CLEAN.into() }
}
