//! A change in who moves an audience, as it is announced.
//!
//! Invariant: a shift that is found again, after a restart from an older state, has the same id.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One change, with the numbers that show it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Shift {
    pub id: ShiftId,
    pub rule: Rule,
    pub segment: Arc<str>,
    /// Who it is about; of a change of leader, the new one.
    pub influencer: Arc<str>,
    /// Event time at which it was found, ms since the Unix epoch.
    pub at_ms: i64,
    /// The number before and after, in the unit of [`Rule::measure`]; nothing where there is none.
    pub before: Option<f64>,
    pub after: Option<f64>,
    /// The former leader or the former label; nothing of other rules.
    pub previous: Option<Arc<str>>,
    /// All of that as an English sentence.
    pub summary: String,
}

/// Tells shifts apart, for those who receive one twice; written as 16 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ShiftId(pub u64);

/// What kind of change it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    LeaderChanged,
    TopEntered,
    TopLeft,
    ScoreRose,
    ScoreFell,
    ShareSurge,
    ShareDrop,
    LiftProven,
    LiftLost,
    PopularityWithoutInfluence,
    LabelChanged,
}

/// The text is not 16 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the id of a shift, 16 hexadecimal digits")]
pub struct NotAShiftId;

impl Rule {
    pub const ALL: [Self; 11] = [
        Self::LeaderChanged,
        Self::TopEntered,
        Self::TopLeft,
        Self::ScoreRose,
        Self::ScoreFell,
        Self::ShareSurge,
        Self::ShareDrop,
        Self::LiftProven,
        Self::LiftLost,
        Self::PopularityWithoutInfluence,
        Self::LabelChanged,
    ];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LeaderChanged => "leader_changed",
            Self::TopEntered => "top_entered",
            Self::TopLeft => "top_left",
            Self::ScoreRose => "score_rose",
            Self::ScoreFell => "score_fell",
            Self::ShareSurge => "share_surge",
            Self::ShareDrop => "share_drop",
            Self::LiftProven => "lift_proven",
            Self::LiftLost => "lift_lost",
            Self::PopularityWithoutInfluence => "popularity_without_influence",
            Self::LabelChanged => "label_changed",
        }
    }

    /// Whether it is told of a number that goes on moving.
    #[must_use]
    pub const fn is_move(self) -> bool {
        matches!(
            self,
            Self::ScoreRose
                | Self::ScoreFell
                | Self::ShareSurge
                | Self::ShareDrop
                | Self::PopularityWithoutInfluence
        )
    }

    /// What `before` and `after` are: points of a score, a rank, a share of 0–1, or the low end of
    /// a rate ratio.
    #[must_use]
    pub const fn measure(self) -> &'static str {
        match self {
            Self::LeaderChanged | Self::ScoreRose | Self::ScoreFell | Self::LabelChanged => "score",
            Self::TopEntered | Self::TopLeft => "rank",
            Self::ShareSurge | Self::ShareDrop => "share",
            Self::LiftProven | Self::LiftLost => "rate_ratio_low",
            Self::PopularityWithoutInfluence => "popularity",
        }
    }
}

impl fmt::Display for ShiftId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for ShiftId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for ShiftId {
    type Err = NotAShiftId;

    fn from_str(text: &str) -> Result<Self, NotAShiftId> {
        let hex = text.len() == 16 && text.bytes().all(|b| b.is_ascii_hexdigit());
        u64::from_str_radix(text, 16).ok().filter(|_| hex).map(Self).ok_or(NotAShiftId)
    }
}

impl Serialize for ShiftId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ShiftId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'_, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_have_one_name_in_json_and_in_labels() {
        for rule in Rule::ALL {
            assert_eq!(serde_json::to_value(rule).unwrap(), rule.as_str());
        }
    }

    #[test]
    fn ids_are_read_as_they_are_written() {
        for id in [0, 0x00ab_cdef, u64::MAX] {
            assert_eq!(ShiftId(id).to_string().parse(), Ok(ShiftId(id)));
        }
        for text in ["", "abc", "+123456789abcdef", "0123456789abcdef0", "0123456789abcdeg"] {
            assert_eq!(text.parse::<ShiftId>(), Err(NotAShiftId), "{text}");
        }
    }
}
