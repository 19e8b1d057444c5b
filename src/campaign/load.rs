//! A load for measurements: many actors with a few favourites each, popular and active by Zipf.
//! Invariant: an event costs a fixed number of draws and no allocation.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::zipf::Zipf;
use crate::model::Kind;

const DAY_MS: i64 = 86_400_000;

/// Kinds by how many of a hundred events they are.
const MIX: [(u64, Kind); 7] = [
    (45, Kind::Retweet),
    (20, Kind::Like),
    (15, Kind::Reply),
    (10, Kind::Mention),
    (5, Kind::Quote),
    (4, Kind::Click),
    (1, Kind::Follow),
];

/// What a load is made from; equal loads give equal events.
#[derive(Clone, Debug, PartialEq)]
pub struct Load {
    pub seed: u64,
    pub events: u64,
    pub actors: u32,
    pub influencers: u32,
    pub segments: u16,
    /// Influencers that one actor acts on.
    pub favourites: u32,
    /// Exponent of the Zipf law of influencers' popularity.
    pub popularity_exponent: f64,
    /// Exponent of the Zipf law of actors' activity.
    pub activity_exponent: f64,
    /// Event time that the stream spans.
    pub days: u16,
    /// Time of the first event, ms since the Unix epoch.
    pub start_ms: i64,
    /// Whether events carry an `id`.
    pub ids: bool,
    /// Of a thousand events, how many are conversions.
    pub conversions: u16,
}

/// One event of a load, in numbers; names come out of [`LoadEvent::write_json`] and
/// [`LoadEvent::write_actor`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoadEvent {
    /// 0, 1, … in the order of the stream.
    pub number: u64,
    pub kind: Kind,
    pub time_ms: i64,
    pub actor: LoadActor,
    /// The influencer acted on; a conversion names none.
    pub target: u32,
    pub segment: u16,
    pub post: u16,
}

/// Who acts: a member of the audience or, now and then, an influencer who answers another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadActor {
    Member(u32),
    Influencer(u32),
}

/// The events of a load, in the order of their times.
pub struct LoadEvents {
    load: Load,
    random: ChaCha8Rng,
    actors: Zipf,
    influencers: Zipf,
    number: u64,
}

impl Default for Load {
    fn default() -> Self {
        Self {
            seed: 1,
            events: 5_000_000,
            actors: 200_000,
            influencers: 5_000,
            segments: 16,
            favourites: 8,
            popularity_exponent: 1.0,
            activity_exponent: 0.7,
            days: 14,
            start_ms: 20_000 * DAY_MS,
            ids: true,
            conversions: 0,
        }
    }
}

impl Load {
    /// The stream. Counts of 0 are taken as 1; with a single influencer nobody answers another.
    #[must_use]
    pub fn generate(self) -> LoadEvents {
        LoadEvents {
            random: ChaCha8Rng::seed_from_u64(self.seed),
            actors: Zipf::new(self.actors.max(1), self.activity_exponent),
            influencers: Zipf::new(self.influencers.max(1), self.popularity_exponent),
            number: 0,
            load: self,
        }
    }
}

impl LoadEvents {
    /// The `choice`-th favourite of an actor, which it is for ever.
    fn favourite(&self, actor: u32, choice: u32) -> u32 {
        let place = (u64::from(actor) << 32 | u64::from(choice)) ^ self.load.seed.rotate_left(17);
        self.influencers.rank(mixed(place))
    }

    fn time_ms(&mut self) -> i64 {
        let span = u128::from(self.load.days.max(1)) * u128::from(DAY_MS.unsigned_abs());
        let part = u128::from(self.number) * span / u128::from(self.load.events.max(1));
        self.load.start_ms.saturating_add(i64::try_from(part).unwrap_or(i64::MAX))
    }

    fn member_acts(&mut self, kind: Kind, time_ms: i64, draw: u64) -> LoadEvent {
        let actor = self.actors.rank(self.random.random());
        let target = self.favourite(actor, below(draw, self.load.favourites.max(1)));
        // Another stream of bits than the favourites': an actor has one segment for ever.
        let segment = below(mixed(!u64::from(actor)), self.load.segments.max(1).into());
        LoadEvent {
            number: self.number,
            kind,
            time_ms,
            actor: LoadActor::Member(actor),
            target,
            segment: u16::try_from(segment).unwrap_or_default(),
            post: (draw & 0x3ff) as u16,
        }
    }
}

impl Iterator for LoadEvents {
    type Item = LoadEvent;

    fn next(&mut self) -> Option<LoadEvent> {
        if self.number >= self.load.events {
            return None;
        }
        let draw: u64 = self.random.random();
        let converts = below(mixed(!draw), 1_000) < self.load.conversions.into();
        let kind = if converts { Kind::Conversion } else { kind_of(draw % 100) };
        let time_ms = self.time_ms();
        let mut event = self.member_acts(kind, time_ms, mixed(draw));
        // One reply in 16 is an influencer's, so that some have outbound acts.
        if kind == Kind::Reply && draw >> 60 == 0 {
            let answering = self.influencers.rank(mixed(draw ^ 1));
            if answering != event.target {
                event.actor = LoadActor::Influencer(answering);
            }
        }
        self.number += 1;
        Some(event)
    }
}

impl LoadEvent {
    /// Appends the canonical event as JSON, about 200 bytes with an id, without a line end.
    pub fn write_json(&self, ids: bool, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{");
        if ids {
            out.extend_from_slice(b"\"id\":\"load-");
            write_digits(self.number, 12, out);
            out.extend_from_slice(b"\",");
        }
        out.extend_from_slice(b"\"kind\":\"");
        out.extend_from_slice(self.kind.as_str().as_bytes());
        out.extend_from_slice(b"\",\"time\":");
        write_digits(self.time_ms.unsigned_abs(), 13, out);
        out.extend_from_slice(b",\"actor\":\"");
        self.write_actor(out);
        if self.kind != Kind::Conversion {
            out.extend_from_slice(b"\",\"target\":\"");
            self.write_target(out);
        }
        out.extend_from_slice(b"\",\"segments\":[\"");
        self.write_segment(out);
        out.extend_from_slice(b"\"],\"campaign\":\"spring-collection\",");
        if self.kind == Kind::Conversion {
            out.extend_from_slice(b"\"currency\":\"EUR\",\"value\":");
            write_digits(u64::from(self.post) + 1, 1, out);
        } else {
            out.extend_from_slice(b"\"post\":\"post-");
            write_digits(self.target.into(), 6, out);
            out.push(b'-');
            write_digits(self.post.into(), 4, out);
            out.push(b'"');
        }
        out.push(b'}');
    }

    /// Appends the actor's name.
    pub fn write_actor(&self, out: &mut Vec<u8>) {
        match self.actor {
            LoadActor::Member(number) => {
                out.extend_from_slice(b"member-");
                write_digits(number.into(), 7, out);
            }
            LoadActor::Influencer(number) => write_influencer(number, out),
        }
    }

    /// Appends the target's name.
    pub fn write_target(&self, out: &mut Vec<u8>) {
        write_influencer(self.target, out);
    }

    /// Appends the segment's name.
    pub fn write_segment(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"segment-");
        write_digits(self.segment.into(), 2, out);
    }
}

fn write_influencer(number: u32, out: &mut Vec<u8>) {
    out.extend_from_slice(b"influencer-");
    write_digits(number.into(), 6, out);
}

/// Appends a number in at least `width` digits.
fn write_digits(mut number: u64, width: usize, out: &mut Vec<u8>) {
    let mut digits = [b'0'; 20];
    let mut length = 0;
    for digit in digits.iter_mut().rev() {
        if number == 0 && length >= width {
            break;
        }
        *digit = b'0' + u8::try_from(number % 10).unwrap_or_default();
        number /= 10;
        length += 1;
    }
    out.extend_from_slice(digits.get(digits.len() - length..).unwrap_or_default());
}

fn kind_of(percent: u64) -> Kind {
    let mut passed = 0;
    for (share, kind) in MIX {
        passed += share;
        if percent < passed {
            return kind;
        }
    }
    Kind::Retweet
}

/// A number below `bound`, alike for all when the bits are.
fn below(bits: u64, bound: u32) -> u32 {
    (((bits >> 32) * u64::from(bound)) >> 32) as u32
}

/// The finalizer of `SplitMix64`: every bit of the input changes half of the output's.
fn mixed(bits: u64) -> u64 {
    let bits = bits.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}
