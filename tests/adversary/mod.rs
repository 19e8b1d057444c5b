//! Streams from seeds, made to provoke: a small pool of people who act, buy, give back, leave and
//! come again at the edges of everything that has one. No event arrives as late as the grace.
//!
//! A seed is a stream for ever; [`shrunk`] makes one on which something fails short.

#![allow(dead_code, unused_imports, reason = "each test binary uses a part of it")]

mod constants;
mod crowd;
mod shrink;
mod story;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::oracle::{Event, Params};

pub(crate) use shrink::shrunk;

const DAY: i64 = 86_400_000;
const START: i64 = 20_000 * DAY;

/// What a stream is made to provoke.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Made {
    /// Silences of any length; nobody is erased, for runs that have ended stay in the sums.
    Silent,
    /// People are erased; no silence is longer than the retention.
    Erased,
    /// So many acts and sales that the effects of several accounts are established.
    Dense,
}

#[derive(Clone)]
pub(crate) struct Stream {
    pub(crate) made: Made,
    pub(crate) params: Params,
    /// In order of arrival.
    pub(crate) events: Vec<Event>,
}

pub(crate) fn stream(seed: u64) -> Stream {
    let made = [Made::Silent, Made::Erased, Made::Dense][(seed % 3) as usize];
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let params = constants::choose(&mut random, made);
    let events = match made {
        Made::Silent | Made::Erased => story::tell(random, &params, made),
        Made::Dense => crowd::gather(random, &params),
    };
    Stream { made, params, events }
}

/// How many accounts of a result have an effect that its interval vouches for, in the segment
/// with the most.
pub(crate) fn established(result: &serde_json::Value, params: &Params) -> usize {
    let is_established = |fields: &serde_json::Value| {
        let lift = &fields["lift"];
        let end = |end: &str| lift[end].as_f64().unwrap_or(1.0);
        let conversions = lift["exposed_conversions"].as_f64().unwrap_or_default();
        conversions >= params.min_conversions && (end("low") > 1.0 || end("high") < 1.0)
    };
    let segments = result["segments"].as_object().expect("segments is a table").values();
    let influencers = segments.filter_map(|segment| segment["influencers"].as_object());
    influencers.map(|all| all.values().filter(|one| is_established(one)).count()).max().unwrap_or(0)
}
