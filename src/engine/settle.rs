//! Conversions and refunds: they wait for the watermark, are split, and enter the ledger.
//!
//! Invariant: whoever is named in what waits, or in a sale that may be refunded, keeps its number.

use super::attribution::{Method, Pending, Sale, Split};
use super::entry::bucket_of;
use super::rules::Feeds;
use super::segments::SegmentId;
use super::shard::{Act, Shard};
use crate::model::{AccountKey, Interaction};

impl Shard {
    pub(super) fn convert(&mut self, interaction: &Interaction<'_>, act: Act) {
        self.preserve(act.actor, act.bucket);
        let exposure = self.segments.exposure();
        for n in 0..self.segments.width(act.set) {
            let segment = self.segments.member(act.set, n);
            let member = self.actors.member_mut(act.actor, segment, act.bucket);
            if member.convert(act.bucket, &self.decay) {
                let around = member.acted_around(act.bucket, exposure);
                self.segments.counts_mut(segment).convert(act.bucket, around);
            }
        }
        self.list_converter(act.actor);
        self.wait(interaction, act);
    }

    /// Settles what the watermark has passed.
    pub(super) fn settle(&mut self) {
        let until_ms = self.watermark_ms - self.terms.grace_ms;
        let window_ms = self.terms.refund_window_ms;
        while let Some(pending) = self.waiting.pop(until_ms) {
            self.expire_sales(pending.time_ms - window_ms);
            if pending.is_refund {
                self.settle_refund(&pending);
            } else {
                self.settle_conversion(&pending);
            }
            if let Some(declared) = pending.declared {
                self.slots.release_influencer(declared);
            }
        }
        self.expire_sales(until_ms - window_ms);
    }

    /// Forgets what of an actor waits, and its sales; what is settled stays.
    pub(super) fn forget_conversions(&mut self, actor: AccountKey) {
        for pending in self.waiting.forget(actor) {
            if let Some(declared) = pending.declared {
                self.slots.release_influencer(declared);
            }
        }
        for sale in self.sales.forget(actor) {
            self.release_sale(&sale);
        }
    }

    /// Has a conversion or refund wait for the watermark; one that is late settles at once.
    pub(super) fn wait(&mut self, interaction: &Interaction<'_>, act: Act) {
        let is_refund = matches!(self.rules.feeds(interaction.kind), Feeds::Refund);
        let declared = interaction.target.as_ref().map(|target| self.slots.intern(target));
        if let Some(declared) = declared {
            self.slots.hold_influencer(declared);
        }
        self.waiting.push(Pending {
            time_ms: interaction.time_ms,
            is_refund,
            actor: interaction.actor,
            segments: act.set,
            declared,
            value: interaction.value,
            id: if is_refund { interaction.refers } else { interaction.id },
        });
        self.is_due(interaction.time_ms.saturating_add(self.terms.grace_ms));
        self.catch_up();
    }

    fn settle_conversion(&mut self, pending: &Pending) {
        let split = match pending.declared {
            Some(influencer) => Split::declared(influencer),
            None => self.split(pending),
        };
        let bucket = bucket_of(pending.time_ms, self.rules.bucket_ms);
        let sale = Sale {
            time_ms: pending.time_ms,
            segments: pending.segments,
            split,
            value: pending.value,
        };
        self.book(&sale, bucket, (1.0, pending.value));
        if let Some(id) = pending.id {
            for (influencer, _) in &sale.split.shares {
                self.slots.hold_influencer(*influencer);
            }
            for gone in self.sales.add(pending.actor, id, &sale) {
                self.release_sale(&gone);
            }
        }
    }

    /// Takes a sale back in its own bucket, or one from who is declared, or from nobody.
    fn settle_refund(&mut self, pending: &Pending) {
        let sale = pending.id.and_then(|id| self.sales.get(pending.actor, id));
        let in_time = |sale: &Sale| pending.time_ms - sale.time_ms <= self.terms.refund_window_ms;
        if let Some(sale) = sale.filter(in_time) {
            let both = pending.value > 0.0 && sale.value > 0.0;
            let part = if both { (pending.value / sale.value).min(1.0) } else { 1.0 };
            let bucket = bucket_of(sale.time_ms, self.rules.bucket_ms);
            self.book(&sale, bucket, (-part, -pending.value));
            return;
        }
        self.unmatched_refunds += u64::from(pending.id.is_some());
        let split = pending.declared.map_or_else(Split::nobody, Split::declared);
        let bucket = bucket_of(pending.time_ms, self.rules.bucket_ms);
        let refund =
            Sale { time_ms: pending.time_ms, segments: pending.segments, split, value: 0.0 };
        self.book(&refund, bucket, (-1.0, -pending.value));
    }

    fn split(&mut self, pending: &Pending) -> Split {
        let Some(actor) = self.actors.find(pending.actor, None) else {
            self.scratch.clear();
            return self.terms.split(pending.time_ms, &self.scratch);
        };
        let touched = self.actors.get(actor).touched;
        let name = |at| &**self.slots.name_of(at);
        self.touches.before(touched, pending.time_ms, name, &mut self.scratch);
        self.terms.split(pending.time_ms, &self.scratch)
    }

    /// Enters `count` conversions, split as the sale is, and their value in a bucket.
    fn book(&mut self, sale: &Sale, bucket: u32, (count, value): (f64, f64)) {
        if !self.closing.is_in_window(bucket) {
            return;
        }
        for n in 0..self.segments.width(sale.segments) {
            let segment = self.segments.member(sale.segments, n);
            self.prefetch_credits(segment, &sale.split);
            for (influencer, share) in &sale.split.shares {
                let slot = self.slots.open_of(segment, *influencer);
                let gained = (count * share, value * share);
                if self.credited.add(slot, bucket, sale.split.method, gained) {
                    self.slots.hold(slot);
                }
                self.slots.change(slot);
            }
            let organic = (count * sale.split.organic, value * sale.split.organic);
            self.organic.add(segment.0, bucket, Method::Touch, organic);
        }
    }

    /// Asks for what crediting those who share a sale will touch, one level of pointers after the
    /// other.
    fn prefetch_credits(&self, segment: SegmentId, split: &Split) {
        let shares = split.shares.iter().map(|(influencer, _)| *influencer);
        let mut hashes: Vec<u64> = Vec::with_capacity(split.shares.len());
        hashes.extend(shares.map(|influencer| self.slots.prefetch_index_of(segment, influencer)));
        // Most probably those that will be found.
        let mut slots: Vec<u32> = Vec::with_capacity(hashes.len());
        slots.extend(hashes.into_iter().filter_map(|hash| self.slots.prefetch(hash, false)));
        for slot in &slots {
            self.credited.prefetch(*slot);
        }
        for slot in slots {
            self.credited.prefetch_lines(slot);
        }
    }

    /// Forgets what buckets gave that have left the evidence window.
    pub(super) fn expire_credits(&mut self, bucket: u32) {
        self.organic.expire(bucket, |_, _| {});
        let slots = &mut self.slots;
        self.credited.expire(bucket, |slot, is_empty| {
            slots.change(slot);
            if is_empty {
                slots.release(slot);
            }
        });
    }

    fn expire_sales(&mut self, from_ms: i64) {
        for sale in self.sales.expire(from_ms) {
            self.release_sale(&sale);
        }
    }

    fn release_sale(&mut self, sale: &Sale) {
        for (influencer, _) in &sale.split.shares {
            self.slots.release_influencer(*influencer);
        }
    }
}
