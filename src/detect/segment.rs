//! One segment, view by view: its leader, and who is watched of it.
//!
//! Invariant: shifts come in a fixed order, the leader first, then by name and rule.

use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64;

use super::pick::{Picked, Place, pick};
use super::sentence;
use super::state::{Known, SegmentState};
use crate::model::{Detection, Rule, SegmentStandings, Shift, ShiftId};

/// Influencers of a segment that are remembered, a multiple of the top.
const KNOWN_PER_TOP: usize = 8;

/// What is true of the whole view.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) at_ms: i64,
    /// Shifts may be announced.
    pub(super) is_live: bool,
    /// The close that the table of lifts is of, if it is the last one.
    pub(super) table_ms: Option<i64>,
}

/// A shift before it has an id.
pub(super) struct Found {
    pub(super) rule: Rule,
    pub(super) before: Option<f64>,
    pub(super) after: Option<f64>,
    pub(super) previous: Option<Arc<str>>,
    /// The sentence without its end: where.
    pub(super) sentence: String,
}

impl SegmentState {
    /// How things stand at first sight.
    pub(super) fn first(rules: &Detection, standings: &SegmentStandings, moment: Moment) -> Self {
        let mut state = Self { since_ms: moment.at_ms, ..Self::default() };
        let first = standings.influencers.first();
        state.leader = first
            .filter(|first| first.score >= rules.min_score)
            .map(|first| Arc::clone(&first.influencer));
        for (name, (rank, standing)) in pick(rules, standings, &state.influencers).watched {
            let mut known = Known::new(moment.at_ms, standing);
            known.in_top = rank <= rules.top_k && standing.score >= rules.min_score;
            known.prove(rules, standing, moment);
            state.influencers.insert(Arc::clone(name), known);
        }
        state
    }

    pub(super) fn observe(
        &mut self,
        rules: &Detection,
        standings: &SegmentStandings,
        moment: Moment,
        shifts: &mut Vec<Shift>,
    ) {
        let picked = pick(rules, standings, &self.influencers);
        for (name, (_, standing)) in &picked.watched {
            let new = || Known::new(moment.at_ms, standing);
            let known = self.influencers.entry(Arc::clone(name)).or_insert_with(new);
            known.seen_ms = moment.at_ms;
        }
        for (name, known) in &mut self.influencers {
            let now = known.sample(rules, moment.at_ms, picked.of(name));
            known.rest(rules, &now);
        }
        if moment.is_live {
            self.announce(rules, standings, (&picked, moment), shifts);
        }
        self.forget(rules, moment.at_ms);
    }

    fn announce(
        &mut self,
        rules: &Detection,
        standings: &SegmentStandings,
        (picked, moment): (&Picked<'_>, Moment),
        shifts: &mut Vec<Shift>,
    ) {
        let leader = self.leader_changed(rules, standings, moment.at_ms);
        let since_ms = self.since_ms;
        let mut tell = |name: &Arc<str>, known: &mut Known, found: Found| {
            let last_ms = known.announced.get(&found.rule).copied();
            known.announced.insert(found.rule, moment.at_ms);
            shifts.push(shift(standings, name, found, (moment.at_ms, last_ms.unwrap_or(since_ms))));
        };
        if let Some((name, found)) = leader
            && let Some(known) = self.influencers.get_mut(&name)
        {
            tell(&name, known, found);
            self.leader = Some(name);
            self.challenger = None;
        }
        for (name, known) in &mut self.influencers {
            for found in known.shifts(rules, (name, picked.of(name)), moment) {
                tell(name, known, found);
            }
        }
    }

    /// The new leader, if the lead is clear or has lasted and this is not told too soon again.
    fn leader_changed(
        &mut self,
        rules: &Detection,
        standings: &SegmentStandings,
        at_ms: i64,
    ) -> Option<(Arc<str>, Found)> {
        let first = standings.influencers.first().filter(|s| s.score >= rules.min_score)?;
        let name = &first.influencer;
        if self.leader.as_ref() == Some(name) {
            self.challenger = None;
            return None;
        }
        let is_same = |challenger: &&(Arc<str>, i64)| challenger.0 == *name;
        let since_ms = self.challenger.as_ref().filter(is_same).map_or(at_ms, |known| known.1);
        self.challenger = Some((Arc::clone(name), since_ms));
        let former = self.leader.as_ref();
        let former_score =
            former.map(|former| standings.find(former).map_or(0.0, |(_, standing)| standing.score));
        let lead = first.score - former_score.unwrap_or_default();
        let counts = lead >= rules.leader_margin || at_ms - since_ms >= rules.hold_ms;
        let known = self.influencers.get(name)?;
        if !counts || !known.may_tell(Rule::LeaderChanged, at_ms, rules.cool_down_ms) {
            return None;
        }
        let found = Found {
            rule: Rule::LeaderChanged,
            before: former_score,
            after: Some(first.score),
            previous: former.cloned(),
            sentence: sentence::leader(name, first.score, former.zip(former_score)),
        };
        Some((Arc::clone(name), found))
    }

    /// Lets go of those who have not been worth watching for a window, and beyond the bound of
    /// those for the longest time. What was told of them moves the time that ids begin from, so
    /// that none is given twice.
    fn forget(&mut self, rules: &Detection, at_ms: i64) {
        let bound = KNOWN_PER_TOP * rules.top_k;
        let mut oldest_ms = at_ms - rules.window_ms.max(rules.share_window_ms);
        if self.influencers.len() > bound {
            let mut seen: Vec<i64> = self.influencers.values().map(|known| known.seen_ms).collect();
            let (_, at_bound, _) = seen.select_nth_unstable_by(bound - 1, |a, b| b.cmp(a));
            oldest_ms = oldest_ms.max(*at_bound);
        }
        let leader = self.leader.clone();
        let mut since_ms = self.since_ms;
        self.influencers.retain(|name, known| {
            let stays = known.in_top || known.seen_ms >= oldest_ms || leader.as_ref() == Some(name);
            if !stays {
                since_ms = known.announced.values().copied().fold(since_ms, i64::max);
            }
            stays
        });
        self.since_ms = since_ms;
    }
}

impl<'a> Picked<'a> {
    fn of(&self, name: &Arc<str>) -> Option<Place<'a>> {
        self.watched.get(name).or_else(|| self.others.get(name)).copied()
    }
}

/// `last_ms` is when the same was last told of the same influencer: an id names what follows it.
fn shift(
    standings: &SegmentStandings,
    influencer: &Arc<str>,
    found: Found,
    (at_ms, last_ms): (i64, i64),
) -> Shift {
    let mut bytes = Vec::with_capacity(64);
    for part in [&*standings.segment, found.rule.as_str(), influencer] {
        bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
        bytes.extend_from_slice(part.as_bytes());
    }
    bytes.extend_from_slice(&last_ms.to_le_bytes());
    Shift {
        id: ShiftId(xxh3_64(&bytes)),
        rule: found.rule,
        segment: Arc::clone(&standings.segment),
        influencer: Arc::clone(influencer),
        at_ms,
        before: found.before,
        after: found.after,
        previous: found.previous,
        summary: format!("{} in segment {}.", found.sentence, standings.segment),
    }
}
