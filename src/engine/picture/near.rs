//! Slots as the keys of entries tell them: by their places among the slots of a segment that the
//! actor is a member of, which are small numbers where an influencer was seen early.
//!
//! Invariant: a key is told by the rows before it and the slots of the picture, nothing else.

use crate::engine::columns::{Broken, narrow};
use crate::engine::entry::Key;
use crate::engine::member::Member;
use crate::engine::segments::SegmentId;

/// Kinds of entries: what is beyond says of which membership the segment is.
const KINDS: u64 = 4;

#[derive(Clone, Default)]
pub(in crate::engine) struct Near {
    /// The slots of each segment, ascending.
    slots: Vec<Vec<u32>>,
    /// Of each slot its segment, and its place there; none for those not in use.
    places: Vec<Option<(SegmentId, u32)>>,
}

impl Near {
    /// Of slots in use in ascending order, with their segments.
    pub(in crate::engine) fn of(slots: impl Iterator<Item = (u32, SegmentId)>) -> Self {
        let mut near = Self::default();
        for (slot, segment) in slots {
            let at = segment.0 as usize;
            near.slots.resize_with(near.slots.len().max(at + 1), Vec::new);
            let place = u32::try_from(near.slots[at].len()).unwrap_or(u32::MAX);
            near.slots[at].push(slot);
            near.places.resize(slot as usize, None);
            near.places.push(Some((segment, place)));
        }
        near
    }

    /// A key as a place and a kind; as its own number where no membership has the segment.
    pub(super) fn row(&self, key: Key, members: &[Member]) -> [u64; 2] {
        let [id, kind] = key.row();
        let place = self.places.get(key.id() as usize).copied().flatten();
        let place = place.filter(|_| key.is_of_slot());
        let told = place.and_then(|(segment, place)| {
            let member = members.iter().position(|member| member.segment == segment)?;
            Some([place.into(), kind + KINDS * member as u64])
        });
        told.unwrap_or([id, kind + KINDS * members.len() as u64])
    }

    pub(super) fn key(&self, [word, kind]: [u64; 2], members: &[Member]) -> Result<Key, Broken> {
        let (member, kind) = (narrow::<usize>(kind / KINDS)?, kind % KINDS);
        let Some(member) = members.get(member) else {
            let none = member == members.len();
            return if none { Key::from_row([word, kind]) } else { Err(Broken::Content("key")) };
        };
        let slots = self.slots.get(member.segment.0 as usize);
        let slot = slots.and_then(|slots| slots.get(narrow::<usize>(word).ok()?));
        let key = Key::from_row([(*slot.ok_or(Broken::Content("key"))?).into(), kind])?;
        if key.is_of_slot() { Ok(key) } else { Err(Broken::Content("key")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_back() {
        let [one, two] = [SegmentId(1), SegmentId(2)];
        let near = Near::of([(0, one), (3, two), (4, one), (5, two)].into_iter());
        let members = [two, one].map(|segment| Member::new(segment, 0));
        let cases = [
            (Key::acted(5), &members[..], [1, 1]),
            (Key::liked(4), &members[..], [1, 2 + KINDS]),
            (Key::acted(4), &members[..1], [4, 1 + KINDS]),
            (Key::acted(4), &[][..], [4, 1]),
            (Key::acted(2), &members[..1], [2, 1 + KINDS]),
            (Key::following(5), &members[..1], [5, 3 + KINDS]),
        ];
        for (key, members, row) in cases {
            assert_eq!(near.row(key, members), row);
            assert_eq!(near.key(row, members), Ok(key));
        }
        for row in [[2, 1], [0, 1 + 3 * KINDS], [0, 3], [0, 0], [u64::MAX, 1]] {
            assert_eq!(near.key(row, &members), Err(Broken::Content("key")), "{row:?}");
        }
    }
}
