//! Segments and sets of segments by number, and the audience that is active in each.
//!
//! Invariant: a segment keeps its number for as long as the shard lives.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::FixedState;

use super::columns::{
    Broken, Columns, Source, finite, narrow, read_list, read_names, read_rows, write_names,
    write_rows,
};
use super::counts::Counts;
use crate::model::HISTORY;

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
pub(super) struct SetId(pub(super) u32);

pub(super) struct Segments {
    records: Vec<Segment>,
    by_name: HashMap<Arc<str>, SegmentId, FixedState>,
    sets: Vec<Arc<[SegmentId]>>,
    by_members: HashMap<Arc<[SegmentId]>, SetId, FixedState>,
    /// Buckets for which an act exposes those after it.
    exposure: u32,
}

#[derive(Clone)]
struct Segment {
    name: Arc<str>,
    audience: Audience,
    counts: Box<Counts>,
}

/// `U`, referred to the landmark; a compensated sum (Neumaier 1974), because one grows for years.
#[derive(Clone, Copy, Default)]
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

    pub(super) const fn word(self) -> u64 {
        self.0 as u64
    }
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
        let (set, members) = (SetId(count(self.sets.len())), Arc::from(members));
        self.sets.push(Arc::clone(&members));
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

    /// The same segments once more, to be read only, and not to be searched.
    pub(super) fn share(&self) -> Self {
        Self {
            records: self.records.clone(),
            by_name: HashMap::default(),
            sets: self.sets.clone(),
            by_members: HashMap::default(),
            exposure: self.exposure,
        }
    }

    pub(super) fn write(&self, columns: &mut impl Columns) {
        let row = |segment: &Segment| {
            let Audience { sum, lost } = segment.audience;
            [sum.to_bits(), lost.to_bits(), segment.counts.newest().into()]
        };
        write_names(columns, self.records.iter().map(|segment| (&*segment.name, row(segment))));
        write_rows(columns, self.records.iter().flat_map(|segment| segment.counts.rows()));
        write_rows(columns, self.sets.iter().map(|set| [set.len() as u64]));
        let members = self.sets.iter().flat_map(|set| set.iter());
        write_rows(columns, members.map(|segment| [segment.0.into()]));
    }

    /// Reads what was written into new segments; gives how many segments and sets there are.
    pub(super) fn read(&mut self, source: &mut impl Source) -> Result<(u32, u32), Broken> {
        let mut number = 0;
        read_names(source, |name, [sum, lost, newest]| {
            let segment = self.intern_segment(name).filter(|segment| segment.0 == number);
            let at = segment.ok_or(Broken::Content("segment"))?.0 as usize;
            self.records[at].audience = Audience { sum: finite(sum)?, lost: finite(lost)? };
            self.records[at].counts.set_newest(narrow(newest)?);
            number += 1;
            Ok(())
        })?;
        let mut place = 0;
        read_rows(source, |row| {
            let record = self.records.get_mut(place / HISTORY).ok_or(Broken::Length)?;
            record.counts.set(place % HISTORY, row)?;
            place += 1;
            Ok(())
        })?;
        if place != self.records.len() * HISTORY {
            return Err(Broken::Length);
        }
        self.read_sets(source)?;
        Ok((count(self.records.len()), count(self.sets.len())))
    }

    fn read_sets(&mut self, source: &mut impl Source) -> Result<(), Broken> {
        let (lens, members) = (read_list(source)?, read_list(source)?);
        self.sets.clear();
        self.by_members.clear();
        let mut rest = members.as_slice();
        for len in lens {
            let (set, after) = rest.split_at_checked(len as usize).ok_or(Broken::Length)?;
            rest = after;
            let is_set = set.windows(2).all(|two| two[0] < two[1]);
            let known = set.iter().all(|segment| (*segment as usize) < self.records.len());
            let members: Arc<[SegmentId]> = set.iter().copied().map(SegmentId).collect();
            let number = SetId(count(self.sets.len()));
            let same = self.by_members.insert(Arc::clone(&members), number);
            if same.is_some() || !is_set || !known || self.sets.len() == MAX_SETS {
                return Err(Broken::Content("set of segments"));
            }
            self.sets.push(members);
        }
        let begins = self.sets.first().is_some_and(|set| **set == [SegmentId(0)]);
        if begins && rest.is_empty() { Ok(()) } else { Err(Broken::Length) }
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
