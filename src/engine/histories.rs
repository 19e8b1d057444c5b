//! Who converts, and their histories as of the close of a bucket: the input of lift.
//!
//! Invariant: what is extracted is the state at the close, whatever the pace: whoever is about to
//! change in a closed bucket is extracted first.

use std::collections::HashSet;
use std::sync::Arc;

use foldhash::fast::FixedState;

use super::actors::UNLISTED;
use super::columns::{Broken, Source, read_list, within};
use super::entry::Entry;
use super::member::Member;
use super::shard::Shard;
use crate::model::{Acted, HISTORY, Histories, History, Params, SegmentHistories};

/// A place of the list whose actor is gone.
const NOBODY: u32 = u32::MAX;

/// What an actor costs an extraction beside its entries, counted in entries.
const ACTOR_COST: usize = 8;

/// Actors between one that is extracted and those whose memory is asked for.
const EXTRACTED_AHEAD: usize = 4;

/// Buckets as they close.
pub(super) struct Closing {
    bucket_ms: i64,
    grace_ms: i64,
    /// Buckets of the evidence window.
    window: u32,
    /// The last closed bucket, and when the next one closes.
    closed: Option<u32>,
    next_ms: i64,
    /// Actors with a conversion that may be in the evidence window.
    converters: Vec<u32>,
    gone: usize,
    extraction: Option<Extraction>,
}

/// Histories on the way out of the shard.
struct Extraction {
    out: Histories,
    /// The actors to extract are those of the list from `next` to `end`.
    next: usize,
    end: usize,
    /// Actors extracted before their turn.
    ahead: HashSet<u32, FixedState>,
    /// By the shard's number of an influencer, its number in `out`.
    numbers: Vec<u32>,
}

impl Closing {
    pub(super) fn new(params: &Params) -> Self {
        Self {
            bucket_ms: params.bucket_ms,
            grace_ms: params.grace_ms,
            window: u32::try_from(params.evidence_buckets).unwrap_or(u32::MAX),
            closed: None,
            next_ms: i64::MIN,
            converters: Vec::new(),
            gone: 0,
            extraction: None,
        }
    }

    /// Whether a bucket is open or in the evidence window.
    pub(super) fn is_in_window(&self, bucket: u32) -> bool {
        self.closed.is_none_or(|closed| bucket + self.window > closed)
    }

    /// When the next bucket closes.
    pub(super) const fn next_ms(&self) -> i64 {
        self.next_ms
    }

    pub(super) fn converters(&self) -> &[u32] {
        &self.converters
    }

    /// The last closed bucket, and when the next one closes.
    pub(super) const fn stands(&self) -> (Option<u32>, i64) {
        (self.closed, self.next_ms)
    }

    pub(super) const fn stand_at(&mut self, closed: Option<u32>, next_ms: i64) {
        (self.closed, self.next_ms) = (closed, next_ms);
    }
}

impl Shard {
    /// Takes the extraction of histories further by about `entries` entries of actors; false when
    /// there is none to be taken further.
    pub fn extract(&mut self, entries: usize) -> bool {
        let Some(mut extraction) = self.closing.extraction.take() else { return false };
        let mut spent = 0;
        while spent < entries && extraction.next < extraction.end {
            let actor = self.closing.converters[extraction.next];
            self.prefetch_extraction(extraction.next);
            extraction.next += 1;
            spent += 1;
            if actor != NOBODY && !extraction.ahead.contains(&actor) {
                spent += ACTOR_COST + self.actors.get(actor).entries.len() as usize;
                self.extract_actor(actor, &mut extraction);
            }
        }
        let unfinished = extraction.next < extraction.end;
        self.closing.extraction = Some(extraction);
        unfinished
    }

    /// Asks for what those behind the place `next` of the list will need: the closer, the more.
    fn prefetch_extraction(&self, next: usize) {
        let behind = |ahead: usize| {
            let actor = self.closing.converters.get(next + ahead).copied();
            actor.filter(|actor| *actor != NOBODY)
        };
        if let Some(actor) = behind(3 * EXTRACTED_AHEAD) {
            self.actors.prefetch_record(actor);
        }
        if let Some(actor) = behind(2 * EXTRACTED_AHEAD) {
            self.blocks.prefetch_all(self.actors.get(actor).entries);
        }
        if let Some(actor) = behind(EXTRACTED_AHEAD) {
            for key in self.blocks.keys(self.actors.get(actor).entries) {
                if key.is_acted() {
                    self.slots.prefetch_sums(key.id());
                }
            }
        }
    }

    /// Whether histories of the last close are still to be extracted or taken.
    #[must_use]
    pub const fn is_extracting(&self) -> bool {
        self.closing.extraction.is_some()
    }

    /// The histories as of the last close, once, when their extraction is finished.
    pub fn take_histories(&mut self) -> Option<Histories> {
        let finished = |extraction: &mut Extraction| extraction.next >= extraction.end;
        self.closing.extraction.take_if(finished).map(|extraction| extraction.out)
    }

    /// Follows to the end of all input, `as_of_ms`, and gives the histories as of the last close.
    pub fn finish(&mut self, as_of_ms: i64) -> Option<Histories> {
        self.follow(as_of_ms);
        self.close_anew();
        while self.extract(usize::MAX) {}
        self.take_histories()
    }

    /// Closes the buckets whose end the watermark has passed by the grace.
    pub(super) fn close(&mut self) {
        if self.watermark_ms < self.closing.next_ms {
            return;
        }
        let past_ms = self.watermark_ms - self.closing.grace_ms;
        let ended = past_ms.div_euclid(self.closing.bucket_ms);
        self.closing.next_ms = (ended + 1) * self.closing.bucket_ms + self.closing.grace_ms;
        let Ok(closed) = u32::try_from(ended - 1) else { return };
        self.closing.closed = Some(closed);
        if let Some(gone) = closed.checked_sub(self.closing.window) {
            self.expire_credits(gone);
        }
        self.begin_extraction(closed);
    }

    /// Begins the extraction again, because somebody was erased.
    pub(super) fn close_anew(&mut self) {
        if let Some(closed) = self.closing.closed {
            self.begin_extraction(closed);
        }
    }

    /// Extracts an actor that is about to change in `bucket`, if that is closed.
    pub(super) fn preserve(&mut self, actor: u32, bucket: u32) {
        if self.closing.closed.is_some_and(|closed| bucket <= closed) {
            self.extract_ahead(actor);
        }
    }

    /// Extracts an actor that is about to change, unless that is done.
    pub(super) fn extract_ahead(&mut self, actor: u32) {
        let place = self.actors.get(actor).listed as usize;
        let waits = |extraction: &mut Extraction| {
            (extraction.next..extraction.end).contains(&place) && extraction.ahead.insert(actor)
        };
        if let Some(mut extraction) = self.closing.extraction.take_if(waits) {
            self.extract_actor(actor, &mut extraction);
            self.closing.extraction = Some(extraction);
        }
    }

    /// Lists an actor among those who convert.
    pub(super) fn list_converter(&mut self, actor: u32) {
        let record = self.actors.get_mut(actor);
        if record.listed == UNLISTED {
            record.listed = u32::try_from(self.closing.converters.len()).unwrap_or(UNLISTED);
            self.closing.converters.push(actor);
        }
    }

    /// Reads the list of those who convert; each actor of it must be there.
    pub(super) fn read_converters(&mut self, source: &mut impl Source) -> Result<(), Broken> {
        for actor in read_list(source)? {
            if actor == NOBODY {
                self.closing.gone += 1;
                self.closing.converters.push(NOBODY);
                continue;
            }
            within(actor, self.actors.end())?;
            let before = self.closing.converters.len();
            self.list_converter(actor);
            if self.closing.converters.len() == before {
                return Err(Broken::Content("list of those who convert"));
            }
        }
        Ok(())
    }

    pub(super) fn unlist_converter(&mut self, actor: u32) {
        let record = self.actors.get_mut(actor);
        if let Some(place) = self.closing.converters.get_mut(record.listed as usize) {
            *place = NOBODY;
            self.closing.gone += 1;
            record.listed = UNLISTED;
        }
    }

    /// Freezes what is read of all people at once, and whom to read one by one.
    fn begin_extraction(&mut self, closed: u32) {
        self.drop_places();
        let newest = bucket_of_watermark(self.watermark_ms, self.closing.bucket_ms);
        let mut segments = Vec::with_capacity(self.segments.len());
        let names: Vec<_> =
            self.segments.audiences().map(|(id, name, _)| (id, Arc::clone(name))).collect();
        for (id, segment) in names {
            let counts = self.segments.counts_mut(id);
            counts.reach(newest);
            let counts = counts.by_age(closed);
            segments.push(SegmentHistories {
                segment,
                exposed: counts.exposed,
                exposed_converted: counts.exposed_converted,
                converted: counts.converted,
                people: Vec::new(),
                acts: Vec::new(),
            });
        }
        self.closing.extraction = Some(Extraction {
            out: Histories { closed, segments, influencers: Vec::new() },
            next: 0,
            end: self.closing.converters.len(),
            ahead: HashSet::default(),
            numbers: Vec::new(),
        });
    }

    /// Closes up the list when most of its actors are gone.
    fn drop_places(&mut self) {
        if self.closing.gone * 2 <= self.closing.converters.len() {
            return;
        }
        self.closing.gone = 0;
        self.closing.converters.retain(|actor| *actor != NOBODY);
        for (place, actor) in (0..).zip(&self.closing.converters) {
            self.actors.get_mut(*actor).listed = place;
        }
    }

    fn extract_actor(&mut self, actor: u32, extraction: &mut Extraction) {
        let closed = extraction.out.closed;
        let mut converts = false;
        for member in self.actors.members(actor) {
            let converted = member.converted_by(closed);
            // What is newer than the close is kept for the next one.
            converts |= converted != 0 || member.bucket() > closed;
            if converted != 0 {
                self.extract_member(actor, member, extraction);
            }
        }
        if !converts {
            self.unlist_converter(actor);
        }
    }

    fn extract_member(&self, actor: u32, member: &Member, extraction: &mut Extraction) {
        let Extraction { out, numbers, .. } = extraction;
        let Some(of) = out.segments.get_mut(member.segment.0 as usize) else { return };
        let from = of.acts.len();
        let block = self.actors.get(actor).entries;
        for (key, entry) in self.blocks.keys(block).iter().zip(self.blocks.entries(block)) {
            let Entry::Acted(acted) = entry else { continue };
            let buckets = acted.acted_by(out.closed);
            let slot = self.slots.get(key.id());
            if buckets == 0 || slot.segment != member.segment {
                continue;
            }
            let at = slot.influencer as usize;
            if numbers.len() <= at {
                numbers.resize(at + 1, NOBODY);
            }
            let name = self.slots.name_of(slot.influencer);
            let known = out.influencers.get(numbers[at] as usize);
            if !known.is_some_and(|known| Arc::ptr_eq(known, name)) {
                numbers[at] = u32::try_from(out.influencers.len()).unwrap_or(NOBODY);
                out.influencers.push(Arc::clone(name));
            }
            of.acts.push(Acted { influencer: numbers[at], buckets });
        }
        let index = |at: usize| u32::try_from(at).expect("a shard's acts must fit 32 bits");
        of.people.push(History {
            key: self.actors.get(actor).key,
            converted: member.converted_by(out.closed),
            quarters: quarters_by_age(member, out.closed),
            acts: (index(from), index(of.acts.len())),
        });
    }
}

fn quarters_by_age(member: &Member, closed: u32) -> [u8; HISTORY / 2] {
    let at = |age: u32| closed.checked_sub(age).map_or(0, |bucket| member.quarters_in(bucket));
    let mut quarters = [0; HISTORY / 2];
    for (pair, byte) in (0..).zip(&mut quarters) {
        *byte = u8::try_from(at(2 * pair + 1) << 4 | at(2 * pair)).unwrap_or(u8::MAX);
    }
    quarters
}

fn bucket_of_watermark(watermark_ms: i64, bucket_ms: i64) -> u32 {
    u32::try_from(watermark_ms / bucket_ms).unwrap_or(u32::MAX)
}
