//! Worlds that change, watched hour by hour as a daemon would watch them, and what is told.

use anyhow::Context;

use super::planted::batch;
use super::scorer::Scorer;
use crate::app::worlds::World;
use crate::backtest::{ShiftVerdict, judge_shifts};
use crate::campaign::{Campaign, Plan};
use crate::config::Config;
use crate::detect::Detector;
use crate::model::Shift;

/// Event time from one view to the next.
const STEP_MS: i64 = 3_600_000;

/// Plays a world and judges what was told of it.
pub(super) fn verdict(config: &Config, world: &World, plan: Plan) -> anyhow::Result<ShiftVerdict> {
    let mut campaign = Campaign::new(plan).context("making a world")?;
    let told = watch(config, &mut campaign, plan.days);
    Ok(judge_shifts(world.name.clone(), plan.seed, campaign.truth(), &told))
}

/// The shifts of a campaign, of which the first third lies behind when the watch begins.
fn watch(config: &Config, campaign: &mut Campaign, days: u16) -> Vec<Shift> {
    let mut scorer = Scorer::new(config);
    let mut detector = Detector::new(&config.detect, &config.model);
    let (mut told, mut sequence) = (Vec::new(), 0);
    for day in 0..days {
        let events = campaign.next_day().unwrap_or_default();
        let hours = events.chunk_by(|a, b| hour(a.time_ms) == hour(b.time_ms));
        for hour in hours {
            scorer.apply(&batch(hour), |_, _| {});
            sequence += 1;
            if let Some(view) = scorer.view(sequence).filter(|_| day >= days / 3) {
                told.extend(detector.observe(&view, true));
            }
        }
    }
    told
}

fn hour(time_ms: i64) -> i64 {
    time_ms.div_euclid(STEP_MS)
}
