//! Recorded streams: at the end of each day what the methods say is held beside the next day.
//!
//! Invariant: what is said of a day's end rests on events that came before the first of the next.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::scorer::Scorer;
use crate::backtest::rivals::Rivals;
use crate::backtest::{Forecast, Said, Verdict, judge, scores};
use crate::campaign::Truth;
use crate::clock;
use crate::config::Config;
use crate::ingest::files::{Block, Reader};
use crate::ingest::format::Decoder;
use crate::model::{Batch, SegmentStandings};

const DAY_MS: i64 = 86_400_000;

/// When methods are held beside what came.
#[derive(Clone, Copy, Debug)]
pub(super) struct Schedule {
    /// Days before the first comparison.
    pub(super) warm_up: u16,
    /// Days from one comparison to the next.
    pub(super) every: u16,
}

/// A stream being read.
pub(super) struct Backtest<'a> {
    /// Nothing when only the ranking at its end is wanted.
    schedule: Option<Schedule>,
    /// Only this segment is compared.
    segment: Option<&'a str>,
    scorer: Scorer,
    rivals: Rivals,
    forecast: Forecast,
    first_day: Option<i64>,
    day: i64,
    /// What was said at the end of the day before the open one.
    said: Option<Said>,
}

/// A stream that was read to its end.
pub(super) struct Read {
    pub(super) scored: u64,
    pub(super) rejected: u64,
    /// Days that it lasts.
    pub(super) days: i64,
    pub(super) forecast: Forecast,
    pub(super) standings: Vec<SegmentStandings>,
    as_of_ms: i64,
    rivals: Rivals,
}

impl<'a> Backtest<'a> {
    pub(super) fn new(
        config: &Config,
        schedule: Option<Schedule>,
        segment: Option<&'a str>,
    ) -> Self {
        Self {
            schedule,
            segment,
            scorer: Scorer::new(config),
            rivals: Rivals::new(&config.model),
            forecast: Forecast::default(),
            first_day: None,
            day: 0,
            said: None,
        }
    }

    /// Reads all there is; `progress` hears of each block.
    pub(super) fn read(
        mut self,
        mut reader: Reader,
        decoder: &Decoder,
        progress: impl Fn(),
    ) -> anyhow::Result<Read> {
        let (mut block, mut rejected, mut events) = (Block::default(), 0, 0);
        while reader.next_block(&mut block)? {
            let whole = block.decode(decoder, 1, clock::wall_ms());
            rejected += whole.rejected.len() as u64;
            for batch in &whole.batches {
                events += batch.len() as u64;
                self.take(batch);
            }
            progress();
        }
        self.end_day();
        let as_of_ms = self.scorer.newest_ms().unwrap_or_default();
        Ok(Read {
            scored: self.scorer.scored(),
            rejected: rejected + events - self.scorer.scored(),
            days: self.first_day.map_or(0, |first| self.day + 1 - first),
            forecast: self.forecast,
            standings: self.scorer.standings(as_of_ms),
            as_of_ms,
            rivals: self.rivals,
        })
    }

    /// Applies events up to the end of a day, says what is to be said, and goes on.
    fn take(&mut self, batch: &Batch<'_>) {
        let mut today = Batch::default();
        for event in batch.interactions() {
            let day = event.time_ms.div_euclid(DAY_MS);
            if self.first_day.is_none() && event.time_ms <= event.log_time_ms {
                (self.first_day, self.day) = (Some(day), day);
            }
            // What claims to lie ahead of the clock is rejected, and must not end the day.
            if day > self.day && event.time_ms <= event.log_time_ms {
                self.apply(&std::mem::take(&mut today));
                self.turn_to(day);
            }
            for name in batch.segments(event) {
                today.push_segment(Cow::clone(name));
            }
            today.push(event.clone());
        }
        self.apply(&today);
    }

    fn apply(&mut self, batch: &Batch<'_>) {
        let (rivals, is_watched) = (&mut self.rivals, self.schedule.is_some());
        self.scorer.apply(batch, |event, own| {
            if is_watched {
                rivals.observe(event, own);
            }
        });
    }

    /// Ends the open day and opens another.
    fn turn_to(&mut self, day: i64) {
        self.end_day();
        // Between two days with events nobody acts, and there is nothing to compare.
        let is_next = day == self.day + 1;
        let passed = day - self.first_day.unwrap_or(day);
        self.day = day;
        let Some(Schedule { warm_up, every }) = self.schedule else { return };
        let since = passed - i64::from(warm_up);
        if is_next && since >= 0 && since % i64::from(every.max(1)) == 0 {
            self.said = Some(self.say(day * DAY_MS));
        }
    }

    /// Holds what was said before the open day beside what came in it.
    fn end_day(&mut self) {
        let mut fans = self.rivals.take_fans();
        if let Some(only) = self.segment {
            fans.retain(|segment, _| &**segment == only);
        }
        if let Some(said) = self.said.take() {
            self.forecast.compare(&said, &fans);
        }
    }

    fn say(&mut self, as_of_ms: i64) -> Said {
        let standings = self.scorer.standings(as_of_ms);
        let rivals = &self.rivals;
        let of =
            |segment: &SegmentStandings| scores(segment, &rivals.of(&segment.segment, as_of_ms));
        standings
            .iter()
            .map(|segment| (segment.segment.clone(), of(segment)))
            .collect::<BTreeMap<_, _>>()
    }
}

impl Read {
    /// The same beside what was planted.
    pub(super) fn verdict(&self, name: String, truth: &Truth) -> Verdict {
        let segments = self.standings.iter();
        judge(name, None, truth, segments.map(|s| (s, self.rivals.of(&s.segment, self.as_of_ms))))
    }
}
