//! What people do on a day: they buy, as likely as the accounts that touched them lately make it,
//! and act on their favourites.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::cast::{Account, EFFECT_DAYS, Habit, PLAIN};
use super::pen::By;
use super::person::{BANDS, Fan, People, Person};
use super::{Campaign, DAY_MS, FRIENDS, chance, person_name};
use crate::campaign::Event;
use crate::model::Kind;

/// Chance of a fan who is active on a day to act on the account.
const FAN_ACTS: f64 = 0.35;
/// The same at sales, for the account that posts then, and on other days.
const AT_SALES: (f64, f64) = (0.9, 0.05);
/// The same beside another account, and on days without it.
const BESIDE: (f64, f64) = (0.75, 0.1);
/// The same the day after a purchase, for the account that is acted on then, and on other days.
const BOUGHT: (f64, f64) = (0.8, 0.03);
/// Chance that a person's new week is a good one.
const GOOD_WEEK: f64 = 0.2;

/// A person on the way through its day.
struct Someone<'a> {
    number: u32,
    person: &'a mut Person,
    fans: &'a mut [Fan],
}

impl Someone<'_> {
    fn by(&self) -> By {
        By(person_name(self.number).into(), self.person.segments())
    }
}

impl Campaign {
    pub(super) fn people(&mut self, events: &mut Vec<Event>) {
        let People { mut persons, mut fans } = std::mem::take(&mut self.people);
        let good_idle =
            BANDS.each_ref().map(|band| rounded_power(band.idle, self.plan.knobs.moods));
        for (number, person) in (0..).zip(&mut persons) {
            let favourites = fans.get_mut(person.fans()).unwrap_or_default();
            let someone = &mut Someone { number, person, fans: favourites };
            self.mood(someone);
            self.morning(someone, events);
            self.conversion(someone, events);
            self.thanks(someone, events);
            let good =
                good_idle.get(someone.person.number()).filter(|_| someone.person.in_good_week);
            let idle = good.copied().unwrap_or(someone.person.band().idle);
            self.acts(someone, idle, events);
        }
        self.people = People { persons, fans };
    }

    /// Weeks begin on another day for each person.
    fn mood(&mut self, someone: &mut Someone<'_>) {
        let begins =
            (u32::from(self.pen.day) + someone.number).is_multiple_of(7) || self.pen.day == 0;
        if self.plan.knobs.moods > 1.0 && begins {
            someone.person.in_good_week = chance(&mut self.dice.moods, GOOD_WEEK);
        }
    }

    /// Acts on accounts that work within the day, in its first half.
    fn morning(&mut self, someone: &mut Someone<'_>, events: &mut Vec<Event>) {
        for at in 0..someone.fans.len() {
            let Some(fan) = someone.fans.get(at) else { continue };
            let Some(account) = self.accounts.get(usize::from(fan.account)) else { continue };
            if account.habit != Habit::Morning {
                continue;
            }
            let active = (1.0 - someone.person.band().idle) * FAN_ACTS;
            if chance(&mut self.dice.company, active) {
                let (by, to) = (someone.by(), account.name.clone());
                let act = self.pen.event(Kind::Retweet, by, Some(to), &mut self.dice.company);
                let since = (act.time_ms - self.plan.start_ms) % DAY_MS;
                events.push(Event { time_ms: act.time_ms - since + since / 2, ..act });
                if let Some(fan) = someone.fans.get_mut(at) {
                    fan.since_morning = true;
                }
            }
        }
    }

    /// A conversion of the person, as likely as the accounts that touched them lately make it.
    fn conversion(&mut self, someone: &mut Someone<'_>, events: &mut Vec<Event>) {
        let (day, knobs, band) = (self.pen.day, &self.plan.knobs, someone.person.band());
        let mut boost = 1.0;
        for fan in &*someone.fans {
            boost *= self.accounts.get(usize::from(fan.account)).map_or(1.0, |account| {
                if is_effective(account, *fan, day) { account.rate_ratio } else { 1.0 }
            });
        }
        let keen = if someone.person.is_keen() { knobs.homophily } else { 1.0 };
        let mood = if someone.person.in_good_week { knobs.moods } else { 1.0 };
        let anyway = band.buys * knobs.purchases * keen * mood * self.calendar.pull(day);
        if !chance(&mut self.dice.plain, anyway * boost) {
            return;
        }
        self.truth.conversions += 1;
        for fan in &*someone.fans {
            let at = usize::from(fan.account);
            let Some((account, truth)) = self.accounts.get(at).zip(self.truth.accounts.get_mut(at))
            else {
                continue;
            };
            let effective = is_effective(account, *fan, day);
            truth.note(someone.person.segments(), is_exposed(*fan, day), effective);
        }
        let cents = self.dice.plain.random_range(2_000..8_000_u32);
        let mut sale = self.pen.event(Kind::Conversion, someone.by(), None, &mut self.dice.plain);
        if someone.fans.iter().any(|fan| fan.since_morning) {
            let since = (sale.time_ms - self.plan.start_ms) % DAY_MS;
            sale.time_ms += (DAY_MS - since) / 2;
        }
        events.push(Event { value: Some(f64::from(cents) / 100.0), currency: Some("EUR"), ..sale });
        someone.person.bought = day + 1;
    }

    /// The day after a purchase: acts on favourites because of it.
    fn thanks(&mut self, someone: &mut Someone<'_>, events: &mut Vec<Event>) {
        let (day, usual) = (self.pen.day, self.plan.knobs.thanks);
        if someone.person.bought == 0 || someone.person.bought != day {
            return;
        }
        for at in 0..someone.fans.len() {
            let account = someone.fans.get(at).map(|fan| usize::from(fan.account));
            let habit = account.and_then(|at| self.accounts.get(at)).map(|account| account.habit);
            let likely = if habit == Some(Habit::Bought) { BOUGHT.0 } else { usual };
            if likely > 0.0 && chance(&mut self.dice.thanks, likely) {
                self.touch(someone, at, Stream::Thanks, events);
            }
        }
    }

    /// On a day on which the person is active: a mention of a friend, and acts on favourites.
    fn acts(&mut self, someone: &mut Someone<'_>, idle: f64, events: &mut Vec<Event>) {
        let is_active = self.dice.plain.random::<f64>() > idle;
        if is_active {
            let friend = format!("friend{}", self.dice.plain.random_range(0..FRIENDS));
            let (by, to) = (someone.by(), Some(friend.into()));
            events.push(self.pen.event(Kind::Mention, by, to, &mut self.dice.plain));
        }
        for at in 0..someone.fans.len() {
            let likely = self.likely(someone, at, is_active);
            let Some(fan) = someone.fans.get_mut(at) else { continue };
            if std::mem::take(&mut fan.since_morning) {
                fan.touched = self.pen.day + 1;
                continue;
            }
            let is_plain = usize::from(fan.account) < PLAIN;
            let stream = if is_plain { Stream::Plain } else { Stream::Company };
            if let Some(likely) = likely
                && chance(self.stream(stream), likely)
            {
                self.touch(someone, at, stream, events);
            }
        }
    }

    /// How likely a fan acts on the account now, if at all.
    fn likely(&self, someone: &Someone<'_>, at: usize, is_active: bool) -> Option<f64> {
        let account = self.accounts.get(usize::from(someone.fans.get(at)?.account))?;
        let today = self.pen.day + 1;
        match account.habit {
            Habit::Daily => Some(1.0),
            Habit::Morning => None,
            _ if !is_active => None,
            Habit::Now => Some(FAN_ACTS * account.pull(self.pen.day)),
            Habit::Bought => Some(BOUGHT.1),
            Habit::AtSales if self.calendar.calls(self.pen.day) => Some(AT_SALES.0),
            Habit::AtSales => Some(AT_SALES.1),
            Habit::Beside(other) => {
                let mut others = someone.fans.iter().filter(|f| usize::from(f.account) == other);
                let is_touched = others.any(|fan| fan.touched == today);
                Some(if is_touched { BESIDE.0 } else { BESIDE.1 })
            }
        }
    }

    fn touch(
        &mut self,
        someone: &mut Someone<'_>,
        at: usize,
        stream: Stream,
        events: &mut Vec<Event>,
    ) {
        let by = someone.by();
        let Some(fan) = someone.fans.get_mut(at) else { return };
        fan.touched = self.pen.day + 1;
        let name = self.accounts.get(usize::from(fan.account)).map(|a| a.name.clone());
        let random = match stream {
            Stream::Plain => &mut self.dice.plain,
            Stream::Company => &mut self.dice.company,
            Stream::Thanks => &mut self.dice.thanks,
        };
        let kind = match random.random_range(0..4_u32) {
            0 | 1 => Kind::Retweet,
            2 => Kind::Reply,
            _ => Kind::Quote,
        };
        events.push(self.pen.event(kind, by, name, random));
    }

    fn stream(&mut self, stream: Stream) -> &mut ChaCha8Rng {
        match stream {
            Stream::Plain => &mut self.dice.plain,
            Stream::Company => &mut self.dice.company,
            Stream::Thanks => &mut self.dice.thanks,
        }
    }
}

/// Which chances an act is drawn from.
#[derive(Clone, Copy)]
enum Stream {
    Plain,
    Company,
    Thanks,
}

/// Whether a touch on one of the days before makes a conversion of today exposed.
fn is_exposed(fan: Fan, day: u16) -> bool {
    fan.touched > 0 && day + 1 - fan.touched <= EFFECT_DAYS
}

fn is_effective(account: &Account, fan: Fan, day: u16) -> bool {
    let is_touched =
        if account.habit == Habit::Morning { fan.since_morning } else { is_exposed(fan, day) };
    is_touched && account.works(day)
}

/// `base` to the power of `exponent`, rounded, so that a last bit in which platforms differ does
/// not decide.
pub(super) fn rounded_power(base: f64, exponent: f64) -> f64 {
    (base.powf(exponent) * 1e12).round() / 1e12
}
