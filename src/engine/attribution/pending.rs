//! Conversions and refunds that wait for the watermark, so that touches may still arrive.
//!
//! Invariant: they leave in the order of their times, sales before refunds, then as they came. A
//! copy shares all of them, and a change after it copies those of one second.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;

use crate::engine::columns::{
    Broken, Columns, Source, finite, flag, moment, read_rows, since, write_rows,
};
use crate::engine::picture::Frame;
use crate::engine::segments::SetId;
use crate::model::AccountKey;

/// A conversion or refund on its way to be settled.
#[derive(Clone, Debug)]
pub(in crate::engine) struct Pending {
    pub(in crate::engine) time_ms: i64,
    pub(in crate::engine) is_refund: bool,
    pub(in crate::engine) actor: AccountKey,
    pub(in crate::engine) segments: SetId,
    /// The influencer whose target or code it has.
    pub(in crate::engine) declared: Option<u32>,
    /// In the base currency.
    pub(in crate::engine) value: f64,
    /// Of a sale: by what a refund will refer to it. Of a refund: the sale that it refers to.
    pub(in crate::engine) id: Option<u64>,
}

/// Event time of a slice.
const SLICE_MS: i64 = 1_000;

#[derive(Clone, Default)]
pub(in crate::engine) struct Waiting {
    /// By time; none is empty.
    slices: BTreeMap<i64, Arc<Slice>>,
    len: usize,
    arrived: u64,
}

type Slice = BinaryHeap<Reverse<Ordered>>;

#[derive(Clone)]
struct Ordered {
    arrived: u64,
    pending: Pending,
}

impl Waiting {
    pub(in crate::engine) fn push(&mut self, pending: Pending) {
        self.arrived += 1;
        self.insert(Ordered { arrived: self.arrived, pending });
    }

    fn insert(&mut self, waiting: Ordered) {
        let slice = self.slices.entry(waiting.pending.time_ms.div_euclid(SLICE_MS)).or_default();
        Arc::make_mut(slice).push(Reverse(waiting));
        self.len += 1;
    }

    /// The time of the next one.
    pub(in crate::engine) fn next_ms(&self) -> i64 {
        let next = self.slices.first_key_value().and_then(|(_, slice)| slice.peek());
        next.map_or(i64::MAX, |Reverse(next)| next.pending.time_ms)
    }

    /// The next one, if its time is not after `until_ms`.
    pub(in crate::engine) fn pop(&mut self, until_ms: i64) -> Option<Pending> {
        if self.next_ms() > until_ms {
            return None;
        }
        let mut first = self.slices.first_entry()?;
        let slice = Arc::make_mut(first.get_mut());
        let Reverse(next) = slice.pop()?;
        if slice.is_empty() {
            first.remove();
        }
        self.len -= 1;
        Some(next.pending)
    }

    /// Takes out all that `actor` did, in the order in which it would have left.
    pub(in crate::engine) fn forget(&mut self, actor: AccountKey) -> Vec<Pending> {
        let mut forgotten = Vec::new();
        self.slices.retain(|_, slice| {
            if slice.iter().any(|Reverse(waiting)| waiting.pending.actor == actor) {
                let all = std::mem::take(Arc::make_mut(slice)).into_vec();
                let (mut of_actor, others): (Vec<_>, Vec<_>) =
                    all.into_iter().partition(|Reverse(waiting)| waiting.pending.actor == actor);
                *slice = Arc::new(others.into());
                of_actor.sort_unstable();
                forgotten.extend(of_actor.into_iter().rev());
            }
            !slice.is_empty()
        });
        self.len -= forgotten.len();
        forgotten.into_iter().map(|Reverse(waiting)| waiting.pending).collect()
    }

    /// Writes what waits in the order in which it leaves.
    pub(in crate::engine) fn write(&self, frame: &Frame, columns: &mut impl Columns) {
        columns.words(&[self.arrived]);
        let slices = self.slices.values().flat_map(|slice| slice.iter());
        let mut all: Vec<&Ordered> = slices.map(|Reverse(waiting)| waiting).collect();
        all.sort_unstable();
        write_rows(columns, all.into_iter().map(|waiting| waiting.row(frame.newest_ms)));
    }

    /// Reads what was written into an empty store.
    pub(in crate::engine) fn read(
        &mut self,
        frame: &Frame,
        source: &mut impl Source,
    ) -> Result<(), Broken> {
        let [arrived] = <[u64; 1]>::try_from(source.words()?).map_err(|_other| Broken::Length)?;
        self.arrived = arrived;
        read_rows(source, |row| {
            self.insert(Ordered::from_row(row, frame)?);
            Ok(())
        })
    }

    pub(in crate::engine) const fn len(&self) -> usize {
        self.len
    }

    pub(in crate::engine) const fn bytes(&self) -> usize {
        self.len * size_of::<Ordered>()
    }
}

impl Ordered {
    fn row(&self, newest_ms: i64) -> [u64; 9] {
        let pending = &self.pending;
        [
            self.arrived,
            since(pending.time_ms, newest_ms),
            pending.is_refund.into(),
            pending.actor.0,
            pending.segments.word(),
            pending.declared.map_or(0, |declared| u64::from(declared) + 1),
            pending.value.to_bits(),
            pending.id.is_some().into(),
            pending.id.unwrap_or_default(),
        ]
    }

    fn from_row(row: [u64; 9], frame: &Frame) -> Result<Self, Broken> {
        let [arrived, time, is_refund, actor, set, declared, value, has_id, id] = row;
        let declared = match declared {
            0 => None,
            above => Some(frame.influencer(above - 1)?),
        };
        let pending = Pending {
            time_ms: moment(time, frame.newest_ms),
            is_refund: flag(is_refund)?,
            actor: AccountKey(actor),
            segments: frame.set(set)?,
            declared,
            value: finite(value)?,
            id: flag(has_id)?.then_some(id),
        };
        Ok(Self { arrived, pending })
    }

    const fn key(&self) -> (i64, bool, u64) {
        (self.pending.time_ms, self.pending.is_refund, self.arrived)
    }
}

impl PartialEq for Ordered {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Ordered {}

impl PartialOrd for Ordered {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ordered {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}
