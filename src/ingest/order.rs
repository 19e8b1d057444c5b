//! Event-time order over the topics of one shard, so that reading a long backlog does not race
//! one topic ahead and have the other rejected as too old.
//!
//! Invariant: pure; the records of one topic keep their order, whatever their times.

use std::time::{Duration, Instant};

/// The moment of a decision, by both clocks.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    pub wall_ms: i64,
    pub instant: Instant,
}

/// How long a topic without records is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// A topic read to its end and silent for this long is left out.
    pub idle: Duration,
    /// A topic read to its end is not waited for by events less than this far behind the wall
    /// clock: what it may still bring is as fresh as they are.
    pub grace_ms: i64,
}

/// Event time up to which a shard has seen its topics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watermark {
    /// A topic that is not idle has shown no event yet.
    Unknown,
    At(i64),
    /// No topic holds it back: the shard follows the others.
    Idle,
}

/// Which topic's next record is to be applied.
#[derive(Debug)]
pub struct Merge {
    patience: Patience,
    topics: Vec<Topic>,
}

#[derive(Clone, Copy, Debug)]
struct Topic {
    newest_ms: Option<i64>,
    at_end: bool,
    silent_since: Instant,
}

impl Merge {
    #[must_use]
    pub fn new(topics: usize, patience: Patience, now: Instant) -> Self {
        let topic = Topic { newest_ms: None, at_end: false, silent_since: now };
        Self { patience, topics: vec![topic; topics] }
    }

    /// Records of `topic` came in.
    pub fn arrived(&mut self, topic: usize, now: Instant) {
        if let Some(topic) = self.topics.get_mut(topic) {
            topic.at_end = false;
            topic.silent_since = now;
        }
    }

    /// `topic` holds nothing that has not come in.
    pub fn ended(&mut self, topic: usize) {
        if let Some(topic) = self.topics.get_mut(topic) {
            topic.at_end = true;
        }
    }

    /// An event of `topic` was applied.
    pub fn applied(&mut self, topic: usize, time_ms: i64) {
        if let Some(topic) = self.topics.get_mut(topic) {
            topic.newest_ms = topic.newest_ms.max(Some(time_ms));
        }
    }

    /// The topic whose head, of the times in `heads`, comes next; nothing while a topic without
    /// a head may still bring an earlier one.
    #[must_use]
    pub fn next(&self, heads: &[Option<i64>], now: Now) -> Option<usize> {
        let times = heads.iter().enumerate().filter_map(|(at, head)| head.map(|time| (time, at)));
        let (time_ms, next) = times.min()?;
        let fresh = time_ms > now.wall_ms.saturating_sub(self.patience.grace_ms);
        let awaited = |topic: &Topic| !(topic.at_end && (fresh || self.is_idle(topic, now)));
        let empty = heads.iter().zip(&self.topics).filter(|(head, _)| head.is_none());
        let waits = empty.map(|(_, topic)| topic).any(awaited);
        (!waits).then_some(next)
    }

    #[must_use]
    pub fn watermark(&self, now: Now) -> Watermark {
        let active = self.topics.iter().filter(|topic| !self.is_idle(topic, now));
        match active.map(|topic| topic.newest_ms).min() {
            None => Watermark::Idle,
            Some(None) => Watermark::Unknown,
            Some(Some(time_ms)) => Watermark::At(time_ms),
        }
    }

    fn is_idle(&self, topic: &Topic, now: Now) -> bool {
        let silent = now.instant.saturating_duration_since(topic.silent_since);
        topic.at_end && silent >= self.patience.idle
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    const PATIENCE: Patience = Patience { idle: Duration::from_mins(1), grace_ms: 600_000 };

    fn began() -> Instant {
        crate::clock::instant()
    }

    fn after(began: Instant, secs: u64) -> Now {
        Now { wall_ms: 10_000_000, instant: began + Duration::from_secs(secs) }
    }

    #[test]
    fn waits_for_a_topic_until_it_is_at_its_end_and_idle() {
        let began = began();
        let mut merge = Merge::new(2, PATIENCE, began);
        let heads = [Some(1_000), None];
        assert_eq!(merge.next(&heads, after(began, 3_600)), None, "not read to its end");
        merge.ended(1);
        assert_eq!(merge.next(&heads, after(began, 59)), None, "not silent for long enough");
        assert_eq!(merge.next(&heads, after(began, 60)), Some(0));
        merge.arrived(1, began + Duration::from_mins(1));
        assert_eq!(merge.next(&heads, after(began, 200)), None, "it spoke again");
    }

    #[test]
    fn fresh_events_do_not_wait_for_a_topic_at_its_end() {
        let began = began();
        let mut merge = Merge::new(2, PATIENCE, began);
        let fresh = [Some(10_000_000 - 599_999), None];
        assert_eq!(merge.next(&fresh, after(began, 1)), None, "there may be a backlog");
        merge.ended(1);
        assert_eq!(merge.next(&fresh, after(began, 1)), Some(0));
        assert_eq!(merge.next(&[Some(10_000_000 - 600_000), None], after(began, 1)), None);
    }

    #[test]
    fn the_slowest_topic_that_is_not_idle_holds_the_watermark() {
        let began = began();
        let mut merge = Merge::new(2, PATIENCE, began);
        merge.applied(0, 500);
        assert_eq!(merge.watermark(after(began, 0)), Watermark::Unknown);
        merge.applied(1, 300);
        merge.applied(1, 200);
        assert_eq!(merge.watermark(after(began, 0)), Watermark::At(300));
        merge.ended(1);
        assert_eq!(merge.watermark(after(began, 60)), Watermark::At(500));
        merge.ended(0);
        assert_eq!(merge.watermark(after(began, 60)), Watermark::Idle);
    }

    /// Takes the records of both topics, which arrive in pieces of these sizes.
    fn merged(topics: &[Vec<i64>; 2], pieces: &[(usize, usize)]) -> Vec<(usize, i64)> {
        let began = began();
        let now = after(began, 0);
        let mut merge = Merge::new(2, PATIENCE, began);
        let mut log = topics.clone().map(VecDeque::from);
        let mut heads: [VecDeque<i64>; 2] = Default::default();
        let mut order = Vec::new();
        for (topic, count) in pieces.iter().copied().chain([(0, usize::MAX), (1, usize::MAX)]) {
            for time in log[topic].drain(..count.min(topics[topic].len()).min(log[topic].len())) {
                merge.arrived(topic, began);
                heads[topic].push_back(time);
            }
            if log[topic].is_empty() {
                merge.ended(topic);
            }
            while let Some(next) = merge.next(&[0, 1].map(|t| heads[t].front().copied()), now) {
                let time = heads[next].pop_front().expect("next must be a topic with a head");
                merge.applied(next, time);
                order.push((next, time));
            }
        }
        let now = after(began, 60);
        while let Some(next) = merge.next(&[0, 1].map(|t| heads[t].front().copied()), now) {
            order.push((next, heads[next].pop_front().expect("a head")));
        }
        order
    }

    proptest! {
        /// Old events: the order is that of a merge of the whole topics, however they arrive.
        #[test]
        fn the_order_does_not_depend_on_how_records_arrive(
            a in prop::collection::vec(0..50_i64, 0..30),
            b in prop::collection::vec(0..50_i64, 0..30),
            pieces in prop::collection::vec((0..2_usize, 0..7_usize), 0..20),
        ) {
            let topics = [a, b];
            let order = merged(&topics, &pieces);
            prop_assert_eq!(&order, &merged(&topics, &[]));
            for topic in [0, 1] {
                let kept: Vec<i64> =
                    order.iter().filter(|(t, _)| *t == topic).map(|(_, time)| *time).collect();
                prop_assert_eq!(&kept, &topics[topic], "nothing lost, order kept");
            }
        }

        #[test]
        fn topics_in_order_are_merged_in_order(
            mut a in prop::collection::vec(0..50_i64, 0..30),
            mut b in prop::collection::vec(0..50_i64, 0..30),
            pieces in prop::collection::vec((0..2_usize, 0..7_usize), 0..20),
        ) {
            a.sort_unstable();
            b.sort_unstable();
            let order = merged(&[a, b], &pieces);
            prop_assert!(order.is_sorted_by_key(|(_, time)| *time), "{:?}", order);
        }
    }
}
