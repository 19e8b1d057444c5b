//! How large a campaign is and when it takes place.

const DAY_MS: i64 = 86_400_000;

/// What a campaign is made from; equal plans give equal events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    pub seed: u64,
    /// Members of the audience.
    pub people: u32,
    pub days: u16,
    /// Midnight (UTC) of the first day, ms since the Unix epoch.
    pub start_ms: i64,
}

/// A plan that no campaign can be made from.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {value} is not allowed, it must be {allowed}")]
pub struct Invalid {
    pub key: &'static str,
    pub value: String,
    pub allowed: &'static str,
}

impl Default for Plan {
    fn default() -> Self {
        Self { seed: 1, people: 20_000, days: 45, start_ms: 20_000 * DAY_MS }
    }
}

impl Plan {
    /// Largest audience; two bytes a person and account are kept.
    pub const PEOPLE_MAX: u32 = 10_000_000;

    pub fn validate(&self) -> Result<(), Invalid> {
        let range =
            |key, value: i64, allowed| Err(Invalid { key, value: value.to_string(), allowed });
        if !(1..=Self::PEOPLE_MAX).contains(&self.people) {
            return range("people", self.people.into(), "from 1 to 10000000");
        }
        if !(1..=3650).contains(&self.days) {
            return range("days", self.days.into(), "from 1 to 3650");
        }
        if self.start_ms < 0 || self.start_ms % DAY_MS != 0 || self.start_ms > 100_000 * DAY_MS {
            return range("start_ms", self.start_ms, "midnight of a day from 1970 to 2243");
        }
        Ok(())
    }

    /// The same plan, over before `now_ms`: its last day is the one before that of `now_ms`.
    #[must_use]
    pub fn ending_before(self, now_ms: i64) -> Self {
        let today = now_ms.div_euclid(DAY_MS);
        Self { start_ms: (today - i64::from(self.days)).max(0) * DAY_MS, ..self }
    }
}
