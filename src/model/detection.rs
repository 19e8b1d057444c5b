//! When a change counts as a shift: thresholds, windows and rests, for all segments and for single
//! ones.
//!
//! Invariant: what a segment does not say is as for all others.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::ParamsError;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

/// When a change of influence counts as a shift. All times are event time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Detection {
    /// Ranks that are the top: who enters or leaves it is told. Who falls out has to fall below
    /// it by a fifth.
    pub top_k: usize,
    /// Score below which nobody enters the top or becomes leader; who has half of it leaves.
    pub min_score: f64,
    /// Points by which a new leader has to lead; a smaller lead counts once it lasted for hold.
    pub leader_margin: f64,
    /// How far back moves of score and popularity are measured. One that goes on is told once: it
    /// has to come to rest, at less than half of what it takes within the window.
    #[schemars(schema_with = "millis")]
    pub window_ms: i64,
    /// Points that a score has to move by within the window.
    pub score_points: f64,
    /// The same of shares, which go no faster than credit is forgotten: in two half-lives of it
    /// three quarters of the way.
    #[schemars(schema_with = "millis")]
    pub share_window_ms: i64,
    /// Factor that a share of the audience has to grow or shrink by within its window.
    pub share_ratio: f64,
    /// What a share has to move by as well, of 1.
    pub share_min: f64,
    /// Factor that popularity has to grow by within the window, while what is passed on does not.
    pub popularity_ratio: f64,
    /// Points that popularity has to grow by as well.
    pub popularity_points: f64,
    /// Part of the effects told as proven that may be none, by one table of lifts; that no effect
    /// is proven any longer goes by the model's own. Each table is another chance for what is not:
    /// from day to day, within its window, about ten times as many as one table has.
    pub false_discovery_rate: f64,
    /// Tables of lifts in a row, one a bucket, that have to prove an effect, or to prove it no
    /// longer.
    pub proof_tables: u32,
    /// How long a small lead or a new label has to last: longer than one table of lifts, from
    /// which to the next points for conversions move by some.
    #[schemars(schema_with = "millis")]
    pub hold_ms: i64,
    /// Rest after a shift in which the same rule tells nothing of the same influencer.
    #[schemars(schema_with = "millis")]
    pub cool_down_ms: i64,
    /// What differs in single segments, such as `{vip: {score_points: 5, window_ms: 6h}}`.
    pub segments: BTreeMap<String, SegmentDetection>,
}

/// What differs in a segment; see [`Detection`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SegmentDetection {
    pub top_k: Option<usize>,
    pub min_score: Option<f64>,
    pub leader_margin: Option<f64>,
    #[schemars(schema_with = "millis_or_nothing")]
    pub window_ms: Option<i64>,
    pub score_points: Option<f64>,
    #[schemars(schema_with = "millis_or_nothing")]
    pub share_window_ms: Option<i64>,
    pub share_ratio: Option<f64>,
    pub share_min: Option<f64>,
    pub popularity_ratio: Option<f64>,
    pub popularity_points: Option<f64>,
    pub false_discovery_rate: Option<f64>,
    pub proof_tables: Option<u32>,
    #[schemars(schema_with = "millis_or_nothing")]
    pub hold_ms: Option<i64>,
    #[schemars(schema_with = "millis_or_nothing")]
    pub cool_down_ms: Option<i64>,
}

impl Default for Detection {
    fn default() -> Self {
        Self {
            top_k: 10,
            min_score: 5.0,
            leader_margin: 5.0,
            window_ms: DAY_MS,
            score_points: 10.0,
            share_window_ms: 14 * DAY_MS,
            share_ratio: 1.5,
            share_min: 0.02,
            popularity_ratio: 1.3,
            popularity_points: 5.0,
            false_discovery_rate: 0.005,
            proof_tables: 2,
            hold_ms: DAY_MS,
            cool_down_ms: 6 * HOUR_MS,
            segments: BTreeMap::new(),
        }
    }
}

impl Detection {
    /// What holds in a segment.
    #[must_use]
    pub fn in_segment(&self, segment: &str) -> Self {
        let none = SegmentDetection::default();
        let own = self.segments.get(segment).unwrap_or(&none);
        Self {
            top_k: own.top_k.unwrap_or(self.top_k),
            min_score: own.min_score.unwrap_or(self.min_score),
            leader_margin: own.leader_margin.unwrap_or(self.leader_margin),
            window_ms: own.window_ms.unwrap_or(self.window_ms),
            score_points: own.score_points.unwrap_or(self.score_points),
            share_window_ms: own.share_window_ms.unwrap_or(self.share_window_ms),
            share_ratio: own.share_ratio.unwrap_or(self.share_ratio),
            share_min: own.share_min.unwrap_or(self.share_min),
            popularity_ratio: own.popularity_ratio.unwrap_or(self.popularity_ratio),
            popularity_points: own.popularity_points.unwrap_or(self.popularity_points),
            false_discovery_rate: own.false_discovery_rate.unwrap_or(self.false_discovery_rate),
            proof_tables: own.proof_tables.unwrap_or(self.proof_tables),
            hold_ms: own.hold_ms.unwrap_or(self.hold_ms),
            cool_down_ms: own.cool_down_ms.unwrap_or(self.cool_down_ms),
            segments: BTreeMap::new(),
        }
    }

    /// Whether each value is within its bounds, those of single segments included.
    pub fn validate(&self) -> Result<(), ParamsError> {
        self.check()?;
        for segment in self.segments.keys() {
            let below = |error: ParamsError| {
                let key = format!("segments.{segment}.{}", error.key);
                ParamsError { key, ..error }
            };
            self.in_segment(segment).check().map_err(below)?;
        }
        Ok(())
    }

    fn check(&self) -> Result<(), ParamsError> {
        if !(1..=1_000).contains(&self.top_k) {
            return Err(refused("top_k", self.top_k, "from 1 to 1000"));
        }
        for (key, points, least) in [
            ("min_score", self.min_score, 0.0),
            ("leader_margin", self.leader_margin, 0.0),
            ("score_points", self.score_points, 0.1),
            ("popularity_points", self.popularity_points, 0.1),
        ] {
            if !(least..=100.0).contains(&points) {
                return Err(refused(key, points, &format!("from {least} to 100")));
            }
        }
        for (key, ratio) in
            [("share_ratio", self.share_ratio), ("popularity_ratio", self.popularity_ratio)]
        {
            if !(1.01..=1000.0).contains(&ratio) {
                return Err(refused(key, ratio, "from 1.01 to 1000"));
            }
        }
        if !(0.0..=1.0).contains(&self.share_min) {
            return Err(refused("share_min", self.share_min, "from 0 to 1"));
        }
        for (key, window) in
            [("window_ms", self.window_ms), ("share_window_ms", self.share_window_ms)]
        {
            if !(MINUTE_MS..=31 * DAY_MS).contains(&window) {
                return Err(refused(key, window, "from 1m to 31d"));
            }
        }
        if !(self.false_discovery_rate > 0.0 && self.false_discovery_rate < 1.0) {
            let (key, rate) = ("false_discovery_rate", self.false_discovery_rate);
            return Err(refused(key, rate, "more than 0 and less than 1"));
        }
        if !(1..=31).contains(&self.proof_tables) {
            return Err(refused("proof_tables", self.proof_tables, "from 1 to 31"));
        }
        for (key, rest) in [("hold_ms", self.hold_ms), ("cool_down_ms", self.cool_down_ms)] {
            if !(0..=31 * DAY_MS).contains(&rest) {
                return Err(refused(key, rest, "at most 31d"));
            }
        }
        Ok(())
    }
}

fn refused(key: &str, value: impl std::fmt::Display, allowed: &str) -> ParamsError {
    ParamsError { key: key.into(), value: value.to_string(), allowed: allowed.into() }
}

/// Whole milliseconds; the configuration file may write a duration instead.
fn millis(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": ["integer", "string"], "format": "ms" })
}

fn millis_or_nothing(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": ["integer", "string", "null"], "format": "ms" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_has_what_it_says_and_else_what_all_have() {
        let own = SegmentDetection { top_k: Some(3), ..SegmentDetection::default() };
        let all = Detection { segments: [("vip".into(), own)].into(), ..Detection::default() };
        let vip = all.in_segment("vip");
        assert_eq!((vip.top_k, vip.window_ms), (3, all.window_ms));
        assert_eq!(all.in_segment("other"), Detection::default());
    }

    #[test]
    fn each_bound_holds() {
        type Change = fn(&mut Detection);
        let cases: [(&str, Change, Change); 14] = [
            ("top_k", |d| d.top_k = 0, |d| d.top_k = 1),
            ("min_score", |d| d.min_score = -1.0, |d| d.min_score = 0.0),
            ("leader_margin", |d| d.leader_margin = f64::NAN, |d| d.leader_margin = 0.0),
            ("window_ms", |d| d.window_ms = MINUTE_MS - 1, |d| d.window_ms = MINUTE_MS),
            ("score_points", |d| d.score_points = 0.0, |d| d.score_points = 0.1),
            ("share_ratio", |d| d.share_ratio = 1.0, |d| d.share_ratio = 1.01),
            ("share_min", |d| d.share_min = 1.1, |d| d.share_min = 1.0),
            ("popularity_ratio", |d| d.popularity_ratio = 0.5, |d| d.popularity_ratio = 2.0),
            ("popularity_points", |d| d.popularity_points = 101.0, |d| d.popularity_points = 100.0),
            (
                "share_window_ms",
                |d| d.share_window_ms = 32 * DAY_MS,
                |d| d.share_window_ms = 31 * DAY_MS,
            ),
            (
                "false_discovery_rate",
                |d| d.false_discovery_rate = 0.0,
                |d| d.false_discovery_rate = 0.5,
            ),
            ("proof_tables", |d| d.proof_tables = 0, |d| d.proof_tables = 1),
            ("hold_ms", |d| d.hold_ms = -1, |d| d.hold_ms = 0),
            ("cool_down_ms", |d| d.cool_down_ms = 32 * DAY_MS, |d| d.cool_down_ms = 0),
        ];
        for (key, wrong, right) in cases {
            let changed = |change: Change| {
                let mut detection = Detection::default();
                change(&mut detection);
                detection.validate()
            };
            assert_eq!(changed(wrong).unwrap_err().key, key);
            assert_eq!(changed(right), Ok(()), "{key}");
        }
        let own = SegmentDetection { top_k: Some(0), ..SegmentDetection::default() };
        let all = Detection { segments: [("vip".into(), own)].into(), ..Detection::default() };
        assert_eq!(all.validate().unwrap_err().key, "segments.vip.top_k");
    }
}
