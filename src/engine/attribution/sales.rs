//! Settled sales that a refund may still take back.
//!
//! Invariant: a sale is kept for the refund window, unless the limit takes it, which is counted.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;

use super::{Method, Split};
use crate::engine::arena::Arena;
use crate::engine::columns::{
    Broken, Columns, PAGE_ROWS, Page, Source, finite, flag, moment, since,
};
use crate::engine::index::Index;
use crate::engine::picture::Frame;
use crate::engine::pool::{Block, MAX_LEN, Pool};
use crate::engine::segments::SetId;
use crate::model::AccountKey;

/// Sales of a shard at most; the oldest go.
const MAX_SALES: usize = 1 << 20;

/// Bytes of a sale with its place in the index, its shares apart.
const SALE_BYTES: usize = size_of::<Record>() + 8;

/// Marks the ends of the order of settlement.
const NOTHING: u32 = u32::MAX;

#[derive(Clone, Debug)]
pub(in crate::engine) struct Sale {
    pub(in crate::engine) time_ms: i64,
    pub(in crate::engine) segments: SetId,
    pub(in crate::engine) split: Split,
    /// In the base currency.
    pub(in crate::engine) value: f64,
}

/// The sales by who bought and the `id` of the event, chained in the order of settlement.
pub(in crate::engine) struct Sales {
    records: Arena<Record>,
    shares: Pool<(u32, f64)>,
    index: Index,
    oldest: u32,
    newest: u32,
    evicted: u64,
}

#[derive(Clone, Copy)]
struct Record {
    actor: AccountKey,
    id: u64,
    time_ms: i64,
    value: f64,
    organic: f64,
    segments: SetId,
    method: Method,
    shares: Block,
    /// The sales settled before and after it.
    older: u32,
    newer: u32,
}

impl Default for Record {
    fn default() -> Self {
        Self {
            actor: AccountKey(0),
            id: 0,
            time_ms: 0,
            value: 0.0,
            organic: 0.0,
            segments: SetId::UNASSIGNED,
            method: Method::Touch,
            shares: Block::default(),
            older: NOTHING,
            newer: NOTHING,
        }
    }
}

impl Record {
    fn row(&self, newest_ms: i64) -> [u64; 8] {
        [
            self.actor.0,
            self.id,
            since(self.time_ms, newest_ms),
            self.value.to_bits(),
            self.organic.to_bits(),
            self.segments.word(),
            (self.method == Method::Declared).into(),
            self.shares.len().into(),
        ]
    }
}

impl Sales {
    pub(in crate::engine) fn new() -> Self {
        Self {
            records: Arena::new(),
            shares: Pool::new(),
            index: Index::new(),
            oldest: NOTHING,
            newest: NOTHING,
            evicted: 0,
        }
    }

    /// Remembers a sale and gives those that it replaces or pushes out.
    pub(in crate::engine) fn add(&mut self, actor: AccountKey, id: u64, sale: &Sale) -> Vec<Sale> {
        let replaced = self.find(actor, id);
        let mut gone: Vec<Sale> = replaced.map(|at| self.remove(at)).into_iter().collect();
        self.append(actor, id, sale);
        while self.records.live() > MAX_SALES {
            gone.push(self.remove(self.oldest));
            self.evicted += 1;
        }
        gone
    }

    pub(in crate::engine) fn get(&self, actor: AccountKey, id: u64) -> Option<Sale> {
        self.find(actor, id).map(|at| self.sale(at))
    }

    /// Lets go of sales before `from_ms`, and gives them.
    pub(in crate::engine) fn expire(&mut self, from_ms: i64) -> Vec<Sale> {
        let mut gone = Vec::new();
        while self.oldest != NOTHING && self.record(self.oldest).time_ms < from_ms {
            gone.push(self.remove(self.oldest));
        }
        gone
    }

    /// Lets go of what `actor` bought, and gives it.
    pub(in crate::engine) fn forget(&mut self, actor: AccountKey) -> Vec<Sale> {
        let by_actor: Vec<u32> =
            self.in_order().filter(|at| self.record(*at).actor == actor).collect();
        by_actor.into_iter().map(|at| self.remove(at)).collect()
    }

    pub(in crate::engine) fn len(&self) -> usize {
        self.records.live()
    }

    pub(in crate::engine) fn bytes(&self) -> usize {
        self.records.live() * SALE_BYTES + self.shares.bytes()
    }

    pub(in crate::engine) const fn evicted(&self) -> u64 {
        self.evicted
    }

    /// The same sales once more, to be read only, and not to be searched.
    pub(in crate::engine) fn share(&mut self) -> Self {
        Self {
            records: self.records.share(),
            shares: self.shares.share(),
            index: Index::new(),
            ..*self
        }
    }

    /// Writes the sales in the order of settlement.
    pub(in crate::engine) fn write(&self, frame: &Frame, columns: &mut impl Columns) {
        columns.words(&[self.evicted]);
        let (mut page, mut shares) = (Page::new(), Page::new());
        for at in self.in_order() {
            let record = self.record(at);
            page.push(record.row(frame.newest_ms));
            for (influencer, share) in self.shares.list(record.shares) {
                shares.push([(*influencer).into(), share.to_bits()]);
            }
            if page.len().max(shares.len()) >= PAGE_ROWS {
                page.write(columns);
                shares.write(columns);
            }
        }
        if page.len() > 0 {
            page.write(columns);
            shares.write(columns);
        }
        page.write(columns);
    }

    /// Reads what was written into a store that is empty.
    pub(in crate::engine) fn read(
        &mut self,
        frame: &Frame,
        source: &mut impl Source,
    ) -> Result<(), Broken> {
        let [evicted] = <[u64; 1]>::try_from(source.words()?).map_err(|_other| Broken::Length)?;
        self.evicted = evicted;
        loop {
            let mut page = Page::<8>::read(source)?;
            if page.len() == 0 {
                return Ok(());
            }
            let mut shares = Page::<2>::read(source)?;
            for _ in 0..page.len() {
                self.read_sale(page.take()?, &mut shares, frame)?;
            }
            shares.end()?;
        }
    }

    fn read_sale(
        &mut self,
        row: [u64; 8],
        shares: &mut Page<2>,
        frame: &Frame,
    ) -> Result<(), Broken> {
        let [actor, id, time, value, organic, set, declared, len] = row;
        if len > MAX_LEN.into() {
            return Err(Broken::Content("sale"));
        }
        let mut split = Split { organic: finite(organic)?, ..Split::default() };
        split.method = if flag(declared)? { Method::Declared } else { Method::Touch };
        for _ in 0..len {
            let [influencer, share] = shares.take()?;
            split.shares.push((frame.influencer(influencer)?, finite(share)?));
        }
        let time_ms = moment(time, frame.newest_ms);
        let sale = Sale { time_ms, segments: frame.set(set)?, split, value: finite(value)? };
        self.append(AccountKey(actor), id, &sale);
        Ok(())
    }

    fn append(&mut self, actor: AccountKey, id: u64, sale: &Sale) {
        let mut shares = Block::default();
        for share in &sale.split.shares {
            self.shares.push(&mut shares, *share);
        }
        let at = self.records.allocate();
        *self.records.get_mut(at) = Record {
            actor,
            id,
            time_ms: sale.time_ms,
            value: sale.value,
            organic: sale.split.organic,
            segments: sale.segments,
            method: sale.split.method,
            shares,
            older: self.newest,
            newer: NOTHING,
        };
        self.join(self.newest, at);
        self.newest = at;
        self.index.insert(hash(actor, id), at, hash_in(&self.records));
    }

    fn remove(&mut self, at: u32) -> Sale {
        let (sale, mut record) = (self.sale(at), *self.record(at));
        self.index.remove(hash(record.actor, record.id), at, hash_in(&self.records));
        self.join(record.older, record.newer);
        if record.newer == NOTHING {
            self.newest = record.older;
        } else {
            self.records.get_mut(record.newer).older = record.older;
        }
        self.shares.resize(&mut record.shares, 0);
        self.records.free(at);
        sale
    }

    /// Has `newer` follow `older`, or be the first one.
    fn join(&mut self, older: u32, newer: u32) {
        if older == NOTHING {
            self.oldest = newer;
        } else {
            self.records.get_mut(older).newer = newer;
        }
    }

    fn in_order(&self) -> impl Iterator<Item = u32> {
        let first = Some(self.oldest).filter(|at| *at != NOTHING);
        std::iter::successors(first, |at| {
            Some(self.record(*at).newer).filter(|newer| *newer != NOTHING)
        })
    }

    fn sale(&self, at: u32) -> Sale {
        let record = self.record(at);
        Sale {
            time_ms: record.time_ms,
            segments: record.segments,
            split: Split {
                method: record.method,
                shares: self.shares.list(record.shares).to_vec(),
                organic: record.organic,
            },
            value: record.value,
        }
    }

    fn find(&self, actor: AccountKey, id: u64) -> Option<u32> {
        self.index.find(hash(actor, id), |at| {
            let record = self.record(at);
            record.actor == actor && record.id == id
        })
    }

    fn record(&self, at: u32) -> &Record {
        self.records.get(at)
    }
}

/// What the places of sales are hashed by.
fn hash_in(records: &Arena<Record>) -> impl Fn(u32) -> u64 {
    |at| {
        let record = records.get(at);
        hash(record.actor, record.id)
    }
}

fn hash(actor: AccountKey, id: u64) -> u64 {
    FixedState::default().hash_one((actor, id))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sale(time_ms: i64) -> Sale {
        let split = Split::declared(u32::try_from(time_ms).unwrap());
        Sale { time_ms, segments: SetId::UNASSIGNED, split, value: 1.0 }
    }

    fn times(sales: &[Sale]) -> Vec<i64> {
        sales.iter().map(|sale| sale.time_ms).collect()
    }

    #[test]
    fn sales_leave_in_the_order_of_settlement() {
        let mut sales = Sales::new();
        for n in 0..6 {
            let actor = AccountKey(u64::from(n == 3));
            assert!(sales.add(actor, n, &sale(n.cast_signed())).is_empty());
        }
        assert_eq!(times(&sales.add(AccountKey(0), 1, &sale(10))), [1], "one replaces another");
        assert_eq!(times(&sales.forget(AccountKey(1))), [3]);
        assert_eq!(sales.get(AccountKey(0), 4).map(|sale| sale.time_ms), Some(4));
        assert!(sales.get(AccountKey(1), 3).is_none());
        assert_eq!(times(&sales.expire(5)), [0, 2, 4]);
        assert_eq!(times(&sales.expire(100)), [5, 10]);
        assert_eq!((sales.len(), sales.bytes()), (0, 0));
        assert!(sales.add(AccountKey(0), 1, &sale(11)).is_empty());
        assert_eq!(times(&sales.expire(100)), [11]);
    }
}
