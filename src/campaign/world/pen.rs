//! Writes events: numbers them and puts them at some moment of the day.

use std::borrow::Cow;

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::DAY_MS;
use crate::campaign::Event;
use crate::model::Kind;

/// What all events of a day have in common.
#[derive(Clone, Debug)]
pub(super) struct Pen {
    pub(super) seed: u64,
    /// Midnight of the first day, ms since the Unix epoch.
    pub(super) start_ms: i64,
    pub(super) day: u16,
    /// Events written so far.
    pub(super) events: u64,
}

/// Who did it, and in which segments.
pub(super) struct By(pub(super) Cow<'static, str>, pub(super) &'static [&'static str]);

impl Pen {
    pub(super) fn event(
        &mut self,
        kind: Kind,
        by: By,
        target: Option<Cow<'static, str>>,
        random: &mut ChaCha8Rng,
    ) -> Event {
        self.events += 1;
        let midnight = self.start_ms + i64::from(self.day) * DAY_MS;
        Event {
            // The seed tells campaigns in one topic apart.
            id: format!("c{}-{}", self.seed, self.events),
            kind,
            time_ms: midnight + random.random_range(0..DAY_MS),
            actor: by.0,
            target,
            segments: by.1,
            campaign: None,
            value: None,
            currency: None,
        }
    }
}
