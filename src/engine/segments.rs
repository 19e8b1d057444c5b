//! Segments and sets of segments by number, and the audience that is active in each.
//!
//! Invariant: a segment keeps its number for as long as the shard lives.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::FixedState;

use super::counts::Counts;

/// Segments of a shard at most; events that would name another are `state_full`.
const MAX_SEGMENTS: usize = 10_000;

/// Combinations of segments at most.
const MAX_SETS: usize = 100_000;

/// The segment of actors that none is known of.
const UNASSIGNED: &str = "unassigned";

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct SegmentId(pub(super) u32);

/// A set of segments, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SetId(u32);

pub(super) struct Segments {
    records: Vec<Segment>,
    by_name: HashMap<Arc<str>, SegmentId, FixedState>,
    sets: Vec<Box<[SegmentId]>>,
    by_members: HashMap<Box<[SegmentId]>, SetId, FixedState>,
    /// Buckets for which an act exposes those after it.
    exposure: u32,
}

struct Segment {
    name: Arc<str>,
    audience: Audience,
    counts: Box<Counts>,
}

/// `U`, referred to the landmark; a compensated sum (Neumaier 1974), because one grows for years.
#[derive(Default)]
struct Audience {
    sum: f64,
    lost: f64,
}

impl SegmentId {
    /// No segment.
    pub(super) const NONE: Self = Self(u32::MAX);
}

impl SetId {
    /// The set of the one segment `unassigned`.
    pub(super) const UNASSIGNED: Self = Self(0);
}

impl Segments {
    pub(super) fn new(exposure: u32) -> Self {
        let mut segments = Self {
            records: Vec::new(),
            by_name: HashMap::default(),
            sets: Vec::new(),
            by_members: HashMap::default(),
            exposure,
        };
        let unassigned = segments.intern(&[Cow::Borrowed(UNASSIGNED)], SetId::UNASSIGNED);
        debug_assert_eq!(unassigned, Some(SetId::UNASSIGNED));
        segments
    }

    /// The set of the segments called `names`, with `likely` as a first guess.
    /// `None` when there are too many to take in another.
    pub(super) fn intern(&mut self, names: &[Cow<'_, str>], likely: SetId) -> Option<SetId> {
        if let ([name], Some([segment])) = (names, self.sets.get(likely.0 as usize).map(|s| &**s))
            && *self.records[segment.0 as usize].name == **name
        {
            return Some(likely);
        }
        let mut members = Vec::with_capacity(names.len());
        for name in names {
            members.push(self.intern_segment(name)?);
        }
        members.sort_unstable();
        members.dedup();
        if let Some(set) = self.by_members.get(&*members) {
            return Some(*set);
        }
        if self.sets.len() == MAX_SETS {
            return None;
        }
        let (set, members) = (SetId(count(self.sets.len())), members.into_boxed_slice());
        self.sets.push(members.clone());
        self.by_members.insert(members, set);
        Some(set)
    }

    /// The set of the one segment called `names`, if it is known, with `likely` as a first guess.
    pub(super) fn known(&self, names: &[Cow<'_, str>], likely: SetId) -> Option<SetId> {
        match names {
            [name] => {
                if let [segment] = self.members(likely)
                    && *self.records[segment.0 as usize].name == **name
                {
                    return Some(likely);
                }
                let segment = self.by_name.get(&**name)?;
                self.by_members.get(std::slice::from_ref(segment)).copied()
            }
            _ => None,
        }
    }

    pub(super) fn members(&self, set: SetId) -> &[SegmentId] {
        &self.sets[set.0 as usize]
    }

    pub(super) fn name(&self, segment: SegmentId) -> &Arc<str> {
        &self.records[segment.0 as usize].name
    }

    /// Adds credit to the active audience of a segment.
    pub(super) fn add_audience(&mut self, segment: SegmentId, credit: f64) {
        self.records[segment.0 as usize].audience.add(credit);
    }

    /// Moves all sums to another landmark.
    pub(super) fn rescale(&mut self, factor: f64) {
        for segment in &mut self.records {
            segment.audience.sum *= factor;
            segment.audience.lost *= factor;
        }
    }

    /// The people of a segment by bucket.
    pub(super) fn counts_mut(&mut self, segment: SegmentId) -> &mut Counts {
        &mut self.records[segment.0 as usize].counts
    }

    /// Every segment with its name and its active audience, referred to the landmark.
    pub(super) fn audiences(&self) -> impl Iterator<Item = (SegmentId, &Arc<str>, f64)> {
        (0..).zip(&self.records).map(|(number, segment)| {
            let audience = &segment.audience;
            (SegmentId(number), &segment.name, (audience.sum + audience.lost).max(0.0))
        })
    }

    pub(super) const fn len(&self) -> usize {
        self.records.len()
    }

    pub(super) const fn exposure(&self) -> u32 {
        self.exposure
    }

    fn intern_segment(&mut self, name: &str) -> Option<SegmentId> {
        if let Some(segment) = self.by_name.get(name) {
            return Some(*segment);
        }
        if self.records.len() == MAX_SEGMENTS {
            return None;
        }
        let (segment, name) = (SegmentId(count(self.records.len())), Arc::from(name));
        self.by_name.insert(Arc::clone(&name), segment);
        let counts = Box::new(Counts::new(self.exposure));
        self.records.push(Segment { name, audience: Audience::default(), counts });
        Some(segment)
    }
}

impl Audience {
    fn add(&mut self, credit: f64) {
        let sum = self.sum + credit;
        self.lost += if self.sum.abs() >= credit.abs() {
            (self.sum - sum) + credit
        } else {
            (credit - sum) + self.sum
        };
        self.sum = sum;
    }
}

fn count(len: usize) -> u32 {
    u32::try_from(len).expect("limits must keep counts small")
}
