//! Worlds by name: each design is the knobs that it turns. Several combine, in the order given.

mod audience;
mod calendar;
mod company;
mod limits;
mod noise;
mod turns;

use super::Knobs;

/// A kind of world.
#[derive(Clone, Copy)]
pub struct Design {
    pub name: &'static str,
    /// What is in it that could mislead, or what the model cannot see.
    pub story: &'static str,
    pub purpose: Purpose,
    pub turn: fn(&mut Knobs),
}

/// What a design is there to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// That the model tells the truth, as it claims to.
    Claimed,
    /// By how much it fails.
    Limits,
    /// That changes are told, and nothing else.
    Shifts,
}

const PLAIN: Design = Design {
    name: "plain",
    story: "a celebrity, one loved by those who buy, a ring; micro times 3, mid times 1.5",
    purpose: Purpose::Claimed,
    turn: |_| {},
};

const TOGETHER: Design = Design {
    name: "together",
    story: "moods, sales, poster, beside, rings, spam, 20 further accounts, all at once",
    purpose: Purpose::Claimed,
    turn: |knobs| {
        for design in [calendar::POSTER, company::BESIDE, noise::RINGS, noise::LOUD] {
            (design.turn)(knobs);
        }
        (knobs.moods, knobs.sales, knobs.accounts) = (2.0, 2.0, 20.0);
    },
};

/// All designs: first those that the model claims, then those in which it fails, and one that
/// changes.
pub const DESIGNS: [Design; 18] = [
    PLAIN,
    company::NOTHING,
    audience::HOMOPHILY,
    audience::MOODS,
    audience::RARE,
    audience::SEGMENTS,
    calendar::SALES,
    calendar::POSTER,
    company::BESIDE,
    company::CROWD,
    noise::RINGS,
    noise::LOUD,
    TOGETHER,
    limits::SMALL,
    limits::THANKS,
    limits::IDOL,
    limits::FLASH,
    turns::SHIFTS,
];

impl Design {
    /// The design called `name`.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        DESIGNS.into_iter().find(|design| design.name == name)
    }

    /// The knobs of this design alone.
    #[must_use]
    pub fn knobs(&self) -> Knobs {
        let mut knobs = Knobs::default();
        (self.turn)(&mut knobs);
        knobs
    }
}

impl std::fmt::Debug for Design {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}
