//! The actors of a picture with what each keeps: memberships, entries, touches, side by side.
//!
//! Invariant: an actor's number is kept; where its lists lie is not, for nothing can tell.

use super::frame::Frame;
use super::places::Places;
use super::traces::{Arrivals, Told, Traces};
use crate::engine::actors::{Actor, Actors};
use crate::engine::blocks::{Blocks, MAX_ENTRIES};
use crate::engine::columns::{
    Broken, Columns, PAGE_ROWS, Page, Source, apart, back, moment, narrow, read_list, since,
    write_list,
};
use crate::engine::entry::{Acted, Entry, Following, Key, Twentieths};
use crate::engine::member::{Devotion, Member};
use crate::engine::segments::SegmentId;
use crate::engine::touches::{Touch, Touches};
use crate::engine::units::Run;

/// The layout in which a key was told by its own number, and the room for touches by its length.
const KEYS_BY_NUMBER: u8 = 1;

/// Actors whose lists are asked for ahead of their turn, and then what these refer to.
const AHEAD: u32 = 8;
const NEAR_AHEAD: u32 = 4;

/// All that is kept by actor.
pub(super) struct People {
    pub(super) actors: Actors,
    pub(super) blocks: Blocks,
    pub(super) touches: Touches,
}

/// Some actors side by side.
struct Pages {
    actors: Page<10>,
    members: Page<9>,
    keys: Page<2>,
    acted: Page<8>,
    liked: Page<3>,
    following: Page<3>,
    /// Of each actor with touches, when the first was; as the first one was seen later, so were
    /// mostly the touches of those after it, and it is told from the earliest of these.
    firsts: Page<1>,
    /// When further touches were, from the one before.
    times: Page<1>,
    touches: Page<2>,
}

/// The lists of one actor, used again for the next.
#[derive(Default)]
struct Lists {
    members: Vec<Member>,
    /// What the memberships are to be read from.
    rows: Vec<[u64; 9]>,
    keys: Vec<Key>,
    entries: Vec<Entry>,
    /// The slots of its entries for acts, and their segments.
    acts: Vec<(u32, SegmentId)>,
    /// Whom these are on.
    influencers: Vec<u32>,
    touches: Vec<Touch>,
    traces: Traces,
}

impl People {
    /// The same people once more, to be read only.
    pub(super) fn share(actors: &mut Actors, blocks: &mut Blocks, touches: &mut Touches) -> Self {
        Self { actors: actors.share(), blocks: blocks.share(), touches: touches.share() }
    }

    pub(super) fn write(&self, frame: &Frame, columns: &mut impl Columns) {
        let freed = self.actors.freed();
        write_list(columns, freed);
        let mut pages = Pages::new();
        let mut lists = Lists::default();
        for at in Places::of_store(&[freed]).up_to(self.actors.end()) {
            if at + AHEAD < self.actors.end() {
                self.prefetch(at + AHEAD);
                self.prefetch_near(at + NEAR_AHEAD, frame);
            }
            self.push(at, frame, &mut pages, &mut lists);
            if pages.rows() >= PAGE_ROWS {
                pages.write(frame, columns);
                if columns.is_over() {
                    return;
                }
            }
        }
        if pages.rows() > 0 {
            pages.write(frame, columns);
        }
        pages.write(frame, columns);
    }

    /// Reads people into stores that are empty.
    pub(super) fn read(&mut self, frame: &Frame, source: &mut impl Source) -> Result<(), Broken> {
        let freed = read_list(source)?;
        let mut places = Places::without(&[&freed])?;
        let mut lists = Lists::default();
        loop {
            let mut pages = Pages::read(frame, source)?;
            let len = pages.actors.len();
            if len == 0 {
                break;
            }
            for _ in 0..len {
                self.take(places.take(), frame, &mut pages, &mut lists)?;
            }
            pages.end()?;
        }
        self.actors.complete(places.end()?, freed)
    }

    /// Asks for the lists of an actor.
    fn prefetch(&self, at: u32) {
        let actor = self.actors.get(at);
        self.blocks.prefetch_all(actor.entries);
        self.touches.prefetch(actor.touched);
    }

    /// Asks for what the keys of an actor are told by.
    fn prefetch_near(&self, at: u32, frame: &Frame) {
        for key in self.blocks.keys(self.actors.get(at).entries) {
            frame.near.prefetch(*key);
        }
    }

    fn push(&self, at: u32, frame: &Frame, pages: &mut Pages, lists: &mut Lists) {
        let actor = self.actors.get(at);
        lists.clear();
        lists.members.extend(self.actors.members(at));
        for key in self.blocks.keys(actor.entries) {
            pages.keys.push(frame.near.row(*key, &lists.members));
            lists.add(*key, frame.near.pair(key.id()));
        }
        lists.write_touches(self.touches.of(actor.touched), frame, pages);
        for member in &lists.members {
            let devotion = lists.devotion(member.segment);
            pages.members.push(member.row(frame, &lists.traces, devotion));
        }
        let (acted, first) = (lists.traces.latest(), lists.members.first());
        let [key, units, ring, seen, set, lag] = actor.row(frame, acted, first);
        let (members, entries) = (lists.members.len() as u64, actor.entries.len().into());
        let (used, room) = actor.touched.lens();
        let (used, room) = (used.into(), apart(room.into(), likely_room(used)));
        pages.actors.push([key, units, ring, seen, set, lag, members, entries, used, room]);

        let mut acts = 0;
        for entry in self.blocks.entries(actor.entries) {
            match entry {
                Entry::Acted(acted) => {
                    pages.acted.push(acted.row(frame, &lists.told(acts, frame)));
                    acts += 1;
                }
                Entry::Liked(run) => pages.liked.push(run.row(frame, actor.seen())),
                Entry::Following(following) => pages.following.push(following.row(frame)),
            }
        }
    }

    fn take(
        &mut self,
        at: u32,
        frame: &Frame,
        pages: &mut Pages,
        lists: &mut Lists,
    ) -> Result<(), Broken> {
        let row = pages.actors.take()?;
        let [key, units, ring, seen, set, lag, members, entries, used, room] = row;
        lists.clear();
        for _ in 0..members {
            let row = pages.members.take()?;
            lists.members.push(Member::new(Member::segment_of(&row, frame)?, 0));
            lists.rows.push(row);
        }
        lists.read_keys(narrow(entries)?, frame, pages)?;
        lists.read_touches(narrow(used)?, frame, pages)?;
        lists.read_members(frame)?;
        let (acted, first) = (lists.traces.latest(), lists.members.first());
        let mut actor = Actor::from_row([key, units, ring, seen, set, lag], frame, acted, first)?;
        lists.read_entries(actor.seen(), frame, pages)?;
        actor.entries = self.blocks.put_back(&lists.keys, &lists.entries);
        let room = match frame.version {
            KEYS_BY_NUMBER => room,
            _ => back(room, likely_room(narrow(used)?)),
        };
        actor.touched = self.touches.put_back(&lists.touches, narrow(room)?)?;
        self.actors.put_back(at, actor);
        self.actors.put_back_members(at, &lists.members);
        Ok(())
    }
}

/// The room of a list of touches that doubled whenever it was full.
fn likely_room(used: u8) -> u64 {
    if used == 0 { 0 } else { u64::from(used).next_power_of_two().clamp(2, 255) }
}

impl Lists {
    fn clear(&mut self) {
        self.members.clear();
        self.rows.clear();
        self.keys.clear();
        self.entries.clear();
        self.acts.clear();
        self.influencers.clear();
        self.touches.clear();
        self.traces.clear();
    }

    /// Notes what the key of an entry says.
    fn add(&mut self, key: Key, (segment, influencer): (SegmentId, u32)) {
        if key.is_acted() {
            self.acts.push((key.id(), segment));
            self.influencers.push(influencer);
            self.traces.add();
        }
    }

    /// To whom a member of a segment is devoted, if its entries are of its run.
    fn devotion(&self, segment: SegmentId) -> Devotion {
        let mut slots = self.acts.iter().filter(|act| act.1 == segment);
        match (slots.next(), slots.next()) {
            (None, _) => Devotion::NOBODY,
            (Some((slot, _)), None) => Devotion::to(*slot),
            _ => Devotion::SEVERAL,
        }
    }

    /// What tells the `n`th entry for acts.
    fn told(&self, n: usize, frame: &Frame) -> Told<'_> {
        let segment = self.acts.get(n).map(|act| act.1);
        let member = self.members.iter().find(|member| Some(member.segment) == segment);
        // Those of one influencer mostly lie side by side, and the first has its touches.
        let near = n.saturating_sub(self.members.len().saturating_sub(1))..=n;
        let influencer = self.influencers.get(n);
        let first = near.clone().find(|at| self.influencers.get(*at) == influencer).unwrap_or(n);
        self.traces.told(first, frame.newest_bucket, member)
    }

    fn write_touches(&mut self, touches: &[Touch], frame: &Frame, pages: &mut Pages) {
        let (mut from_ms, mut arrivals) = (None, Arrivals::default());
        let end = self.influencers.len();
        for touch in touches {
            let [time, quarters, near] = touch.row(from_ms.unwrap_or_default(), &self.influencers);
            match from_ms {
                None => pages.firsts.push([time]),
                Some(_) => pages.times.push([time]),
            }
            pages.touches.push([quarters, arrivals.told(near, end as u64)]);
            self.traces.note(touch, place(near, end), frame);
            from_ms = Some(touch.time_ms());
        }
    }

    fn read_keys(&mut self, len: u16, frame: &Frame, pages: &mut Pages) -> Result<(), Broken> {
        if len > MAX_ENTRIES {
            return Err(Broken::Content("entries"));
        }
        for _ in 0..len {
            let row = pages.keys.take()?;
            let (key, pair) = match frame.version {
                KEYS_BY_NUMBER => (Key::from_row(row)?, None),
                _ => frame.near.key(row, &self.members)?,
            };
            self.keys.push(key);
            if key.is_of_slot() {
                let pair = match pair {
                    Some(pair) => pair,
                    None => frame.near.pair(frame.slot(key.id().into())?),
                };
                self.add(key, pair);
            }
        }
        Ok(())
    }

    fn read_touches(&mut self, len: u8, frame: &Frame, pages: &mut Pages) -> Result<(), Broken> {
        let (mut from_ms, mut arrivals) = (None, Arrivals::default());
        let end = self.influencers.len();
        for _ in 0..len {
            let [time] = match from_ms {
                None if frame.is_told_by_touches() => pages.firsts.take()?,
                _ => pages.times.take()?,
            };
            let [quarters, mut near] = pages.touches.take()?;
            let from = if frame.is_told_by_touches() {
                near = arrivals.place(near, end as u64);
                from_ms.unwrap_or_default()
            } else {
                from_ms.unwrap_or(frame.newest_ms)
            };
            let touch = Touch::from_row([time, quarters, near], from, &self.influencers, frame)?;
            if frame.is_told_by_touches() {
                self.traces.note(&touch, place(near, end), frame);
            }
            from_ms = Some(touch.time_ms());
            self.touches.push(touch);
        }
        Ok(())
    }

    fn read_members(&mut self, frame: &Frame) -> Result<(), Broken> {
        for at in 0..self.rows.len() {
            let likely = if frame.is_told_by_touches() {
                self.devotion(self.members[at].segment)
            } else {
                Devotion::SEVERAL
            };
            self.members[at] = Member::from_row(self.rows[at], frame, &self.traces, likely)?;
        }
        Ok(())
    }

    fn read_entries(&mut self, seen: u32, frame: &Frame, pages: &mut Pages) -> Result<(), Broken> {
        let seen = if frame.is_told_by_touches() { seen } else { frame.newest_bucket };
        let mut acts = 0;
        for key in &self.keys {
            let [id, kind] = key.row();
            self.entries.push(match kind {
                1 => {
                    let told = self.told(acts, frame);
                    acts += 1;
                    Entry::Acted(Acted::from_row(pages.acted.take()?, frame, &told)?)
                }
                2 => Entry::Liked(Run::<Twentieths>::from_row(pages.liked.take()?, frame, seen)?),
                _ => {
                    frame.influencer(id)?;
                    Entry::Following(Following::from_row(pages.following.take()?, frame)?)
                }
            });
        }
        Ok(())
    }
}

/// The place of an influencer in a list that ends at `end`, if it is told by that.
fn place(near: u64, end: usize) -> Option<usize> {
    usize::try_from(near).ok().filter(|place| *place < end)
}

impl Pages {
    fn new() -> Self {
        Self {
            actors: Page::new(),
            members: Page::new(),
            keys: Page::new(),
            acted: Page::new(),
            liked: Page::new(),
            following: Page::new(),
            firsts: Page::new(),
            times: Page::new(),
            touches: Page::new(),
        }
    }

    fn read(frame: &Frame, source: &mut impl Source) -> Result<Self, Broken> {
        let mut pages = Self {
            actors: Page::read(source)?,
            members: Page::read(source)?,
            keys: Page::read(source)?,
            acted: Page::read(source)?,
            liked: Page::read(source)?,
            following: Page::read(source)?,
            ..Self::new()
        };
        if frame.is_told_by_touches() {
            pages.firsts = Page::read(source)?;
            pages.times = Page::read(source)?;
            pages.touches = Page::read(source)?;
            pages.read_firsts(frame.newest_ms);
        } else {
            let [times, quarters, influencers] = Page::read(source)?.into_columns();
            (pages.times, pages.touches) = (Page::of([times]), Page::of([quarters, influencers]));
        }
        Ok(pages)
    }

    fn write(&mut self, frame: &Frame, columns: &mut impl Columns) {
        self.write_firsts(frame.newest_ms);
        self.actors.write(columns);
        self.members.write(columns);
        self.keys.write(columns);
        self.acted.write(columns);
        self.liked.write(columns);
        self.following.write(columns);
        self.firsts.write(columns);
        self.times.write(columns);
        self.touches.write(columns);
    }

    fn write_firsts(&mut self, mut earliest_ms: i64) {
        let [firsts] = self.firsts.columns_mut();
        for first in firsts.iter_mut().rev() {
            let time_ms = moment(*first, 0);
            *first = since(time_ms, earliest_ms);
            earliest_ms = earliest_ms.min(time_ms);
        }
    }

    fn read_firsts(&mut self, mut earliest_ms: i64) {
        let [firsts] = self.firsts.columns_mut();
        for first in firsts.iter_mut().rev() {
            let time_ms = moment(*first, earliest_ms);
            *first = since(time_ms, 0);
            earliest_ms = earliest_ms.min(time_ms);
        }
    }

    fn rows(&self) -> usize {
        self.actors.len().max(self.members.len()).max(self.keys.len()).max(self.touches.len())
    }

    fn end(&self) -> Result<(), Broken> {
        self.members.end()?;
        self.keys.end()?;
        self.acted.end()?;
        self.liked.end()?;
        self.following.end()?;
        self.firsts.end()?;
        self.times.end()?;
        self.touches.end()
    }
}
