//! Accounts that change in the midst of a campaign, and the shifts that this is to be told as.

use rand::Rng;

use super::cast::{Account, CELEBRITY, Habit, Reach};
use super::day::rounded_power;
use super::{ChaCha8Rng, DAY_MS};
use crate::campaign::{Knobs, Plan, PlantedShift};
use crate::model::Rule;

/// What changes with an account on a day.
#[derive(Clone, Copy, Debug)]
pub(super) struct Turn {
    day: u16,
    /// Factor on how often its fans act on it, before that day and from it on.
    pull: (f64, f64),
    /// Whether touches have an effect, before and from then on.
    works: (bool, bool),
}

/// An account with its change, but for the day.
struct Role {
    name: &'static str,
    story: &'static str,
    reach: f64,
    replies_a_day: u32,
    rate_ratio: f64,
    pull: (f64, f64),
    works: (bool, bool),
    told: Told,
}

/// How a change is told.
struct Told {
    rule: Rule,
    consequences: &'static [Rule],
    /// Days within which it is to be told; a proof takes as long as it takes.
    within: u16,
}

const SELLS: f64 = 2.5;
const THIRD: f64 = 1.0 / 3.0;

const ROLES: [Role; 5] = [
    Role {
        name: "newcomer",
        story: "nobody knows it, then as many as the celebrity; answers, and sells times 2.5",
        reach: 0.25,
        replies_a_day: 12,
        rate_ratio: SELLS,
        pull: (0.0, 1.0),
        works: (true, true),
        told: Told {
            rule: Rule::LeaderChanged,
            consequences: &[
                Rule::TopEntered,
                Rule::ScoreRose,
                Rule::ShareSurge,
                Rule::LiftProven,
                Rule::LabelChanged,
            ],
            within: 10,
        },
    },
    Role {
        name: "surge",
        story: "its fans act on it three times as often",
        reach: 0.15,
        replies_a_day: 1,
        rate_ratio: 1.0,
        pull: (THIRD, 1.0),
        works: (true, true),
        told: Told {
            rule: Rule::ShareSurge,
            consequences: &[Rule::TopEntered, Rule::ScoreRose, Rule::LabelChanged],
            within: 10,
        },
    },
    Role {
        name: "fade",
        story: "its fans act on it a third as often",
        reach: 0.15,
        replies_a_day: 3,
        rate_ratio: 1.0,
        pull: (1.0, THIRD),
        works: (true, true),
        told: Told {
            rule: Rule::ShareDrop,
            consequences: &[Rule::ScoreFell, Rule::TopLeft, Rule::LabelChanged],
            // Two half-lives of credit: what is remembered goes no faster.
            within: 14,
        },
    },
    Role {
        name: "spark",
        story: "sells nothing, then times 2.5",
        reach: 0.06,
        replies_a_day: 2,
        rate_ratio: SELLS,
        pull: (1.0, 1.0),
        works: (false, true),
        told: Told {
            rule: Rule::LiftProven,
            consequences: &[
                Rule::LeaderChanged,
                Rule::TopEntered,
                Rule::ScoreRose,
                Rule::LabelChanged,
            ],
            within: u16::MAX,
        },
    },
    Role {
        name: "ember",
        story: "sells times 2.5, then nothing",
        reach: 0.12,
        replies_a_day: 2,
        rate_ratio: SELLS,
        pull: (1.0, 1.0),
        works: (true, false),
        told: Told {
            rule: Rule::LiftLost,
            consequences: &[Rule::ScoreFell, Rule::TopLeft, Rule::LabelChanged],
            within: u16::MAX,
        },
    },
];

const FOLLOWERS: Told =
    Told { rule: Rule::PopularityWithoutInfluence, consequences: &[Rule::LabelChanged], within: 3 };

/// The day of each change.
pub(super) struct Turns([u16; ROLES.len()]);

impl Turn {
    pub(super) fn pull(self, day: u16) -> f64 {
        if day < self.day { self.pull.0 } else { self.pull.1 }
    }

    pub(super) fn works(self, day: u16) -> bool {
        if day < self.day { self.works.0 } else { self.works.1 }
    }

    /// The days on which touches have an effect, if those are not all.
    pub(super) fn works_within(self, days: u16) -> Option<(u16, u16)> {
        match self.works {
            (true, true) => None,
            (true, false) => Some((0, self.day)),
            (false, true) => Some((self.day, days)),
            (false, false) => Some((0, 0)),
        }
    }
}

impl Turns {
    /// Changes come after two fifths of the days and before a half.
    pub(super) fn draw(days: u16, random: &mut ChaCha8Rng) -> Self {
        let (first, end) = (days / 5 * 2, days / 2);
        Self(ROLES.map(|_| random.random_range(first..end.max(first + 1))))
    }

    pub(super) fn accounts(&self, knobs: &Knobs) -> impl Iterator<Item = Account> {
        let (factor, change) = (knobs.turns, knobs.change);
        let roles = ROLES.into_iter().zip(self.0).filter(move |_| factor > 0.0);
        roles.map(move |(role, day)| Account {
            name: role.name.into(),
            story: role.story,
            reach: Reach::Active(role.reach * factor),
            habit: Habit::Now,
            rate_ratio: rounded_power(role.rate_ratio, change),
            replies_a_day: role.replies_a_day,
            turn: Some(Turn {
                day,
                pull: (rounded_power(role.pull.0, change), rounded_power(role.pull.1, change)),
                works: role.works,
            }),
        })
    }

    /// What is to be told of a plan in each of its segments; nothing without changes.
    pub(super) fn truth(&self, plan: &Plan, segments: &[&str]) -> Vec<PlantedShift> {
        if plan.knobs.turns <= 0.0 {
            return Vec::new();
        }
        let mut planted: Vec<(&str, &str, u16, &Told)> = Vec::new();
        for (role, day) in ROLES.iter().zip(self.0) {
            planted.push((role.name, role.story, day, &role.told));
        }
        if plan.knobs.wave > 0.0 {
            let day = plan.days / 3 * 2;
            planted.push((CELEBRITY, "buys followers within two days", day, &FOLLOWERS));
        }
        let at_ms = |day: u16| plan.start_ms + i64::from(day.min(plan.days)) * DAY_MS;
        let in_segment = |segment: &&str| {
            let of = |(account, story, day, told): &(&str, &str, u16, &Told)| PlantedShift {
                account: (*account).to_owned(),
                segment: (*segment).to_owned(),
                story: (*story).to_owned(),
                rule: told.rule,
                consequences: told.consequences.to_vec(),
                within_ms: (at_ms(*day), at_ms(day.saturating_add(told.within))),
            };
            planted.iter().map(of).collect::<Vec<_>>()
        };
        segments.iter().flat_map(in_segment).collect()
    }
}
