//! What an actor's touches tell of its other rows: in which buckets it acted, how much, on whom.
//!
//! Invariant: it is made of keys and touches alone, which are read first, and is only a guess: what
//! is written beside it is what it differs by.

use super::Frame;
use crate::engine::entry::Side;
use crate::engine::member::Member;
use crate::engine::touches::Touch;
use crate::engine::units::Weight;
use crate::model::RING_BUCKETS;

/// The highest bit of each nibble.
const HIGH: u32 = 0x8888_8888;

/// The lowest bit of each nibble.
const LOW: u32 = 0x1111_1111;

/// All touches of an actor, and those on each influencer.
#[derive(Default)]
pub(in crate::engine) struct Traces {
    acts: Vec<Trace>,
    /// The bucket of the latest act.
    latest: Option<u32>,
    /// By the places of influencers, the last act on each and the bucket of the latest.
    of: Vec<(Option<u8>, Option<u32>)>,
}

/// What a touch says of an act.
#[derive(Clone, Copy)]
struct Trace {
    bucket: u32,
    /// The [`Side`] that it most probably is of.
    side: Side,
    weight: Weight,
    /// The act before it on the same influencer.
    before: Option<u8>,
}

/// What is known before an entry for acts is read.
pub(in crate::engine) struct Told<'a> {
    pub(in crate::engine) bucket: u32,
    acts: &'a [Trace],
    last: Option<u8>,
    /// The membership in the segment.
    member: Option<&'a Member>,
}

/// The acts of each side up to a bucket.
#[derive(Default)]
pub(in crate::engine) struct Likely {
    /// A nibble a bucket, the newest lowest, after which comes the oldest.
    rings: [u32; 2],
    /// Buckets with an act that have left the rings: bit `k` is `bucket − k`.
    older: [u64; 2],
}

impl Traces {
    /// Forgets all touches.
    pub(super) fn clear(&mut self) {
        self.acts.clear();
        self.latest = None;
        self.of.clear();
    }

    /// Adds an influencer, whose place is the next one.
    pub(super) fn add(&mut self) {
        self.of.push((None, None));
    }

    /// Notes a touch on the influencer at a place, or on one that has none.
    pub(super) fn note(&mut self, touch: &Touch, place: Option<usize>, frame: &Frame) {
        let bucket = frame.touches.bucket(touch.time_ms());
        let (weight, side) = frame.touches.weight(touch.quarters());
        let mut trace = Trace { bucket, side, weight, before: None };
        self.latest = self.latest.max(Some(bucket));
        if let Some((last, latest)) = place.and_then(|place| self.of.get_mut(place)) {
            let own = u8::try_from(self.acts.len()).ok();
            trace.before = std::mem::replace(last, own);
            *latest = (*latest).max(Some(bucket));
        }
        self.acts.push(trace);
    }

    /// The bucket of the latest touch.
    pub(in crate::engine) const fn latest(&self) -> Option<u32> {
        self.latest
    }

    /// Quarters of the 64 buckets up to `newest`, a nibble each, the newest highest.
    pub(in crate::engine) fn quarters_up_to(&self, newest: u32) -> [u64; 4] {
        let mut quarters = [0; 4];
        for trace in &self.acts {
            let age = newest.checked_sub(trace.bucket).filter(|age| *age < 64);
            let Some(at) = age.map(|age| 63 - age) else { continue };
            let (word, shift) = (&mut quarters[at as usize / 16], 4 * (at % 16));
            let before = u32::try_from(*word >> shift & 15).unwrap_or_default();
            *word += u64::from(trace.weight.added(before)) << shift;
        }
        quarters
    }

    /// What tells an entry for acts on the influencer at a place that was added; `latest` is when
    /// the actor acted last if there is no touch.
    pub(super) fn told<'a>(
        &'a self,
        place: usize,
        latest: u32,
        member: Option<&'a Member>,
    ) -> Told<'a> {
        let (last, own) = self.of[place];
        let bucket = own.or(self.latest).unwrap_or(latest);
        Told { bucket, acts: &self.acts, last, member }
    }
}

impl Told<'_> {
    fn traces(&self) -> impl Iterator<Item = &Trace> {
        let trace = |at: Option<u8>| at.and_then(|at| self.acts.get(usize::from(at)));
        std::iter::successors(trace(self.last), move |after| trace(after.before))
    }

    /// Quarters in a bucket that has an act: those of touches, or else all that the member did.
    pub(in crate::engine) fn quarters_in(&self, bucket: u32) -> [u32; 2] {
        let mut sides = [0; 2];
        for trace in self.traces().filter(|trace| trace.bucket == bucket) {
            let quarters = &mut sides[trace.side as usize];
            *quarters += trace.weight.added(*quarters);
        }
        match sides {
            [0, 0] => [self.member.map_or(0, |member| member.quarters_in(bucket)), 0],
            sides => sides,
        }
    }

    /// What is likely of an entry of which `newest` is the newest bucket.
    pub(in crate::engine) fn likely(&self, newest: u32) -> Likely {
        let mut likely = Likely::default();
        for trace in self.traces() {
            let (age, side) = (newest.wrapping_sub(trace.bucket), trace.side as usize);
            if age < RING_BUCKETS {
                let (ring, shift) = (&mut likely.rings[side], age.wrapping_neg() % 8 * 4);
                *ring += trace.weight.added(*ring >> shift & 15) << shift;
            } else {
                likely.older[side] |= 1_u64.checked_shl(age).unwrap_or_default();
            }
        }
        likely
    }
}

impl Likely {
    /// What rings differ by. An act that is of the other side than was likely is moved there.
    pub(in crate::engine) fn apart(&self, [amplify, relate]: [u32; 2]) -> [u32; 2] {
        [less(amplify, self.rings[0]), less(relate, self.relate(amplify))]
    }

    /// The rings that differ by so much.
    pub(in crate::engine) fn back(&self, [amplify, relate]: [u32; 2]) -> [u32; 2] {
        let amplify = plus(amplify, self.rings[0]);
        [amplify, plus(relate, self.relate(amplify))]
    }

    fn relate(&self, amplify: u32) -> u32 {
        let [likely, relate] = self.rings;
        let any = likely | relate;
        let there = ((any | any >> 1 | any >> 2 | any >> 3) & LOW) * 15;
        plus(relate, less(likely, amplify) & there)
    }

    /// Buckets with an act of a side that have left its ring.
    pub(in crate::engine) fn older(&self, side: Side) -> u64 {
        self.older[side as usize]
    }
}

/// The sum of each nibble.
const fn plus(a: u32, b: u32) -> u32 {
    ((a & !HIGH) + (b & !HIGH)) ^ ((a ^ b) & HIGH)
}

/// The difference of each nibble.
const fn less(a: u32, b: u32) -> u32 {
    ((a | HIGH) - (b & !HIGH)) ^ ((a ^ !b) & HIGH)
}

/// How touches are read: they know neither their bucket nor their side.
#[derive(Clone, Copy, Default)]
pub(in crate::engine) struct Reading {
    pub(in crate::engine) bucket_ms: u64,
    /// Most quarters of a bucket.
    pub(in crate::engine) cap: u32,
    /// Weights that only acts of relate have: bit `k` is of `k` quarters.
    pub(in crate::engine) relates: u64,
}

impl Reading {
    /// Later buckets are taken as this one.
    const LAST: u32 = u32::MAX / 2;

    fn bucket(&self, time_ms: i64) -> u32 {
        let bucket = time_ms.unsigned_abs() / self.bucket_ms;
        u32::try_from(bucket).map_or(Self::LAST, |bucket| bucket.min(Self::LAST))
    }

    fn weight(&self, quarters: u16) -> (Weight, Side) {
        let relates = self.relates.checked_shr(quarters.into()).unwrap_or_default() & 1 == 1;
        let side = if relates { Side::Relate } else { Side::Amplify };
        (Weight { counts: quarters.into(), cap: self.cap }, side)
    }
}

/// Places in a list of which most come up for the first time in its order: those are 0.
#[derive(Default)]
pub(super) struct Arrivals {
    next: u64,
}

impl Arrivals {
    pub(super) fn told(&mut self, place: u64, end: u64) -> u64 {
        let next = self.next;
        self.arrive(place, end);
        match place {
            _ if place == next => 0,
            _ if place < next => place + 1,
            _ => place,
        }
    }

    pub(super) fn place(&mut self, told: u64, end: u64) -> u64 {
        let next = self.next;
        let place = match told {
            0 => next,
            _ if told <= next => told - 1,
            _ => told,
        };
        self.arrive(place, end);
        place
    }

    /// Places from `end` on are none.
    fn arrive(&mut self, place: u64, end: u64) {
        if place < end {
            self.next = self.next.max(place + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nibbles_are_added_and_taken_away_apart() {
        let words = [0, 1, 0x0f0f_0f0f, 0x1234_5678, 0x8888_8888, 0xfedc_ba98, u32::MAX];
        for a in words {
            for b in words {
                assert_eq!(plus(less(a, b), b), a);
            }
        }
        assert_eq!([less(0x1f, 0x20), plus(0x1f, 0x11)], [0xff, 0x20]);
    }

    #[test]
    fn an_act_of_the_other_side_is_told_once() {
        let likely = Likely { rings: [0x404, 0x020], older: [0; 2] };
        assert_eq!(likely.apart([0x404, 0x020]), [0, 0]);
        assert_eq!(likely.apart([0x400, 0x024]), [0xc, 0]);
        for rings in [[0, 0], [0x400, 0x024], [u32::MAX, 0x1234_5678], [7, u32::MAX]] {
            assert_eq!(likely.back(likely.apart(rings)), rings);
        }
    }

    #[test]
    fn places_come_back() {
        for places in [&[0, 1, 2, 0, 3][..], &[4, 0, 9, 1, 4, 5], &[5, 9, 5, 6, 0], &[]] {
            let (mut told, mut read) = (Arrivals::default(), Arrivals::default());
            for place in places {
                assert_eq!(read.place(told.told(*place, 6), 6), *place);
            }
        }
        let mut arrivals = Arrivals::default();
        assert_eq!([0, 1, 1, 2, 0].map(|place| arrivals.told(place, 3)), [0, 0, 2, 0, 1]);
    }

    #[test]
    fn quarters_lie_where_they_were_counted() {
        let touches = Reading { bucket_ms: 10, cap: 12, relates: 1 << 2 };
        let frame = Frame { touches, ..Frame::default() };
        let mut traces = Traces::default();
        traces.add();
        for (bucket, quarters) in [(1000, 7), (1003, 2), (1000, 7), (990, 2), (930, 4)] {
            traces.note(&Touch::new(bucket * 10 + 3, quarters, 5), Some(0), &frame);
        }
        traces.note(&Touch::new(10_010, 4, 6), None, &frame);
        let told = traces.told(0, 0, None);
        assert_eq!((traces.latest(), told.bucket), (Some(1003), 1003));
        assert_eq!([1000, 1001, 1003].map(|b| told.quarters_in(b)), [[12, 0], [0, 0], [0, 2]]);
        assert_eq!(told.likely(1003).rings, [0xc0_0000, 2]);
        assert_eq!(told.likely(1003).older, [0, 1 << 13], "930 is too old");
        assert_eq!(told.likely(1001).rings, [0xc000_0000, 0]);
        assert_eq!(told.likely(2000).rings, [0, 0]);
        assert_eq!(traces.quarters_up_to(1002), [0, 0, 0, 0x04c0_0000_0000_2000]);
        assert_eq!(traces.quarters_up_to(u32::MAX), [0; 4]);
    }
}
