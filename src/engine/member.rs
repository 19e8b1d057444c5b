//! An actor in a segment: its acts on anyone, when it converted, and for how long it is active.
//!
//! Invariant: bucket `b` lies at place `b mod 64`, and what lies there is of one of the [`HISTORY`]
//! buckets up to the newest.

use super::columns::{Broken, before, bucket_before, guessed, narrow, unguessed};
use super::decay::Decay;
use super::picture::{Frame, Traces};
use super::segments::SegmentId;
use super::units::Weight;
use crate::model::HISTORY;

/// Marks the end of a chain of members, and an actor without any.
pub(super) const NO_MEMBER: u32 = u32::MAX;

const HISTORY_BUCKETS: u32 = 64;

/// A cache line.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(super) struct Member {
    /// Capped units of acts on anyone, in quarters, a nibble a bucket.
    quarters: [u64; HISTORY / 16],
    /// Buckets with a conversion: bit `k` is `bucket − k`.
    converted: u64,
    /// Decayed units of the run as of the start of `bucket`.
    units: f64,
    /// The newest bucket with an act or a conversion.
    bucket: u32,
    pub(super) segment: SegmentId,
    pub(super) next: u32,
    pub(super) devotion: Devotion,
}

const _: () = assert!(size_of::<Member>() == 64, "a member must fit a cache line");

/// Whom a member acts on in its run: nobody yet, the account of one slot, or several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Devotion(u32);

/// Buckets around one, a nibble each: the lowest bit of nibble `exposure + d` says whether the
/// bucket `d` after it has an act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Around(u64);

/// The lowest bit of each nibble.
const LANES: u64 = 0x1111_1111_1111_1111;

impl Devotion {
    pub(super) const NOBODY: Self = Self(u32::MAX);
    pub(super) const SEVERAL: Self = Self(u32::MAX - 1);

    /// To the account of `slot` alone.
    pub(super) const fn to(slot: u32) -> Self {
        Self(slot)
    }

    /// A number, 0 for several and small for nobody.
    const fn number(self) -> u32 {
        self.0.wrapping_add(2)
    }

    const fn of_number(number: u32) -> Self {
        Self(number.wrapping_sub(2))
    }

    /// The slot of the only account acted on.
    pub(super) fn only(self) -> Option<u32> {
        (self != Self::NOBODY && self != Self::SEVERAL).then_some(self.0)
    }
}

impl Default for Member {
    fn default() -> Self {
        Self::new(SegmentId::NONE, 0)
    }
}

impl Member {
    /// A membership without any act that starts in `bucket`.
    pub(super) const fn new(segment: SegmentId, bucket: u32) -> Self {
        Self {
            quarters: [0; HISTORY / 16],
            converted: 0,
            units: 0.0,
            bucket,
            segment,
            next: NO_MEMBER,
            devotion: Devotion::NOBODY,
        }
    }

    /// The same with another one chained to it.
    pub(super) const fn before(self, next: u32) -> Self {
        Self { next, ..self }
    }

    /// Adds an act in a bucket that is among those kept; gives the credit gained, referred to the
    /// landmark, and whether it is the first of its bucket.
    pub(super) fn act(&mut self, bucket: u32, weight: Weight, decay: &Decay) -> (f64, bool) {
        self.advance(bucket, decay);
        let (units, (word, shift)) = (self.units, place(bucket));
        let before = u32::try_from(self.quarters[word] >> shift & 15).unwrap_or_default();
        // Without a branch: whether the cap is reached cannot be foreseen, and 0 changes nothing.
        let added = weight.cap.min(before + weight.counts) - before;
        self.quarters[word] += u64::from(added) << shift;
        self.units += f64::from(added) * 0.25 * decay.fade(self.bucket - bucket);
        let gained = (decay.credit(self.units) - decay.credit(units)) * decay.weight(self.bucket);
        (gained, before == 0 && added > 0)
    }

    /// Notes an act on the account of `slot`; gives to whom it was devoted before.
    pub(super) fn devote(&mut self, slot: u32) -> Devotion {
        let (before, to) = (self.devotion, Devotion::to(slot));
        let alone = before == Devotion::NOBODY || before == to;
        self.devotion = if alone { to } else { Devotion::SEVERAL };
        before
    }

    /// Notes a conversion; false if the bucket had one already.
    pub(super) fn convert(&mut self, bucket: u32, decay: &Decay) -> bool {
        self.advance(bucket, decay);
        let bit = 1_u64.checked_shl(self.bucket - bucket).unwrap_or_default();
        let first = self.converted & bit == 0;
        self.converted |= bit;
        first && bit > 0
    }

    /// The credit of the run so far, referred to the landmark.
    pub(super) fn credit(&self, decay: &Decay) -> f64 {
        decay.credit(self.units) * decay.weight(self.bucket)
    }

    /// The newest bucket with an act or a conversion.
    pub(super) const fn bucket(&self) -> u32 {
        self.bucket
    }

    /// Units of acts in a bucket, in quarters; 0 for one that is not among those kept.
    pub(super) fn quarters_in(&self, bucket: u32) -> u32 {
        if bucket > self.bucket || self.bucket - bucket >= HISTORY_BUCKETS {
            return 0;
        }
        let (word, shift) = place(bucket);
        u32::try_from(self.quarters[word] >> shift & 15).unwrap_or_default()
    }

    /// Buckets with a conversion, bit `k` for `closed − k`.
    pub(super) fn converted_by(&self, closed: u32) -> u64 {
        aged(self.converted, self.bucket, closed)
    }

    pub(super) fn has_converted_in(&self, bucket: u32) -> bool {
        bucket <= self.bucket && self.converted_by(bucket) & 1 == 1
    }

    /// Buckets with an act, of those at most `exposure` away from `bucket`.
    pub(super) fn acted_around(&self, bucket: u32, exposure: u32) -> Around {
        let from = bucket.saturating_sub(exposure);
        let oldest = self.bucket.saturating_sub(HISTORY_BUCKETS - 1);
        if from > self.bucket {
            return Around(0);
        }
        // Sixteen buckets, a nibble each, from `from` on; some of them are not there.
        let quarters = self.sixteen(from);
        let there = ones(self.bucket - from + 1) & !ones(oldest.saturating_sub(from));
        let acted = quarters | quarters >> 1 | quarters >> 2 | quarters >> 3;
        let before_time = exposure - (bucket - from);
        let acted = (acted & LANES & there) << (4 * before_time);
        Around(acted & ones(2 * exposure + 1))
    }

    /// The nibbles of sixteen buckets from `bucket` on, the first one lowest.
    fn sixteen(&self, bucket: u32) -> u64 {
        let (word, shift) = place(bucket);
        let (low, high) = (self.quarters[word], self.quarters[(word + 1) % 4]);
        low >> shift | high.checked_shl(64 - shift).unwrap_or_default()
    }

    /// Moves on to `bucket` if it is newer; a silence beyond the retention starts a new run.
    fn advance(&mut self, bucket: u32, decay: &Decay) {
        let elapsed = bucket.saturating_sub(self.bucket);
        self.clear_after(elapsed);
        self.converted = self.converted.checked_shl(elapsed).unwrap_or_default();
        if elapsed > decay.retention() {
            (self.units, self.devotion) = (0.0, Devotion::NOBODY);
        } else {
            self.units *= decay.fade(elapsed);
        }
        self.bucket += elapsed;
    }

    /// Makes room for the buckets after the newest, `elapsed` of them, a word at a time.
    fn clear_after(&mut self, elapsed: u32) {
        let (mut from, mut left) = (self.bucket + 1, elapsed.min(HISTORY_BUCKETS));
        while left > 0 {
            let (word, shift) = place(from);
            let here = left.min(16 - from % 16);
            self.quarters[word] &= !(ones(here) << shift);
            (from, left) = (from + here, left - here);
        }
    }
}

impl Member {
    /// What is guessed of the run is what the quarters say, and of these what touches say;
    /// `likely` is guessed of to whom it is devoted.
    pub(super) fn row(&self, frame: &Frame, traces: &Traces, likely: Devotion) -> [u64; 9] {
        let quarters = turned(self.quarters, self.bucket.wrapping_add(1));
        let [a, b, c, d] = either(quarters, traces.quarters_up_to(self.bucket));
        [
            a,
            b,
            c,
            d,
            self.converted,
            guessed(self.units, self.units_kept(&frame.fade)),
            before(self.bucket, traces.latest().unwrap_or(frame.newest_bucket)),
            self.segment.0.into(),
            (self.devotion.number() ^ likely.number()).into(),
        ]
    }

    /// The segment that a row is of.
    pub(super) fn segment_of(row: &[u64; 9], frame: &Frame) -> Result<SegmentId, Broken> {
        let [.., segment, _devotion] = row;
        frame.segment(*segment)
    }

    pub(super) fn from_row(
        row: [u64; 9],
        frame: &Frame,
        traces: &Traces,
        likely: Devotion,
    ) -> Result<Self, Broken> {
        let [a, b, c, d, converted, units, bucket, _segment, devotion] = row;
        let bucket = bucket_before(bucket, traces.latest().unwrap_or(frame.newest_bucket))?;
        let mut member = Self::new(Self::segment_of(&row, frame)?, bucket);
        let quarters = either([a, b, c, d], traces.quarters_up_to(bucket));
        member.quarters = turned(quarters, bucket.wrapping_add(1).wrapping_neg());
        member.converted = converted;
        member.units = unguessed(units, member.units_kept(&frame.fade))?;
        member.devotion = Devotion::of_number(narrow::<u32>(devotion)? ^ likely.number());
        Ok(member)
    }

    /// The units of the acts that are kept, but for rounding.
    fn units_kept(&self, fade: &[f64]) -> f64 {
        let turned = turned(self.quarters, self.bucket.wrapping_add(1));
        let mut units = 0.0;
        for (word, from) in turned.into_iter().zip([63, 47, 31, 15]) {
            let mut rest = word;
            while rest != 0 {
                let nibble = rest.trailing_zeros() / 4;
                let fade = fade.get((from - nibble) as usize).copied().unwrap_or_default();
                units += f64::from(u8::try_from(rest >> (4 * nibble) & 15).unwrap_or(15)) * fade;
                rest &= !(15 << (4 * nibble));
            }
        }
        units * 0.25
    }
}

/// The bits that are in either, not in both.
fn either(some: [u64; 4], others: [u64; 4]) -> [u64; 4] {
    std::array::from_fn(|at| some[at] ^ others[at])
}

/// The word in which the nibble of a bucket lies, and how far up in it.
const fn place(bucket: u32) -> (usize, u32) {
    ((bucket % HISTORY_BUCKETS / 16) as usize, 4 * (bucket % 16))
}

/// Turns 64 nibbles so that the one at `first` mod 64 is the first.
fn turned(words: [u64; 4], first: u32) -> [u64; 4] {
    let (word, shift) = place(first);
    std::array::from_fn(|at| {
        let (low, high) = (words[(word + at) % 4], words[(word + at + 1) % 4]);
        low >> shift | high.checked_shl(64 - shift).unwrap_or_default()
    })
}

impl Around {
    /// Whether one of the `exposure` buckets before the middle has an act.
    pub(super) fn exposes_middle(self, exposure: u32) -> bool {
        self.0 & ones(exposure) != 0
    }

    /// How many buckets after the middle each bucket lies that only an act in the middle exposes.
    pub(super) fn newly_exposed(self, exposure: u32) -> impl Iterator<Item = u32> {
        let others = self.0 & !(1 << (4 * exposure));
        let exposed = (1..=exposure).fold(0, |exposed, after| exposed | others << (4 * after));
        (1..=exposure).filter(move |after| exposed >> (4 * (exposure + after)) & 1 == 0)
    }
}

/// The lowest `nibbles` nibbles of a word.
fn ones(nibbles: u32) -> u64 {
    if nibbles >= 16 { u64::MAX } else { (1 << (4 * nibbles)) - 1 }
}

/// A mask whose bit `k` is `newest − k`, turned into one whose bit `k` is `closed − k`.
pub(super) fn aged(mask: u64, newest: u32, closed: u32) -> u64 {
    if newest >= closed {
        mask.checked_shr(newest - closed).unwrap_or_default()
    } else {
        mask.checked_shl(closed - newest).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Params;

    const ONE: Weight = Weight { counts: 4, cap: 12 };

    #[test]
    fn a_history_holds_the_last_64_buckets() {
        let decay = Decay::new(&Params::default());
        let mut member = Member::new(SegmentId::NONE, 100);
        for bucket in [100, 101, 130, 163, 164] {
            member.act(bucket, ONE, &decay);
        }
        let acted: Vec<u32> = (90..180).filter(|b| member.quarters_in(*b) > 0).collect();
        assert_eq!(acted, [101, 130, 163, 164]);
        member.act(300, ONE, &decay);
        let acted: Vec<u32> = (90..400).filter(|b| member.quarters_in(*b) > 0).collect();
        assert_eq!(acted, [300]);
    }

    #[test]
    fn conversions_age_with_the_bucket_that_is_asked_of() {
        let decay = Decay::new(&Params::default());
        let mut member = Member::new(SegmentId::NONE, 100);
        assert!(member.convert(100, &decay) && !member.convert(100, &decay));
        assert!(member.convert(103, &decay) && member.convert(101, &decay));
        assert_eq!(member.converted_by(103), 0b1101);
        assert_eq!(member.converted_by(101), 0b11);
        assert_eq!(member.converted_by(105), 0b11_0100);
        assert!(member.has_converted_in(101) && !member.has_converted_in(102));
        assert!(!member.has_converted_in(104));
        assert_eq!(member.converted_by(300), 0);
    }

    #[test]
    fn the_buckets_around_one_are_those_with_an_act() {
        let decay = Decay::new(&Params::default());
        let mut member = Member::new(SegmentId::NONE, 0);
        for bucket in [1, 4, 5, 60, 63, 64, 67, 79, 80, 81, 100, 120, 121] {
            member.act(bucket, ONE, &decay);
        }
        for exposure in 1..=7 {
            for bucket in 0..140_u32 {
                let mut expected = 0;
                for bit in 0..=2 * exposure {
                    let at = (bucket + bit).checked_sub(exposure);
                    let acted = at.is_some_and(|at| member.quarters_in(at) > 0);
                    expected |= u64::from(acted) << (4 * bit);
                }
                let around = member.acted_around(bucket, exposure);
                assert_eq!(around, Around(expected), "bucket {bucket}, exposure {exposure}");
            }
        }
    }

    #[test]
    fn an_act_exposes_the_buckets_after_it_that_no_other_exposes() {
        let decay = Decay::new(&Params::default());
        let newly = |acts: &[u32], middle: u32| {
            let mut member = Member::new(SegmentId::NONE, 90);
            for act in acts {
                member.act(*act, ONE, &decay);
            }
            let around = member.acted_around(middle, 3);
            around.newly_exposed(3).map(|after| middle + after).collect::<Vec<_>>()
        };
        assert_eq!(newly(&[], 100), [101, 102, 103]);
        assert_eq!(newly(&[100], 100), [101, 102, 103]);
        assert_eq!(newly(&[99], 100), [103]);
        assert_eq!(newly(&[97], 100), [101, 102, 103]);
        assert_eq!(newly(&[98, 102], 100), [102]);
        assert_eq!(newly(&[101], 100), [101]);
    }
}
