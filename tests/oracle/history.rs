//! Which events count, and in which segments: the checks of SCORING §2, each answered from the
//! events accepted before.

use std::collections::{BTreeMap, BTreeSet};

use super::{Event, Params, partition_of};

/// An event that counts, with the segments it counts in.
#[derive(Clone, Debug)]
pub(crate) struct Accepted {
    pub(crate) event: Event,
    pub(crate) bucket: i64,
    pub(crate) partition: usize,
    pub(crate) segments: BTreeSet<String>,
    /// Which of the actor's lives it belongs to. An erase ends one.
    pub(crate) life: usize,
}

/// An actor in one of its lives: what it does after an erase, a new person does.
pub(crate) type Person<'a> = (&'a str, usize);

/// The accepted events in arrival order, and why the others are not among them.
#[derive(Default)]
pub(crate) struct History {
    pub(crate) accepted: Vec<Accepted>,
    pub(crate) rejected: BTreeMap<&'static str, u64>,
    /// By actor, the newest time of the partition when each of its lives was erased.
    erased: BTreeMap<String, Vec<i64>>,
}

const KINDS: [&str; 15] = [
    "retweet",
    "quote",
    "share",
    "click",
    "reply",
    "mention",
    "like",
    "view",
    "follow",
    "unfollow",
    "conversion",
    "refund",
    "post",
    "profile",
    "erase",
];

pub(crate) fn accept(events: &[Event], params: &Params, partitions: usize) -> History {
    let mut history = History::default();
    for event in events {
        let partition = partition_of(&event.actor, partitions);
        if let Some(reason) = history.objection(event, partition, params) {
            *history.rejected.entry(reason).or_default() += 1;
        } else {
            let segments = history.segments_of(event, params);
            let bucket = params.bucket(event.time);
            let (event, life) = (event.clone(), history.life(&event.actor));
            history.accepted.push(Accepted { event, bucket, partition, segments, life });
            history.note_erase();
        }
    }
    history
}

impl Accepted {
    pub(crate) fn person(&self) -> Person<'_> {
        (&self.event.actor, self.life)
    }

    pub(crate) fn target(&self) -> Option<&str> {
        self.event.target.as_deref()
    }
}

impl History {
    /// The moment at which everything is read: the largest time that counts.
    pub(crate) fn as_of(&self) -> i64 {
        self.accepted.iter().map(|a| a.event.time).max().unwrap_or(0)
    }

    /// Events of those who are not erased.
    pub(crate) fn present(&self) -> impl Iterator<Item = &Accepted> {
        self.accepted.iter().filter(|a| self.erased_at(a.person()).is_none())
    }

    /// The newest time of the person's partition when it was erased, if it was.
    pub(crate) fn erased_at(&self, (actor, life): Person<'_>) -> Option<i64> {
        self.erased.get(actor)?.get(life).copied()
    }

    /// The actor's life by now.
    fn life(&self, actor: &str) -> usize {
        self.erased.get(actor).map_or(0, Vec::len)
    }

    fn note_erase(&mut self) {
        let Some(last) = self.accepted.last().filter(|a| a.event.kind == "erase") else { return };
        let newest = self.newest(last.partition).expect("the erase itself has a time");
        self.erased.entry(last.event.actor.clone()).or_default().push(newest);
    }

    /// The first check that the event fails, in their fixed order.
    fn objection(&self, e: &Event, partition: usize, p: &Params) -> Option<&'static str> {
        let kind = e.kind.as_str();
        let context = matches!(kind, "post" | "profile" | "erase");
        let outcome = matches!(kind, "conversion" | "refund");
        let declared = outcome.then(|| e.code.as_ref().and_then(|code| p.code(code))).flatten();
        let target = e.target.as_deref().or(declared);
        let newest = self.newest(partition);
        if !KINDS.contains(&kind) {
            Some("unknown_kind")
        } else if !context && target == Some(e.actor.as_str()) {
            Some("self_interaction")
        } else if !context && !outcome && target.is_none() {
            Some("missing_field")
        } else if newest.is_some_and(|t| p.bucket(t) - p.bucket(e.time) >= p.ring_buckets) {
            Some("too_old")
        } else if self.is_repeated(e, partition, p) {
            Some("duplicate")
        } else {
            None
        }
    }

    fn newest(&self, partition: usize) -> Option<i64> {
        self.accepted.iter().filter(|a| a.partition == partition).map(|a| a.event.time).max()
    }

    /// Whether the last event with this id lies within the window before now, where now is the
    /// newest of what counted and the event itself.
    fn is_repeated(&self, e: &Event, partition: usize, p: &Params) -> bool {
        let same = |a: &&Accepted| a.partition == partition && e.id.is_some() && a.event.id == e.id;
        let Some(before) = self.accepted.iter().rev().find(same) else { return false };
        let now = self.newest(partition).map_or(e.time, |newest| newest.max(e.time));
        before.event.time >= now - p.dedup_window_ms
    }

    /// Its own segments, else those its actor has by now, told from the actor's whole past.
    fn segments_of(&self, e: &Event, p: &Params) -> BTreeSet<String> {
        let nobody = || BTreeSet::from(["unassigned".to_owned()]);
        let mut current = nobody();
        let mut last_heard: Option<i64> = None;
        let person = (e.actor.as_str(), self.life(&e.actor));
        let past = self.accepted.iter().filter(|a| a.person() == person).map(|a| &a.event);
        for past in past.chain([e]) {
            let bucket = p.bucket(past.time);
            if !past.segments.is_empty() {
                current = past.segments.iter().cloned().collect();
            } else if last_heard.is_some_and(|heard| bucket - heard > p.retention_buckets) {
                current = nobody();
            }
            last_heard = last_heard.max(Some(bucket));
        }
        current
    }
}
