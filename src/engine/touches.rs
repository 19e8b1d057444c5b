//! The acts to which a conversion may be attributed, by actor, and what they are worth.
//!
//! Invariant: what is dropped can be no share of a conversion that is still to be settled in time.

use std::cmp::Reverse;

use super::columns::{Broken, moment, narrow, since};
use super::picture::Frame;
use super::pool::{Block, Pool};
use super::prefetch::{prefetch_list, prefetch_whole};
use crate::model::Params;

/// Touches of one actor at most; the oldest go.
const MAX_TOUCHES: u16 = 255;

/// In a picture, from where on influencers are told by their numbers.
const FAR: u64 = 1 << 16;

/// Of a touch's rank.
const QUARTERS_BITS: u32 = 16;

/// Shorter lists just grow.
const COMPACTED_FROM: u16 = 16;

/// In a table of where kept touches lie, by the number of their influencer mod this.
const PLACES: usize = 64;

/// Not among those kept.
const NOWHERE: u8 = u8::MAX;

/// An act of amplify or relate on an influencer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C, packed(4))]
pub(super) struct Touch {
    /// Its event time, and in the 16 low bits its quarters: of two at one time the heavier is the
    /// later one.
    rank: u64,
    pub(super) influencer: u32,
}

const _: () = assert!(size_of::<Touch>() == 12, "five touches must fit a cache line");

/// The touches of one actor, in no particular order.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Touched {
    /// As long as there is room.
    list: Block,
    /// How much of it is in use.
    used: u8,
}

/// The touches of all actors.
pub(super) struct Touches {
    pool: Pool<Touch>,
    lookback_ms: i64,
    most: usize,
    len: usize,
    evicted: u64,
    /// Where those wait that are not settled while their list is compacted.
    unsettled: Vec<Touch>,
}

impl Touch {
    pub(super) fn new(time_ms: i64, quarters: u32, influencer: u32) -> Self {
        let quarters = quarters.min(u16::MAX.into());
        Self { rank: time_ms.cast_unsigned() << QUARTERS_BITS | u64::from(quarters), influencer }
    }

    pub(super) const fn time_ms(&self) -> i64 {
        (self.rank >> QUARTERS_BITS).cast_signed()
    }

    pub(super) const fn quarters(&self) -> u16 {
        (self.rank & 0xffff) as u16
    }

    pub(super) fn weight(&self) -> f64 {
        f64::from(self.quarters()) / 4.0
    }
}

impl Touch {
    /// Told from the moment `from_ms`, and by the place of the influencer among `near`, if it is
    /// there.
    pub(super) fn row(&self, from_ms: i64, near: &[u32]) -> [u64; 3] {
        let place = near.iter().position(|influencer| *influencer == self.influencer);
        let influencer = place.map_or(u64::from(self.influencer) + FAR, |place| place as u64);
        [since(self.time_ms(), from_ms), self.quarters().into(), influencer]
    }

    pub(super) fn from_row(
        row: [u64; 3],
        from_ms: i64,
        near: &[u32],
        frame: &Frame,
    ) -> Result<Self, Broken> {
        let [time, quarters, influencer] = row;
        let time_ms = moment(time, from_ms);
        if !(0..1 << 48).contains(&time_ms) {
            return Err(Broken::Content("touch"));
        }
        let quarters: u16 = narrow(quarters)?;
        let influencer = match influencer.checked_sub(FAR) {
            Some(number) => frame.influencer(number)?,
            None => *near.get(narrow::<usize>(influencer)?).ok_or(Broken::Content("touch"))?,
        };
        Ok(Self::new(time_ms, quarters.into(), influencer))
    }
}

impl Touched {
    /// Touches in use, and those that there is room for.
    pub(super) const fn lens(self) -> (u8, u16) {
        (self.used, self.list.len())
    }
}

impl Touches {
    pub(super) fn new(params: &Params) -> Self {
        Self {
            pool: Pool::new(),
            lookback_ms: params.lookback_ms,
            most: params.max_touches as usize,
            len: 0,
            evicted: 0,
            unsettled: Vec::new(),
        }
    }

    /// Adds a touch. Conversions before `settled_ms` are settled; `name` gives that of an
    /// influencer, which decides between those touched last at the same time.
    #[inline]
    pub(super) fn push<'a>(
        &mut self,
        of: &mut Touched,
        touch: Touch,
        settled_ms: i64,
        name: impl Fn(u32) -> &'a str,
    ) {
        if u16::from(of.used) == of.list.len() {
            self.make_room(of, settled_ms, name);
        }
        *self.pool.record_mut(of.list, of.used.into()) = touch;
        of.used += 1;
        self.len += 1;
    }

    /// The last touch of each influencer in the look-back before `time_ms`, the latest first, at
    /// most as many as may share a conversion.
    pub(super) fn before<'a>(
        &self,
        of: Touched,
        time_ms: i64,
        name: impl Fn(u32) -> &'a str,
        into: &mut Vec<Touch>,
    ) {
        let from_ms = time_ms - self.lookback_ms;
        into.clear();
        into.extend_from_slice(self.list(of));
        let last = keep_last(into, |touch| (from_ms..time_ms).contains(&touch.time_ms()));
        into.truncate(last);
        sort_latest(into, name);
        into.truncate(self.most);
    }

    pub(super) fn forget(&mut self, of: &mut Touched) {
        self.len -= usize::from(of.used);
        self.pool.resize(&mut of.list, 0);
        of.used = 0;
    }

    /// Asks for what the next touch will change: its place, or a list without room.
    #[inline(always)]
    pub(super) fn prefetch(&self, of: Touched) {
        let list = self.pool.list(of.list);
        match list.get(usize::from(of.used)) {
            Some(place) => prefetch_whole(place),
            None => prefetch_list(list),
        }
    }

    /// The touches of an actor, in the order in which they lie.
    pub(super) fn of(&self, of: Touched) -> &[Touch] {
        self.list(of)
    }

    /// Takes in touches as they were, with room for `room`.
    pub(super) fn put_back(&mut self, touches: &[Touch], room: u16) -> Result<Touched, Broken> {
        let used = u8::try_from(touches.len()).ok().filter(|used| u16::from(*used) <= room);
        let used = used.filter(|_| room <= MAX_TOUCHES).ok_or(Broken::Content("touches"))?;
        let mut list = Block::default();
        self.pool.resize(&mut list, room);
        self.pool.list_mut(list)[..touches.len()].copy_from_slice(touches);
        self.len += touches.len();
        Ok(Touched { list, used })
    }

    pub(super) fn set_evicted(&mut self, evicted: u64) {
        self.evicted = evicted;
    }

    /// The same touches once more, to be read only.
    pub(super) fn share(&mut self) -> Self {
        Self { pool: self.pool.share(), unsettled: Vec::new(), ..*self }
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    pub(super) const fn bytes(&self) -> usize {
        self.pool.bytes()
    }

    /// Bytes of blocks that actors have outgrown.
    pub(super) const fn outgrown_bytes(&self) -> usize {
        self.pool.outgrown_bytes()
    }

    pub(super) const fn evicted(&self) -> u64 {
        self.evicted
    }

    fn list(&self, of: Touched) -> &[Touch] {
        &self.pool.list(of.list)[..of.used.into()]
    }

    /// Drops what no conversion from `settled_ms` on can be attributed to; when that leaves little
    /// room, there will be twice as much.
    #[inline(never)]
    fn make_room<'a>(&mut self, of: &mut Touched, settled_ms: i64, name: impl Fn(u32) -> &'a str) {
        let room = of.list.len();
        if room >= COMPACTED_FROM {
            self.compact(of, settled_ms, name);
        }
        if u16::from(of.used) * 3 >= room * 2 && room < MAX_TOUCHES {
            self.pool.resize(&mut of.list, (2 * room).clamp(2, MAX_TOUCHES));
        }
    }

    fn compact<'a>(&mut self, of: &mut Touched, settled_ms: i64, name: impl Fn(u32) -> &'a str) {
        let from_ms = settled_ms - self.lookback_ms;
        let list = &mut self.pool.list_mut(of.list)[..of.used.into()];
        let mut kept = keep_last(list, |touch| {
            let is_unsettled = touch.time_ms() >= settled_ms;
            if is_unsettled {
                self.unsettled.push(*touch);
            }
            !is_unsettled && touch.time_ms() >= from_ms
        });
        if kept > self.most {
            sort_latest(&mut list[..kept], name);
            kept = self.most;
        }
        list[kept..][..self.unsettled.len()].copy_from_slice(&self.unsettled);
        kept += self.unsettled.len();
        self.unsettled.clear();
        if kept >= MAX_TOUCHES.into() {
            // With room for more, so that not each touch has to make room.
            let most = usize::from(MAX_TOUCHES) * 3 / 4;
            self.evicted += (kept - most) as u64;
            list[..kept]
                .sort_unstable_by_key(|t| Reverse((t.time_ms(), t.influencer, t.quarters())));
            kept = most;
        }
        self.len -= list.len() - kept;
        of.used = u8::try_from(kept).unwrap_or(u8::MAX);
    }
}

/// Gathers at the front of a list the last touch of each influencer, of those that `counts` holds
/// for; gives how many there are.
fn keep_last(list: &mut [Touch], mut counts: impl FnMut(&Touch) -> bool) -> usize {
    let (mut kept, mut places) = (0, [NOWHERE; PLACES]);
    for at in 0..list.len() {
        let touch = list[at];
        if !counts(&touch) {
            continue;
        }
        let place = &mut places[touch.influencer as usize % PLACES];
        let known = match usize::from(*place) {
            at if at < kept && list[at].influencer == touch.influencer => Some(at),
            at if at < kept => list[..kept].iter().position(|t| t.influencer == touch.influencer),
            _ => None,
        };
        if let Some(known) = known {
            list[known].rank = list[known].rank.max(touch.rank);
        } else {
            list[kept] = touch;
            *place = u8::try_from(kept).unwrap_or(NOWHERE);
            kept += 1;
        }
    }
    kept
}

/// The latest first, and at one time by name.
fn sort_latest<'a>(touches: &mut [Touch], name: impl Fn(u32) -> &'a str) {
    touches.sort_unstable_by(|a, b| {
        b.time_ms().cmp(&a.time_ms()).then_with(|| name(a.influencer).cmp(name(b.influencer)))
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ops::Range;

    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    const NAMES: [&str; 30] = [
        "z", "y", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q", "r",
        "s", "t", "u", "v", "w", "x", "b", "a", "aa", "ab", "ac", "ad",
    ];

    /// From one number to the next: some of them share a place.
    const APART: u32 = 16;

    fn name(influencer: u32) -> &'static str {
        NAMES[(influencer / APART) as usize]
    }

    fn last_of(touches: &[Touch], influencer: u32, times: &Range<i64>) -> Option<Touch> {
        let of_one = touches.iter().filter(|touch| touch.influencer == influencer);
        let in_time = of_one.filter(|touch| times.contains(&touch.time_ms()));
        in_time.max_by_key(|touch| (touch.time_ms(), touch.quarters())).copied()
    }

    /// What is kept must attribute every conversion from `settled_ms` on as everything would.
    #[test]
    fn what_is_dropped_is_no_share_of_a_later_conversion() {
        let params = Params::default();
        for seed in 0..50 {
            let mut random = ChaCha8Rng::seed_from_u64(seed);
            let mut few = Touches::new(&params);
            let (mut touched, mut whole) = (Touched::default(), Vec::new());
            let mut settled_ms = 1_000_000_000;
            for _ in 0..200 {
                settled_ms += random.random_range(0..40_000_000);
                let time_ms = settled_ms + random.random_range(-3..600_000);
                let (quarters, influencer) =
                    (random.random_range(1..7), random.random_range(0..30));
                let touch = Touch::new(time_ms, quarters, APART * influencer);
                few.push(&mut touched, touch, settled_ms, name);
                whole.push(touch);
                let (mut kept, mut wanted) = (Vec::new(), Vec::new());
                for time_ms in [settled_ms, settled_ms + 300_000, settled_ms + 86_400_000] {
                    few.before(touched, time_ms, name, &mut kept);
                    let looked_back = time_ms - params.lookback_ms..time_ms;
                    wanted.clear();
                    wanted.extend((0..30).filter_map(|n| last_of(&whole, APART * n, &looked_back)));
                    sort_latest(&mut wanted, name);
                    wanted.truncate(params.max_touches as usize);
                    assert_eq!(kept, wanted, "seed {seed}");
                }
            }
            assert!(few.len() < 100 && few.len() == usize::from(touched.used));
        }
    }

    #[test]
    fn the_limit_takes_the_oldest() {
        let mut store = Touches::new(&Params::default());
        let (mut of, mut last) = (Touched::default(), Vec::new());
        for n in 0..2_000 {
            store.push(&mut of, Touch::new(1_000_000 + n, 4, 0), 0, name);
            assert!(store.len() <= usize::from(MAX_TOUCHES));
        }
        store.before(of, 2_000_000, name, &mut last);
        assert_eq!(last, [Touch::new(1_001_999, 4, 0)]);
        assert_eq!(store.evicted() + store.len() as u64, 2_000);
    }
}
