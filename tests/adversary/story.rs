//! Few people, few accounts, and times beside the edges of buckets, of the grace, of the look-back
//! and of the retention.

use rand::Rng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;

use super::{Made, START};
use crate::oracle::{Event, Params};

const TOUCHES: [&str; 6] = ["retweet", "quote", "share", "click", "reply", "mention"];
const SEGMENTS: [&str; 3] = ["north", "south", "west"];

/// A story as far as it is told, in the order of times but for what is disturbed on purpose.
pub(super) struct Story<'a> {
    pub(super) random: ChaCha8Rng,
    pub(super) params: &'a Params,
    pub(super) now: i64,
    pub(super) events: Vec<Event>,
    made: Made,
}

pub(super) fn tell(random: ChaCha8Rng, params: &Params, made: Made) -> Vec<Event> {
    let mut story = Story::new(random, params, made);
    let length = story.random.random_range(5..220);
    while story.events.len() < length {
        story.now = story.next_moment();
        story.go_on();
    }
    story.end();
    story.arriving()
}

impl<'a> Story<'a> {
    pub(super) fn new(random: ChaCha8Rng, params: &'a Params, made: Made) -> Self {
        Self { random, params, now: START, events: Vec::new(), made }
    }

    fn next_moment(&mut self) -> i64 {
        let (bucket, grace) = (self.params.bucket_ms, self.params.grace_ms);
        let edge = (self.now.div_euclid(bucket) + 1) * bucket;
        let retention = self.params.retention_buckets;
        let most = if self.made == Made::Silent { 2 * retention } else { retention - 1 };
        match self.random.random_range(0..100) {
            0..20 => self.now,
            20..30 => self.now + self.random.random_range(1..2000),
            30..40 => self.now + grace + self.random.random_range(-1..2),
            40..50 => (edge + self.random.random_range(-1..2)).max(self.now),
            50..55 => (edge + grace + self.random.random_range(-1..2)).max(self.now),
            55..92 => self.now + self.random.random_range(0..bucket),
            92..97 => self.now + bucket * self.random.random_range(1..10),
            97..99 => self.now + bucket * self.random.random_range(1..most),
            _ if self.made == Made::Silent => {
                self.now + bucket * (retention + self.random.random_range(-1..3))
            }
            _ => self.now,
        }
    }

    fn go_on(&mut self) {
        let actor = self.actor();
        match self.random.random_range(0..100) {
            0..46 => self.act(&actor),
            46..58 => self.sell(&actor),
            58..68 => self.give_back(&actor),
            68..76 => self.follow(&actor),
            76..81 => self.introduce(&actor),
            81..86 => self.touch_many(&actor),
            86..91 if self.made == Made::Erased => self.erase(&actor),
            91..96 => self.repeat(),
            96..99 => self.err(&actor),
            _ => self.add("post", &actor),
        }
    }

    /// Ends at the edge of something, within a millisecond.
    fn end(&mut self) {
        let (actor, beside) = (self.actor(), self.random.random_range(-1..2));
        let (bucket, grace) = (self.params.bucket_ms, self.params.grace_ms);
        match self.random.random_range(0..8) {
            // A sale is just settled, or is not yet, perhaps when its buyer is erased.
            0..3 => {
                self.sale(&actor);
                self.now = (self.now + grace + beside).max(self.now);
                if self.made == Made::Erased {
                    self.erase(&actor);
                } else {
                    self.add("post", "clock");
                }
            }
            // A bucket is just closed, or is not yet.
            3..5 => {
                let edge = (self.now.div_euclid(bucket) + 1) * bucket;
                self.now = (edge + grace + beside).max(self.now);
                self.add("post", "clock");
            }
            // A sale that has just left the evidence is given back.
            5..7 => self.give_back_late(),
            _ => {}
        }
    }

    fn give_back_late(&mut self) {
        let (bucket, grace) = (self.params.bucket_ms, self.params.grace_ms);
        let left_ms = |sale: &Event| {
            let left = self.params.bucket(sale.time) + self.params.evidence_buckets + 1;
            left * bucket + grace
        };
        let due = |e: &&Event| e.kind == "conversion" && e.id.is_some() && left_ms(e) > self.now;
        let Some(sale) = self.events.iter().find(due).cloned() else { return };
        self.now = (left_ms(&sale) + self.one_of(&[0, 0, 1, -bucket, -1])).max(self.now);
        self.add("refund", &sale.actor);
        self.last().refers = sale.id;
        self.now += grace;
        self.add("post", "clock");
    }

    pub(super) fn add(&mut self, kind: &str, actor: &str) {
        let id = (!self.random.random_ratio(1, 12)).then(|| format!("e{}", self.events.len()));
        self.events.push(Event {
            kind: kind.to_owned(),
            time: self.now,
            actor: actor.to_owned(),
            id,
            ..Event::default()
        });
    }

    /// The event added last, to be changed.
    fn last(&mut self) -> &mut Event {
        self.events.last_mut().expect("an event was added")
    }

    fn actor(&mut self) -> String {
        let number = self.random.random_range(0..4);
        if self.random.random_ratio(1, 8) { format!("i{number}") } else { format!("a{number}") }
    }

    fn target(&mut self, actor: &str) -> String {
        let target = format!("i{}", self.random.random_range(0..5));
        if target == actor { "a0".to_owned() } else { target }
    }

    fn list_segments(&mut self, chance: u32) {
        if self.random.random_ratio(chance, 10) {
            let count = self.random.random_range(0..=3);
            let names = SEGMENTS.choose_multiple(&mut self.random, count).copied();
            self.last().segments = names.map(str::to_owned).collect();
        }
    }

    fn act(&mut self, actor: &str) {
        let kinds =
            ["retweet", "retweet", "quote", "share", "click", "reply", "mention", "like", "view"];
        let (kind, target) = (self.one_of(&kinds), self.target(actor));
        self.add(kind, actor);
        self.last().target = Some(target).filter(|target| *target != actor);
        self.list_segments(2);
    }

    /// A sale, and sometimes touches right at it and right after.
    fn sell(&mut self, actor: &str) {
        self.sale(actor);
        self.list_segments(1);
        if self.random.random_ratio(1, 4) {
            self.now += self.random.random_range(0..2);
            self.act(actor);
        }
    }

    pub(super) fn sale(&mut self, actor: &str) {
        self.add("conversion", actor);
        let target = self.target(actor);
        let (chance, value) = (self.random.random_range(0..10), self.value());
        let currency = self.currency();
        let sale = self.last();
        (sale.value, sale.currency) = (value, currency);
        match chance {
            0 => sale.target = Some(target),
            1 => sale.code = Some("ADA10".to_owned()),
            2 => sale.code = Some("nobody".to_owned()),
            3 => sale.code = Some("SELF".to_owned()),
            _ => {}
        }
    }

    fn value(&mut self) -> Option<f64> {
        self.one_of(&[None, Some(0.0), Some(10.0), Some(33.3), Some(80.0)])
    }

    fn currency(&mut self) -> Option<String> {
        self.one_of(&[None, Some("USD"), Some("EUR"), Some("XXX")]).map(str::to_owned)
    }

    /// A refund, of a sale or of nothing in particular, sometimes exactly the window later.
    pub(super) fn give_back(&mut self, actor: &str) {
        let recent = self.events.iter().rev().filter(|e| e.kind == "conversion").take(12);
        let sales: Vec<Event> = recent.cloned().collect();
        let sale = sales.choose(&mut self.random).cloned();
        let buyer = sale.as_ref().map_or_else(|| actor.to_owned(), |sale| sale.actor.clone());
        if let Some(sale) = sale.as_ref().filter(|_| self.random.random_ratio(1, 4)) {
            let end = sale.time + self.params.refund_window_ms + self.random.random_range(0..2);
            // Not over a silence that would end runs where that is not wanted.
            if end >= self.now && end - self.now < self.params.bucket_ms * 5 {
                self.now = end;
            }
        }
        let other = self.random.random_ratio(1, 8);
        self.add("refund", if other { actor } else { &buyer });
        let (value, currency) = (self.value(), self.currency());
        let (refers, declared) = (self.random.random_range(0..10), self.random.random_range(0..8));
        let refund = self.last();
        (refund.value, refund.currency) = (value, currency);
        refund.refers = match refers {
            0..7 => sale.and_then(|sale| sale.id),
            7 => Some("nothing".to_owned()),
            _ => None,
        };
        match declared {
            0 => refund.target = Some("i3".to_owned()),
            1 => refund.code = Some("BEE".to_owned()),
            2 => refund.code = Some("nobody".to_owned()),
            _ => {}
        }
        if self.random.random_ratio(1, 5) {
            let again =
                Event { id: Some(format!("r{}", self.events.len())), ..self.last().clone() };
            self.events.push(again);
        }
    }

    fn follow(&mut self, actor: &str) {
        let (kind, target) = (self.one_of(&["follow", "follow", "unfollow"]), self.target(actor));
        self.add(kind, actor);
        self.last().target = Some(target).filter(|target| *target != actor);
        self.list_segments(3);
    }

    fn introduce(&mut self, actor: &str) {
        self.add("profile", actor);
        self.list_segments(9);
    }

    /// Acts on many accounts, several at one time, then a sale at an edge of the look-back.
    fn touch_many(&mut self, actor: &str) {
        let first = self.now;
        for number in 0..self.random.random_range(2..22) {
            let kind = self.one_of(&TOUCHES);
            self.add(kind, actor);
            self.last().target = Some(format!("many{number}"));
            if self.random.random_ratio(1, 6) {
                let kind = self.one_of(&TOUCHES);
                let again = Event { kind: kind.to_owned(), id: None, ..self.last().clone() };
                self.events.push(again);
            }
            self.now += self.one_of(&[0, 0, 0, 1, 1000]);
        }
        let edge = first + self.params.lookback_ms + self.random.random_range(-1..2);
        self.now = if self.random.random() { edge.max(self.now) } else { self.now };
        self.sell(actor);
    }

    pub(super) fn erase(&mut self, actor: &str) {
        if self.can_be_erased(actor) {
            self.add("erase", actor);
        }
    }

    /// Whether no run of the actor's can have ended in its present life: what was credited to such
    /// a run stays.
    fn can_be_erased(&self, actor: &str) -> bool {
        let bucket = |event: &Event| self.params.bucket(event.time);
        let own = || self.events.iter().filter(|e| e.actor == actor);
        let erased = own().rfind(|e| e.kind == "erase");
        // What happened just before an erase may arrive after it.
        let since = erased.map(|erase| bucket(erase) - 1).or_else(|| own().map(bucket).min());
        let now = self.params.bucket(self.now);
        since.is_none_or(|since| now - since < self.params.retention_buckets)
    }

    /// An id that was there before, on the same event or another one.
    fn repeat(&mut self) {
        let recent: Vec<&Event> = self.events.iter().rev().take(9).collect();
        let Some(mut copy) = recent.choose(&mut self.random).copied().cloned() else { return };
        match self.random.random_range(0..4) {
            0 => copy.time = self.now,
            1 => {
                self.now = self.now.max(copy.time + self.params.dedup_window_ms)
                    + self.random.random_range(0..2);
                copy.time = self.now;
            }
            2 => (copy.time, copy.actor) = (self.now, "a3".to_owned()),
            _ if self.now - copy.time >= self.params.grace_ms => copy.time = self.now,
            _ => {}
        }
        if copy.kind != "erase" || self.can_be_erased(&copy.actor) {
            self.events.push(copy);
        }
    }

    /// What is rejected.
    fn err(&mut self, actor: &str) {
        self.add("retweet", actor);
        let too_old = self.now - self.params.ring_buckets * self.params.bucket_ms;
        let choice = self.random.random_range(0..4);
        let event = self.last();
        match choice {
            0 => event.target = Some(event.actor.clone()),
            1 => event.target = None,
            2 => "boost".clone_into(&mut event.kind),
            _ => event.time = too_old,
        }
    }

    fn one_of<T: Copy>(&mut self, of: &[T]) -> T {
        *of.choose(&mut self.random).expect("there is a choice")
    }

    /// The events in the order in which they arrive, some of them late.
    pub(super) fn arriving(mut self) -> Vec<Event> {
        if self.random.random_ratio(1, 4) {
            return self.events;
        }
        let often = self.random.random_range(1..10);
        let mut arriving = Vec::new();
        for event in &self.events {
            let late = self.random.random_ratio(often, 10);
            let by = if late { self.random.random_range(0..self.params.grace_ms) } else { 0 };
            arriving.push((event.time + by, event.clone()));
        }
        arriving.sort_by_key(|(arrival, _)| *arrival);
        let arriving: Vec<Event> = arriving.into_iter().map(|(_, event)| event).collect();
        if self.is_ambiguous(&arriving) { self.events } else { arriving }
    }

    /// Whether an event comes so late that it joins a run that for the events before it was over.
    /// There the model allows either.
    fn is_ambiguous(&self, arriving: &[Event]) -> bool {
        let (p, mut now) = (self.params, i64::MIN);
        arriving.iter().enumerate().any(|(at, event)| {
            now = now.max(p.bucket(event.time));
            let bucket = p.bucket(event.time);
            let before = arriving[..at].iter().filter(|e| e.actor == event.actor);
            bucket < now
                && before.map(|e| p.bucket(e.time)).any(|before| {
                    bucket - before <= p.retention_buckets && now - before > p.retention_buckets
                })
        })
    }
}
