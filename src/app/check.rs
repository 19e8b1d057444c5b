//! `sillage check` and `sillage reference`: what the configuration amounts to, and what there is.

use std::io::{Write, stdout};

use super::catalogue::SECTIONS;
use crate::config::{ByteSize, Config, reference as keys};
use crate::serve::exposition;
use crate::serve::exposition::reference as metrics;

/// Prints the digest of the configuration in force and the most that it can cost.
pub fn check(config: &Config) -> anyhow::Result<()> {
    let mut out = stdout().lock();
    out.write_all(summary(config).as_bytes())?;
    Ok(())
}

/// Prints every key with its default and what it means, or every metric.
pub fn reference(of_metrics: bool) -> anyhow::Result<()> {
    let page = if of_metrics { metrics(&SECTIONS) } else { keys() };
    stdout().lock().write_all(page.as_bytes())?;
    Ok(())
}

fn summary(config: &Config) -> String {
    let state = config.state.memory_limit;
    let (prefetch, letters) = (config.kafka.prefetch, ByteSize::mib(64));
    let memory = ByteSize(state.0.saturating_add(prefetch.0).saturating_add(letters.0));
    let limit = config.export.series_limit;
    let segment = series_of_segment(config);
    format!(
        "configuration  {:016x}\n\
         topics         {} of {}, group {}\n\
         memory         {memory} at most: state {state}, prefetch {prefetch}, dead letters {letters}\n\
         series         {limit} of scores at most, {segment} a segment: {} segments in full\n\
         shifts         {}\n",
        config.digest(),
        config.kafka.topics.join(", "),
        config.kafka.brokers,
        config.kafka.group,
        limit / segment,
        shifts(config),
    )
}

/// Who is told of shifts, and what waits for them.
fn shifts(config: &Config) -> String {
    let receivers = config.notify.receivers();
    if receivers.is_empty() {
        return "told to nobody, listed at /api/v1/shifts".into();
    }
    let (most, bytes) = (config.notify.queue_shifts, config.notify.queue_bytes);
    let place = match &config.notify.queue_dir {
        Some(dir) => format!("in {}", dir.display()),
        None => "in memory".into(),
    };
    format!("told to {}; {most} or {bytes} may wait for each, {place}", receivers.join(", "))
}

/// Series of a segment whose ranking is full: the top with its hysteresis, and who is watched.
fn series_of_segment(config: &Config) -> usize {
    let shown = config.export.top_k + config.export.top_k / 5 + config.export.watch.len();
    exposition::series_of_segment(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_adds_up() {
        let mut config = Config::default();
        config.state.memory_limit = ByteSize::gib(1);
        config.kafka.prefetch = ByteSize::mib(64);
        config.export.top_k = 10;
        config.export.watch = vec!["ada".into()];
        config.export.series_limit = 1_000;
        let summary = summary(&config);
        assert!(summary.contains("memory         1152MiB at most"), "{summary}");
        // 10 and 2 of hysteresis and 1 watched, 21 series each; 6 of the segment.
        assert!(summary.contains("1000 of scores at most, 279 a segment: 3 segments"), "{summary}");
    }
}
