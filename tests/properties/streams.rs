//! Streams that provoke: few accounts, times beside bucket edges, ties, late arrivals, silences,
//! repeated ids. A stream is built from plain numbers, of which 0 is always the tamest choice.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::json;

use crate::oracle::{Event, Params};

const DAY: i64 = 86_400_000;
pub(crate) const START: i64 = 20_000 * DAY;
pub(crate) const GRACE: i64 = 600_000;

/// What a stream may contain; each property names what it can bear.
#[derive(Clone, Copy, Debug, Default)]
#[allow(clippy::struct_excessive_bools, reason = "each is one thing that a stream may contain")]
pub(crate) struct Shape {
    pub(crate) late: Late,
    /// Segments change, or are listed by every event and are the same for an actor for ever.
    pub(crate) moving_segments: bool,
    /// Ids come again, within the window and after it.
    pub(crate) repeated_ids: bool,
    /// Silences longer than the ring, and longer than the retention.
    pub(crate) silences: bool,
    /// Self acts, unknown kinds, missing targets.
    pub(crate) noise: bool,
    /// All within the retention, so that no run ends.
    pub(crate) brief: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) enum Late {
    #[default]
    Never,
    WithinGrace,
    /// Up to the ring, and now and then beyond it.
    WithinRing,
}

pub(crate) const EVERYTHING: Shape = Shape {
    late: Late::WithinRing,
    moving_segments: true,
    repeated_ids: true,
    silences: true,
    noise: true,
    brief: false,
};

/// One event before it is built.
#[derive(Clone, Copy, Debug)]
struct Step {
    gap: u8,
    size: u16,
    late: u8,
    kind: u8,
    actor: u8,
    target: u8,
    segments: u8,
    id: u8,
    noise: u8,
}

fn step() -> impl Strategy<Value = Step> {
    let numbers = (0..100_u8, 0..1000_u16, 0..100_u8, 0..20_u8);
    let names = (0..9_u8, 0..12_u8, 0..24_u8, 0..100_u8, 0..100_u8);
    (numbers, names).prop_map(|((gap, size, late, kind), (actor, target, segments, id, noise))| {
        Step { gap, size, late, kind, actor, target, segments, id, noise }
    })
}

/// Streams of a shape, with the constants to read them by.
pub(crate) fn streams(shape: Shape) -> impl Strategy<Value = (Params, Vec<Event>)> {
    (params(), vec(step(), 1..120)).prop_map(move |(params, steps)| {
        let mut building = Building { params: &params, shape, now: START, events: Vec::new() };
        for step in steps {
            building.add(step);
        }
        let events = building.events;
        (params, events)
    })
}

/// Constants as a user might set them; within the bounds of the configuration.
pub(crate) fn params() -> impl Strategy<Value = Params> {
    let weights = prop_oneof![
        Just(None),
        Just(Some(json!({"retweet": 1.25, "quote": 2.0, "share": 0.5, "click": 0.25,
            "reply": 0.75, "mention": 0.25, "like": 0.6, "view": 0.1})))
    ];
    let choices = (0..2_usize, 0..4_usize, 0..3_usize, 0..4_usize, 0..2_usize, 0..3_usize, weights);
    choices.prop_map(|(bucket, half_life, exponent, cap, audience, retention, weights)| {
        let bucket_ms = [DAY, DAY / 24][bucket];
        let half_lives = [7 * bucket_ms, 2 * bucket_ms, 30 * bucket_ms, 5 * bucket_ms / 3];
        let (evidence, level, retention) = [(49, 12, 64), (20, 15, 40), (10, 6, 20)][retention];
        let (cap, outbound_cap) = [(3.0, 20.0), (0.75, 5.0), (3.75, 3.0), (2.0, 1.0)][cap];
        let mut given = json!({
            "bucket_ms": bucket_ms,
            "half_life_ms": half_lives[half_life],
            "exponent": ([0.5, 0.75, 0.6][exponent]),
            "cap": cap,
            "outbound_cap": outbound_cap,
            "pseudo_audience": ([25.0, 3.0][audience]),
            "evidence_buckets": evidence,
            "level_buckets": level,
            "retention_buckets": retention,
            "lookback_ms": 5 * bucket_ms,
            "grace_ms": GRACE,
        });
        if let Some(weights) = weights {
            given["weights"] = weights;
        }
        Params::new(given)
    })
}

struct Building<'a> {
    params: &'a Params,
    shape: Shape,
    now: i64,
    events: Vec<Event>,
}

impl Building<'_> {
    fn add(&mut self, step: Step) {
        self.now = self.moment(step);
        let actor = account(if step.actor < 6 { 'a' } else { 'i' }, step.actor % 6);
        let target = match step.target {
            11 => account('a', 0),
            target => account('i', target % 5),
        };
        let kind = kind(step.kind);
        let time = self.arrival(step, kind, &actor);
        let mut event = Event {
            kind: kind.to_owned(),
            time,
            target: Some(target).filter(|target| *target != actor),
            id: Some(format!("e{}", self.events.len())),
            segments: self.segments(step),
            actor,
            ..Event::default()
        };
        if event.target.is_none() {
            event.target = Some(account('i', 4));
        }
        self.disturb(step, &mut event);
        self.events.push(event);
    }

    /// The next moment of the log, never before the last.
    fn moment(&self, step: Step) -> i64 {
        let bucket = self.params.bucket_ms;
        let size = i64::from(step.size);
        let edge = (self.now.div_euclid(bucket) + 1) * bucket;
        let silent = self.shape.silences;
        let next = match step.gap {
            0..20 => self.now,
            20..35 => self.now + size,
            35..70 => self.now + bucket * size / 3000,
            70..80 => (edge + size % 3 - 1).max(self.now),
            80..94 => self.now + bucket * (size % 4),
            94..97 if silent => self.now + bucket * (6 + size % 5),
            97..99 if silent => self.now + bucket * (size % 70),
            99 if silent => self.now + bucket * (60 + size % 90),
            _ => self.now + bucket / 2,
        };
        let over = START + (self.params.retention_buckets - 1) * bucket;
        if self.shape.brief && next > over { self.now } else { next }
    }

    /// When it happened, if it arrives now. An outcome later than the grace is split over the
    /// touches still held, which no definition names: there is none.
    fn arrival(&self, step: Step, kind: &str, actor: &str) -> i64 {
        let size = i64::from(step.size);
        let is_outcome = matches!(kind, "conversion" | "refund");
        let by = match (self.shape.late, step.late) {
            (Late::Never, _) | (_, 0..60) => 0,
            (Late::WithinGrace, _) | (_, 60..80) => (GRACE - 1) * size / 1000,
            _ if is_outcome => (GRACE - 1) * size / 1000,
            (Late::WithinRing, 80..96) => self.params.bucket_ms * size / 150,
            (Late::WithinRing, _) => self.params.bucket_ms * (7 + size % 4),
        };
        let time = self.now - by;
        if self.is_ambiguous(actor, time) { self.now } else { time }
    }

    /// Whether an event this late could join a run that for the events before it was over.
    /// There the model allows either.
    fn is_ambiguous(&self, actor: &str, time: i64) -> bool {
        let (bucket, now) = (self.params.bucket(time), self.params.bucket(self.now));
        let retention = self.params.retention_buckets;
        bucket < now
            && self.events.iter().filter(|e| e.actor == actor).any(|e| {
                let before = self.params.bucket(e.time);
                bucket - before <= retention && now - before > retention
            })
    }

    fn segments(&self, step: Step) -> Vec<String> {
        if !self.shape.moving_segments {
            return home(step.actor);
        }
        let names = ["north", "south", "west", "east"];
        let choose = |which: &[usize]| which.iter().map(|at| names[*at].to_owned()).collect();
        match step.segments {
            0..14 => Vec::new(),
            one @ 14..18 => choose(&[usize::from(one) % 4]),
            18 => choose(&[1, 0, 1]),
            19 => choose(&[0, 1, 2, 3]),
            two => choose(&[usize::from(two) % 2, 2]),
        }
    }

    fn disturb(&self, step: Step, event: &mut Event) {
        if self.shape.repeated_ids && step.id >= 85 {
            let back = usize::from(step.id - 84);
            let earlier = self.events.len().checked_sub(back).map(|at| &self.events[at]);
            event.id = earlier.and_then(|e| e.id.clone());
        }
        match step.noise {
            92..95 if self.shape.noise => event.target = Some(event.actor.clone()),
            95..97 if self.shape.noise => "boost".clone_into(&mut event.kind),
            97..100 if self.shape.noise => event.target = None,
            _ => {}
        }
    }
}

/// The segments of an actor who never moves: one of two, or both.
pub(crate) fn home(actor: u8) -> Vec<String> {
    match actor % 3 {
        0 => vec!["north".to_owned()],
        1 => vec!["south".to_owned()],
        _ => vec!["north".to_owned(), "south".to_owned()],
    }
}

fn account(class: char, number: u8) -> String {
    format!("{class}{number}")
}

fn kind(number: u8) -> &'static str {
    match number {
        0..5 => "retweet",
        5 => "quote",
        6 => "share",
        7 => "click",
        8..11 => "reply",
        11 | 12 => "mention",
        13 => "like",
        14 => "view",
        15 => "follow",
        16 => "unfollow",
        17 => "conversion",
        18 => "refund",
        _ => "profile",
    }
}
