//! The actors of a picture with what each keeps: memberships, entries, touches, side by side.
//!
//! Invariant: an actor's number is kept; where its lists lie is not, for nothing can tell.

use super::frame::Frame;
use super::places::Places;
use crate::engine::actors::{Actor, Actors};
use crate::engine::blocks::{Blocks, MAX_ENTRIES};
use crate::engine::columns::{
    Broken, Columns, PAGE_ROWS, Page, Source, apart, back, narrow, read_list, write_list,
};
use crate::engine::entry::{Acted, Entry, Following, Key, Twentieths};
use crate::engine::member::Member;
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
    touches: Page<3>,
}

/// The lists of one actor, used again for the next.
#[derive(Default)]
struct Lists {
    members: Vec<Member>,
    keys: Vec<Key>,
    entries: Vec<Entry>,
    /// Whom it acts on, by its entries.
    influencers: Vec<u32>,
    touches: Vec<Touch>,
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
                pages.write(columns);
                if columns.is_over() {
                    return;
                }
            }
        }
        if pages.rows() > 0 {
            pages.write(columns);
        }
        pages.write(columns);
    }

    /// Reads people into stores that are empty.
    pub(super) fn read(&mut self, frame: &Frame, source: &mut impl Source) -> Result<(), Broken> {
        let freed = read_list(source)?;
        let mut places = Places::without(&[&freed])?;
        let mut lists = Lists::default();
        loop {
            let mut pages = Pages::read(source)?;
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
        for member in &lists.members {
            pages.members.push(member.row(frame));
        }
        let [key, units, ring, seen, set, lag] = actor.row(frame, lists.members.first());
        let (members, entries) = (lists.members.len() as u64, actor.entries.len().into());
        let (used, room) = actor.touched.lens();
        let (used, room) = (used.into(), apart(room.into(), likely_room(used)));
        pages.actors.push([key, units, ring, seen, set, lag, members, entries, used, room]);

        let entries = self.blocks.entries(actor.entries);
        for (key, entry) in self.blocks.keys(actor.entries).iter().zip(entries) {
            pages.keys.push(frame.near.row(*key, &lists.members));
            match entry {
                Entry::Acted(acted) => {
                    let member = lists.near(frame.near.pair(key.id()));
                    pages.acted.push(acted.row(frame, member));
                }
                Entry::Liked(run) => pages.liked.push(run.row(frame)),
                Entry::Following(following) => pages.following.push(following.row(frame)),
            }
        }
        let mut from_ms = frame.newest_ms;
        for touch in self.touches.of(actor.touched) {
            pages.touches.push(touch.row(from_ms, &lists.influencers));
            from_ms = touch.time_ms();
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
            lists.members.push(Member::from_row(pages.members.take()?, frame)?);
        }
        let own = [key, units, ring, seen, set, lag];
        let mut actor = Actor::from_row(own, frame, lists.members.first())?;
        lists.read_entries(narrow(entries)?, frame, pages)?;
        actor.entries = self.blocks.put_back(&lists.keys, &lists.entries);
        lists.read_touches(narrow(used)?, frame, pages)?;
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
        self.keys.clear();
        self.entries.clear();
        self.influencers.clear();
        self.touches.clear();
    }

    /// Notes an influencer that is acted on, and gives the membership in the segment.
    fn near(&mut self, (segment, influencer): (SegmentId, u32)) -> Option<&Member> {
        self.influencers.push(influencer);
        self.members.iter().find(|member| member.segment == segment)
    }

    fn read_entries(&mut self, len: u16, frame: &Frame, pages: &mut Pages) -> Result<(), Broken> {
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
            let [id, kind] = key.row();
            let entry = match kind {
                1 => {
                    let pair = match pair {
                        Some(pair) => pair,
                        None => frame.near.pair(frame.slot(id)?),
                    };
                    let member = self.near(pair);
                    Entry::Acted(Acted::from_row(pages.acted.take()?, frame, member)?)
                }
                2 => {
                    frame.slot(id)?;
                    Entry::Liked(Run::<Twentieths>::from_row(pages.liked.take()?, frame)?)
                }
                _ => {
                    frame.influencer(id)?;
                    Entry::Following(Following::from_row(pages.following.take()?, frame)?)
                }
            };
            self.entries.push(entry);
        }
        Ok(())
    }

    fn read_touches(&mut self, len: u8, frame: &Frame, pages: &mut Pages) -> Result<(), Broken> {
        let mut from_ms = frame.newest_ms;
        for _ in 0..len {
            let row = pages.touches.take()?;
            let touch = Touch::from_row(row, from_ms, &self.influencers, frame)?;
            from_ms = touch.time_ms();
            self.touches.push(touch);
        }
        Ok(())
    }
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
            touches: Page::new(),
        }
    }

    fn read(source: &mut impl Source) -> Result<Self, Broken> {
        Ok(Self {
            actors: Page::read(source)?,
            members: Page::read(source)?,
            keys: Page::read(source)?,
            acted: Page::read(source)?,
            liked: Page::read(source)?,
            following: Page::read(source)?,
            touches: Page::read(source)?,
        })
    }

    fn write(&mut self, columns: &mut impl Columns) {
        self.actors.write(columns);
        self.members.write(columns);
        self.keys.write(columns);
        self.acted.write(columns);
        self.liked.write(columns);
        self.following.write(columns);
        self.touches.write(columns);
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
        self.touches.end()
    }
}
