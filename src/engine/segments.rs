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
    sets: Vec<Set>,
    /// Those of each set after those of the one before.
    members: Vec<SegmentId>,
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

/// What is asked of a set for each event.
#[derive(Clone, Copy)]
struct Set {
    /// Of the name of the only member; those of no name where there are several.
    name: Ends,
    first: SegmentId,
    /// How many there are, and from where on they are listed.
    len: u32,
    from: u32,
}

const _: () = assert!(size_of::<Set>() == 32, "two sets must fit a cache line");

/// How long a name is, and its first and last eight bytes; what is shorter is both.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(C, packed(4))]
struct Ends {
    head: u64,
    tail: u64,
    len: u32,
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
            members: Vec::new(),
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
        if let [name] = names
            && self.is_alone(name, likely)
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
        Some(self.push_set(&members))
    }

    /// The set of the one segment called `names`, if it is known, with `likely` as a first guess.
    pub(super) fn known(&self, names: &[Cow<'_, str>], likely: SetId) -> Option<SetId> {
        let [name] = names else { return None };
        if self.is_alone(name, likely) {
            return Some(likely);
        }
        let segment = self.by_name.get(&**name)?;
        self.by_members.get(std::slice::from_ref(segment)).copied()
    }

    /// Whether the set is that of the one segment called `name`.
    #[inline]
    fn is_alone(&self, name: &str, set: SetId) -> bool {
        self.sets.get(set.0 as usize).is_some_and(|set| {
            set.name == Ends::of(name)
                && (Ends::tell_all_of(name) || *self.records[set.first.0 as usize].name == *name)
        })
    }

    pub(super) fn members(&self, set: SetId) -> &[SegmentId] {
        let Set { from, len, .. } = self.sets[set.0 as usize];
        &self.members[from as usize..][..len as usize]
    }

    /// How many members a set has.
    #[inline]
    pub(super) fn width(&self, set: SetId) -> u32 {
        self.sets[set.0 as usize].len
    }

    /// The `n`th member of a set; to know the first needs no look at the list.
    #[inline]
    pub(super) fn member(&self, set: SetId, n: u32) -> SegmentId {
        if n == 0 { self.sets[set.0 as usize].first } else { self.members(set)[n as usize] }
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
            members: self.members.clone(),
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
        write_rows(columns, self.sets.iter().map(|set| [set.len.into()]));
        write_rows(columns, self.members.iter().map(|segment| [segment.0.into()]));
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
        self.members.clear();
        self.by_members.clear();
        let mut rest = members.as_slice();
        for len in lens {
            let (set, after) = rest.split_at_checked(len as usize).ok_or(Broken::Length)?;
            rest = after;
            let is_set = set.windows(2).all(|two| two[0] < two[1]);
            let known = set.iter().all(|segment| (*segment as usize) < self.records.len());
            let members: Vec<SegmentId> = set.iter().copied().map(SegmentId).collect();
            let is_new = !self.by_members.contains_key(&*members) && self.sets.len() < MAX_SETS;
            if set.is_empty() || !is_set || !known || !is_new {
                return Err(Broken::Content("set of segments"));
            }
            self.push_set(&members);
        }
        let first = self.sets.first().map(|set| (set.first, set.len));
        let begins = first == Some((SegmentId(0), 1));
        if begins && rest.is_empty() { Ok(()) } else { Err(Broken::Length) }
    }

    /// Adds a set of known segments that is not empty.
    fn push_set(&mut self, members: &[SegmentId]) -> SetId {
        let name = match members {
            [only] => Ends::of(self.name(*only)),
            _ => Ends::of_none(),
        };
        let (len, from) = (count(members.len()), count(self.members.len()));
        let set = SetId(count(self.sets.len()));
        self.sets.push(Set { name, first: members[0], len, from });
        self.members.extend_from_slice(members);
        self.by_members.insert(members.into(), set);
        set
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

impl Ends {
    /// Of a name that no text has.
    const fn of_none() -> Self {
        Self { head: 0, tail: 0, len: u32::MAX }
    }

    #[inline]
    fn of(name: &str) -> Self {
        let bytes = name.as_bytes();
        let len = count(bytes.len());
        if let (Some(head), Some(tail)) = (bytes.first_chunk(), bytes.last_chunk()) {
            return Self { head: u64::from_be_bytes(*head), tail: u64::from_be_bytes(*tail), len };
        }
        let all = bytes.iter().fold(0, |all, byte| all << 8 | u64::from(*byte));
        Self { head: all, tail: all, len }
    }

    /// Whether no other name has the same ends.
    const fn tell_all_of(name: &str) -> bool {
        name.len() <= 16
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_apart_whatever_is_guessed() {
        let names = [
            "",
            "a",
            "b",
            "ab",
            "ba",
            "a\0",
            "aaaaaaa",
            "aaaaaaaa",
            "aaaaaaab",
            "aaaaaaaaa",
            "aaaaaaaabaaaaaaa",
            "aaaaaaaaaaaaaaaa",
            "aaaaaaaaaaaaaaaaa",
            "aaaaaaaabaaaaaaaa",
            "aaaaaaaabbaaaaaaaa",
            "aaaaaaaacbaaaaaaaa",
        ];
        let names = names.map(Cow::Borrowed);
        let mut segments = Segments::new(3);
        let sets: Vec<SetId> = (1..)
            .zip(&names)
            .map(|(n, name)| {
                let set = segments.intern(std::slice::from_ref(name), SetId(n - 1)).unwrap();
                assert_eq!((set, segments.member(set, 0)), (SetId(n), SegmentId(n)), "{name}");
                set
            })
            .collect();
        let pair = segments.intern(&names[..2], SetId::UNASSIGNED).unwrap();
        assert_eq!(segments.width(pair), 2);
        assert_eq!([0, 1].map(|n| segments.member(pair, n)), [SegmentId(1), SegmentId(2)]);
        for (name, set) in names.iter().zip(&sets) {
            for likely in sets.iter().chain([&pair]) {
                let name = std::slice::from_ref(name);
                assert_eq!(segments.known(name, *likely), Some(*set), "{name:?}");
                assert_eq!(segments.intern(name, *likely), Some(*set), "{name:?}");
            }
        }
    }
}
