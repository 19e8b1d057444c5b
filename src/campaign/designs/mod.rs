//! Worlds by name: each design is the knobs that it turns. Several combine, in the order given.

mod audience;
mod calendar;
mod company;
mod limits;
mod noise;

use super::Knobs;

/// A kind of world.
#[derive(Clone, Copy)]
pub struct Design {
    pub name: &'static str,
    /// What is in it that could mislead, or what the model cannot see.
    pub story: &'static str,
    /// Whether the model claims to tell the truth in it.
    pub is_claimed: bool,
    pub turn: fn(&mut Knobs),
}

const PLAIN: Design = Design {
    name: "plain",
    story: "a celebrity, one loved by those who buy, a ring; micro times 3, mid times 1.5",
    is_claimed: true,
    turn: |_| {},
};

const TOGETHER: Design = Design {
    name: "together",
    story: "moods, sales, poster, beside, rings, spam, 20 further accounts, all at once",
    is_claimed: true,
    turn: |knobs| {
        for design in [calendar::POSTER, company::BESIDE, noise::RINGS, noise::LOUD] {
            (design.turn)(knobs);
        }
        (knobs.moods, knobs.sales, knobs.accounts) = (2.0, 2.0, 20.0);
    },
};

/// All designs: first those that the model claims, then those in which it fails.
pub const DESIGNS: [Design; 17] = [
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
