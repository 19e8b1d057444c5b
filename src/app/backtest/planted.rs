//! Worlds whose truth is known: played through the engine without a detour over JSON, and judged.
//!
//! Invariant: a world's verdict depends on its plan and the model alone, whatever the threads.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use anyhow::Context;

use super::scorer::Scorer;
use crate::app::worlds::World;
use crate::backtest::rivals::Rivals;
use crate::backtest::{Ring, Verdict, judge};
use crate::campaign::{Campaign, Event, Plan, Truth};
use crate::config::Config;
use crate::model::{
    Account, Batch, CampaignPlace, Interaction, Params, Secret, SegmentStandings, Standing,
};

/// Keys of people; fixed, because the order of people decides last bits.
const SECRET: Secret = Secret::new(0);
const PUPPET: &str = "puppet";

/// A world at its end.
pub(super) struct Played {
    pub(super) standings: Vec<SegmentStandings>,
    as_of_ms: i64,
    rivals: Rivals,
    /// What came of all days but the last, whose conversions are not evidence yet.
    truth: Truth,
}

/// Plays `worlds` on so many threads; `done` hears of each. Verdicts come in the order of worlds.
pub(super) fn verdicts(
    config: &Config,
    worlds: &[(World, Plan)],
    threads: usize,
    done: impl Fn() + Sync,
) -> anyhow::Result<Vec<Verdict>> {
    each(worlds, threads, |world, plan| {
        let verdict = verdict(config, world, plan);
        done();
        verdict
    })
}

/// What `judge_one` makes of each of `worlds`, in their order, on so many threads.
pub(super) fn each<T: Send>(
    worlds: &[(World, Plan)],
    threads: usize,
    judge_one: impl Fn(&World, Plan) -> anyhow::Result<T> + Sync,
) -> anyhow::Result<Vec<T>> {
    let (next, results) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    let work = || -> anyhow::Result<()> {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some((world, plan)) = worlds.get(at) else { return Ok(()) };
            let one = judge_one(world, *plan)?;
            results.lock().unwrap_or_else(PoisonError::into_inner).insert(at, one);
        }
    };
    thread::scope(|scope| {
        let spawned: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(work)).collect();
        spawned.into_iter().try_for_each(|thread| match thread.join() {
            Ok(worked) => worked,
            Err(panic) => std::panic::resume_unwind(panic),
        })
    })?;
    Ok(results.into_inner().unwrap_or_else(PoisonError::into_inner).into_values().collect())
}

fn verdict(config: &Config, world: &World, plan: Plan) -> anyhow::Result<Verdict> {
    let played = play(config, plan)?;
    let segments = played.standings.iter();
    let said = segments.map(|s| (s, played.rivals.of(&s.segment, played.as_of_ms)));
    let mut verdict = judge(world.name.clone(), Some(plan.seed), &played.truth, said);
    if plan.knobs.bots > 0.0 {
        let mut without = plan;
        without.knobs.bots = 0.0;
        let without = play(config, without)?.standings;
        verdict.ring = Some(ring(&config.model, plan, &without, &played.standings));
    }
    Ok(verdict)
}

/// Applies all events of a world.
pub(super) fn play(config: &Config, plan: Plan) -> anyhow::Result<Played> {
    let mut campaign = Campaign::new(plan).context("making a world")?;
    let (mut scorer, mut rivals) = (Scorer::new(config), Rivals::new(&config.model));
    let mut truth = campaign.truth().clone();
    for day in 0..plan.days {
        if day + 1 == plan.days {
            truth = campaign.truth().clone();
        }
        let events = campaign.next_day().unwrap_or_default();
        scorer.apply(&batch(&events), |event, own| rivals.observe(event, own));
    }
    let as_of_ms = scorer.newest_ms().unwrap_or(plan.start_ms);
    Ok(Played { standings: scorer.standings(as_of_ms), as_of_ms, rivals, truth })
}

pub(super) fn batch(events: &[Event]) -> Batch<'_> {
    let mut batch = Batch::with_capacity(events.len());
    for event in events {
        for segment in event.segments {
            batch.push_segment(Cow::Borrowed(segment));
        }
        let account = |name: &'_ str| SECRET.account(name);
        batch.push(Interaction {
            kind: event.kind,
            time_ms: event.time_ms,
            log_time_ms: event.time_ms,
            actor: account(&event.actor),
            target: event
                .target
                .as_deref()
                .map(|name| Account { key: account(name), name: name.into() }),
            id: None,
            segments: (0, 0),
            value: event.value.unwrap_or_default(),
            refers: None,
            unpriced: false,
            campaign: CampaignPlace::default(),
        });
    }
    batch
}

/// What the ring of a world moved.
fn ring(
    params: &Params,
    plan: Plan,
    without: &[SegmentStandings],
    with: &[SegmentStandings],
) -> Ring {
    let credit = |segment: &SegmentStandings| {
        let share = find(segment, PUPPET).map_or(0.0, |standing| standing.amplify_share);
        share * (segment.active_audience + params.pseudo_audience)
    };
    let mut ring = Ring { bots: 0, gained: 0.0, allowed: 0.0, moved: 0.0, others_moved: 0.0 };
    for segment in with {
        let Some(before) = without.iter().find(|s| s.segment == segment.segment) else { continue };
        ring.gained += credit(segment) - credit(before);
        let scores: HashMap<_, _> =
            before.influencers.iter().map(|s| (&s.influencer, s.score)).collect();
        for standing in &segment.influencers {
            let of = scores.get(&standing.influencer).copied().unwrap_or_default();
            let moved = if &*standing.influencer == PUPPET {
                &mut ring.moved
            } else {
                &mut ring.others_moved
            };
            *moved = moved.max((standing.score - of).abs());
        }
    }
    // What an actor can ever give, of one class.
    let fade =
        1.0 - (-(params.bucket_ms as f64) / (params.exponent * params.half_life_ms as f64)).exp2();
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a knob of at most 100,000"
    )]
    let bots = plan.knobs.bots as u32;
    let allowed = f64::from(bots) * (params.cap / fade).powf(params.exponent);
    Ring { bots, allowed, ..ring }
}

fn find<'a>(segment: &'a SegmentStandings, name: &str) -> Option<&'a Standing> {
    segment.influencers.iter().find(|standing| &*standing.influencer == name)
}
