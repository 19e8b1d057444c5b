//! The sums of each (segment, influencer), by slot number, and the names of influencers.
//!
//! Invariant: a slot's number is given again only after its retirement has been published.

use std::sync::Arc;

use super::arena::Arena;
use super::columns::{
    Broken, Columns, Source, before, bucket_before, finite, flag, narrow, read_list, read_names,
    read_rows, within, write_list, write_names, write_rows,
};
use super::index::Index;
use super::picture::{Frame, Near, Places};
use super::prefetch::{prefetch, prefetch_lines};
use super::segments::SegmentId;
use crate::model::{Account, AccountKey, Fans, RESIDUE, RING, Sums};

/// Bytes of what surrounds a name: two pointers, two counts, its places in the tables.
const NAME_BYTES: usize = 96;

#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(super) struct Slot {
    pub(super) segment: SegmentId,
    pub(super) influencer: u32,
    /// Entries that refer to the slot.
    holders: u32,
    changed: bool,
    /// Of the influencer, so that a slot is found without it.
    key: AccountKey,
    /// Last, so that who it is of and its credit share the first line.
    pub(super) sums: Sums,
}

const _: () = assert!(size_of::<Slot>() == 128, "a slot must fit two cache lines");

/// An account that is acted on.
#[derive(Clone, Debug)]
pub(super) struct Influencer {
    pub(super) key: AccountKey,
    pub(super) name: Arc<str>,
    /// Slots and follows that refer to it.
    holders: u32,
}

pub(super) struct Slots {
    records: Arena<Slot>,
    by_pair: Index,
    len: usize,
    changed: Vec<u32>,
    retired: Vec<u32>,
    /// Whether every slot counts as changed, whatever is noted.
    all_changed: bool,
    influencers: Arena<Option<Influencer>>,
    by_key: Index,
    name_bytes: usize,
}

impl Default for Slot {
    fn default() -> Self {
        Self {
            segment: SegmentId::NONE,
            influencer: 0,
            holders: 0,
            changed: false,
            key: AccountKey(0),
            sums: Sums::default(),
        }
    }
}

impl Slot {
    fn row(&self, newest_bucket: u32) -> [u64; 18] {
        let sums = &self.sums;
        let fans = std::array::from_fn::<_, RING, _>(|at| {
            u64::from(sums.fans.acted[at]) << 32 | u64::from(sums.fans.latest[at])
        });
        let [amplify, relate, popularity, shared] =
            [sums.amplify, sums.relate, sums.popularity, sums.shared].map(f64::to_bits);
        let newest = before(sums.newest_bucket, newest_bucket);
        let (segment, influencer) = (self.segment.0.into(), self.influencer.into());
        let (holders, changed) = (self.holders.into(), self.changed.into());
        let of_whom = [segment, influencer, holders, changed];
        let of_sums = [amplify, relate, popularity, shared, newest, sums.followers.into()];
        let mut row = [0; 18];
        for (place, word) in row.iter_mut().zip(of_whom.into_iter().chain(of_sums).chain(fans)) {
            *place = word;
        }
        row
    }

    fn from_row(row: [u64; 18], frame: &Frame) -> Result<Self, Broken> {
        let [segment, influencer, holders, changed, amplify, relate, popularity, shared, ..] = row;
        let [.., newest, followers, _, _, _, _, _, _, _, _] = row;
        let mut fans = Fans::default();
        for (at, word) in row[10..].iter().enumerate() {
            fans.acted[at] = narrow(word >> 32)?;
            fans.latest[at] = narrow(word & u64::from(u32::MAX))?;
        }
        let sums = Sums {
            amplify: finite(amplify)?,
            relate: finite(relate)?,
            popularity: finite(popularity)?,
            newest_bucket: bucket_before(newest, frame.newest_bucket)?,
            followers: narrow(followers)?,
            fans,
            shared: finite(shared)?,
        };
        let (influencer, holders) = (narrow(influencer)?, narrow(holders)?);
        let segment = frame.segment(segment)?;
        let changed = flag(changed)?;
        Ok(Self { segment, influencer, holders, changed, sums, ..Self::default() })
    }
}

impl Slots {
    pub(super) fn new() -> Self {
        Self {
            records: Arena::new(),
            by_pair: Index::new(),
            len: 0,
            changed: Vec::new(),
            retired: Vec::new(),
            all_changed: false,
            influencers: Arena::new(),
            by_key: Index::new(),
            name_bytes: 0,
        }
    }

    /// The number of an influencer.
    pub(super) fn influencer(&self, key: AccountKey) -> Option<u32> {
        self.by_key.find(key.0, |at| self.key_of(at) == Some(key))
    }

    /// The number of an influencer, new or not.
    pub(super) fn intern(&mut self, account: &Account<'_>) -> u32 {
        if let Some(known) = self.influencer(account.key) {
            return known;
        }
        let name: Arc<str> = Arc::from(&*account.name);
        self.name_bytes += NAME_BYTES + name.len();
        let influencer = Some(Influencer { key: account.key, name, holders: 0 });
        let number = self.influencers.allocate();
        *self.influencers.get_mut(number) = influencer;
        self.by_key.insert(account.key.0, number, hash_in(&self.influencers));
        number
    }

    pub(super) fn find(&self, segment: SegmentId, key: AccountKey) -> Option<u32> {
        self.by_pair.find(pair_hash(segment, key), |slot| self.is_of(slot, segment, key))
    }

    /// The slot of an account in a segment, new or not; `hint` may be it.
    #[inline]
    pub(super) fn open(
        &mut self,
        segment: SegmentId,
        account: &Account<'_>,
        hint: Option<u32>,
    ) -> u32 {
        match hint.filter(|slot| self.is_of(*slot, segment, account.key)) {
            Some(slot) => slot,
            None => self.open_unguessed(segment, account),
        }
    }

    #[inline(never)]
    fn open_unguessed(&mut self, segment: SegmentId, account: &Account<'_>) -> u32 {
        if let Some(slot) = self.find(segment, account.key) {
            return slot;
        }
        let influencer = self.intern(account);
        self.add(segment, influencer, account.key)
    }

    /// The slot of an influencer in use in a segment, new or not.
    pub(super) fn open_of(&mut self, segment: SegmentId, influencer: u32) -> u32 {
        let key = self.used(influencer).key;
        self.find(segment, key).unwrap_or_else(|| self.add(segment, influencer, key))
    }

    fn add(&mut self, segment: SegmentId, influencer: u32, key: AccountKey) -> u32 {
        let slot = self.records.allocate();
        *self.records.get_mut(slot) = Slot { segment, influencer, key, ..Slot::default() };
        self.by_pair.insert(pair_hash(segment, key), slot, pair_in(&self.records));
        self.len += 1;
        self.hold_influencer(influencer);
        slot
    }

    pub(super) fn get(&self, slot: u32) -> &Slot {
        self.records.get(slot)
    }

    /// The sums of a slot, to be changed.
    pub(super) fn change(&mut self, slot: u32) -> &mut Sums {
        let record = self.records.get_mut(slot);
        if !record.changed {
            record.changed = true;
            self.changed.push(slot);
        }
        &mut record.sums
    }

    /// The sums of a slot, to be added to. `now` refers credit of this moment to the landmark:
    /// what is left of long ago goes, as it would have if the slot had been retired.
    /// `fresh` says that an entry more refers to the slot.
    #[inline(always)]
    pub(super) fn add_to(&mut self, slot: u32, now: f64, fresh: bool) -> &mut Sums {
        let record = self.records.get_mut(slot);
        record.holders += u32::from(fresh);
        if !record.changed {
            record.changed = true;
            self.changed.push(slot);
        }
        record.sums.drop_residues(RESIDUE * now);
        &mut record.sums
    }

    /// Notes that something refers to the slot.
    pub(super) fn hold(&mut self, slot: u32) {
        self.records.get_mut(slot).holders += 1;
    }

    /// Notes that something no longer refers to the slot.
    pub(super) fn release(&mut self, slot: u32) {
        self.records.get_mut(slot).holders -= 1;
    }

    pub(super) fn hold_influencer(&mut self, influencer: u32) {
        self.influencer_mut(influencer).holders += 1;
    }

    pub(super) fn release_influencer(&mut self, influencer: u32) {
        let record = self.influencer_mut(influencer);
        record.holders -= 1;
        if record.holders == 0 {
            self.forget_influencer(influencer);
        }
    }

    /// Retires the slot if nobody holds it, its credit, times `factor`, is a residue, and no touch
    /// that is still of use, of the buckets from `touched` on, can be on its influencer.
    pub(super) fn retire_if_idle(&mut self, slot: u32, factor: f64, touched: u32) {
        let &Slot { ref sums, segment, influencer, holders, changed, key } = self.get(slot);
        let idle = holders == 0 && sums.followers == 0 && sums.newest_bucket < touched;
        let idle = idle && sums.are_residues(factor);
        if segment == SegmentId::NONE || changed || !idle {
            return;
        }
        self.by_pair.remove(pair_hash(segment, key), slot, pair_in(&self.records));
        self.len -= 1;
        *self.records.get_mut(slot) = Slot::default();
        self.retired.push(slot);
        self.release_influencer(influencer);
    }

    /// Moves all sums to another landmark.
    pub(super) fn rescale(&mut self, factor: f64) {
        for slot in 0..self.records.end() {
            if self.get(slot).segment != SegmentId::NONE {
                let sums = self.change(slot);
                sums.amplify *= factor;
                sums.relate *= factor;
                sums.popularity *= factor;
                sums.shared *= factor;
            }
        }
    }

    /// Slots that are gone since the last call; their numbers may be given again after it.
    pub(super) fn drain_retired(&mut self) -> Vec<u32> {
        for slot in &self.retired {
            self.records.free(*slot);
        }
        std::mem::take(&mut self.retired)
    }

    /// Shows each slot changed since the last call.
    pub(super) fn drain_changed(&mut self, mut show: impl FnMut(u32, &Slot, &Influencer)) {
        if std::mem::take(&mut self.all_changed) {
            let slots = 0..self.records.end();
            let is_live = |slot: &u32| self.records.get(*slot).segment != SegmentId::NONE;
            self.changed = slots.filter(is_live).collect();
        }
        // In the order in which they lie, memory comes by itself.
        self.changed.sort_unstable();
        for slot in self.changed.drain(..) {
            let record = self.records.get_mut(slot);
            record.changed = false;
            let influencer = self.influencers.get(record.influencer).as_ref();
            show(slot, record, influencer.expect("a slot must refer to a live influencer"));
        }
    }

    /// The same slots and influencers once more, to be read only, and not to be searched.
    pub(super) fn share(&mut self) -> Self {
        Self {
            records: self.records.share_whole(),
            retired: self.retired.clone(),
            influencers: self.influencers.share_whole(),
            ..Self::new()
        }
    }

    /// The slots in use by segment.
    pub(super) fn near(&self) -> Near {
        let gone = [self.records.freed(), &self.retired];
        let slots = Places::of_store(&gone).up_to(self.records.end());
        Near::of(slots.map(|slot| (slot, self.get(slot).segment, self.get(slot).influencer)))
    }

    pub(super) fn write(&self, newest_bucket: u32, columns: &mut impl Columns) {
        let freed = self.influencers.freed();
        write_list(columns, freed);
        let numbers = Places::of_store(&[freed]).up_to(self.influencers.end());
        let named = numbers.map(|number| {
            let influencer = self.influencers.get(number).as_ref();
            let influencer = influencer.expect("a number in use must refer to a live influencer");
            (&*influencer.name, [influencer.key.0, influencer.holders.into()])
        });
        write_names(columns, named);
        let gone = [self.records.freed(), &self.retired];
        for list in gone {
            write_list(columns, list);
        }
        let numbers = Places::of_store(&gone).up_to(self.records.end());
        write_rows(columns, numbers.map(|slot| self.get(slot).row(newest_bucket)));
    }

    /// Reads what was written into slots that are empty; all of them count as changed. Gives where
    /// the numbers of influencers and of slots end.
    pub(super) fn read(
        &mut self,
        frame: &Frame,
        source: &mut impl Source,
    ) -> Result<(u32, u32), Broken> {
        let influencers = self.read_influencers(source)?;
        let (freed, retired) = (read_list(source)?, read_list(source)?);
        let mut places = Places::without(&[&freed, &retired])?;
        read_rows(source, |row| {
            let slot = places.take();
            let mut record = Slot::from_row(row, frame)?;
            within(record.influencer, influencers)?;
            record.key = self.key_of(record.influencer).ok_or(Broken::Content("slot"))?;
            self.records.reach(slot + 1);
            *self.records.get_mut(slot) = record;
            self.len += 1;
            if record.changed {
                self.changed.push(slot);
            }
            let hash = pair_hash(record.segment, record.key);
            self.by_pair.insert(hash, slot, pair_in(&self.records));
            Ok(())
        })?;
        let end = places.end()?;
        self.records.reach(end);
        self.records.set_freed(freed);
        (self.retired, self.all_changed) = (retired, true);
        Ok((influencers, end))
    }

    fn read_influencers(&mut self, source: &mut impl Source) -> Result<u32, Broken> {
        let freed = read_list(source)?;
        let mut places = Places::without(&[&freed])?;
        read_names(source, |name, [key, holders]| {
            let number = places.take();
            self.name_bytes += NAME_BYTES + name.len();
            self.influencers.reach(number + 1);
            *self.influencers.get_mut(number) = Some(Influencer {
                key: AccountKey(key),
                name: Arc::from(name),
                holders: narrow(holders)?,
            });
            self.by_key.insert(key, number, hash_in(&self.influencers));
            Ok(())
        })?;
        let end = places.end()?;
        self.influencers.reach(end);
        self.influencers.set_freed(freed);
        Ok(end)
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn end(&self) -> u32 {
        self.records.end()
    }

    pub(super) fn bytes(&self) -> usize {
        self.len * (size_of::<Slot>() + 32) + self.name_bytes
    }

    /// Asks for the place of the index where a search for the slot starts, and gives its hash.
    #[inline]
    pub(super) fn prefetch_index(&self, segment: SegmentId, key: AccountKey) -> u64 {
        let hash = pair_hash(segment, key);
        self.by_pair.prefetch(hash);
        hash
    }

    /// The same for an influencer in use.
    pub(super) fn prefetch_index_of(&self, segment: SegmentId, influencer: u32) -> u64 {
        self.prefetch_index(segment, self.used(influencer).key)
    }

    /// Asks for the slot, most probably the one, of a hash, and perhaps for its fans.
    #[inline]
    pub(super) fn prefetch(&self, hash: u64, fans: bool) -> Option<u32> {
        let slot = self.by_pair.candidate(hash)?;
        prefetch_lines(self.get(slot), fans);
        Some(slot)
    }

    /// Asks for the credit of a slot.
    pub(super) fn prefetch_sums(&self, slot: u32) {
        prefetch(self.get(slot));
    }

    /// The name of an influencer in use.
    pub(super) fn name_of(&self, influencer: u32) -> &Arc<str> {
        &self.used(influencer).name
    }

    fn used(&self, influencer: u32) -> &Influencer {
        let record = self.influencers.get(influencer).as_ref();
        record.expect("a number in use must refer to a live influencer")
    }

    fn key_of(&self, influencer: u32) -> Option<AccountKey> {
        self.influencers.get(influencer).as_ref().map(|influencer| influencer.key)
    }

    #[inline]
    fn is_of(&self, slot: u32, segment: SegmentId, key: AccountKey) -> bool {
        let record = self.get(slot);
        record.segment == segment && record.key == key
    }

    fn influencer_mut(&mut self, influencer: u32) -> &mut Influencer {
        let record = self.influencers.get_mut(influencer).as_mut();
        record.expect("a number in use must refer to a live influencer")
    }

    fn forget_influencer(&mut self, influencer: u32) {
        if let Some(gone) = self.influencers.get_mut(influencer).take() {
            self.name_bytes -= NAME_BYTES + gone.name.len();
            self.by_key.remove(gone.key.0, influencer, hash_in(&self.influencers));
            self.influencers.free(influencer);
        }
    }
}

/// What the numbers of slots are hashed by.
fn pair_in(records: &Arena<Slot>) -> impl Fn(u32) -> u64 {
    |slot| {
        let record = records.get(slot);
        pair_hash(record.segment, record.key)
    }
}

/// What the numbers of influencers are hashed by.
fn hash_in(influencers: &Arena<Option<Influencer>>) -> impl Fn(u32) -> u64 {
    |at| influencers.get(at).as_ref().map_or(0, |influencer| influencer.key.0)
}

/// A key is a hash already: what sets apart those of one account moves it by multiples of the
/// golden ratio (Knuth, TAOCP 6.4).
const fn pair_hash(segment: SegmentId, key: AccountKey) -> u64 {
    key.0.wrapping_add((segment.0 as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15))
}
