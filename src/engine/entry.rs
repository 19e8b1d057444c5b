//! What an actor keeps of one influencer: acts, likes, or whether it follows.

use super::columns::{
    Broken, before, bucket_before, flag, guessed, moment, narrow, since, unguessed,
};
use super::decay::Decay;
use super::member::{Member, aged};
use super::picture::Frame;
use super::segments::SetId;
use super::units::{Quarters, Ring, Run, Steps, Weight, add_capped, units_of};
use crate::model::RING_BUCKETS;

/// Popularity weights are twentieths of a unit.
pub(super) type Twentieths = Steps<20>;

/// More buckets than any retention: a class that never acted.
const NEVER: u8 = u8::MAX;

/// One record of a block; what it is of, its [`Key`], lies apart.
#[derive(Clone, Copy, Debug)]
pub(super) enum Entry {
    Acted(Acted),
    Liked(Run<Twentieths>),
    Following(Following),
}

const _: () = assert!(size_of::<Entry>() == 40, "an entry must stay small");

/// What an entry is of: a slot for acts and likes, an influencer for follows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Key(u32);

/// Acts of amplify and relate on an influencer in a segment. Each class has its own run; the two
/// share the moment that their units refer to, the newest bucket with an act of either.
#[derive(Clone, Copy, Debug)]
#[repr(C, packed(2))]
pub(super) struct Acted {
    amplify: f64,
    relate: f64,
    /// Buckets with an act of either: bit `k` is `bucket − k`.
    history: u64,
    amplify_ring: Quarters,
    relate_ring: Quarters,
    bucket: u32,
    /// Buckets since the newest act of the class, [`NEVER`] when that is too long to matter.
    amplify_lag: u8,
    relate_lag: u8,
}

/// Which of the two influence classes an act is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Amplify,
    Relate,
}

/// What an act changed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gain {
    /// Credit gained, referred to the landmark.
    pub(super) credit: f64,
    /// Whether the actor had not acted on the influencer in this bucket before.
    pub(super) first_in_bucket: bool,
    /// The newest bucket before, when the act lies after it.
    pub(super) moved_from: Option<u32>,
}

/// The latest word on whether an actor follows an influencer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Following {
    pub(super) time_ms: i64,
    pub(super) segments: SetId,
    pub(super) on: bool,
}

impl Default for Entry {
    fn default() -> Self {
        Self::Liked(Run::default())
    }
}

impl Key {
    const KIND_BITS: u32 = 2;

    pub(super) const fn acted(slot: u32) -> Self {
        Self(slot << Self::KIND_BITS | 1)
    }

    pub(super) const fn liked(slot: u32) -> Self {
        Self(slot << Self::KIND_BITS | 2)
    }

    pub(super) const fn following(influencer: u32) -> Self {
        Self(influencer << Self::KIND_BITS | 3)
    }

    /// Of a slot, not an influencer.
    pub(super) const fn is_of_slot(self) -> bool {
        matches!(self.0 & 3, 1 | 2)
    }

    pub(super) const fn is_acted(self) -> bool {
        self.0 & 3 == 1
    }

    /// The slot or influencer.
    pub(super) const fn id(self) -> u32 {
        self.0 >> Self::KIND_BITS
    }
}

impl Entry {
    /// The newest bucket that the entry knows of.
    pub(super) fn bucket(&self, bucket_ms: i64) -> u32 {
        match self {
            Self::Acted(acted) => acted.bucket,
            Self::Liked(run) => run.bucket,
            Self::Following(following) => bucket_of(following.time_ms, bucket_ms),
        }
    }
}

/// The bucket of an event time that has been checked.
pub(super) fn bucket_of(time_ms: i64, bucket_ms: i64) -> u32 {
    u32::try_from(time_ms / bucket_ms).expect("event times must have been checked")
}

impl Acted {
    pub(super) fn new(bucket: u32) -> Self {
        Self {
            amplify: 0.0,
            relate: 0.0,
            history: 0,
            amplify_ring: Quarters::default(),
            relate_ring: Quarters::default(),
            bucket,
            amplify_lag: NEVER,
            relate_lag: NEVER,
        }
    }

    pub(super) fn act(&mut self, side: Side, bucket: u32, weight: Weight, decay: &Decay) -> Gain {
        let moved_from = (bucket > self.bucket).then_some(self.bucket);
        self.advance(bucket, decay);
        let age = self.bucket - bucket;
        let first_in_bucket = self.history >> age & 1 == 0;
        self.history |= 1 << age;
        let (mut units, mut ring, lag) = match side {
            Side::Amplify => (self.amplify, self.amplify_ring, self.amplify_lag),
            Side::Relate => (self.relate, self.relate_ring, self.relate_lag),
        };
        if u32::from(lag) > decay.retention() + age {
            (units, ring) = (0.0, Quarters::default());
        }
        let before = units;
        units += add_capped(&mut ring, bucket, weight) * decay.fade(age);
        let lag = lag.min(u8::try_from(age).unwrap_or(NEVER));
        match side {
            Side::Amplify => {
                (self.amplify, self.amplify_ring, self.amplify_lag) = (units, ring, lag);
            }
            Side::Relate => (self.relate, self.relate_ring, self.relate_lag) = (units, ring, lag),
        }
        let credit = if units > before {
            (decay.credit(units) - decay.credit(before)) * decay.weight(self.bucket)
        } else {
            0.0
        };
        Gain { credit, first_in_bucket, moved_from }
    }

    /// The credit of the runs so far, amplify and relate, referred to the landmark.
    pub(super) fn credit(&self, decay: &Decay) -> (f64, f64) {
        let weight = decay.weight(self.bucket);
        (decay.credit(self.amplify) * weight, decay.credit(self.relate) * weight)
    }

    /// The newest bucket with an act.
    pub(super) const fn bucket(&self) -> u32 {
        self.bucket
    }

    /// Buckets with an act, bit `k` for `closed − k`.
    pub(super) fn acted_by(&self, closed: u32) -> u64 {
        aged(self.history, self.bucket, closed)
    }

    fn advance(&mut self, bucket: u32, decay: &Decay) {
        if bucket <= self.bucket {
            return;
        }
        let elapsed = bucket - self.bucket;
        let history = self.history;
        self.history = history.checked_shl(elapsed).unwrap_or_default();
        if elapsed > decay.retention() {
            *self = Self { history: self.history, ..Self::new(bucket) };
            return;
        }
        self.amplify *= decay.fade(elapsed);
        self.relate *= decay.fade(elapsed);
        let (mut amplify, mut relate) = (self.amplify_ring, self.relate_ring);
        amplify.clear_after(self.bucket, elapsed);
        relate.clear_after(self.bucket, elapsed);
        (self.amplify_ring, self.relate_ring) = (amplify, relate);
        let elapsed = u8::try_from(elapsed).unwrap_or(NEVER);
        self.amplify_lag = self.amplify_lag.saturating_add(elapsed);
        self.relate_lag = self.relate_lag.saturating_add(elapsed);
        self.bucket = bucket;
    }
}

impl Key {
    /// The slot or influencer, and the kind of entry.
    pub(super) fn row(self) -> [u64; 2] {
        [self.id().into(), (self.0 & 3).into()]
    }

    pub(super) fn from_row([id, kind]: [u64; 2]) -> Result<Self, Broken> {
        let id = narrow(id)?;
        if id >= 1 << (32 - Self::KIND_BITS) {
            return Err(Broken::Content("key"));
        }
        match kind {
            1 => Ok(Self::acted(id)),
            2 => Ok(Self::liked(id)),
            3 => Ok(Self::following(id)),
            _ => Err(Broken::Content("key")),
        }
    }
}

impl Acted {
    /// What is guessed of the buckets with an act is what the rings say, and of a run what they
    /// and, for older acts, the membership say.
    pub(super) fn row(&self, frame: &Frame, member: Option<&Member>) -> [u64; 8] {
        let (bucket, amplify_ring, relate_ring) =
            (self.bucket, self.amplify_ring, self.relate_ring);
        let (amplified, related) = (acted(amplify_ring, bucket), acted(relate_ring, bucket));
        let (amplify, relate) = self.guess(frame, member);
        [
            guessed(self.amplify, amplify),
            guessed(self.relate, relate),
            self.history ^ (amplified | related),
            amplify_ring.word(bucket),
            relate_ring.word(bucket),
            before(bucket, frame.newest_bucket),
            self.amplify_lag.wrapping_sub(lag(amplified)).into(),
            self.relate_lag.wrapping_sub(lag(related)).into(),
        ]
    }

    pub(super) fn from_row(
        row: [u64; 8],
        frame: &Frame,
        member: Option<&Member>,
    ) -> Result<Self, Broken> {
        let [amplify, relate, history, amplify_ring, relate_ring, bucket, lags @ ..] = row;
        let bucket = bucket_before(bucket, frame.newest_bucket)?;
        let amplify_ring = Quarters::from_word(amplify_ring, bucket)?;
        let relate_ring = Quarters::from_word(relate_ring, bucket)?;
        let (amplified, related) = (acted(amplify_ring, bucket), acted(relate_ring, bucket));
        let [amplify_lag, relate_lag] = lags;
        let known = Self {
            amplify: 0.0,
            relate: 0.0,
            history: history ^ (amplified | related),
            amplify_ring,
            relate_ring,
            bucket,
            amplify_lag: narrow::<u8>(amplify_lag)?.wrapping_add(lag(amplified)),
            relate_lag: narrow::<u8>(relate_lag)?.wrapping_add(lag(related)),
        };
        let (amplify_guess, relate_guess) = known.guess(frame, member);
        let amplify = unguessed(amplify, amplify_guess)?;
        Ok(Self { amplify, relate: unguessed(relate, relate_guess)?, ..known })
    }

    /// The runs, as far as all but they tell: an act that has left the rings was as much as the
    /// member did in its bucket, of the class whose latest act is not older.
    fn guess(&self, frame: &Frame, member: Option<&Member>) -> (f64, f64) {
        let (bucket, fade) = (self.bucket, &frame.fade);
        let mut amplify = units_of(self.amplify_ring, bucket, fade);
        let mut relate = units_of(self.relate_ring, bucket, fade);
        let Some(member) = member else { return (amplify, relate) };
        let mut rest = self.history >> RING_BUCKETS;
        while rest != 0 {
            let age = RING_BUCKETS + rest.trailing_zeros();
            rest &= rest - 1;
            let quarters = member.quarters_in(bucket.wrapping_sub(age));
            let fade = fade.get(age as usize).copied().unwrap_or_default();
            let units = f64::from(quarters) * fade * 0.25;
            if u32::from(self.amplify_lag) <= age {
                amplify += units;
            } else {
                relate += units;
            }
        }
        (amplify, relate)
    }
}

impl Run<Twentieths> {
    pub(super) fn row(&self, frame: &Frame) -> [u64; 3] {
        [
            guessed(self.units, units_of(self.ring, self.bucket, &frame.fade)),
            self.ring.word(self.bucket),
            before(self.bucket, frame.newest_bucket),
        ]
    }

    pub(super) fn from_row([units, ring, bucket]: [u64; 3], frame: &Frame) -> Result<Self, Broken> {
        let bucket = bucket_before(bucket, frame.newest_bucket)?;
        let ring = Twentieths::from_word(ring, bucket)?;
        let units = unguessed(units, units_of(ring, bucket, &frame.fade))?;
        Ok(Self { units, ring, bucket })
    }
}

impl Following {
    pub(super) fn row(&self, frame: &Frame) -> [u64; 3] {
        [since(self.time_ms, frame.newest_ms), self.segments.word(), self.on.into()]
    }

    pub(super) fn from_row([time, set, on]: [u64; 3], frame: &Frame) -> Result<Self, Broken> {
        let time_ms = moment(time, frame.newest_ms);
        Ok(Self { time_ms, segments: frame.set(set)?, on: flag(on)? })
    }
}

/// The buckets of a ring with an act: bit `k` is `newest − k`.
fn acted(ring: Quarters, newest: u32) -> u64 {
    let acted = |age: u32| u64::from(ring.get(newest.wrapping_sub(age)) > 0) << age;
    (0..RING_BUCKETS).map(acted).sum()
}

/// Buckets since the newest of those with an act.
fn lag(acted: u64) -> u8 {
    u8::try_from(acted.trailing_zeros()).ok().filter(|_| acted != 0).unwrap_or(NEVER)
}
