//! The arguments of each command, checked by their types.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::generate::{self, Destination, Stream};
use super::worlds::{self, Turns, World};
use crate::campaign::Plan;
use crate::clock;
use crate::config::Duration;
use crate::ingest::format::ColumnNames;
use crate::ingest::kafka;

/// `sillage demo`
#[derive(Clone, Debug, Args)]
pub struct Demo {
    /// Recorded streams to feed instead of the synthetic campaign (.gz and .zst as well).
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Seconds of event time that pass in a second.
    #[arg(long, value_name = "N", value_parser = positive)]
    pub speed: Option<f64>,
    /// End after this long with the ranking printed, such as 30s; without it, run until Ctrl-C.
    #[arg(long = "for", value_name = "DURATION")]
    pub duration: Option<Duration>,
}

/// `sillage replay`
#[derive(Clone, Debug, Args)]
pub struct Replay {
    /// Events, one JSON object a line or CSV with a header (.gz and .zst as well, - for stdin).
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// How the ranking is printed.
    #[arg(long, value_enum, default_value_t)]
    pub format: OutputFormat,
    /// Only this segment.
    #[arg(long)]
    pub segment: Option<String>,
    /// Only the first N influencers of a segment.
    #[arg(long, value_name = "N", value_parser = whole)]
    pub limit: Option<usize>,
    /// Names of CSV columns where they differ, such as actor=user,target=author,time=at,
    /// refers=sale.
    #[arg(long, value_name = "FIELD=COLUMN,…")]
    pub columns: Option<ColumnNames>,
    /// The files hold dead letters, as `dead_letter.file` does: replay the records in them.
    #[arg(long, conflicts_with = "columns")]
    pub dead_letters: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    #[default]
    Table,
    Json,
}

/// `sillage generate`
#[derive(Clone, Debug, Args)]
pub struct Generate {
    /// What is in the world: a design, or several joined by +, such as moods+sales.
    #[arg(long, value_name = "DESIGN", default_value = "plain", value_parser = worlds::world)]
    pub design: World,
    #[command(flatten)]
    pub turns: Turns,
    /// The same seed makes the same events.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// People in the campaign.
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(10..=50_000_000))]
    pub people: u32,
    /// Days that the campaign lasts.
    #[arg(long, default_value_t = 45, value_parser = clap::value_parser!(u16).range(1..=3_660))]
    pub days: u16,
    /// File to write, one JSON object a line; - is standard output.
    #[arg(long, value_name = "FILE", default_value = "-", conflicts_with_all = ["kafka", "topic"])]
    pub out: PathBuf,
    /// Brokers to write to instead of a file, such as 127.0.0.1:9092.
    #[arg(long, value_name = "HOST:PORT", requires = "topic")]
    pub kafka: Option<String>,
    /// Topic to write to, keyed by actor.
    #[arg(long, requires = "kafka")]
    pub topic: Option<String>,
    /// Events a second at most; without it, as fast as they are taken.
    #[arg(long, value_name = "N", value_parser = positive)]
    pub rate: Option<f64>,
    /// Name of the campaign that every event is said to be of.
    #[arg(long, value_name = "NAME")]
    pub campaign: Option<String>,
    /// File for what was planted, as JSON; without it, standard error.
    #[arg(long, value_name = "FILE")]
    pub truth: Option<PathBuf>,
}

impl Generate {
    /// The same as a request; `kafka` is how to reach brokers, but for their address.
    #[must_use]
    pub fn request(&self, kafka: &kafka::Config) -> generate::Generate {
        let (seed, people, days) = (self.seed, self.people, self.days);
        let knobs = self.turns.apply(&self.design).knobs;
        let plan = Plan { seed, people, days, knobs, ..Plan::default() };
        let to = match (&self.kafka, &self.topic) {
            (Some(brokers), Some(topic)) => Destination::Kafka {
                config: kafka::Config { brokers: brokers.clone(), ..kafka.clone() },
                topic: topic.clone(),
            },
            _ if self.out.as_os_str() == "-" => Destination::Stdout,
            _ => Destination::File(self.out.clone()),
        };
        generate::Generate {
            stream: Stream::Campaign(plan.ending_before(clock::wall_ms())),
            to,
            rate: self.rate,
            campaign: self.campaign.clone(),
            truth: self.truth.clone(),
        }
    }
}

fn whole(text: &str) -> Result<usize, String> {
    text.parse().map_err(|_wrong: std::num::ParseIntError| "a whole number is needed".into())
}

fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() && number > 0.0 => Ok(number),
        _ => Err("a number above 0 is needed".into()),
    }
}
