//! Settled sales that a refund may still take back.
//!
//! Invariant: a sale is kept for the refund window, unless the limit takes it, which is counted.

use std::collections::{HashMap, VecDeque};

use foldhash::fast::FixedState;

use super::Split;
use crate::engine::segments::SetId;
use crate::model::AccountKey;

/// Sales of a shard at most; the oldest go.
const MAX_SALES: usize = 1 << 20;

/// A sale by who bought and the `id` of the event.
type Key = (AccountKey, u64);

#[derive(Clone, Debug)]
pub(in crate::engine) struct Sale {
    pub(in crate::engine) time_ms: i64,
    pub(in crate::engine) segments: SetId,
    pub(in crate::engine) split: Split,
    /// In the base currency.
    pub(in crate::engine) value: f64,
}

#[derive(Default)]
pub(in crate::engine) struct Sales {
    by_key: HashMap<Key, Sale, FixedState>,
    /// In the order in which they were settled; of one with a later sale of the same key, nothing
    /// is left.
    in_order: VecDeque<(i64, Key)>,
    shares: usize,
    evicted: u64,
}

impl Sales {
    /// Remembers a sale and gives those that it replaces or pushes out.
    pub(in crate::engine) fn add(&mut self, actor: AccountKey, id: u64, sale: Sale) -> Vec<Sale> {
        let key = (actor, id);
        self.in_order.push_back((sale.time_ms, key));
        self.shares += sale.split.shares.len();
        let mut gone: Vec<Sale> = self.by_key.insert(key, sale).into_iter().collect();
        while self.by_key.len() > MAX_SALES
            && let Some((time_ms, key)) = self.in_order.pop_front()
        {
            let oldest = self.take(time_ms, key);
            self.evicted += u64::from(oldest.is_some());
            gone.extend(oldest);
        }
        self.shares -= gone.iter().map(|sale| sale.split.shares.len()).sum::<usize>();
        gone
    }

    pub(in crate::engine) fn get(&self, actor: AccountKey, id: u64) -> Option<&Sale> {
        self.by_key.get(&(actor, id))
    }

    /// Lets go of sales before `from_ms`, and gives them.
    pub(in crate::engine) fn expire(&mut self, from_ms: i64) -> Vec<Sale> {
        let mut gone = Vec::new();
        while let Some((time_ms, key)) = self.in_order.front().copied()
            && time_ms < from_ms
        {
            self.in_order.pop_front();
            gone.extend(self.take(time_ms, key));
        }
        self.shares -= gone.iter().map(|sale| sale.split.shares.len()).sum::<usize>();
        gone
    }

    /// Lets go of what `actor` bought, and gives it.
    pub(in crate::engine) fn forget(&mut self, actor: AccountKey) -> Vec<Sale> {
        let by_actor = self.by_key.extract_if(|(who, _), _| *who == actor);
        let gone: Vec<Sale> = by_actor.map(|(_, sale)| sale).collect();
        if !gone.is_empty() {
            self.in_order.retain(|(_, (who, _))| *who != actor);
        }
        self.shares -= gone.iter().map(|sale| sale.split.shares.len()).sum::<usize>();
        gone
    }

    pub(in crate::engine) fn len(&self) -> usize {
        self.by_key.len()
    }

    pub(in crate::engine) fn bytes(&self) -> usize {
        self.by_key.capacity() * size_of::<(Key, Sale)>()
            + self.in_order.len() * size_of::<(i64, Key)>()
            + self.shares * size_of::<(u32, f64)>()
    }

    pub(in crate::engine) const fn evicted(&self) -> u64 {
        self.evicted
    }

    /// The sale of a key, if it is the one of that time.
    fn take(&mut self, time_ms: i64, key: Key) -> Option<Sale> {
        let same = self.by_key.get(&key).is_some_and(|sale| sale.time_ms == time_ms);
        if same { self.by_key.remove(&key) } else { None }
    }
}
