//! Slots as the keys of entries tell them: by their places among the slots of a segment that the
//! actor is a member of, which are small numbers where an influencer was seen early.
//!
//! Invariant: a key is told by the rows before it and the slots of the picture, nothing else.

use crate::engine::columns::{Broken, narrow};
use crate::engine::entry::Key;
use crate::engine::member::Member;
use crate::engine::prefetch::prefetch;
use crate::engine::segments::SegmentId;

/// Kinds of entries: what is beyond says of which membership the segment is.
const KINDS: u64 = 4;

#[derive(Clone, Default)]
pub(in crate::engine) struct Near {
    /// The slots of each segment, ascending, with their influencers.
    slots: Vec<Vec<(u32, u32)>>,
    /// By the numbers of slots.
    places: Vec<Place>,
}

/// Where a slot is told, and what is known of it there.
#[derive(Clone, Copy)]
struct Place {
    /// None if it is not in use.
    segment: SegmentId,
    influencer: u32,
    /// Among the slots of the segment.
    nth: u32,
}

const NOT_IN_USE: Place = Place { segment: SegmentId::NONE, influencer: 0, nth: 0 };

impl Near {
    /// Of slots in use in ascending order, with their segments and influencers.
    pub(in crate::engine) fn of(slots: impl Iterator<Item = (u32, SegmentId, u32)>) -> Self {
        let mut near = Self::default();
        for (slot, segment, influencer) in slots {
            let at = segment.0 as usize;
            near.slots.resize_with(near.slots.len().max(at + 1), Vec::new);
            let nth = u32::try_from(near.slots[at].len()).unwrap_or(u32::MAX);
            near.slots[at].push((slot, influencer));
            near.places.resize(slot as usize, NOT_IN_USE);
            near.places.push(Place { segment, influencer, nth });
        }
        near
    }

    /// The segment and the influencer of a slot.
    pub(super) fn pair(&self, slot: u32) -> (SegmentId, u32) {
        let Place { segment, influencer, .. } = self.place(slot);
        (segment, influencer)
    }

    fn place(&self, slot: u32) -> Place {
        self.places.get(slot as usize).copied().unwrap_or(NOT_IN_USE)
    }

    /// Asks for what a key is told by.
    pub(super) fn prefetch(&self, key: Key) {
        if let Some(place) = self.places.get(key.id() as usize) {
            prefetch(place);
        }
    }

    /// A key as a place and a kind; as its own number where no membership has the segment.
    pub(super) fn row(&self, key: Key, members: &[Member]) -> [u64; 2] {
        let [id, kind] = key.row();
        let Place { segment, nth, .. } = self.place(key.id());
        match members.iter().position(|member| member.segment == segment) {
            Some(member) if key.is_of_slot() => [nth.into(), kind + KINDS * member as u64],
            _ => [id, kind + KINDS * members.len() as u64],
        }
    }

    /// A key, and its segment and influencer if it is told by a place.
    pub(super) fn key(
        &self,
        [word, kind]: [u64; 2],
        members: &[Member],
    ) -> Result<(Key, Option<(SegmentId, u32)>), Broken> {
        let (member, kind) = (narrow::<usize>(kind / KINDS)?, kind % KINDS);
        let Some(member) = members.get(member) else {
            let none = member == members.len();
            return if none {
                Ok((Key::from_row([word, kind])?, None))
            } else {
                Err(Broken::Content("key"))
            };
        };
        let slots = self.slots.get(member.segment.0 as usize);
        let slot = slots.and_then(|slots| slots.get(narrow::<usize>(word).ok()?));
        let (slot, influencer) = *slot.ok_or(Broken::Content("key"))?;
        let key = Key::from_row([slot.into(), kind])?;
        let pair = (member.segment, influencer);
        if key.is_of_slot() { Ok((key, Some(pair))) } else { Err(Broken::Content("key")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_back() {
        let [one, two] = [SegmentId(1), SegmentId(2)];
        let slots = [(0, one, 7), (3, two, 8), (4, one, 8), (5, two, 9)];
        let near = Near::of(slots.into_iter());
        assert_eq!([near.pair(4), near.pair(2)], [(one, 8), (SegmentId::NONE, 0)]);
        let members = [two, one].map(|segment| Member::new(segment, 0));
        let cases = [
            (Key::acted(5), &members[..], [1, 1], Some((two, 9))),
            (Key::liked(4), &members[..], [1, 2 + KINDS], Some((one, 8))),
            (Key::acted(4), &members[..1], [4, 1 + KINDS], None),
            (Key::acted(4), &[][..], [4, 1], None),
            (Key::acted(2), &members[..1], [2, 1 + KINDS], None),
            (Key::following(5), &members[..1], [5, 3 + KINDS], None),
        ];
        for (key, members, row, pair) in cases {
            assert_eq!(near.row(key, members), row);
            assert_eq!(near.key(row, members), Ok((key, pair)));
        }
        for row in [[2, 1], [0, 1 + 3 * KINDS], [0, 3], [0, 0], [u64::MAX, 1]] {
            assert_eq!(near.key(row, &members), Err(Broken::Content("key")), "{row:?}");
        }
    }
}
