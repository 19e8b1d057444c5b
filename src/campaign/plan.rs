//! How large a campaign is, when it takes place, and what is in it.

use super::Knobs;
use crate::config::Invalid;

const DAY_MS: i64 = 86_400_000;

/// What a campaign is made from; equal plans give equal events.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plan {
    pub seed: u64,
    /// Members of the audience.
    pub people: u32,
    pub days: u16,
    /// Midnight (UTC) of the first day, ms since the Unix epoch.
    pub start_ms: i64,
    pub knobs: Knobs,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            seed: 1,
            people: 20_000,
            days: 45,
            start_ms: 20_000 * DAY_MS,
            knobs: Knobs::default(),
        }
    }
}

impl Plan {
    /// Largest audience; 16 bytes of each person are kept, and 6 of each of its favourites.
    pub const PEOPLE_MAX: u32 = 50_000_000;
    pub const DAYS_MAX: u16 = 3_660;

    pub fn validate(&self) -> Result<(), Invalid> {
        if !(1..=Self::PEOPLE_MAX).contains(&self.people) {
            return Err(Invalid::new("people", self.people, "from 1 to 50000000"));
        }
        if !(1..=Self::DAYS_MAX).contains(&self.days) {
            return Err(Invalid::new("days", self.days, "from 1 to 3660"));
        }
        if self.start_ms < 0 || self.start_ms % DAY_MS != 0 || self.start_ms > 100_000 * DAY_MS {
            let allowed = "midnight of a day from 1970 to 2243";
            return Err(Invalid::new("start_ms", self.start_ms, allowed));
        }
        self.knobs.validate()
    }

    /// The people that there are, after the knob of the size.
    #[must_use]
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a part of the people, which are a u32"
    )]
    pub fn audience(&self) -> u32 {
        ((f64::from(self.people) * self.knobs.size) as u32).max(1)
    }

    /// The same plan, over before `now_ms`: its last day is the one before that of `now_ms`.
    #[must_use]
    pub fn ending_before(self, now_ms: i64) -> Self {
        let today = now_ms.div_euclid(DAY_MS);
        Self { start_ms: (today - i64::from(self.days)).max(0) * DAY_MS, ..self }
    }
}
