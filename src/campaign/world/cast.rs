//! The accounts of a world: four of the plain campaign, and those that its knobs add.

use std::borrow::Cow;

use super::turns::{Turn, Turns};
use crate::campaign::Knobs;

pub(super) const CELEBRITY: &str = "celebrity";
pub(super) const RING: &str = "ring";
pub(super) const PUPPET: &str = "puppet";
pub(super) const POSTER: &str = "poster";
/// Accounts of the plain campaign, whose chances are drawn first.
pub(super) const PLAIN: usize = 4;
/// Place of micro among the accounts.
pub(super) const MICRO: usize = 1;
/// Days after a touch on which an account's effect lasts, and on which a sale counts as exposed.
pub(super) const EFFECT_DAYS: u16 = 3;

const NO_EFFECT: f64 = 1.0;
/// Of the accounts whose fans the model cannot compare with themselves.
const UNSEEN_EFFECT: f64 = 3.0;

/// An account of which people are fans.
#[derive(Clone, Debug)]
pub(super) struct Account {
    pub(super) name: Cow<'static, str>,
    pub(super) story: &'static str,
    pub(super) reach: Reach,
    pub(super) habit: Habit,
    /// What a touch multiplies the chance of a conversion by.
    pub(super) rate_ratio: f64,
    pub(super) replies_a_day: u32,
    pub(super) turn: Option<Turn>,
}

/// Who is a fan.
#[derive(Clone, Copy, Debug)]
pub(super) enum Reach {
    /// This share of the people of average activity.
    Active(f64),
    /// By how much they buy.
    Buyers,
    /// This share of the fans of another account, and few others.
    FansOf(usize, f64),
}

/// When its fans act on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Habit {
    /// On some of the days on which they are active.
    Now,
    /// The same, mostly around sales.
    AtSales,
    /// The same, mostly when they have acted on this other account that day.
    Beside(usize),
    /// Mostly on the day after a purchase.
    Bought,
    /// On each day.
    Daily,
    /// On some days, before they buy.
    Morning,
}

/// The accounts of which people can be fans, those of the plain campaign first.
pub(super) fn cast(knobs: &Knobs, turns: &Turns) -> Vec<Account> {
    let mut accounts = plain(knobs).to_vec();
    accounts.extend(further(knobs));
    let mut add = |turned: f64, name: &'static str, story, reach, habit, rate_ratio| {
        if turned > 0.0 {
            let replies_a_day = 0;
            let name = name.into();
            let turn = None;
            accounts.push(Account { name, story, reach, habit, rate_ratio, replies_a_day, turn });
        }
    };
    let beside = Reach::FansOf(MICRO, knobs.beside);
    let story = "acted on beside micro, no effect";
    add(knobs.beside, "shadow", story, beside, Habit::Beside(MICRO), NO_EFFECT);
    let story = "posts and is acted on at sales, no effect";
    add(knobs.poster, POSTER, story, Reach::Active(knobs.poster), Habit::AtSales, NO_EFFECT);
    let story = "few fans and a loud ring, no effect";
    add(knobs.puppet, PUPPET, story, Reach::Active(knobs.puppet), Habit::Now, NO_EFFECT);
    let story = "acted on by those who just bought";
    add(knobs.brand, "brand", story, Reach::Active(knobs.brand), Habit::Bought, UNSEEN_EFFECT);
    let story = "fans act on it every day";
    add(knobs.idol, "idol", story, Reach::Active(knobs.idol), Habit::Daily, UNSEEN_EFFECT);
    let story = "works on the day of the touch only";
    add(knobs.flash, "flash", story, Reach::Active(knobs.flash), Habit::Morning, UNSEEN_EFFECT);
    if knobs.spam > 0.0 {
        accounts.push(Account {
            name: "spammer".into(),
            story: "answers hundreds of strangers a day, few fans, no effect",
            reach: Reach::Active(0.01),
            habit: Habit::Now,
            rate_ratio: NO_EFFECT,
            replies_a_day: whole(knobs.spam),
            turn: None,
        });
    }
    accounts.extend(turns.accounts(knobs));
    accounts
}

fn plain(knobs: &Knobs) -> [Account; PLAIN] {
    let account = |name: &'static str, story, reach, rate_ratio, replies_a_day| Account {
        name: name.into(),
        story,
        reach,
        habit: Habit::Now,
        rate_ratio,
        replies_a_day,
        turn: None,
    };
    [
        account(
            CELEBRITY,
            "many react, followers are bought, answers nobody, no effect",
            Reach::Active(0.25),
            NO_EFFECT,
            0,
        ),
        account("micro", "few fans, answers them", Reach::Active(0.02), knobs.micro, 12),
        account("mid", "more fans", Reach::Active(0.06), knobs.mid, 5),
        account(
            "homophily",
            "loved by people who buy anyway, no effect",
            Reach::Buyers,
            NO_EFFECT,
            3,
        ),
    ]
}

/// Accounts with ever fewer fans, of which every tenth has an effect.
fn further(knobs: &Knobs) -> impl Iterator<Item = Account> {
    let effect = knobs.effect;
    (0..whole(knobs.accounts)).map(move |number| {
        let has_effect = number % 10 == 4;
        Account {
            name: format!("account{number}").into(),
            story: if has_effect { "one of many" } else { "one of many, no effect" },
            reach: Reach::Active(0.1 / f64::from(number + 1).sqrt()),
            habit: Habit::Now,
            rate_ratio: if has_effect { effect } else { NO_EFFECT },
            replies_a_day: 1,
            turn: None,
        }
    })
}

/// A knob that counts something.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "knobs that count end at 100,000"
)]
pub(super) fn whole(knob: f64) -> u32 {
    knob as u32
}

impl Account {
    /// Days after a touch on which it has its effect, first and last.
    pub(super) fn effect_days(&self) -> (u16, u16) {
        if self.habit == Habit::Morning { (0, 0) } else { (1, EFFECT_DAYS) }
    }

    /// Factor on how often its fans act on it on a day.
    pub(super) fn pull(&self, day: u16) -> f64 {
        self.turn.map_or(1.0, |turn| turn.pull(day))
    }

    /// Whether a touch has its effect on a day.
    pub(super) fn works(&self, day: u16) -> bool {
        self.turn.is_none_or(|turn| turn.works(day))
    }
}
