//! Several topics that feed one shard in event time.
//!
//! Invariant: a record is settled once, in the order of its topic; it may be decoded more often,
//! because events borrow from the batch that they wait in. How much of a batch is decoded ahead
//! follows how much of it was used the last time.

use fail::fail_point;

use super::Error;
use super::source::Source;
use super::work::Work;
use crate::clock;
use crate::engine::{Outcome, Shard};
use crate::ingest::format::Keyed;
use crate::ingest::kafka::{Fault, Message, Messages, Record};
use crate::ingest::order::{Merge, Now, Patience, Watermark};
use crate::model::{Batch, Reason};

const BATCH: usize = 1000;
const AHEAD_MIN: usize = 16;
/// An event may lie this far ahead of its log; one that claims more is rejected, and must not
/// hold up its topic until then.
const TOO_NEW_MS: i64 = 300_000;

pub(super) struct Merging {
    merge: Merge,
    lines: Vec<Line>,
}

/// A topic, and the batch of it that is being read.
struct Line {
    source: Source,
    messages: Option<Messages>,
    /// How many of them are settled.
    settled: usize,
    /// How many to decode ahead.
    ahead: usize,
}

/// What was decoded ahead of one topic.
struct Ahead<'a> {
    messages: Option<&'a Messages>,
    batch: Batch<'a>,
    slots: Vec<Slot>,
    /// How many of them are settled.
    used: usize,
    /// Whether the slots are all that was fetched.
    whole: bool,
}

enum Slot {
    /// An event: its place in the batch decoded ahead.
    Event(usize, Keyed),
    Rejected(Reason),
    Fault(Fault),
    /// Was read before.
    Repeated,
}

/// Events in the order in which they are applied.
struct Chosen<'a> {
    batch: Batch<'a>,
    /// Of each, the topic and its place in the topic's messages.
    places: Vec<(usize, usize)>,
}

impl Merging {
    pub(super) fn new(sources: Vec<Source>, patience: Patience) -> Self {
        let line = |source| Line { source, messages: None, settled: 0, ahead: AHEAD_MIN };
        let mut merge = Merge::new(sources.len(), patience, clock::instant());
        for (topic, source) in sources.iter().enumerate() {
            if let Some(newest_ms) = source.reading().newest_ms() {
                merge.applied(topic, newest_ms);
            }
        }
        Self { merge, lines: sources.into_iter().map(line).collect() }
    }

    pub(super) fn sources(&self) -> impl Iterator<Item = &Source> {
        self.lines.iter().map(|line| &line.source)
    }

    pub(super) fn watermark(&self, now: Now) -> Watermark {
        self.merge.watermark(now)
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.lines.iter().all(|line| line.messages.is_none() && line.source.is_at_end())
    }

    /// Applies what can be, of what is at hand and up to `most` events; false if nothing could.
    pub(super) fn step(
        &mut self,
        shard: &mut Shard,
        work: &mut Work,
        most: usize,
    ) -> Result<bool, Error> {
        let now = Now { wall_ms: clock::wall_ms(), instant: clock::instant() };
        self.fetch(now);
        let batches: Vec<Option<Messages>> =
            self.lines.iter_mut().map(|line| line.messages.take()).collect();
        let mut ahead: Vec<Ahead<'_>> = self
            .lines
            .iter()
            .zip(&batches)
            .map(|(line, messages)| Ahead::decode(line, messages.as_ref(), work))
            .collect();
        let chosen = self.choose(&mut ahead, work, most, now)?;
        let mut outcomes = std::mem::take(&mut work.outcomes);
        fail_point!("apply");
        shard.apply(&chosen.batch, &mut outcomes);
        self.settle(&chosen, &outcomes, &ahead, work);
        work.outcomes = outcomes;

        let used: Vec<(usize, bool)> = ahead.iter().map(|a| (a.used, a.is_used_up())).collect();
        drop((chosen, ahead));
        let mut moved = false;
        for ((line, messages), (used, used_up)) in self.lines.iter_mut().zip(batches).zip(used) {
            moved |= used > 0;
            line.put_back(messages, used, used_up);
        }
        work.flush(self.lines.iter_mut().map(|line| &mut line.source));
        Ok(moved)
    }

    fn fetch(&mut self, now: Now) {
        for (topic, line) in self.lines.iter_mut().enumerate() {
            if line.messages.is_some() {
                continue;
            }
            let messages = line.source.fetch(BATCH);
            if messages.is_empty() {
                if line.source.is_at_end() {
                    self.merge.ended(topic);
                }
            } else {
                if messages.iter().any(|message| matches!(message, Message::Record(_))) {
                    self.merge.arrived(topic, now.instant);
                }
                line.messages = Some(messages);
                line.settled = 0;
            }
        }
    }

    /// Takes events in order for as long as it is known which comes next.
    fn choose<'a>(
        &mut self,
        ahead: &mut [Ahead<'a>],
        work: &mut Work,
        most: usize,
        now: Now,
    ) -> Result<Chosen<'a>, Error> {
        let mut chosen =
            Chosen { batch: Batch::with_capacity(most), places: Vec::with_capacity(most) };
        let mut heads = Vec::with_capacity(ahead.len());
        while chosen.places.len() < most {
            heads.clear();
            for (topic, (line, from)) in self.lines.iter_mut().zip(ahead.iter_mut()).enumerate() {
                from.settle_all_but_events(line, work)?;
                let head = from.head_ms();
                if head.is_none() && !from.whole {
                    return Ok(chosen);
                }
                if head.is_none() && line.source.is_at_end() {
                    self.merge.ended(topic);
                }
                heads.push(head);
            }
            let Some(next) = self.merge.next(&heads, now) else { break };
            if let (Some(line), Some(from)) = (self.lines.get_mut(next), ahead.get_mut(next)) {
                chosen.places.push((next, line.settled + from.used));
                from.move_event(line, &mut chosen.batch);
                self.merge.arrived(next, now.instant);
            }
        }
        Ok(chosen)
    }

    fn settle(
        &mut self,
        chosen: &Chosen<'_>,
        outcomes: &[Outcome],
        ahead: &[Ahead<'_>],
        work: &mut Work,
    ) {
        let applied = chosen.batch.interactions().iter().zip(outcomes);
        for ((topic, place), (interaction, outcome)) in chosen.places.iter().zip(applied) {
            let Some(line) = self.lines.get_mut(*topic) else { continue };
            let Some(reason) = work.settle(&mut line.source, interaction, *outcome) else {
                self.merge.applied(*topic, interaction.time_ms);
                continue;
            };
            let message = ahead.get(*topic).and_then(|a| a.messages?.get(*place));
            if let Some(Message::Record(record)) = message {
                work.reject(&line.source, &record, reason);
            }
        }
    }
}

impl Line {
    /// Keeps what is not settled for the next step.
    fn put_back(&mut self, messages: Option<Messages>, used: usize, used_up: bool) {
        self.settled += used;
        if let Some(messages) = &messages
            && used > 0
        {
            self.source.remember(messages, self.settled);
        }
        if used_up {
            self.ahead = (self.ahead * 2).min(BATCH);
        } else if used < self.ahead / 2 {
            self.ahead = (self.ahead / 2).max(AHEAD_MIN);
        }
        self.messages = messages.filter(|messages| self.settled < messages.len());
    }
}

impl<'a> Ahead<'a> {
    fn decode(line: &Line, messages: Option<&'a Messages>, work: &Work) -> Self {
        let len = messages.map_or(0, Messages::len);
        let until = len.min(line.settled + line.ahead);
        let mut ahead = Self {
            messages,
            batch: Batch::with_capacity(until - line.settled.min(until)),
            slots: Vec::with_capacity(until - line.settled.min(until)),
            used: 0,
            whole: until == len,
        };
        for at in line.settled..until {
            let slot = match messages.and_then(|messages| messages.get(at)) {
                Some(Message::Record(record)) if line.source.is_new(&record) => {
                    match work.decoder.decode(&work.wire(&record), &mut ahead.batch) {
                        Ok(keyed) => Slot::Event(ahead.batch.len() - 1, keyed),
                        Err(reason) => Slot::Rejected(reason),
                    }
                }
                Some(Message::Fault(fault)) => Slot::Fault(fault),
                Some(Message::Record(_)) | None => Slot::Repeated,
            };
            ahead.slots.push(slot);
        }
        ahead
    }

    /// The time by which the next event is ordered, if it is one.
    fn head_ms(&self) -> Option<i64> {
        let Some(Slot::Event(at, _)) = self.slots.get(self.used) else { return None };
        let event = self.batch.interactions().get(*at)?;
        Some(event.time_ms.min(event.log_time_ms.saturating_add(TOO_NEW_MS)))
    }

    fn is_used_up(&self) -> bool {
        self.used == self.slots.len()
    }

    fn record(&self, line: &Line) -> Option<Record<'a>> {
        match self.messages?.get(line.settled + self.used)? {
            Message::Record(record) => Some(record),
            Message::Fault(_) => None,
        }
    }

    fn settle_all_but_events(&mut self, line: &mut Line, work: &mut Work) -> Result<(), Error> {
        while let Some(slot) = self.slots.get(self.used) {
            match slot {
                Slot::Event(..) => break,
                Slot::Rejected(reason) => {
                    if let Some(record) = self.record(line) {
                        line.source.accept(&record);
                        work.reject(&line.source, &record, *reason);
                    }
                }
                Slot::Fault(fault) => work.faulted(&mut line.source, fault)?,
                Slot::Repeated => {}
            }
            self.used += 1;
        }
        Ok(())
    }

    /// Moves the next event over into `batch`.
    fn move_event(&mut self, line: &mut Line, batch: &mut Batch<'a>) {
        if let Some(record) = self.record(line) {
            line.source.accept(&record);
        }
        if let Some(Slot::Event(at, keyed)) = self.slots.get(self.used)
            && let Some(event) = self.batch.interactions().get(*at)
        {
            Work::keyed(&mut line.source, *keyed);
            for segment in self.batch.segments(event) {
                batch.push_segment(segment.clone());
            }
            batch.push(event.clone());
        }
        self.used += 1;
    }
}
