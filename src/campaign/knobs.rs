//! What a world has beside the plain campaign, as numbers that combine.
//!
//! Invariant: with every knob at its default the world is the plain campaign, byte for byte.

use serde::{Deserialize, Serialize};

use crate::config::Invalid;

/// The knobs; what each means stands in [`KNOBS`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Knobs {
    pub size: f64,
    pub purchases: f64,
    pub homophily: f64,
    pub moods: f64,
    pub both: f64,
    pub micro: f64,
    pub mid: f64,
    pub accounts: f64,
    pub effect: f64,
    pub beside: f64,
    pub sales: f64,
    pub poster: f64,
    pub puppet: f64,
    pub bots: f64,
    pub shouts: f64,
    pub wave: f64,
    pub spam: f64,
    pub thanks: f64,
    pub brand: f64,
    pub idol: f64,
    pub flash: f64,
    pub turns: f64,
    pub change: f64,
}

/// A knob: its name, what it means, and how far it can be turned.
pub struct Knob {
    pub name: &'static str,
    pub meaning: &'static str,
    pub least: f64,
    pub most: f64,
    place: fn(&mut Knobs) -> &mut f64,
}

macro_rules! knobs {
    ($($name:ident $least:literal..$most:literal $meaning:literal;)*) => {
        [$(Knob {
            name: stringify!($name),
            meaning: $meaning,
            least: $least,
            most: $most,
            place: |knobs| &mut knobs.$name,
        }),*]
    };
}

/// All knobs, in the order in which they are told of.
pub const KNOBS: [Knob; 23] = knobs! {
    size 0.001..1.0 "part of the people asked for that there are";
    purchases 0.0..10.0 "factor on how often everybody buys";
    homophily 1.0..5.0 "factor on how often those buy who love the account of those who buy";
    moods 1.0..10.0 "factor on acts and purchases in a person's good weeks, one in five";
    both 0.0..1.0 "share of people in both of two segments, the others halved; 0: one segment";
    micro 1.0..10.0 "what a touch of micro multiplies purchases by";
    mid 1.0..10.0 "what a touch of mid multiplies purchases by";
    accounts 0.0..1000.0 "further accounts, of which every tenth has an effect";
    effect 1.0..10.0 "what a touch of those multiplies purchases by";
    beside 0.0..0.9 "share of the fans of micro who act on shadow on the same days";
    sales 1.0..20.0 "factor on purchases on days of sale; a launch adds twice what a sale does";
    poster 0.0..0.5 "reach of an account that posts and is acted on at sales";
    puppet 0.0..0.5 "reach of an account that a second ring passes on";
    bots 0.0..100_000.0 "bots of that ring";
    shouts 0.0..1000.0 "acts of each of those bots a day";
    wave 0.0..10.0 "followers for each person that the celebrity buys within two days";
    spam 0.0..100_000.0 "replies a day of a spammer";
    thanks 0.0..1.0 "chance of an act on each favourite the day after a purchase";
    brand 0.0..0.5 "reach of an account, times 3, that is acted on by those who just bought";
    idol 0.0..0.5 "reach of an account, times 3, whose fans act on it every day";
    flash 0.0..0.5 "reach of an account, times 3, that works within the day only";
    turns 0.0..2.0 "factor on the reach of accounts that change in the midst of it; 0: there are none";
    change 0.1..2.0 "power that the factors of those changes are raised to: 0.5 turns times 3 into times 1.7";
};

impl Default for Knobs {
    fn default() -> Self {
        Self {
            size: 1.0,
            purchases: 1.0,
            homophily: 1.0,
            moods: 1.0,
            both: 0.0,
            micro: 3.0,
            mid: 1.5,
            accounts: 0.0,
            effect: 2.0,
            beside: 0.0,
            sales: 1.0,
            poster: 0.0,
            puppet: 0.0,
            bots: 0.0,
            shouts: 1.0,
            wave: 0.0,
            spam: 0.0,
            thanks: 0.0,
            brand: 0.0,
            idol: 0.0,
            flash: 0.0,
            turns: 0.0,
            change: 1.0,
        }
    }
}

impl Knobs {
    /// Turns the knob called `name`.
    pub fn set(&mut self, name: &str, value: f64) -> Result<(), Invalid> {
        let Some(knob) = KNOBS.iter().find(|knob| knob.name == name) else {
            let names: Vec<_> = KNOBS.iter().map(|knob| knob.name).collect();
            return Err(Invalid::new(name, value, format!("a knob: {}", names.join(", "))));
        };
        knob.check(value)?;
        *(knob.place)(self) = value;
        Ok(())
    }

    pub fn validate(self) -> Result<(), Invalid> {
        KNOBS.iter().try_for_each(|knob| knob.check(knob.of(self)))
    }
}

impl Knob {
    /// Where it is turned to.
    #[must_use]
    pub fn of(&self, mut knobs: Knobs) -> f64 {
        *(self.place)(&mut knobs)
    }

    fn check(&self, value: f64) -> Result<(), Invalid> {
        if (self.least..=self.most).contains(&value) {
            return Ok(());
        }
        Err(Invalid::new(self.name, value, format!("from {} to {}", self.least, self.most)))
    }
}
