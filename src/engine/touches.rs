//! The acts to which a conversion may be attributed, by actor, and what they are worth.
//!
//! Invariant: what is dropped can be no share of a conversion that is still to be settled in time.

use std::cmp::Reverse;

use super::pool::{Block, Pool};
use super::prefetch::prefetch;
use crate::model::Params;

/// Touches of one actor at most; the oldest go.
const MAX_TOUCHES: usize = 255;

/// Shorter lists just grow.
const COMPACTED_FROM: usize = 12;

/// An act of amplify or relate on an influencer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Touch {
    /// The 32 low and 16 high bits of its event time.
    time_low: u32,
    time_high: u16,
    quarters: u16,
    pub(super) influencer: u32,
}

const _: () = assert!(size_of::<Touch>() == 12, "five touches must fit a cache line");

/// The touches of one actor.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Touched {
    list: Block,
    /// How long the list may become before it is compacted: twice what the last time left.
    most: u8,
}

/// The touches of all actors.
pub(super) struct Touches {
    pool: Pool<Touch>,
    lookback_ms: i64,
    most: usize,
    scratch: Vec<Touch>,
    len: usize,
    evicted: u64,
}

impl Touch {
    pub(super) fn new(time_ms: i64, quarters: u32, influencer: u32) -> Self {
        let [a, b, c, d, e, f, ..] = time_ms.to_le_bytes();
        Self {
            time_low: u32::from_le_bytes([a, b, c, d]),
            time_high: u16::from_le_bytes([e, f]),
            quarters: u16::try_from(quarters).unwrap_or(u16::MAX),
            influencer,
        }
    }

    pub(super) const fn time_ms(&self) -> i64 {
        (self.time_high as i64) << 32 | self.time_low as i64
    }

    pub(super) fn weight(&self) -> f64 {
        f64::from(self.quarters) / 4.0
    }
}

impl Touches {
    pub(super) fn new(params: &Params) -> Self {
        Self {
            pool: Pool::new(),
            lookback_ms: params.lookback_ms,
            most: params.max_touches as usize,
            scratch: Vec::new(),
            len: 0,
            evicted: 0,
        }
    }

    /// Adds a touch. Conversions before `settled_ms` are settled; `name` gives that of an
    /// influencer, which decides between those touched last at the same time.
    pub(super) fn push<'a>(
        &mut self,
        of: &mut Touched,
        touch: Touch,
        settled_ms: i64,
        name: impl Fn(u32) -> &'a str,
    ) {
        if of.list.len() as usize >= COMPACTED_FROM.max(of.most.into()) {
            self.compact(of, settled_ms, name);
        }
        self.pool.push(&mut of.list, touch);
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
        let touches = self.pool.list(of.list).iter().copied();
        into.clear();
        into.extend(touches.filter(|t| from_ms <= t.time_ms() && t.time_ms() < time_ms));
        keep_last(into, self.most, name);
    }

    pub(super) fn forget(&mut self, of: &mut Touched) {
        self.len -= of.list.len() as usize;
        self.pool.resize(&mut of.list, 0);
        of.most = 0;
    }

    /// Asks for the place where the next touch goes.
    pub(super) fn prefetch(&self, of: Touched) {
        if let Some(place) = self.pool.next_place(of.list) {
            prefetch(place);
        }
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    pub(super) const fn bytes(&self) -> usize {
        self.pool.bytes()
    }

    pub(super) const fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Drops what no conversion from `settled_ms` on can be attributed to.
    fn compact<'a>(&mut self, of: &mut Touched, settled_ms: i64, name: impl Fn(u32) -> &'a str) {
        let (from_ms, before) = (settled_ms - self.lookback_ms, of.list.len() as usize);
        let touches = self.pool.list(of.list);
        self.scratch.clear();
        let settled = touches.iter().filter(|t| (from_ms..settled_ms).contains(&t.time_ms()));
        self.scratch.extend(settled);
        keep_last(&mut self.scratch, self.most, name);
        self.scratch.reverse();
        self.scratch.extend(touches.iter().filter(|t| t.time_ms() >= settled_ms));
        let len = self.scratch.len();
        // With room for more, so that a list at its limit is not compacted at each touch.
        let over = if len < MAX_TOUCHES { 0 } else { len - MAX_TOUCHES * 3 / 4 };
        self.evicted += over as u64;
        self.pool.replace(&mut of.list, &self.scratch[over..]);
        self.len -= before - (len - over);
        of.most = u8::try_from(2 * (len - over)).unwrap_or(u8::MAX);
    }
}

/// Keeps the last touch of each influencer (at one time the heavier), the latest `most` of them,
/// the latest first and at one time by name.
fn keep_last<'a>(touches: &mut Vec<Touch>, most: usize, name: impl Fn(u32) -> &'a str) {
    touches.sort_unstable_by_key(|t| (t.influencer, Reverse((t.time_ms(), t.quarters))));
    touches.dedup_by_key(|t| t.influencer);
    touches.sort_unstable_by(|a, b| {
        b.time_ms().cmp(&a.time_ms()).then_with(|| name(a.influencer).cmp(name(b.influencer)))
    });
    touches.truncate(most);
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    const NAMES: [&str; 30] = [
        "z", "y", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q", "r",
        "s", "t", "u", "v", "w", "x", "b", "a", "aa", "ab", "ac", "ad",
    ];

    fn name(influencer: u32) -> &'static str {
        NAMES[influencer as usize]
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
                let touch =
                    Touch::new(time_ms, random.random_range(1..7), random.random_range(0..30));
                few.push(&mut touched, touch, settled_ms, name);
                whole.push(touch);
                let (mut kept, mut wanted) = (Vec::new(), Vec::new());
                for time_ms in [settled_ms, settled_ms + 300_000, settled_ms + 86_400_000] {
                    few.before(touched, time_ms, name, &mut kept);
                    let mut all = (Touches::new(&params), Touched::default());
                    all.0.pool.replace(&mut all.1.list, &whole);
                    all.0.before(all.1, time_ms, name, &mut wanted);
                    assert_eq!(kept, wanted, "seed {seed}");
                }
            }
            assert!(few.len() < 100 && few.len() == touched.list.len() as usize);
        }
    }

    #[test]
    fn the_limit_takes_the_oldest() {
        let mut touches = Touches::new(&Params::default());
        let (mut touched, mut last) = (Touched::default(), Vec::new());
        for n in 0..2_000 {
            touches.push(&mut touched, Touch::new(1_000_000 + n, 4, 0), 0, name);
            assert!(touches.len() <= MAX_TOUCHES + 1);
        }
        touches.before(touched, 2_000_000, name, &mut last);
        assert_eq!(last, [Touch::new(1_001_999, 4, 0)]);
        assert_eq!(touches.evicted() + touches.len() as u64, 2_000);
    }
}
