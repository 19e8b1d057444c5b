//! What an actor keeps of one influencer: acts, likes, or whether it follows.

use super::columns::{
    Broken, before, bucket_before, flag, guessed, moment, narrow, since, unguessed,
};
use super::decay::Decay;
use super::member::aged;
use super::picture::{Frame, Likely, Told};
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
    /// Decayed units of each [`Side`], as `rings` and `lags` are.
    units: [f64; 2],
    /// Buckets with an act of either: bit `k` is `bucket − k`.
    history: u64,
    rings: [Quarters; 2],
    bucket: u32,
    /// Buckets since the newest act of the class, [`NEVER`] when that is too long to matter.
    lags: [u8; 2],
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

    /// Of an act or of a like.
    pub(super) const fn of(slot: u32, acts: bool) -> Self {
        if acts { Self::acted(slot) } else { Self::liked(slot) }
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
            units: [0.0; 2],
            history: 0,
            rings: [Quarters::default(); 2],
            bucket,
            lags: [NEVER; 2],
        }
    }

    #[inline(always)]
    pub(super) fn act(&mut self, side: Side, bucket: u32, weight: Weight, decay: &Decay) -> Gain {
        let moved_from = (bucket > self.bucket).then_some(self.bucket);
        self.advance(bucket, decay);
        let age = self.bucket - bucket;
        let first_in_bucket = self.history >> age & 1 == 0;
        self.history |= 1 << age;
        let side = side as usize;
        let (units, mut ring, lag) = (self.units[side], self.rings[side], self.lags[side]);
        // Without a branch: whether the class has acted cannot be foreseen.
        let goes_on = u32::from(lag) <= decay.retention() + age;
        ring.keep_if(goes_on);
        let before = units * f64::from(u8::from(goes_on));
        let units = before + add_capped(&mut ring, bucket, weight) * decay.fade(age);
        let lag = lag.min(u8::try_from(age).unwrap_or(NEVER));
        (self.units[side], self.rings[side], self.lags[side]) = (units, ring, lag);
        let credit = (decay.credit(units) - decay.credit(before)) * decay.weight(self.bucket);
        Gain { credit, first_in_bucket, moved_from }
    }

    /// The credit of the runs so far, amplify and relate, referred to the landmark.
    pub(super) fn credit(&self, decay: &Decay) -> (f64, f64) {
        let (weight, [amplify, relate]) = (decay.weight(self.bucket), self.units);
        (decay.credit(amplify) * weight, decay.credit(relate) * weight)
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
        // Without a branch where nothing has elapsed, which cannot be foreseen.
        let elapsed = bucket.saturating_sub(self.bucket);
        let Self { units, history, mut rings, bucket: newest, lags } = *self;
        let history = history.checked_shl(elapsed).unwrap_or_default();
        if elapsed > decay.retention() {
            *self = Self { history, ..Self::new(bucket) };
            return;
        }
        for ring in &mut rings {
            ring.clear_after(newest, elapsed);
        }
        let fade = decay.fade(elapsed);
        let units = units.map(|units| units * fade);
        let more = u8::try_from(elapsed).unwrap_or(NEVER);
        let lags = lags.map(|lag| lag.saturating_add(more));
        *self = Self { units, history, rings, bucket: newest + elapsed, lags };
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
    /// What is guessed of the rings is what touches say, of the buckets with an act what they and
    /// the rings say, and of a run what these and, for older acts, the membership say.
    pub(super) fn row(&self, frame: &Frame, told: &Told<'_>) -> [u64; 8] {
        let likely = told.likely(self.bucket);
        let [amplified, related] = self.acted(&likely);
        let (amplify, relate) = self.guess(frame, told);
        let rings = self.rings.map(|ring| ring.nibbles(self.bucket));
        let [amplify_ring, relate_ring] = likely.apart(rings);
        [
            guessed(self.units[0], amplify),
            guessed(self.units[1], relate),
            self.history ^ (amplified | related),
            amplify_ring.into(),
            relate_ring.into(),
            before(self.bucket, told.bucket),
            self.lags[0].wrapping_sub(lag(amplified)).into(),
            self.lags[1].wrapping_sub(lag(related)).into(),
        ]
    }

    pub(super) fn from_row(row: [u64; 8], frame: &Frame, told: &Told<'_>) -> Result<Self, Broken> {
        let [amplify, relate, history, amplify_ring, relate_ring, bucket, lags @ ..] = row;
        let bucket = bucket_before(bucket, told.bucket)?;
        let likely = told.likely(bucket);
        let rings = likely.back([narrow(amplify_ring)?, narrow(relate_ring)?]);
        let rings = rings.map(|ring| Quarters::from_nibbles(ring, bucket));
        let mut acted = Self { rings, ..Self::new(bucket) };
        let [amplified, related] = acted.acted(&likely);
        let [amplify_lag, relate_lag] = lags;
        acted.history = history ^ (amplified | related);
        acted.lags = [
            narrow::<u8>(amplify_lag)?.wrapping_add(lag(amplified)),
            narrow::<u8>(relate_lag)?.wrapping_add(lag(related)),
        ];
        let (amplify_guess, relate_guess) = acted.guess(frame, told);
        acted.units = [unguessed(amplify, amplify_guess)?, unguessed(relate, relate_guess)?];
        Ok(acted)
    }

    /// The buckets with an act of each class, as far as the rings tell, and touches before them.
    fn acted(&self, likely: &Likely) -> [u64; 2] {
        let [amplify, relate] = self.rings.map(|ring| acted(ring, self.bucket));
        [amplify | likely.older(Side::Amplify), relate | likely.older(Side::Relate)]
    }

    /// The runs, as far as all but they tell: acts that have left the rings are of a class whose
    /// latest act is not older.
    fn guess(&self, frame: &Frame, told: &Told<'_>) -> (f64, f64) {
        let (bucket, fade) = (self.bucket, &frame.fade);
        let [mut amplify, mut relate] = self.rings.map(|ring| units_of(ring, bucket, fade));
        let mut rest = self.history >> RING_BUCKETS;
        while rest != 0 {
            let age = RING_BUCKETS + rest.trailing_zeros();
            rest &= rest - 1;
            let [amplified, related] = told.quarters_in(bucket.wrapping_sub(age));
            let (amplified, related) = match self.lags.map(|lag| u32::from(lag) <= age) {
                [false, _] => (0, amplified + related),
                [true, false] => (amplified + related, 0),
                [true, true] => (amplified, related),
            };
            let fade = fade.get(age as usize).copied().unwrap_or_default();
            amplify += f64::from(amplified) * fade * 0.25;
            relate += f64::from(related) * fade * 0.25;
        }
        (amplify, relate)
    }
}

impl Run<Twentieths> {
    /// Told from the bucket `seen`.
    pub(super) fn row(&self, frame: &Frame, seen: u32) -> [u64; 3] {
        [
            guessed(self.units, units_of(self.ring, self.bucket, &frame.fade)),
            self.ring.word(self.bucket),
            before(self.bucket, seen),
        ]
    }

    pub(super) fn from_row(
        [units, ring, bucket]: [u64; 3],
        frame: &Frame,
        seen: u32,
    ) -> Result<Self, Broken> {
        let bucket = bucket_before(bucket, seen)?;
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
