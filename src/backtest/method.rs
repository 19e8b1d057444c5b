//! The ways of ranking accounts that are held beside each other.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::Serialize;

use super::rivals::Rivalry;
use crate::model::SegmentStandings;

/// A number by which accounts can be ranked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// The score.
    Influence,
    /// Its part for proven conversions.
    Convert,
    Popularity,
    /// Followers gained.
    Followers,
    LastTouch,
    /// Attribution that fades with the time between touch and conversion.
    TimeDecay,
    /// Comparison of different people, as active, with as many purchases before.
    BetweenPerson,
    /// Acts that fade, neither capped nor concave.
    DecayedCounts,
}

/// What each method says of an account, in the order of [`Method::ALL`].
pub type Scores = [f64; Method::ALL.len()];

impl Method {
    pub const ALL: [Self; 8] = [
        Self::Influence,
        Self::Convert,
        Self::Popularity,
        Self::Followers,
        Self::LastTouch,
        Self::TimeDecay,
        Self::BetweenPerson,
        Self::DecayedCounts,
    ];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Influence => "influence",
            Self::Convert => "convert points",
            Self::Popularity => "popularity",
            Self::Followers => "follower count",
            Self::LastTouch => "last touch",
            Self::TimeDecay => "time decay",
            Self::BetweenPerson => "between-person lift",
            Self::DecayedCounts => "decayed counts",
        }
    }

    /// What this method says.
    #[must_use]
    pub fn of(self, scores: &Scores) -> f64 {
        scores.get(self as usize).copied().unwrap_or_default()
    }
}

/// What every method says of each account of a segment, by name.
#[must_use]
#[allow(clippy::implicit_hasher, reason = "made by the rivals")]
pub fn scores(
    standings: &SegmentStandings,
    rivals: &HashMap<Arc<str>, Rivalry>,
) -> BTreeMap<Arc<str>, Scores> {
    let mut scores: BTreeMap<Arc<str>, Scores> = BTreeMap::new();
    for (name, rival) in rivals {
        let of = scores.entry(Arc::clone(name)).or_default();
        set(of, Method::LastTouch, rival.last_touch);
        set(of, Method::BetweenPerson, rival.between.incremental());
        set(of, Method::DecayedCounts, rival.decayed_counts);
    }
    for standing in &standings.influencers {
        let of = scores.entry(Arc::clone(&standing.influencer)).or_default();
        set(of, Method::Influence, standing.score);
        set(of, Method::Convert, standing.convert_points);
        set(of, Method::Popularity, standing.popularity);
        set(of, Method::Followers, standing.followers_gained as f64);
        set(of, Method::TimeDecay, standing.attributed_conversions);
    }
    scores
}

fn set(scores: &mut Scores, method: Method, value: f64) {
    if let Some(score) = scores.get_mut(method as usize) {
        *score = value;
    }
}
