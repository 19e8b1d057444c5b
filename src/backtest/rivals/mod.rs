//! What other methods say of the same events: counts that fade, the last touch, and the comparison
//! of different people. Invariant: they see the events that were scored, in order, and no others.

mod between;
mod counts;
mod touch;

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use foldhash::fast::FixedState;

use crate::model::{AccountKey, Class, Interaction, Kind, Params, RateRatio, Weights};
use between::Between;
use counts::Fading;
use touch::LastTouch;

pub(crate) const DAY_MS: i64 = 86_400_000;
const UNASSIGNED: &str = "unassigned";

type Map<K, V> = HashMap<K, V, FixedState>;

/// The events seen so far, by segment.
pub struct Rivals {
    params: Params,
    segments: Vec<Segment>,
    by_segment: Map<Arc<str>, usize>,
    /// The segments that an actor is in, until it says otherwise.
    current: Map<AccountKey, Vec<usize>>,
    names: Vec<Arc<str>>,
    by_key: Map<AccountKey, u32>,
    /// The open day, since the Unix epoch.
    day: Option<i64>,
}

struct Segment {
    name: Arc<str>,
    counts: Fading,
    touches: LastTouch,
    between: Between,
    /// Who acted on whom since [`Rivals::take_fans`].
    fans: HashSet<(u32, AccountKey), FixedState>,
}

/// What the rivals say of an account.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rivalry {
    /// Conversions whose last touch was on it.
    pub last_touch: f64,
    /// Acts on it, not capped, half of them gone after each half-life.
    pub decayed_counts: f64,
    pub between: BetweenPeople,
}

/// The comparison of people who acted on an account with other people, as active, who bought as
/// often before.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct BetweenPeople {
    pub ratio: Option<RateRatio>,
    pub exposed_conversions: u64,
    /// As many would be exposed if it made no difference.
    pub expected_conversions: f64,
}

impl BetweenPeople {
    /// Conversions that it thinks would not have been.
    #[must_use]
    pub fn incremental(&self) -> f64 {
        let part = self.ratio.map_or(0.0, |ratio| (1.0 - ratio.estimate.recip()).max(0.0));
        self.exposed_conversions as f64 * part
    }
}

impl Rivals {
    #[must_use]
    pub fn new(params: &Params) -> Self {
        Self {
            params: params.clone(),
            segments: Vec::new(),
            by_segment: Map::default(),
            current: Map::default(),
            names: Vec::new(),
            by_key: Map::default(),
            day: None,
        }
    }

    /// Takes a scored event and the segments that it lists itself.
    pub fn observe(&mut self, event: &Interaction<'_>, own: &[Cow<'_, str>]) {
        let day = event.time_ms.div_euclid(DAY_MS);
        if self.day.is_none_or(|open| day > open) {
            self.day = Some(day);
            self.segments.iter_mut().for_each(|segment| segment.between.advance(day));
        }
        if event.kind == Kind::Erase {
            self.current.remove(&event.actor);
            return;
        }
        if !own.is_empty() || !self.current.contains_key(&event.actor) {
            let mut set: Vec<usize> = own.iter().map(|name| self.segment(name)).collect();
            if set.is_empty() {
                set.push(self.segment(UNASSIGNED));
            }
            set.sort_unstable();
            set.dedup();
            self.current.insert(event.actor, set);
        }
        let target = event.target.as_ref().map(|account| self.account(account.key, &account.name));
        let weight = weight(&self.params.weights, event.kind);
        let Some(set) = self.current.get(&event.actor) else { return };
        for at in set {
            if let Some(segment) = self.segments.get_mut(*at) {
                segment.observe(event, target, weight, &self.params);
            }
        }
    }

    /// What the rivals say of each account of a segment as of a moment.
    #[must_use]
    pub fn of(&self, segment: &str, as_of_ms: i64) -> HashMap<Arc<str>, Rivalry> {
        let Some(segment) = self.by_segment.get(segment).and_then(|at| self.segments.get(*at))
        else {
            return HashMap::new();
        };
        let mut said: HashMap<u32, Rivalry> = HashMap::new();
        for (account, count) in segment.counts.as_of(as_of_ms) {
            said.entry(account).or_default().decayed_counts = count;
        }
        for (account, conversions) in segment.touches.conversions() {
            said.entry(account).or_default().last_touch = conversions;
        }
        for (account, between) in segment.between.compare() {
            said.entry(account).or_default().between = between;
        }
        said.into_iter()
            .filter_map(|(account, said)| Some((Arc::clone(self.name(account)?), said)))
            .collect()
    }

    /// Distinct actors on each account since the last call, by segment.
    pub fn take_fans(&mut self) -> HashMap<Arc<str>, HashMap<Arc<str>, u64>> {
        let mut taken = HashMap::new();
        for segment in &mut self.segments {
            let mut counts: HashMap<Arc<str>, u64> = HashMap::new();
            for (account, _) in segment.fans.drain() {
                if let Some(name) = self.names.get(account as usize) {
                    *counts.entry(Arc::clone(name)).or_default() += 1;
                }
            }
            taken.insert(Arc::clone(&segment.name), counts);
        }
        taken
    }

    fn name(&self, account: u32) -> Option<&Arc<str>> {
        self.names.get(account as usize)
    }

    fn account(&mut self, key: AccountKey, name: &str) -> u32 {
        if let Some(account) = self.by_key.get(&key) {
            return *account;
        }
        let account = u32::try_from(self.names.len()).expect("accounts must be fewer than 2^32");
        self.names.push(name.into());
        self.by_key.insert(key, account);
        account
    }

    fn segment(&mut self, name: &str) -> usize {
        if let Some(at) = self.by_segment.get(name) {
            return *at;
        }
        let (at, name): (_, Arc<str>) = (self.segments.len(), name.into());
        self.segments.push(Segment {
            name: Arc::clone(&name),
            counts: Fading::new(self.params.half_life_ms),
            touches: LastTouch::default(),
            between: Between::new(self.day.unwrap_or_default(), &self.params),
            fans: HashSet::default(),
        });
        self.by_segment.insert(name, at);
        at
    }
}

impl Segment {
    fn observe(
        &mut self,
        event: &Interaction<'_>,
        target: Option<u32>,
        weight: f64,
        params: &Params,
    ) {
        let is_act = matches!(event.kind.class(), Some(Class::Amplify | Class::Relate));
        match (event.kind, target) {
            (Kind::Conversion, declared) => {
                self.touches.convert(event.actor, event.time_ms, declared, params.lookback_ms);
                self.between.convert(event.actor, event.time_ms);
            }
            (_, Some(account)) if is_act => {
                self.counts.add(account, event.time_ms, weight);
                self.touches.touch(event.actor, event.time_ms, account);
                self.between.act(event.actor, event.time_ms, account, weight);
                self.fans.insert((account, event.actor));
            }
            _ => {}
        }
    }
}

fn weight(weights: &Weights, kind: Kind) -> f64 {
    match kind {
        Kind::Retweet => weights.retweet,
        Kind::Quote => weights.quote,
        Kind::Share => weights.share,
        Kind::Click => weights.click,
        Kind::Reply => weights.reply,
        Kind::Mention => weights.mention,
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests;
