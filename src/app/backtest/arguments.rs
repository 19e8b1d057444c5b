//! The arguments of `sillage backtest`.

use std::path::PathBuf;

use clap::Args;

use crate::app::arguments::OutputFormat;
use crate::app::worlds::{self, Turns, World, WorldSet};
use crate::campaign::Plan;
use crate::config::Duration;
use crate::ingest::format::ColumnNames;

const DAY_MS: i64 = 86_400_000;

/// `sillage backtest`
#[derive(Clone, Debug, Args)]
pub struct Backtest {
    /// Recorded streams instead of planted worlds, as `replay` reads them.
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// What was planted in the stream, as `generate --truth` writes it.
    #[arg(long, value_name = "FILE", requires = "files")]
    pub truth: Option<PathBuf>,
    /// How the result is printed.
    #[arg(long, value_enum, default_value_t)]
    pub format: OutputFormat,
    /// Instead, how far the ranking moves when each weight of the model is halved and doubled.
    #[arg(long)]
    pub sensitivity: bool,
    /// Instead, how well changes in the midst of worlds are told as shifts.
    #[arg(long, conflicts_with_all = ["files", "sensitivity"])]
    pub shifts: bool,
    #[command(flatten)]
    pub planted: Planted,
    #[command(flatten)]
    pub recorded: Recorded,
}

/// Which worlds are planted.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Planted worlds")]
pub struct Planted {
    /// Designs that take turns, such as plain,moods+sales; claimed: all in which the model claims
    /// to tell the truth; limits: those in which it fails.
    #[arg(long = "design", value_name = "DESIGN,…", value_delimiter = ',', default_value = "claimed",
          default_value_if("shifts", "true", "shifts"), value_parser = worlds::worlds, conflicts_with = "files")]
    designs: Vec<WorldSet>,
    /// Worlds to plant; each has a seed of its own.
    #[arg(long, default_value_t = 26, value_parser = clap::value_parser!(u32).range(1..=100_000),
          conflicts_with = "files")]
    worlds: u32,
    /// Seed of the first world.
    #[arg(long, default_value_t = 1, conflicts_with = "files")]
    seed: u64,
    /// People in each world.
    #[arg(long, default_value_t = 30_000, conflicts_with = "files",
          value_parser = clap::value_parser!(u32).range(10..=Plan::PEOPLE_MAX as i64))]
    people: u32,
    /// Days that each lasts.
    #[arg(long, default_value_t = 45, default_value_if("shifts", "true", "30"),
          conflicts_with = "files", value_parser = clap::value_parser!(u16).range(1..=Plan::DAYS_MAX as i64))]
    days: u16,
    #[command(flatten)]
    turns: Turns,
}

/// How recorded streams are read.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Recorded streams")]
pub struct Recorded {
    /// Days before the first day that is foretold.
    #[arg(long, value_name = "DAYS", default_value = "14d", value_parser = days)]
    pub warm_up: u16,
    /// Days from one that is foretold to the next.
    #[arg(long, value_name = "DAYS", default_value = "1d", value_parser = days)]
    pub every: u16,
    /// Only this segment.
    #[arg(long)]
    pub segment: Option<String>,
    /// Names of CSV columns where they differ, such as actor=user,target=author,time=at.
    #[arg(long, value_name = "FIELD=COLUMN,…")]
    pub columns: Option<ColumnNames>,
}

impl Backtest {
    /// What the types do not hold.
    pub fn check(&self) -> Result<(), String> {
        if self.sensitivity && self.files.iter().any(|file| file.as_os_str() == "-") {
            return Err("--sensitivity reads the stream many times: give a file, not -".into());
        }
        Ok(())
    }
}

impl Planted {
    /// The worlds, each with its plan: designs take turns, seeds go up.
    #[must_use]
    pub fn plans(&self) -> Vec<(World, Plan)> {
        let designs: Vec<World> =
            self.designs.iter().flat_map(|set| &set.0).map(|w| self.turns.apply(w)).collect();
        let seeds = (0..u64::from(self.worlds)).map(|at| self.seed.wrapping_add(at));
        let (people, days) = (self.people, self.days);
        designs
            .into_iter()
            .cycle()
            .zip(seeds)
            .map(|(world, seed)| {
                let plan = Plan { seed, people, days, knobs: world.knobs, ..Plan::default() };
                (world, plan)
            })
            .collect()
    }

    /// The worlds in one line.
    #[must_use]
    pub fn told(&self) -> String {
        let last = self.seed.wrapping_add(u64::from(self.worlds) - 1);
        let (worlds, people, days) = (self.worlds, self.people, self.days);
        format!("{worlds} worlds of {people} people and {days} days, seeds {} to {last}", self.seed)
    }
}

/// Whole days, at least one.
fn days(text: &str) -> Result<u16, String> {
    let duration: Duration = text.parse().map_err(|error| format!("{error}"))?;
    let millis = duration.as_millis_i64();
    match u16::try_from(millis / DAY_MS) {
        Ok(days) if days > 0 && millis % DAY_MS == 0 => Ok(days),
        _ => Err("whole days are needed, such as 7d".into()),
    }
}
