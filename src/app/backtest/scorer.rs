//! One shard and the book it publishes to, read whenever somebody wants to know.

use std::borrow::Cow;

use crate::config::Config;
use crate::engine::{Outcome, Shard};
use crate::evidence::evidence;
use crate::model::{Batch, Interaction, Params, SegmentStandings};
use crate::rank::ScoreBook;
use crate::view::View;

/// The engine as `replay` runs it, on one thread, so that it can be read in between.
pub(super) struct Scorer {
    shard: Shard,
    book: ScoreBook,
    params: Params,
    outcomes: Vec<Outcome>,
    scored: u64,
}

impl Scorer {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            shard: Shard::new(&config.model, &config.limits(1)),
            book: ScoreBook::new(&config.model),
            params: config.model.clone(),
            outcomes: Vec::new(),
            scored: 0,
        }
    }

    /// Applies events and shows those that were scored, with the segments that they list.
    pub(super) fn apply(
        &mut self,
        batch: &Batch<'_>,
        mut show: impl FnMut(&Interaction<'_>, &[Cow<'_, str>]),
    ) {
        self.outcomes.clear();
        self.shard.apply(batch, &mut self.outcomes);
        for (event, outcome) in batch.interactions().iter().zip(&self.outcomes) {
            if matches!(outcome, Outcome::Scored | Outcome::ScoredLate) {
                self.scored += 1;
                show(event, batch.segments(event));
            }
        }
    }

    /// All standings as of a moment that is not before any event, with the evidence of the last
    /// bucket that has closed.
    pub(super) fn standings(&mut self, as_of_ms: i64) -> Vec<SegmentStandings> {
        if let Some(newest_ms) = self.shard.newest_ms() {
            let histories = self.shard.finish(newest_ms);
            self.book.prove(evidence(&self.params, &histories.iter().collect::<Vec<_>>()));
        }
        self.published(as_of_ms)
    }

    /// What readers of a daemon would see now; nothing before any event.
    pub(super) fn view(&mut self, sequence: u64) -> Option<View> {
        let as_of_ms = self.shard.newest_ms()?;
        self.shard.follow(as_of_ms);
        while self.shard.extract(usize::MAX) {}
        if let Some(histories) = self.shard.take_histories() {
            self.book.prove(evidence(&self.params, &[&histories]));
        }
        let segments = self.published(as_of_ms);
        let lift_as_of_ms = self.book.lift_as_of_ms();
        Some(View { sequence, as_of_ms, lift_as_of_ms, complete: true, segments })
    }

    fn published(&mut self, as_of_ms: i64) -> Vec<SegmentStandings> {
        loop {
            self.book.publish(0, &mut self.shard);
            if !self.book.is_unsettled() {
                return self.book.standings(as_of_ms);
            }
        }
    }

    /// The largest event time scored, ms since the Unix epoch.
    pub(super) fn newest_ms(&self) -> Option<i64> {
        self.shard.newest_ms()
    }

    /// Events scored.
    pub(super) fn scored(&self) -> u64 {
        self.scored
    }
}
